import { sharedOffsetMs } from '../core/clock.ts';
import { CancelledError, errorForItem } from '../core/errors.ts';
import { Promise } from '../core/globals.ts';
import type { LinkedList, Listed } from '../core/linked-list.ts';
import type { Transferable } from '../task/reference.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { unwatch, watch } from './abort.ts';
import type { SubmitSettings } from './submit-options.ts';

/** What became of a job, as an executor tells it. */
export type Outcome =
  | { readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly status: 'rejected'; readonly reason: unknown }
  | { readonly status: 'returned'; readonly reason: unknown };

/** `"pending"`: waits to be sent. `"sent"`: with an executor. The others: settled. */
export type JobState = 'pending' | 'sent' | 'fulfilled' | 'rejected' | 'cancelled';

/** Has the job in its list: the queue it waits in, or the lease it was sent through. */
export interface JobContainer {
  /** Takes the job out unless a worker has begun it. @returns whether it will never run */
  cancelQueued(job: Job): boolean;
  /** The executor is done with the job, which may have settled before. */
  outcome(job: Job, outcome: Outcome): void;
}

/** Whom it concerns that a job has settled. Told once per job, before its promise. */
export interface JobListener {
  /** @param error what its promise rejects with, if it does */
  settled(job: Job, error: unknown): void;
}

type Resolve = (value: unknown) => void;

let lastPromise: Promise<unknown> | undefined;
let lastResolve: Resolve;
const keepResolve = (resolve: Resolve): void => {
  lastResolve = resolve;
};

/** The promise of the last `new Job()`. Must be called before another job is constructed: a job has no reference to its promise. */
export function promiseOfLastJob(): Promise<unknown> {
  const promise = lastPromise!;
  lastPromise = undefined; // Nothing of a job is kept once it has settled.
  lastResolve = ignore;
  return promise;
}

/** Calls what may construct other jobs before the promise of the last one has been asked for. */
export function keepLastPromise(call: () => void): void {
  const promise = lastPromise;
  call();
  lastPromise = promise;
}

const nothing: readonly unknown[] = [];
const ignore: Resolve = () => {};

/**
 * One submitted job. The first of a worker's answer, a cancel, a timer and a stop settles it, once. Executors
 * get the job itself as their call, so there is nothing to allocate and nothing to look up on the way.
 */
export class Job implements Listed<Job, JobContainer> {
  readonly task: ResolvedTask;
  /** Released once the job has settled and no executor holds it: an executor without `takeBack()` may still read it. */
  args: readonly unknown[];
  readonly submission: SubmitSettings;
  /** Place in the order of acceptance. */
  readonly order: number;
  /** Whole milliseconds, rounded up so that no wait is cut short. */
  readonly acceptedAtMs: number;
  readonly #listener: JobListener;
  state: JobState = 'pending';
  /** For the executor's own use. */
  location = 0;
  /** Set by an executor that has moved what was to be moved: the job cannot be sent again. */
  declare hasMoved?: boolean;
  /** Set by an executor that ends it: how long it ran. */
  declare ranMs?: number;
  /**
   * The promise of a future, whose rejection must not raise `unhandledRejection`. The handler is attached when the job fails,
   * to save memory for each job.
   */
  declare future?: Promise<unknown>;
  list: LinkedList<Job, JobContainer> | undefined = undefined;
  previous: Job | undefined = undefined;
  next: Job | undefined = undefined;
  /** Also rejects, with a rejected promise: a second function would make every queued job larger. */
  #resolve: Resolve;

  constructor(
    task: ResolvedTask,
    args: readonly unknown[],
    submission: SubmitSettings,
    account: JobListener,
    order: number,
    acceptedAtMs: number,
  ) {
    this.task = task;
    this.args = args;
    this.submission = submission;
    this.order = order;
    this.acceptedAtMs = acceptedAtMs;
    this.#listener = account;
    if (submission.signal !== undefined) watch(submission.signal, this);
    lastPromise = new Promise(keepResolve);
    this.#resolve = lastResolve;
  }

  get owner(): string | undefined {
    return this.submission.owner;
  }

  get transfer(): readonly Transferable[] {
    return this.submission.transfer;
  }

  get timeoutSeconds(): number | undefined {
    return this.submission.timeoutSeconds;
  }

  /** On the clock that all threads and processes of the machine share. */
  get beginBeforeMs(): number | undefined {
    const { queueTimeoutMs } = this.submission;
    return queueTimeoutMs === undefined ? undefined : this.acceptedAtMs + queueTimeoutMs + sharedOffsetMs;
  }

  get hasSettled(): boolean {
    return this.state !== 'pending' && this.state !== 'sent';
  }

  /** From the executor. */
  settle(outcome: Outcome): void {
    this.list?.keeper.outcome(this, outcome);
    if (this.hasSettled) this.args = nothing;
  }

  fulfil(value: unknown): void {
    if (this.hasSettled) return;
    this.#end('fulfilled', value, undefined);
  }

  reject(error: unknown): void {
    if (this.hasSettled) return;
    this.#fail('rejected', errorForItem(error, this.owner, this.task.name));
  }

  /** @returns whether the job is cancelled now */
  cancel(reason: unknown): boolean {
    if (this.hasSettled) return this.state === 'cancelled';
    this.list?.keeper.cancelQueued(this);
    const details = { owner: this.owner, taskName: this.task.name };
    const error = new CancelledError(
      'the job was cancelled',
      reason === undefined ? details : { ...details, cause: reason },
    );
    this.#fail('cancelled', error);
    return true;
  }

  /** Nobody need hear of its failure. */
  markHandled(): void {
    this.future?.then(undefined, ignore);
  }

  #fail(state: JobState, error: unknown): void {
    this.markHandled();
    this.#end(state, Promise.reject(error), error);
  }

  #end(state: JobState, value: unknown, error: unknown): void {
    this.state = state;
    if (this.list === undefined) this.args = nothing;
    if (this.submission.signal !== undefined) unwatch(this.submission.signal, this);
    this.#listener.settled(this, error);
    this.#resolve(value);
    this.#resolve = ignore;
  }
}
