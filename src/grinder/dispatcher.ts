import { Histogram } from '../diagnostics/histogram.ts';
import { longestBacklogMs, stealSize } from '../executor/chunk.ts';
import type { Clock } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { isBrokenExecutor, NotStartedError } from '../ground/errors.ts';
import { Math, Set, WeakSet } from '../ground/globals.ts';
import type { Job } from '../job/job.ts';
import type { LoanRequest } from '../lease/lender.ts';
import type { Loan } from '../lease/loan.ts';
import { Batch, type BatchOwner } from './batch.ts';
import type { GrinderSettings } from './grinder-options.ts';
import type { Pending } from './pending.ts';
import { batchesWorth, batchSize, dueInMs, joiners, spreadInMs } from './policy.ts';

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
  readonly leaseOption = ['leaseSeconds', 'the grinder'] as const;
  readonly waitsOutBreak = true;
  readonly needsWorkers = true;
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

  /** Pools it has a use for beside those it has. */
  get wants(): number {
    const most = this.#settings.maxConcurrentBatches - this.#open;
    return batchesWorth(this.#pending.size, most, this.#settings);
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
    this.#closeEmptied();
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
    if (this.#open >= this.#settings.maxConcurrentBatches) return false;
    const source = this.#source();
    if (this.#leaveLine !== undefined) {
      source?.wantsMore();
      return false;
    }
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

  /** No further batch can begin: what is due joins open ones whose workers have nothing to do. */
  #join(): void {
    const now = this.#clock.now();
    let idleOfAll = 0;
    for (const batch of this.#batches) idleOfAll += this.#idleIn(batch, now);
    for (const batch of this.#batches) {
      const { first, size } = this.#pending;
      if (first === undefined || idleOfAll === 0) return;
      const idle = this.#idleIn(batch, now);
      if (idle === 0) continue;
      const { taken, loan } = batch;
      const open = { taken, idle, idleOfAll, worthMessage: loan.worthMessage(first) };
      const jobs = this.#pending.take(joiners(size, open, this.#settings));
      idleOfAll -= idle;
      this.#recordWaits(jobs, now);
      batch.send(jobs);
      this.#owner.placesFreed(jobs.length);
    }
  }

  /**
   * Closes batches whose items have all gone to other pools. Not before these items have left the queue: the pool of
   * such a batch, given back at once, would get the same items again.
   */
  #closeEmptied(): void {
    for (const batch of this.#batches) if (batch.loan.inFlight === 0) batch.close();
  }

  /** Workers without work in a batch that items may join. */
  #idleIn({ isOpen, taken, loan }: Batch, now: number): number {
    // The timer that closes it may be late: this thread may have been busy.
    if (!isOpen || taken >= this.#settings.maxBatchSize || now >= loan.terms.softExpiresAtMs) return 0;
    return loan.idleWorkers;
  }

  /**
   * Takes back what a batch holds beyond its workers, as far as others would idle.
   * @returns when to look again, in milliseconds
   */
  #balance(): number {
    const now = this.#clock.now();
    let idleOfAll = 0;
    let isAnyFull = false;
    for (const batch of this.#batches) {
      const { inFlight, workersUp } = batch.loan;
      idleOfAll += this.#idleIn(batch, now);
      isAnyFull ||= inFlight > workersUp;
    }
    if (!isAnyFull || (idleOfAll === 0 && !this.#canSpread())) return Infinity;
    const fullest = this.#fullest();
    const idle = idleOfAll - this.#idleIn(fullest, now);
    return idle > 0 ? this.#relieve(fullest, idle) : this.#spread(fullest, now);
  }

  /** The batch with the most that no worker has begun. */
  #fullest(): Batch {
    let fullest: Batch | undefined;
    let most = -1;
    for (const batch of this.#batches) {
      const { calls } = batch.loan.backlog();
      if (calls <= most) continue;
      fullest = batch;
      most = calls;
    }
    return fullest!;
  }

  /** Whether a batch could begin on a pool that is free; when not, it looks again once that may be so. */
  #canSpread(): boolean {
    if (this.#open >= this.#settings.maxConcurrentBatches) return false;
    return this.#source()?.hasIdlePool(this.#onIdlePool) === true;
  }

  /** A part of a batch goes to a free pool. @returns when to look again, in milliseconds */
  #spread(batch: Batch, now: number): number {
    if (!this.#canSpread()) return Infinity;
    const { loan, hasJoiners } = batch;
    // What joined had been due: it would have begun a batch, had a pool been free then.
    const isDue = this.#draining || hasJoiners || loan.workersUp === 0;
    const inMs = spreadInMs(now - loan.newestAcceptedAtMs, isDue, this.#settings);
    return inMs > 0 ? inMs : this.#relieve(batch, loan.workers);
  }

  /** A part of a batch goes to workers that idle. @returns when to look again, in milliseconds */
  #relieve(batch: Batch, idle: number): number {
    const { loan } = batch;
    const backlog = loan.backlog();
    const count = stealSize(backlog, idle, loan.workersUp);
    if (count === 0) return backlog.calls === 0 ? Infinity : longestBacklogMs - backlog.ageMs;
    batch.giveBack(count);
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
