import { sharedNow } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { TimeoutError } from '../ground/errors.ts';
import type { HostProgress } from '../wire/progress.ts';
import type { HeldCall } from './in-flight.ts';

/** Ends calls that run longer than their `timeoutSeconds`. */
export class RunLimits {
  readonly #deadlines: Deadlines;
  readonly #progress: HostProgress;
  readonly #isRunning: (call: HeldCall) => boolean;
  readonly #end: (call: HeldCall, reason: Error) => void;
  readonly #watched = new Map<HeldCall, Deadline>();

  constructor(
    deadlines: Deadlines,
    progress: HostProgress,
    isRunning: (call: HeldCall) => boolean,
    end: (call: HeldCall, reason: Error) => void,
  ) {
    this.#deadlines = deadlines;
    this.#progress = progress;
    this.#isRunning = isRunning;
    this.#end = end;
  }

  /** The call has been sent. It may begin later: then it is looked at again when it can have used up its time. */
  watch(call: HeldCall, now: number): void {
    if (call.timeoutSeconds !== undefined) this.#lookAt(call, now + call.timeoutSeconds * 1000);
  }

  /** The call is with the worker no more. */
  forget(call: HeldCall): void {
    if (call.timeoutSeconds === undefined) return;
    this.#deadlines.clear(this.#watched.get(call));
    this.#watched.delete(call);
  }

  #lookAt(call: HeldCall, at: number): void {
    const look = (now: number): void => {
      const limitMs = call.timeoutSeconds! * 1000;
      const leftMs = this.#isRunning(call) ? limitMs - this.#progress.runningMs(sharedNow()) : limitMs;
      if (leftMs > 0) this.#lookAt(call, now + leftMs);
      else
        this.#end(
          call,
          new TimeoutError(`the job ran longer than ${call.timeoutSeconds} s`, { phase: 'run' }),
        );
    };
    this.#watched.set(call, this.#deadlines.set(at, look, { keepsAlive: false }));
  }
}
