import { Histogram } from '../diagnostics/histogram.ts';
import { longestBacklogMs, stealSize } from '../executor/chunk.ts';
import type { Clock } from '../core/clock.ts';
import type { Deadline, TimerQueue } from '../core/timer-queue.ts';
import { isBrokenExecutor, NotStartedError } from '../core/errors.ts';
import { Math, Set, WeakSet } from '../core/globals.ts';
import type { Job } from '../job/job.ts';
import type { LeaseRequest } from '../lease/lease-broker.ts';
import type { Lease } from '../lease/lease.ts';
import { Batch, type BatchEvents } from './batch.ts';
import type { GrinderSettings } from './grinder-options.ts';
import type { ItemQueue } from './item-queue.ts';
import { batchesWorth, batchSize, dueInMs, joinCapacity, rebalanceDelayMs } from './policy.ts';

/** What the dispatcher tells its grinder. */
export interface DispatcherEvents {
  /** Places in the queue have become free. */
  placesFreed(count: number): void;
  batchBegun(): void;
  /** An executor has given the item back, and it waits as before. */
  itemRequeued(job: Job): void;
  /** Nothing waits and nothing runs any more. */
  idle(): void;
}

/**
 * Turns pending items into batches: when one is due it asks for a lease, cuts the batch when the lease is there, and
 * lets due items join open batches while no further one can begin. Items that wait in one batch while the workers of
 * another idle are taken back. It looks at the end of each turn in which something changed, and at the moment an
 * item has waited long enough.
 */
export class Dispatcher implements BatchEvents, LeaseRequest {
  readonly leaseMs: number;
  readonly leaseOption = ['leaseSeconds', 'the grinder'] as const;
  readonly waitsDuringCooldown = true;
  readonly needsWorkers = true;
  /** Seconds from acceptance to being sent. */
  readonly queueWaits: Histogram = new Histogram();
  /** Items that batches took. */
  readonly batchSizes: Histogram = new Histogram({ isWhole: true });
  readonly #settings: GrinderSettings;
  readonly #pending: ItemQueue;
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #events: DispatcherEvents;
  /** Batches that hold a lease; the open ones count against `maxConcurrentBatches`. */
  readonly #batches = new Set<Batch>();
  leasesWithoutProgress = 0;
  #openCount = 0;
  #numbered = 0;
  #draining = false;
  #isScheduled = false;
  /** The clock as the first submission of this turn read it, shared by all of the turn: a reading costs a tenth of a job. */
  #turnMs: number | undefined;
  #nextDispatch: Deadline | undefined;
  readonly #onIdlePool = (): void => this.schedule();
  /** Cancels the request for a lease, while one waits. */
  #cancelRequest: (() => void) | undefined;
  /** Items that have lost a pool once: a second broken pool fails them. */
  readonly #lostPoolOnce = new WeakSet<Job>();

  constructor(
    settings: GrinderSettings,
    pending: ItemQueue,
    clock: Clock,
    timers: TimerQueue,
    owner: DispatcherEvents,
  ) {
    this.leaseMs = settings.leaseMs;
    this.#settings = settings;
    this.#pending = pending;
    this.#clock = clock;
    this.#timers = timers;
    this.#events = owner;
  }

  get batchesInFlight(): number {
    return this.#batches.size;
  }

  /** Of the next batch. */
  get owner(): string {
    return `${this.#settings.ownerPrefix}-batch-${this.#numbered + 1}`;
  }

  /** How many pools it could use beside those it has. */
  get wants(): number {
    const most = this.#settings.maxConcurrentBatches - this.#openCount;
    return batchesWorth(this.#pending.size, most, this.#settings);
  }

  /** Whether what waits goes out at once, because nothing more will come. */
  set draining(draining: boolean) {
    this.#draining = draining;
    this.schedule();
  }

  /** When this turn began to take items, in milliseconds. It will look at its end. */
  get turnMs(): number {
    if (this.#turnMs === undefined) {
      this.#turnMs = this.#clock.now();
      this.schedule(); // `#dispatch()` clears the time for the next turn, also when this submission is refused.
    }
    return this.#turnMs;
  }

  /** Looks at the end of this turn. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.defer(() => this.#dispatch());
  }

  /** Cancels what is with executors and asks for nothing more. What runs goes on unseen; its leases drain. */
  cancel(reason: unknown): void {
    this.#withdrawRequest();
    for (const batch of this.#batches) {
      for (const job of batch.lease.jobs()) job.cancel(reason);
      batch.close();
    }
    this.#batches.clear();
    this.#timers.clear(this.#nextDispatch);
  }

  granted(lease: Lease): void {
    this.#cancelRequest = undefined;
    const batch = new Batch(lease, this);
    this.#batches.add(batch);
    this.#openCount++;
    const more = this.#settings.maxConcurrentBatches - this.#openCount;
    const canBegin = 1 + (this.#source()?.lendable(more) ?? 0);
    const jobs =
      this.#dueInMs() > 0
        ? []
        : this.#pending.dequeue(batchSize(this.#pending.size, canBegin, this.#settings));
    if (jobs.length === 0) return batch.close();
    this.#numbered++;
    this.#events.batchBegun();
    this.#recordWaits(jobs, this.#clock.now());
    batch.begin(jobs, this.#settings.ownerPrefix);
    this.#events.placesFreed(jobs.length);
    this.schedule();
  }

  refused(error: Error): void {
    this.#cancelRequest = undefined;
    this.rejectAll(error);
  }

  /** None of the waiting items can ever run. */
  rejectAll(error: Error): void {
    const jobs = this.#pending.dequeue(Infinity);
    for (const job of jobs) job.reject(error);
    this.#events.placesFreed(jobs.length);
    this.schedule();
  }

  requeue(jobs: readonly Job[]): void {
    this.#pending.requeue(jobs);
    for (const job of jobs) this.#events.itemRequeued(job);
    this.schedule();
  }

  itemReturned(job: Job, reason: unknown): void {
    if (this.#source() === undefined) return job.reject(managerStopped(reason));
    if (!isBrokenExecutor(reason)) this.#lostPoolOnce.delete(job);
    else if (this.#lostPoolOnce.has(job)) return job.reject(reason);
    else this.#lostPoolOnce.add(job);
    this.requeue([job]);
  }

  workerFreed(): void {
    this.schedule();
  }

  batchClosed(): void {
    this.#openCount--;
    this.schedule();
  }

  batchEnded(batch: Batch): void {
    this.#batches.delete(batch);
    if (batch.taken > 0) this.batchSizes.record(batch.taken, 1, this.#clock.now());
    this.schedule();
  }

  #dispatch(): void {
    this.#isScheduled = false;
    this.#turnMs = undefined;
    let dueInMs = this.#dueInMs();
    while (dueInMs === 0 && this.#begin()) dueInMs = this.#dueInMs();
    if (dueInMs === 0) this.#join();
    else this.#withdrawRequest();
    this.#closeEmptied();
    this.#scheduleIn(Math.min(dueInMs || Infinity, this.#rebalance()));
    if (this.#pending.size === 0 && this.#batches.size === 0) this.#events.idle();
  }

  #dueInMs(): number {
    const { size, hasRequeued } = this.#pending;
    const oldestAgeMs = this.#pending.oldestAgeMs(this.#clock.now());
    return dueInMs({ size, oldestAgeMs, hasRequeued, draining: this.#draining }, this.#settings);
  }

  /** @returns whether a batch has begun, so that another might */
  #begin(): boolean {
    if (this.#openCount >= this.#settings.maxConcurrentBatches) return false;
    const source = this.#source();
    if (this.#cancelRequest !== undefined) {
      source?.wantsMore();
      return false;
    }
    if (source === undefined) {
      this.rejectAll(new NotStartedError('the manager is not started: await manager.start() first'));
      return false;
    }
    let answered = false;
    this.#cancelRequest = () => (answered = true);
    const leave = source.acquire(this);
    // Granted or refused at once, both of which have cleared it.
    if (this.#cancelRequest === undefined) return this.#pending.size > 0;
    this.#cancelRequest = leave;
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
      const { taken, lease } = batch;
      const open = { taken, idle, idleOfAll, worthMessage: lease.worthMessage(first) };
      const jobs = this.#pending.dequeue(joinCapacity(size, open, this.#settings));
      idleOfAll -= idle;
      this.#recordWaits(jobs, now);
      batch.send(jobs);
      this.#events.placesFreed(jobs.length);
    }
  }

  /**
   * Closes batches whose items have all gone to other pools. Not before these items have left the queue: the pool of
   * such a batch, given back at once, would get the same items again.
   */
  #closeEmptied(): void {
    for (const batch of this.#batches) if (batch.lease.inFlight === 0) batch.close();
  }

  /** Workers without work in a batch that items may join. */
  #idleIn({ isAccepting, taken, lease }: Batch, now: number): number {
    // The timer that closes it may be late: this thread may have been busy.
    if (!isAccepting || taken >= this.#settings.maxBatchSize || now >= lease.terms.softExpiresAtMs) return 0;
    return lease.idleWorkers;
  }

  /**
   * Takes back what a batch holds beyond its workers, as far as others would idle.
   * @returns when to look again, in milliseconds
   */
  #rebalance(): number {
    const now = this.#clock.now();
    let idleOfAll = 0;
    let isAnyFull = false;
    for (const batch of this.#batches) {
      const { inFlight, workersUp } = batch.lease;
      idleOfAll += this.#idleIn(batch, now);
      isAnyFull ||= inFlight > workersUp;
    }
    if (!isAnyFull || (idleOfAll === 0 && !this.#canSpread())) return Infinity;
    const fullest = this.#fullest();
    const idle = idleOfAll - this.#idleIn(fullest, now);
    return idle > 0 ? this.#takeBackFrom(fullest, idle) : this.#spread(fullest, now);
  }

  /** The batch with the most that no worker has begun. */
  #fullest(): Batch {
    let fullest: Batch | undefined;
    let most = -1;
    for (const batch of this.#batches) {
      const { calls } = batch.lease.backlog();
      if (calls <= most) continue;
      fullest = batch;
      most = calls;
    }
    return fullest!;
  }

  /** Whether a batch could begin on a pool that is free; when not, it looks again once that may be so. */
  #canSpread(): boolean {
    if (this.#openCount >= this.#settings.maxConcurrentBatches) return false;
    return this.#source()?.hasIdlePool(this.#onIdlePool) === true;
  }

  /** A part of a batch goes to a free pool. @returns when to look again, in milliseconds */
  #spread(batch: Batch, now: number): number {
    if (!this.#canSpread()) return Infinity;
    const { lease, hasJoiners } = batch;
    // What joined had been due: it would have begun a batch, had a pool been free then.
    const isDue = this.#draining || hasJoiners || lease.workersUp === 0;
    const inMs = rebalanceDelayMs(now - lease.newestAcceptedAtMs, isDue, this.#settings);
    return inMs > 0 ? inMs : this.#takeBackFrom(batch, lease.workers);
  }

  /** A part of a batch goes to workers that idle. @returns when to look again, in milliseconds */
  #takeBackFrom(batch: Batch, idle: number): number {
    const { lease } = batch;
    const backlog = lease.backlog();
    const count = stealSize(backlog, idle, lease.workersUp);
    if (count === 0) return backlog.calls === 0 ? Infinity : longestBacklogMs - backlog.ageMs;
    batch.takeBack(count);
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

  #scheduleIn(ms: number): void {
    this.#timers.clear(this.#nextDispatch);
    this.#nextDispatch = undefined;
    if (ms > 0 && ms < Infinity)
      this.#nextDispatch = this.#timers.set(this.#clock.now() + ms, () => this.#dispatch(), {
        keepsAlive: true,
      });
  }

  #withdrawRequest(): void {
    this.#cancelRequest?.();
    this.#cancelRequest = undefined;
  }

  #source(): ReturnType<GrinderSettings['manager']['leaseSource']> | undefined {
    return this.#settings.manager.isRunning ? this.#settings.manager.leaseSource() : undefined;
  }
}

function managerStopped(cause: unknown): Error {
  return cause instanceof NotStartedError
    ? cause
    : new NotStartedError('the manager was stopped before its grinder', { cause });
}
