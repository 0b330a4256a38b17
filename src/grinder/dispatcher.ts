import type { Clock } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { BrokenExecutorError, NotStartedError } from '../ground/errors.ts';
import type { Job } from '../job/job.ts';
import type { LoanRequest } from '../lease/lender.ts';
import type { Loan } from '../lease/loan.ts';
import { Batch, type BatchOwner } from './batch.ts';
import type { GrinderSettings } from './grinder-options.ts';
import type { Pending } from './pending.ts';
import { batchSize, dueInMs, joiners } from './policy.ts';

/** What the dispatcher tells its grinder. */
export interface DispatcherOwner {
  /** Places in the queue have become free. */
  placesFreed(count: number): void;
  batchBegun(): void;
  /** Nothing waits and nothing runs any more. */
  idle(): void;
}

/**
 * Turns pending items into batches: when one is due it asks for a loan, cuts the batch when the loan is there, and
 * lets due items join open batches while no further one can begin. It looks at the end of each turn in which
 * something changed, and at the moment the oldest item has waited long enough.
 */
export class Dispatcher implements BatchOwner, LoanRequest {
  readonly leaseMs: number;
  readonly waitsOutBreak = true;
  readonly #settings: GrinderSettings;
  readonly #pending: Pending;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #owner: DispatcherOwner;
  /** Batches that hold a lease; the open ones count against `maxConcurrentBatches`. */
  readonly #batches = new Set<Batch>();
  #open = 0;
  #numbered = 0;
  #draining = false;
  #isLookPlanned = false;
  /** When this turn began, as far as it mattered: reading the clock takes as long as a tenth of a job. */
  #turnMs: number | undefined;
  #linger: Deadline | undefined;
  /** Leaves the line for a loan. */
  #leaveLine: (() => void) | undefined;
  /** Items whose pool broke under them once. */
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
    return (this.#turnMs ??= this.#clock.now());
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
    batch.send(jobs);
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
    this.look();
  }

  itemReturned(job: Job, reason: unknown): void {
    if (this.#source() === undefined) return job.reject(managerStopped(reason));
    if (reason instanceof BrokenExecutorError) {
      if (this.#bereft.has(job)) return job.reject(reason);
      this.#bereft.add(job);
    }
    this.itemsGivenBack([job]);
  }

  itemSettled(): void {
    this.look();
  }

  batchClosed(): void {
    this.#open--;
    this.look();
  }

  batchEnded(batch: Batch): void {
    this.#batches.delete(batch);
    this.look();
  }

  #look(): void {
    this.#isLookPlanned = false;
    this.#turnMs = undefined;
    let dueInMs = this.#dueInMs();
    while (dueInMs === 0 && this.#begin()) dueInMs = this.#dueInMs();
    if (dueInMs === 0) this.#join();
    else this.#giveUpLine();
    this.#lookAgainIn(dueInMs);
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
    for (const batch of this.#batches) {
      if (this.#pending.size === 0) return;
      if (!batch.isOpen) continue;
      const room = joiners(batch.loan.workers, batch.loan.inFlight, batch.taken, this.#settings);
      if (room === 0) continue;
      const jobs = this.#pending.take(room);
      batch.send(jobs);
      this.#owner.placesFreed(jobs.length);
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
