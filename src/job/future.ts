import { Object, Promise } from '../core/globals.ts';
import type { Job } from './job.ts';

/** A native promise with a handle on the work behind it. One that fails before anyone awaits it raises no `unhandledRejection`. */
export interface WorkFuture<T> extends Promise<T> {
  readonly owner: string | undefined;
  /** Settled: result, error or cancelled. */
  done(): boolean;
  cancelled(): boolean;
  /** Sent to an executor and not settled. */
  running(): boolean;
  /**
   * Cancels: the future rejects with `CancelledError`. Queued work leaves the queue before this returns; work a
   * worker has begun goes on there, and its outcome is dropped.
   * @returns whether the future is cancelled now (`false` when it had settled otherwise).
   */
  cancel(reason?: unknown): boolean;
}

const jobOf = Symbol('job');

interface FuturePromise extends Promise<unknown> {
  [jobOf]: Job;
}

/**
 * Stands between a future and `Promise.prototype`. A future is an ordinary promise with its prototype swapped, not
 * an instance of a subclass: its `constructor` is still `Promise`, so `await` takes its fast way.
 */
const futurePrototype = Object.create(Promise.prototype, {
  owner: {
    get(this: FuturePromise): string | undefined {
      return this[jobOf].owner;
    },
  },
  done: method(function (this: FuturePromise): boolean {
    return this[jobOf].hasSettled;
  }),
  cancelled: method(function (this: FuturePromise): boolean {
    return this[jobOf].state === 'cancelled';
  }),
  running: method(function (this: FuturePromise): boolean {
    return this[jobOf].state === 'sent';
  }),
  cancel: method(function (this: FuturePromise, reason?: unknown): boolean {
    return this[jobOf].cancel(reason);
  }),
}) as object;

function method(value: (this: FuturePromise, ...args: never[]) => unknown): PropertyDescriptor {
  return { value, writable: true, configurable: true };
}

/** Makes the promise of a job a future. */
export function futureOf<T>(promise: Promise<unknown>, job: Job): WorkFuture<T> {
  const future = Object.setPrototypeOf(promise, futurePrototype) as FuturePromise;
  future[jobOf] = job;
  job.future = future;
  if (job.hasSettled) job.markHandled(); // Its signal had aborted before.
  return future as unknown as WorkFuture<T>;
}
