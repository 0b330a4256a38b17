import type { Deadline, TimerQueue } from '../core/timer-queue.ts';
import { copyOf, LeaseExpiredError, LeasepoolError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Job, Outcome } from '../job/job.ts';
import type { AcquiredAt } from './acquired-at.ts';
import { notBegunBecause } from './expiry.ts';
import type { Lease, LeaseEvents } from './lease.ts';
import { AbortController, FinalizationRegistry, WeakRef, WeakSet } from '../core/globals.ts';

/** What it tells the lease, as long as there is one. */
export interface HeldLease {
  /** What it has not sent yet never will be. */
  rejectOutbox(reason: Error): void;
}

export interface LeaseHolderTools {
  readonly timers: TimerQueue;
  readonly logger: Logger;
}

/** A lease that lives so long is watched: whether it is garbage collected. Before, that would cost more than it is worth. */
const watchAfterMs = 1_000;

/** Leases that somebody might forget to release. */
const forgettable = new FinalizationRegistry<LeaseHolder>((holder) => holder.leaseCollected());

/**
 * Holds a lease for the object that `acquire()` gave to a program. After a while it does not keep the lease alive: one that nobody
 * can reach, and so nobody can release, is garbage collected, and its pool comes back.
 */
export class LeaseHolder implements LeaseEvents {
  readonly invalidatedBy: AbortController = new AbortController();
  readonly #granted: Lease;
  readonly #tools: LeaseHolderTools;
  readonly #acquiredAt: AcquiredAt | undefined;
  #lease: HeldLease | undefined;
  #watchedLease: WeakRef<HeldLease> | undefined;
  readonly #watchBegin: Deadline;
  #isLogged = false;
  /** Jobs that certainly never began. */
  readonly #returned = new WeakSet<Job>();

  constructor(granted: Lease, lease: HeldLease, tools: LeaseHolderTools, acquiredAt: AcquiredAt | undefined) {
    this.#granted = granted;
    this.#lease = lease;
    this.#tools = tools;
    this.#acquiredAt = acquiredAt;
    const { timers } = tools;
    const watchAt = timers.now() + watchAfterMs;
    this.#watchBegin = timers.set(watchAt, () => this.#watch(), { keepsAlive: false });
  }

  /** The lease has been released. */
  release(): void {
    this.#end();
    this.#granted.release();
  }

  /** Nobody can release the lease any more. Somebody may have its signal all the same. */
  leaseCollected(): void {
    const what = 'was garbage collected without having been released';
    if (this.#granted.active) this.#logForgotten(`a lease ${what}`);
    this.release();
    this.invalidatedBy.abort(new LeaseExpiredError(`lease ${this.#granted.terms.id} ${what}`));
  }

  jobOutcome(job: Job, outcome: Outcome): void {
    if (outcome.status === 'fulfilled') job.fulfil(outcome.value);
    else if (outcome.status === 'rejected') job.reject(outcome.reason);
    else this.rejectReturned(job, this.#granted.invalidatedBy ?? outcome.reason);
  }

  /** The job certainly never began, because of `reason`. */
  rejectReturned(job: Job, reason: unknown): void {
    if (!job.hasSettled) this.#returned.add(job);
    job.reject(notBegunBecause(reason, job));
  }

  hasReturned(job: Job): boolean {
    return this.#returned.has(job);
  }

  jobCancelled(): void {}

  workerFreed(): void {}

  leaseIdle(): void {}

  /** A direct holder may still submit. */
  leaseExpired(): void {
    this.#logForgotten('a lease has reached the end of its time and was not released');
  }

  leaseInvalidated(reason: Error): void {
    this.#end();
    (this.#lease ?? this.#watchedLease?.deref())?.rejectOutbox(reason);
    this.invalidatedBy.abort(reason instanceof LeasepoolError ? copyOf(reason) : reason);
  }

  #watch(): void {
    const lease = this.#lease!;
    this.#lease = undefined;
    this.#watchedLease = new WeakRef(lease);
    forgettable.register(lease, this, this);
    void this.#acquiredAt?.text; // What is on that stack may hold the lease.
  }

  #logForgotten(message: string): void {
    if (this.#isLogged) return;
    this.#isLogged = true;
    const { id: lease, owner, leaseMs } = this.#granted.terms;
    const acquiredAt = this.#acquiredAt?.text;
    this.#tools.logger.warn(message, { lease, owner, leaseSeconds: leaseMs / 1000, acquiredAt });
  }

  #end(): void {
    this.#tools.timers.clear(this.#watchBegin);
    if (this.#watchedLease !== undefined) forgettable.unregister(this);
  }
}
