import { sharedNow } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { TimeoutError } from '../ground/errors.ts';
import { Map } from '../ground/globals.ts';
import type { HostProgress } from '../wire/progress.ts';
import type { HeldCall, InFlight } from './in-flight.ts';

/**
 * How long the answer of a call that has ended may be under way. Beyond it the worker may never come to send it:
 * a getter in a result runs while that is copied, and may not return.
 */
const answerMs = 1_000;

/** What it asks of the worker whose calls it ends. */
export interface EndedWorker {
  /** Ends the worker, and settles the call with `reason` at once. */
  endWith(call: HeldCall, reason: unknown): void;
  /** These calls were never begun. They are to go elsewhere. */
  giveBack(calls: readonly HeldCall[]): void;
}

/**
 * Ends calls, which takes their worker's life: those that run longer than their `timeoutSeconds`, and those somebody
 * wants ended. What the worker has not begun goes elsewhere.
 */
export class CallEnder {
  readonly #deadlines: Deadlines;
  readonly #progress: HostProgress;
  readonly #inFlight: InFlight;
  readonly #worker: EndedWorker;
  readonly #watched = new Map<HeldCall, Deadline>();

  constructor(deadlines: Deadlines, progress: HostProgress, inFlight: InFlight, worker: EndedWorker) {
    this.#deadlines = deadlines;
    this.#progress = progress;
    this.#inFlight = inFlight;
    this.#worker = worker;
  }

  /** The call has been sent. It may begin later: then it is looked at again when it can have used up its time. */
  watch(call: HeldCall, now: number): void {
    if (call.timeoutSeconds !== undefined) this.#lookAt(call, now + call.timeoutSeconds * 1000);
  }

  /** The call is with the worker no more. */
  forget(call: HeldCall): void {
    if (this.#watched.size === 0) return;
    this.#deadlines.clear(this.#watched.get(call));
    this.#watched.delete(call);
  }

  /** Ends a call that runs, at once, or one that has ended, unless it is answered soon. Does nothing for any other. */
  end(call: HeldCall, reason: unknown): void {
    if (this.#inFlight.stateOf(call) === 'begun') {
      // First, so that the worker cannot go on to another call while it is being ended.
      const notBegun = this.#inFlight.takeBackLast(Infinity);
      if (this.#inFlight.stateOf(call) === 'begun') this.#endWith(call, reason);
      this.#worker.giveBack(notBegun);
    }
    if (this.#inFlight.stateOf(call) === 'finished') this.#awaitAnswer(call, reason);
  }

  #endWith(call: HeldCall, reason: unknown): void {
    // The worker keeps time of calls with a limit only.
    call.ranMs =
      call.timeoutSeconds === undefined
        ? this.#deadlines.now() - this.#inFlight.runningSinceMs
        : this.#progress.runningMs(sharedNow());
    this.#worker.endWith(call, reason);
  }

  #awaitAnswer(call: HeldCall, reason: unknown): void {
    const giveUp = (): void => {
      const notBegun = this.#inFlight.takeBackLast(Infinity);
      // A call that runs may be why: results wait for company while calls are short.
      if (this.#inFlight.isRunning) this.#awaitAnswer(call, reason);
      else this.#endWith(call, reason);
      this.#worker.giveBack(notBegun);
    };
    this.#set(call, this.#deadlines.now() + answerMs, giveUp);
  }

  #lookAt(call: HeldCall, at: number): void {
    const limitMs = call.timeoutSeconds! * 1000;
    const look = (now: number): void => {
      const state = this.#inFlight.stateOf(call);
      const leftMs = state === 'begun' ? limitMs - this.#progress.runningMs(sharedNow()) : limitMs;
      if (leftMs > 0 && state !== 'finished') return this.#lookAt(call, now + leftMs);
      this.end(call, new TimeoutError(`the job ran longer than ${call.timeoutSeconds} s`, { phase: 'run' }));
    };
    this.#set(call, at, look);
  }

  #set(call: HeldCall, at: number, callback: (now: number) => void): void {
    this.#deadlines.clear(this.#watched.get(call));
    this.#watched.set(call, this.#deadlines.set(at, callback, { keepsAlive: false }));
  }
}
