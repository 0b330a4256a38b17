import { ItemTracer } from '../diagnostics/item-tracer.ts';
import type { Clock } from '../core/clock.ts';
import { copyOf, LeaseExpiredError, LeasepoolError } from '../core/errors.ts';
import { Math, Promise } from '../core/globals.ts';
import { LinkedList } from '../core/linked-list.ts';
import { readList } from '../core/options.ts';
import { refuseCloning } from '../core/uncloneable.ts';
import { reasonOf } from '../job/abort.ts';
import { futureOf, type WorkFuture } from '../job/future.ts';
import { Job, type JobContainer, type Outcome, promiseOfLastJob } from '../job/job.ts';
import { refusedCall } from '../job/refused-call.ts';
import type { QueueTimeouts } from '../job/queue-timeout.ts';
import {
  readArgs,
  readSubmitOptions,
  type SubmitSettings,
  type SubmitOptions,
  type SubmitRest,
} from '../job/submit-options.ts';
import type { Task } from '../task/reference.ts';
import { resolveTask } from '../task/resolve.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import type { AcquiredAt } from './acquired-at.ts';
import { LeaseHolder, type LeaseHolderTools } from './lease-holder.ts';
import type { Lease } from './lease.ts';

/** What a lease needs of its manager. */
export interface LeaseTools extends LeaseHolderTools {
  readonly clock: Clock;
  readonly queueTimeouts: QueueTimeouts;
}

// What it implements for its own rooms is not in its declaration: those methods are stripped from it.
/** A pool, lent for a while: `await using lease = await manager.acquire()`. */
export class ExecutorLease implements AsyncDisposable {
  readonly leaseId: string;
  readonly owner: string | undefined;
  /** Length asked for, in seconds, counted from {@link leasedAt}. */
  readonly leaseSeconds: number;
  /** Seconds between soft expiry, after which a grinder sends no more, and hard expiry, when the lease is revoked. */
  readonly graceSeconds: number;
  /** On the clock of `performance.now()`, in seconds. */
  readonly leasedAt: number;
  /** Likewise. Work is still accepted after it. */
  readonly softExpiresAt: number;
  /** Likewise. Then the lease is revoked: jobs that still run fail with {@link LeaseExpiredError}. */
  readonly hardExpiresAt: number;
  readonly #lease: Lease;
  readonly #tools: LeaseTools;
  readonly #holder: LeaseHolder;
  /** Jobs of this turn, which leave together at its end. */
  readonly #outbox: LinkedList<Job, JobContainer> = new LinkedList<Job, JobContainer>(this);
  readonly #tracer = new ItemTracer(this);
  #jobs = 0;

  /** @internal */
  private constructor(lease: Lease, tools: LeaseTools, acquiredAt: AcquiredAt | undefined) {
    const { id, owner, leaseMs, graceMs, leasedAtMs, softExpiresAtMs, hardExpiresAtMs } = lease.terms;
    this.leaseId = id;
    this.owner = owner;
    this.leaseSeconds = leaseMs / 1000;
    this.graceSeconds = graceMs / 1000;
    this.leasedAt = leasedAtMs / 1000;
    this.softExpiresAt = softExpiresAtMs / 1000;
    this.hardExpiresAt = hardExpiresAtMs / 1000;
    this.#lease = lease;
    this.#tools = tools;
    this.#holder = new LeaseHolder(lease, this, tools, acquiredAt);
    lease.holder = this.#holder;
    refuseCloning(this);
  }

  /** @internal @param acquiredAt where, if that may have to be told */
  static over(lease: Lease, tools: LeaseTools, acquiredAt?: AcquiredAt): ExecutorLease {
    return new ExecutorLease(lease, tools, acquiredAt);
  }

  /** Neither released nor revoked. */
  get active(): boolean {
    return this.#lease.active;
  }

  /** Aborts when the lease is revoked, its pool breaks or the manager stops. Not on release. */
  get signal(): AbortSignal {
    return this.#holder.invalidatedBy.signal;
  }

  /**
   * Runs a task and gives its result. Calls made in one turn travel together. Never throws synchronously.
   * @throws {@link LeaseExpiredError} once released or revoked; `NotStartedError` once the manager has stopped;
   *   `TaskReferenceError`; the job's own error
   */
  run<A extends readonly unknown[], R>(task: Task<A, R>, ...rest: SubmitRest<A>): Promise<Awaited<R>>;
  run(task: unknown, args?: unknown, options?: unknown): Promise<unknown> {
    try {
      this.#send(this.#resolve(task, options), args, readSubmitOptions('run()', options));
      return promiseOfLastJob();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link run}, but a cancellable future, at once. Misuse (an inactive lease, a task or options that cannot work) throws synchronously. */
  enqueue<A extends readonly unknown[], R>(task: Task<A, R>, ...rest: SubmitRest<A>): WorkFuture<Awaited<R>>;
  enqueue(task: unknown, args?: unknown, options?: unknown): WorkFuture<unknown> {
    const job = this.#send(this.#resolve(task, options), args, readSubmitOptions('enqueue()', options));
    return futureOf(promiseOfLastJob(), job);
  }

  /**
   * One task over many argument tuples, outcomes in call order.
   * @throws {@link LeaseExpiredError} (or what made the lease inactive), and TypeError or RangeError for options that cannot work;
   *   whatever happens to a call is in its outcome
   */
  async runBatch<A extends readonly unknown[], R>(
    task: Task<A, R>,
    calls: readonly (readonly [...A])[],
    options?: SubmitOptions,
  ): Promise<PromiseSettledResult<Awaited<R>>[]> {
    const submission = readSubmitOptions('runBatch()', options);
    this.#assertActive(task, submission);
    const one = (args: readonly unknown[]): Promise<unknown> => {
      try {
        this.#send(resolveTask(task), args, submission);
        return promiseOfLastJob();
      } catch (error) {
        return Promise.reject(refusedCall(error, task, submission));
      }
    };
    return (await Promise.allSettled(
      readList('calls', calls ?? null)!.map((args) => one(args as readonly unknown[])),
    )) as PromiseSettledResult<Awaited<R>>[];
  }

  /**
   * @internal Like {@link run}, but tells what became of the job as an executor does: `"returned"` when it certainly
   * never began, because the lease or its pool has ended. A reason alone does not tell: a job may throw any error.
   */
  async outcomeOf(task: unknown, args: unknown, options: SubmitOptions): Promise<Outcome> {
    try {
      this.#assertActive(task, options);
    } catch (reason) {
      return { status: 'returned', reason };
    }
    let job: Job | undefined;
    try {
      job = this.#send(resolveTask(task), args, readSubmitOptions('run()', options));
      return { status: 'fulfilled', value: await promiseOfLastJob() };
    } catch (reason) {
      const hasReturned = job !== undefined && this.#holder.hasReturned(job);
      return { status: hasReturned ? 'returned' : 'rejected', reason };
    }
  }

  /** Gives the pool back; with work in flight, once that has settled. Calling it again does nothing. */
  async release(): Promise<void> {
    this.#flush();
    this.#holder.release();
    await this.#lease.ended();
  }

  /** `release()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** @internal */
  cancelQueued(job: Job): boolean {
    return this.#outbox.remove(job);
  }

  /** @internal Nothing in the outbox is with an executor. */
  outcome(): void {}

  /** @internal */
  settled(job: Job): void {
    this.#tools.queueTimeouts.forget(job);
  }

  #resolve(task: unknown, options: unknown): ResolvedTask {
    this.#assertActive(task, options);
    try {
      return resolveTask(task);
    } catch (error) {
      throw refusedCall(error, task, options);
    }
  }

  #assertActive(task: unknown, options: unknown): void {
    // The timer may be late: this thread may have been busy.
    if (this.#lease.active && this.#tools.clock.now() >= this.#lease.terms.hardExpiresAtMs)
      this.#lease.revoke();
    if (this.#lease.active) return;
    const { invalidatedBy } = this.#lease;
    const error = invalidatedBy ?? new LeaseExpiredError(`lease ${this.leaseId} has been released`);
    throw error instanceof LeasepoolError ? refusedCall(copyOf(error), task, options) : error;
  }

  #send(task: ResolvedTask, args: unknown, submission: SubmitSettings): Job {
    const tuple = readArgs(args);
    const isAborted = submission.signal?.aborted === true;
    const isFollowed = this.#tracer.hasSubscribers;
    const account = isFollowed ? this.#tracer : this;
    const job = new Job(task, tuple, submission, account, this.#jobs++, Math.ceil(this.#tools.clock.now()));
    if (!isAborted) {
      if (this.#outbox.size === 0) this.#tools.clock.defer(() => this.#flush());
      this.#outbox.push(job);
      this.#tools.queueTimeouts.watch(job);
    }
    if (isFollowed) this.#tracer.publishSubmit(job);
    if (isAborted) job.cancel(reasonOf(submission.signal!));
    return job;
  }

  #flush(): void {
    if (this.#outbox.size === 0) return;
    const jobs: Job[] = [];
    for (let job = this.#outbox.shift(); job !== undefined; job = this.#outbox.shift()) jobs.push(job);
    this.#lease.submit(jobs);
  }

  /** @internal */
  rejectOutbox(reason: Error): void {
    for (let job = this.#outbox.shift(); job !== undefined; job = this.#outbox.shift())
      this.#holder.rejectReturned(job, reason);
  }
}
