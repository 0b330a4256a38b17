import { itemSend, leaseExpire, leaseLose } from '../diagnostics/channels.ts';
import { publishSent } from '../diagnostics/item-tracer.ts';
import { isBrokenExecutor, type LeaseExpiredError } from '../core/errors.ts';
import { LinkedList } from '../core/linked-list.ts';
import type { Backlog } from '../executor/chunk.ts';
import type { Executor } from '../executor/executor.ts';
import { loadOf, type PoolLoad } from '../executor/load.ts';
import { submitGuarded } from '../executor/pending-executor.ts';
import type { Job, JobContainer, Outcome } from '../job/job.ts';
import { endedByExpiry, expiryOf, notBegunBecause } from './expiry.ts';
import type { LeaseTerms } from './lease-terms.ts';
import { Math, Promise } from '../core/globals.ts';

/** Who uses a lease: a batch, or the facade an `acquire()` gave. */
export interface LeaseEvents {
  /** What became of a job sent through the lease. `"returned"`: it was never begun. */
  jobOutcome(job: Job, outcome: Outcome): void;
  /** A job was taken back: a worker may be free. */
  jobCancelled(): void;
  /** A worker has come up, or has nothing to do any more: it may have had nothing but what was taken back. */
  workerFreed(): void;
  /** Nothing is in flight any more, and the lease is still the holder's. */
  leaseIdle(): void;
  /** Soft expiry: the time asked for is over, the grace begins. */
  leaseExpired(): void;
  /** The lease was taken away: expired for good, its pool broke, or the manager stopped. */
  leaseInvalidated(reason: Error): void;
}

/** What a lease tells the manager. */
export interface LeaseHost {
  /** Nothing of the lease is left; `retire` when its pool can not be lent again. Told once. */
  leaseEnded(lease: Lease, retire: boolean): void;
}

/**
 * A pool lent for a while, and the jobs sent through it.
 *
 * `active` until it is released or lost; then it drains: no new work, and it ends when what is in flight has
 * settled. It ends once.
 */
export class Lease implements JobContainer {
  readonly terms: LeaseTerms;
  readonly workers: number;
  readonly #executor: Executor;
  readonly #load: PoolLoad | undefined;
  readonly #host: LeaseHost;
  readonly #inFlight: LinkedList<Job, JobContainer> = new LinkedList<Job, JobContainer>(this);
  #holder!: LeaseEvents;
  #state: 'active' | 'draining' | 'ended' = 'active';
  #invalidatedBy: Error | undefined;
  #expiry: LeaseExpiredError | undefined;
  #retire = false;
  readonly #whenEnded: (() => void)[] = [];

  constructor(terms: LeaseTerms, executor: Executor, host: LeaseHost) {
    this.terms = terms;
    this.workers = executor.workers;
    this.#executor = executor;
    this.#load = loadOf(executor);
    this.#host = host;
  }

  /** The holder is known once the lease has been granted. */
  set holder(holder: LeaseEvents) {
    this.#holder = holder;
  }

  /** Neither released nor lost. */
  get active(): boolean {
    return this.#state === 'active';
  }

  get draining(): boolean {
    return this.#state === 'draining';
  }

  /** Why it was taken away. */
  get invalidatedBy(): Error | undefined {
    return this.#invalidatedBy;
  }

  /** When the last job in flight was accepted. */
  get newestAcceptedAtMs(): number {
    return this.#inFlight.last?.acceptedAtMs ?? Infinity;
  }

  /** Jobs that workers have or will begin; those cancelled while running are among them. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  get workersUp(): number {
    return this.#load?.workersUp ?? this.workers;
  }

  /** Workers that have nothing to do, as far as it is known. */
  get idleWorkers(): number {
    return this.#load?.idleWorkers ?? Math.max(0, this.workers - this.#inFlight.size);
  }

  /** What no worker has begun, as far as it is known. */
  backlog(): Backlog {
    if (this.#load !== undefined) return this.#load.backlog();
    return { calls: Math.max(0, this.#inFlight.size - this.workers), workMs: Infinity, ageMs: 0 };
  }

  /** So many jobs like this one are worth a message to a worker, as far as it is known. */
  worthMessage({ task }: Job): number {
    return this.#load?.worthMessage(task) ?? 1;
  }

  /** A worker of its pool may be free. */
  workerFreed(): void {
    if (this.#state === 'active') this.#holder.workerFreed();
  }

  /** Sends jobs, in order and in one call. Those the executor does not take come back as outcomes. */
  submit(jobs: readonly Job[]): void {
    for (const job of jobs) {
      job.state = 'sent';
      this.#inFlight.push(job);
    }
    const { submitted, error } = submitGuarded(this.#executor, jobs);
    if (itemSend.hasSubscribers) publishSent(jobs.slice(0, submitted), this.terms.id);
    if (submitted >= jobs.length) return;
    const isBroken = isBrokenExecutor(error);
    if (isBroken) {
      // The pool retires, so that "run elsewhere" cannot mean this one again.
      this.#retire = true;
      this.invalidate(error as Error);
    }
    const status = isBroken ? 'returned' : 'rejected';
    for (const job of jobs.slice(submitted)) this.outcome(job, { status, reason: error });
  }

  /**
   * Takes back up to `count` jobs that no worker has begun, the last ones first. Jobs whose memory has moved already
   * stay: they cannot be sent again. Should nothing be left, the lease does not end before it is released or told by
   * {@link endWhenDrained}: the caller requeues the jobs first, so that the next lease of this pool sees the right order.
   * @returns them, in order
   */
  takeBack(count: number): Job[] {
    const taken: Job[] = [];
    // From the last: workers begin with the first.
    for (let job = this.#inFlight.last; job !== undefined && taken.length < count;) {
      const previous: Job | undefined = job.previous;
      if (job.hasMoved !== true && !job.hasSettled && this.#takeBack(job)) taken.push(job);
      job = previous;
    }
    return taken.reverse();
  }

  cancelQueued(job: Job): boolean {
    if (!this.#takeBack(job)) return false;
    this.#holder.jobCancelled();
    this.#afterLeaving();
    return true;
  }

  outcome(job: Job, outcome: Outcome): void {
    if (!this.#inFlight.remove(job)) return;
    this.#holder.jobOutcome(job, this.#isExpiry(outcome) ? this.#endOf(job) : outcome);
    this.#afterLeaving();
  }

  /** Gives the pool back; with work in flight, once that has settled. */
  release(): void {
    if (this.#state !== 'active') return;
    this.#state = 'draining';
    this.endWhenDrained();
  }

  /** Resolves when nothing of the lease is left. */
  ended(): Promise<void> {
    return this.#state === 'ended'
      ? Promise.resolve()
      : new Promise((resolve) => this.#whenEnded.push(resolve));
  }

  expireSoftly(): void {
    if (this.#state !== 'active') return;
    const { id: leaseId, owner } = this.terms;
    if (leaseExpire.hasSubscribers) leaseExpire.publish({ leaseId, owner });
    this.#holder.leaseExpired();
  }

  /** Hard expiry: what is not begun goes back to the holder, what runs is ended. */
  revoke(): void {
    if (this.#state === 'ended') return;
    const reason = (this.#expiry = expiryOf(this.terms));
    const notBegun = this.takeBack(Infinity);
    for (const job of notBegun) this.#holder.jobOutcome(job, { status: 'returned', reason });
    this.invalidate(reason);
    for (const job of this.jobs()) {
      if (this.cancelQueued(job))
        this.#holder.jobOutcome(job, { status: 'rejected', reason: notBegunBecause(reason, job) });
    }
    this.#endRunning(reason);
    this.endWhenDrained();
  }

  /** Takes the lease away from its holder. What is in flight still settles. */
  invalidate(reason: Error): void {
    if (this.#invalidatedBy !== undefined || this.#state === 'ended') return;
    this.#invalidatedBy = reason;
    const wasActive = this.#state === 'active';
    this.#state = 'draining';
    const { id: leaseId, owner } = this.terms;
    if (leaseLose.hasSubscribers) leaseLose.publish({ leaseId, owner, error: reason });
    if (wasActive) this.#holder.leaseInvalidated(reason);
    this.endWhenDrained();
  }

  /** The pool cannot be used again once this lease is over. */
  retirePool(): void {
    this.#retire = true;
  }

  #isExpiry(outcome: Outcome): boolean {
    return outcome.status === 'rejected' && this.#expiry !== undefined && outcome.reason === this.#expiry;
  }

  #endOf(job: Job): Outcome {
    return { status: 'rejected', reason: endedByExpiry(this.#expiry!, job) };
  }

  #takeBack(job: Job): boolean {
    if (job.list !== this.#inFlight || this.#executor.takeBack?.(job) !== true) return false;
    return this.#inFlight.remove(job);
  }

  #endRunning(reason: Error): void {
    const running = this.jobs();
    if (running.length === 0) return;
    if (this.#executor.endCalls !== undefined) {
      this.#executor.endCalls(running, reason);
      return;
    }
    this.#retire = true;
    for (const job of running) this.outcome(job, { status: 'rejected', reason });
  }

  /** The jobs in flight. */
  jobs(): Job[] {
    const jobs: Job[] = [];
    for (let job = this.#inFlight.first; job !== undefined; job = job.next) jobs.push(job);
    return jobs;
  }

  #afterLeaving(): void {
    if (this.#inFlight.size > 0) return;
    if (this.#state === 'active') this.#holder.leaseIdle();
    else this.endWhenDrained();
  }

  /** A draining lease ends once nothing of it is in flight. To be called when what was taken back is in its place. */
  endWhenDrained(): void {
    if (this.#state !== 'draining' || this.#inFlight.size > 0) return;
    this.#state = 'ended';
    this.#host.leaseEnded(this, this.#retire);
    for (const resolve of this.#whenEnded) resolve();
  }
}
