import { sharedNow } from '../core/clock.ts';
import type { Deadline, TimerQueue } from '../core/timer-queue.ts';
import { TimeoutError } from '../core/errors.ts';
import { Map } from '../core/globals.ts';
import type { HostProgress } from '../wire/progress.ts';
import type { PooledCall, InFlightCalls } from './in-flight-calls.ts';

/**
 * How long the answer of a call that has ended may be under way. Beyond it the worker may never come to send it:
 * a getter in a result runs while that is copied, and may not return.
 */
const resultGraceMs = 1_000;

/** What it asks of the worker whose calls it ends. */
export interface TerminatedWorker {
  /** Ends the worker, and settles the call with `reason` at once. */
  terminate(call: PooledCall, reason: unknown): void;
  /** These calls were never begun. They are to go elsewhere. */
  requeue(calls: readonly PooledCall[]): void;
}

/**
 * Ends calls, which takes their worker's life: those that run longer than their `timeoutSeconds`, and those somebody
 * wants ended. What the worker has not begun goes elsewhere.
 */
export class CallTerminator {
  readonly #timers: TimerQueue;
  readonly #progress: HostProgress;
  readonly #inFlight: InFlightCalls;
  readonly #worker: TerminatedWorker;
  readonly #watched = new Map<PooledCall, Deadline>();

  constructor(timers: TimerQueue, progress: HostProgress, inFlight: InFlightCalls, worker: TerminatedWorker) {
    this.#timers = timers;
    this.#progress = progress;
    this.#inFlight = inFlight;
    this.#worker = worker;
  }

  /** The call has been sent. It may begin later: then it is looked at again when it can have used up its time. */
  watch(call: PooledCall, now: number): void {
    if (call.timeoutSeconds !== undefined) this.#lookAt(call, now + call.timeoutSeconds * 1000);
  }

  /** The call has left the worker. */
  forget(call: PooledCall): void {
    if (this.#watched.size === 0) return;
    this.#timers.clear(this.#watched.get(call));
    this.#watched.delete(call);
  }

  /** Ends a call that runs, at once, or one that has ended, unless it is answered soon. Does nothing for any other. */
  end(call: PooledCall, reason: unknown): void {
    if (this.#inFlight.stateOf(call) === 'begun') {
      // First, so that the worker cannot go on to another call while it is being ended.
      const notBegun = this.#inFlight.takeBackLast(Infinity);
      if (this.#inFlight.stateOf(call) === 'begun') this.#terminate(call, reason);
      this.#worker.requeue(notBegun);
    }
    if (this.#inFlight.stateOf(call) === 'finished') this.#awaitResult(call, reason);
  }

  #terminate(call: PooledCall, reason: unknown): void {
    // The worker keeps time of calls with a limit only.
    call.ranMs =
      call.timeoutSeconds === undefined
        ? this.#timers.now() - this.#inFlight.runningSinceMs
        : this.#progress.runningMs(sharedNow());
    this.#worker.terminate(call, reason);
  }

  #awaitResult(call: PooledCall, reason: unknown): void {
    const giveUp = (): void => {
      const notBegun = this.#inFlight.takeBackLast(Infinity);
      // The worker gathers results while calls are short, so a call that runs can delay this one: wait on.
      if (this.#inFlight.isRunning) this.#awaitResult(call, reason);
      else this.#terminate(call, reason);
      this.#worker.requeue(notBegun);
    };
    this.#set(call, this.#timers.now() + resultGraceMs, giveUp);
  }

  #lookAt(call: PooledCall, at: number): void {
    const limitMs = call.timeoutSeconds! * 1000;
    const look = (now: number): void => {
      const state = this.#inFlight.stateOf(call);
      const leftMs = state === 'begun' ? limitMs - this.#progress.runningMs(sharedNow()) : limitMs;
      if (leftMs > 0 && state !== 'finished') return this.#lookAt(call, now + leftMs);
      this.end(call, new TimeoutError(`the job ran longer than ${call.timeoutSeconds} s`, { phase: 'run' }));
    };
    this.#set(call, at, look);
  }

  #set(call: PooledCall, at: number, callback: (now: number) => void): void {
    this.#timers.clear(this.#watched.get(call));
    this.#watched.set(call, this.#timers.set(at, callback, { keepsAlive: false }));
  }
}
