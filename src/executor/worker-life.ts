import type { Deadline, TimerQueue } from '../core/timer-queue.ts';
import { Math } from '../core/globals.ts';

/** How long a worker that was told to end may take. Then it is in a native call, and is left behind. */
const endMs = 1_000;
/** How long the exit handlers of a worker that ends by itself may take. Then it is told to end. */
const leavingMs = 5_000;
/** How long a worker that was asked to end by itself may take. Then it is told to end. */
export const graceMs = 1_000;

/** What becomes of a worker that takes too long. */
export interface OverdueWorker {
  /** It did not come up in time. */
  notUp(): void;
  /** It does not come to its end by itself. */
  notGone(): void;
  /** It cannot be ended. */
  leftBehind(): void;
}

/** How far a worker is, and how long it may take to come up and to end. */
export class WorkerLife {
  readonly #timers: TimerQueue;
  readonly #overdue: OverdueWorker;
  #state: 'starting' | 'up' | 'leaving' | 'ending' | 'left behind' | 'down' = 'starting';
  #deadline: Deadline | undefined;
  /** When it must have ended by itself. */
  #endsByMs = Infinity;

  constructor(timers: TimerQueue, startMs: number, now: number, overdue: OverdueWorker) {
    this.#timers = timers;
    this.#overdue = overdue;
    this.#setDeadline(now + startMs, () => overdue.notUp());
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** It was told to end, or asked to. */
  get isEnding(): boolean {
    return this.#state === 'ending' || this.#state === 'leaving';
  }

  get isLeaving(): boolean {
    return this.#state === 'leaving';
  }

  get isLeftBehind(): boolean {
    return this.#state === 'left behind';
  }

  get isDown(): boolean {
    return this.#state === 'down';
  }

  /** @returns `false` when that comes too late */
  comesUp(): boolean {
    if (this.#state !== 'starting') return false;
    this.#state = 'up';
    this.#timers.clear(this.#deadline);
    return true;
  }

  /** It ends by itself. */
  leaves(): void {
    if (this.#state === 'starting' || this.#state === 'up') this.#leavesBy(this.#timers.now() + leavingMs);
  }

  /** It is asked to end by itself. @returns `false` when it is not up */
  isAskedToEnd(): boolean {
    if (this.#state !== 'up') return false;
    this.#state = 'leaving';
    this.#leavesBy(this.#timers.now() + graceMs);
    return true;
  }

  /** It is to end. @returns `false` when it was before */
  ends(): boolean {
    if (this.#state !== 'starting' && this.#state !== 'up' && this.#state !== 'leaving') return false;
    this.#state = 'ending';
    this.#setDeadline(this.#timers.now() + endMs, () => {
      this.#state = 'left behind';
      this.#overdue.leftBehind();
    });
    return true;
  }

  /** It has exited; what it had is being settled. */
  exits(): void {
    this.#state = 'ending';
    this.#timers.clear(this.#deadline);
  }

  hasEnded(): void {
    this.#state = 'down';
  }

  /** One that ends by itself already, and is asked to, has no more time for it. */
  #leavesBy(at: number): void {
    this.#endsByMs = Math.min(this.#endsByMs, at);
    this.#setDeadline(this.#endsByMs, () => this.#overdue.notGone());
  }

  #setDeadline(at: number, onDue: () => void): void {
    this.#timers.clear(this.#deadline);
    this.#deadline = this.#timers.set(at, onDue, { keepsAlive: true });
  }
}
