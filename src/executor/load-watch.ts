import type { Deadline, TimerQueue } from '../core/timer-queue.ts';
import { TaskReferenceError } from '../core/errors.ts';
import type { PooledCall, InFlightCalls } from './in-flight-calls.ts';
import { Error } from '../core/globals.ts';

/** What it asks of a worker that loads for too long. */
export interface LoadingWorker {
  /** Ends the worker. */
  kill(): void;
  /** The call, which never began, fails. */
  reject(call: PooledCall, reason: Error): void;
  /** These calls were never begun. They are to go elsewhere. */
  requeue(calls: readonly PooledCall[]): void;
}

/**
 * Watches a worker load the module of a call that it has not begun. That may take as long as a worker may take to come
 * up, and does not count against the time limit of the call.
 */
export class LoadWatch {
  readonly #timers: TimerQueue;
  readonly #limitSeconds: number;
  readonly #inFlight: InFlightCalls;
  readonly #worker: LoadingWorker;
  #deadline: Deadline | undefined;
  #call: PooledCall | undefined;

  constructor(timers: TimerQueue, limitSeconds: number, inFlight: InFlightCalls, worker: LoadingWorker) {
    this.#timers = timers;
    this.#limitSeconds = limitSeconds;
    this.#inFlight = inFlight;
    this.#worker = worker;
  }

  get isLoading(): boolean {
    return this.#deadline !== undefined;
  }

  /** The call whose module is being loaded, unless it was taken back before that was known. */
  get call(): PooledCall | undefined {
    return this.#call;
  }

  /** @param index of the call whose module is being loaded; `undefined` when none is any more */
  follow(index: number | undefined): void {
    this.ends();
    if (index === undefined) return;
    this.#call = this.#inFlight.at(index);
    const at = this.#timers.now() + this.#limitSeconds * 1000;
    this.#deadline = this.#timers.set(at, () => this.#overdue(), { keepsAlive: false });
  }

  ends(): void {
    this.#timers.clear(this.#deadline);
    this.#deadline = undefined;
    this.#call = undefined;
  }

  /** The worker may never come to another call, whether this one is still here or not. */
  #overdue(): void {
    const call = this.#call;
    this.ends();
    const isHere = call !== undefined && this.#inFlight.stateOf(call) === 'queued';
    if (this.#inFlight.isRunning || (isHere && !this.#inFlight.takeBack(call))) return; // The module has been loaded just now.
    const notBegun = this.#inFlight.takeBackLast(Infinity);
    this.#worker.kill();
    if (isHere) this.#worker.reject(call, notLoaded(call, this.#limitSeconds));
    this.#worker.requeue(notBegun);
  }
}

/** What a call gets whose module takes too long to load. */
function notLoaded({ task }: PooledCall, limitSeconds: number): TaskReferenceError {
  const cause = new Error(`it did not finish loading within ${limitSeconds} s (startTimeoutSeconds)`);
  const module = task.kind === 'reference' ? `module ${task.module}` : 'the module';
  return new TaskReferenceError(
    'ERR_LEASEPOOL_TASK_MODULE',
    `cannot load ${module} of task '${task.name}': ${cause.message}`,
    { taskName: task.name, cause },
  );
}
