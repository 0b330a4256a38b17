import { Histogram } from '../diagnostics/histogram.ts';
import type { Clock } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { isBrokenExecutor, NotStartedError } from '../ground/errors.ts';
import type { Job } from '../job/job.ts';
import type { LoanRequest } from '../lease/lender.ts';
import type { Loan } from '../lease/loan.ts';
import { Batch, type BatchOwner } from './batch.ts';
import type { GrinderSettings } from './grinder-options.ts';
import type { Pending } from './pending.ts';
import { batchSize, dueInMs, joiners, spreadInMs, surplus } from './policy.ts';

/** What the dispatcher tells its grinder. */
export interface DispatcherOwner {
  /** Places in the queue have become free. */
  placesFreed(count: number): void;
  batchBegun(): void;
  /** An executor has given the item back, and it waits as before. */
  itemWaitsAgain(job: Job): void;
  /** Nothing waits and nothing runs any more. */
  idle(): void;
}

/**
 * Turns pending items into batches: when one is due it asks for a loan, cuts the batch when the loan is there, and
 * lets due items join open batches while no further one can begin. Items that wait in one batch while the workers of
 * another idle are taken back. It looks at the end of each turn in which something changed, and at the moment an
 * item has waited long enough.
 */
export class Dispatcher implements BatchOwner, LoanRequest {
  readonly leaseMs: number;
  readonly waitsOutBreak = true;
  /** Seconds from acceptance to being sent. */
  readonly queueWaits: Histogram = new Histogram();
  /** Items that batches took. */
  readonly batchSizes: Histogram = new Histogram({ isWhole: true });
  readonly #settings: GrinderSettings;
  readonly #pending: Pending;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #owner: DispatcherOwner;
  /** Batches that hold a lease; the open ones count against `maxConcurrentBatches`. */
  readonly #batches = new Set<Batch>();
  fruitlessLeases = 0;
  #open = 0;
  #numbered = 0;
  #draining = false;
  #isLookPlanned = false;
  /** When this turn began, as far as it mattered: reading the clock takes as long as a tenth of a job. */
  #turnMs: number | undefined;
  #linger: Deadline | undefined;
  readonly #onIdlePool = (): void => this.look();
  /** Leaves the line for a loan. */
  #leaveLine: (() => void) | undefined;
  /** Items whose last pool broke under them. */
  readonly #bereft = new WeakSet<Job>();

  constructor(
    settings: GrinderSettings,
    pending: Pending,
    clock: Clock,
    deadlines: Deadlines,
    owner: DispatcherOwner,
  ) {
    this.leaseMs = settings.leaseMs;
    this.#settings = settings;
    this.#pending = pending;
    this.#clock = clock;
    this.#deadlines = deadlines;
    this.#owner = owner;
  }

  get batchesInFlight(): number {
    return this.#batches.size;
  }

  /** Of the next batch. */
  get owner(): string {
    return `${this.#settings.ownerPrefix}-batch-${this.#numbered + 1}`;
  }

  /** Whether what waits goes out at once, because nothing more will come. */
  set draining(draining: boolean) {
    this.#draining = draining;
    this.look();
  }

  /** When this turn began to take items, in milliseconds. It will look at its end. */
  get turnMs(): number {
    if (this.#turnMs === undefined) {
      this.#turnMs = this.#clock.now();
      this.look(); // Whatever becomes of the item, the next turn has a time of its own.
    }
    return this.#turnMs;
  }

  /** Looks at the end of this turn. */
  look(): void {
    if (this.#isLookPlanned) return;
    this.#isLookPlanned = true;
    this.#clock.soon(() => this.#look());
  }

  /** Cancels what is with executors and asks for nothing more. What runs goes on unseen; its leases drain. */
  cancel(reason: unknown): void {
    this.#giveUpLine();
    for (const batch of this.#batches) {
      for (const job of batch.loan.jobs()) job.cancel(reason);
      batch.close();
    }
    this.#batches.clear();
    this.#deadlines.clear(this.#linger);
  }

  granted(loan: Loan): void {
    this.#leaveLine = undefined;
    const batch = new Batch(loan, this);
    this.#batches.add(batch);
    this.#open++;
    const more = this.#settings.maxConcurrentBatches - this.#open;
    const canBegin = 1 + (this.#source()?.lendable(more) ?? 0);
    const jobs =
      this.#dueInMs() > 0 ? [] : this.#pending.take(batchSize(this.#pending.size, canBegin, this.#settings));
    if (jobs.length === 0) return batch.close();
    this.#numbered++;
    this.#owner.batchBegun();
    this.#recordWaits(jobs, this.#clock.now());
    batch.begin(jobs, this.#settings.ownerPrefix);
    this.#owner.placesFreed(jobs.length);
    this.look();
  }

  refused(error: Error): void {
    this.#leaveLine = undefined;
    this.rejectAll(error);
  }

  /** None of the waiting items can ever run. */
  rejectAll(error: Error): void {
    const jobs = this.#pending.take(Infinity);
    for (const job of jobs) job.reject(error);
    this.#owner.placesFreed(jobs.length);
    this.look();
  }

  itemsGivenBack(jobs: readonly Job[]): void {
    this.#pending.putBack(jobs);
    for (const job of jobs) this.#owner.itemWaitsAgain(job);
    this.look();
  }

  itemReturned(job: Job, reason: unknown): void {
    if (this.#source() === undefined) return job.reject(managerStopped(reason));
    if (!isBrokenExecutor(reason)) this.#bereft.delete(job);
    else if (this.#bereft.has(job)) return job.reject(reason);
    else this.#bereft.add(job);
    this.itemsGivenBack([job]);
  }

  workerFreed(): void {
    this.look();
  }

  batchClosed(): void {
    this.#open--;
    this.look();
  }

  batchEnded(batch: Batch): void {
    this.#batches.delete(batch);
    if (batch.taken > 0) this.batchSizes.record(batch.taken, 1, this.#clock.now());
    this.look();
  }

  #look(): void {
    this.#isLookPlanned = false;
    this.#turnMs = undefined;
    let dueInMs = this.#dueInMs();
    while (dueInMs === 0 && this.#begin()) dueInMs = this.#dueInMs();
    if (dueInMs === 0) this.#join();
    else this.#giveUpLine();
    this.#lookAgainIn(Math.min(dueInMs || Infinity, this.#balance()));
    if (this.#pending.size === 0 && this.#batches.size === 0) this.#owner.idle();
  }

  #dueInMs(): number {
    const { size, hasGivenBack } = this.#pending;
    const oldestAgeMs = this.#pending.oldestAgeMs(this.#clock.now());
    return dueInMs({ size, oldestAgeMs, hasGivenBack, draining: this.#draining }, this.#settings);
  }

  /** @returns whether a batch has begun, so that another might */
  #begin(): boolean {
    if (this.#leaveLine !== undefined || this.#open >= this.#settings.maxConcurrentBatches) return false;
    const source = this.#source();
    if (source === undefined) {
      this.rejectAll(new NotStartedError('the manager is not started: await manager.start() first'));
      return false;
    }
    let answered = false;
    this.#leaveLine = () => (answered = true);
    const leave = source.borrow(this);
    // Granted or refused at once, both of which have cleared it.
    if (this.#leaveLine === undefined) return this.#pending.size > 0;
    this.#leaveLine = leave;
    return answered;
  }

  /** No further batch can begin: workers of open ones that would idle take an item each. */
  #join(): void {
    const now = this.#clock.now();
    for (const batch of this.#batches) {
      if (this.#pending.size === 0) return;
      const room = this.#roomIn(batch, now);
      if (room === 0) continue;
      const jobs = this.#pending.take(room);
      this.#recordWaits(jobs, now);
      batch.send(jobs);
      this.#owner.placesFreed(jobs.length);
    }
  }

  #roomIn({ isOpen, taken, loan }: Batch, now: number): number {
    // The timer that closes it may be late: this thread may have been busy.
    if (!isOpen || now >= loan.terms.softExpiresAtMs) return 0;
    return joiners(loan.workers, loan.inFlight, taken, this.#settings);
  }

  /**
   * Takes back what the fullest batch holds beyond its workers, as far as others would idle.
   * @returns when to look again, in milliseconds
   */
  #balance(): number {
    const now = this.#clock.now();
    let fullest: Loan | undefined;
    let most = 0;
    let idle = 0;
    for (const batch of this.#batches) {
      const { loan } = batch;
      const more = surplus(loan.workers, loan.inFlight);
      idle += this.#roomIn(batch, now);
      if (more <= most) continue;
      fullest = loan;
      most = more;
    }
    if (fullest === undefined) return Infinity;
    let count = Math.min(most, idle);
    if (count === 0) {
      if (this.#open >= this.#settings.maxConcurrentBatches) return Infinity;
      if (this.#source()?.hasIdlePool(this.#onIdlePool) !== true) return Infinity;
      const inMs = spreadInMs(now - fullest.newestAcceptedAtMs, this.#draining, this.#settings);
      if (inMs > 0) return inMs;
      count = Math.ceil(most / 2);
    }
    const jobs = fullest.takeBack(count);
    if (jobs.length > 0) this.itemsGivenBack(jobs);
    return Infinity;
  }

  /** Jobs are in the order of acceptance: those of one millisecond are recorded together. */
  #recordWaits(jobs: readonly Job[], now: number): void {
    let first = 0;
    for (let next = 1; next <= jobs.length; next++) {
      const { acceptedAtMs } = jobs[first];
      if (next < jobs.length && jobs[next].acceptedAtMs === acceptedAtMs) continue;
      this.queueWaits.record(Math.max(0, now - acceptedAtMs) / 1000, next - first, now);
      first = next;
    }
  }

  #lookAgainIn(ms: number): void {
    this.#deadlines.clear(this.#linger);
    this.#linger = undefined;
    if (ms > 0 && ms < Infinity)
      this.#linger = this.#deadlines.set(this.#clock.now() + ms, () => this.#look(), { keepsAlive: true });
  }

  #giveUpLine(): void {
    this.#leaveLine?.();
    this.#leaveLine = undefined;
  }

  #source(): ReturnType<GrinderSettings['manager']['loanSource']> | undefined {
    return this.#settings.manager.isRunning ? this.#settings.manager.loanSource() : undefined;
  }
}

function managerStopped(cause: unknown): Error {
  return cause instanceof NotStartedError
    ? cause
    : new NotStartedError('the manager was stopped before its grinder', { cause });
}
