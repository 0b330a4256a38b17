import { batchTrace, type BatchMessage } from '../diagnostics/channels.ts';
import type { Job, Outcome } from '../job/job.ts';
import type { Lease, LeaseEvents } from '../lease/lease.ts';

/** What a batch tells its grinder. */
export interface BatchEvents {
  /** Leases in a row that expired before anything had begun. */
  leasesWithoutProgress: number;
  /** These items were not begun. */
  requeue(jobs: readonly Job[]): void;
  /** An item comes back, never begun, because of `reason`. */
  itemReturned(job: Job, reason: unknown): void;
  /** A worker may be free. */
  workerFreed(): void;
  /** It takes no more items and does not count any more; told once. Some may still run. */
  batchClosed(batch: Batch): void;
  /** Nothing of it runs any more; told once. */
  batchEnded(batch: Batch): void;
}

/** Leases in a row that may expire without progress, all their items still in transit, before the guard in `leaseExpired()` acts. */
const maxLeasesWithoutProgress = 2;

/** What one lease covers. Open until its lease softly expires or is lost, or nothing is left to do. */
export class Batch implements LeaseEvents {
  readonly lease: Lease;
  /** Items it has taken. */
  taken = 0;
  readonly #events: BatchEvents;
  /** Items it began with. */
  #beganWith = 0;
  #isAccepting = true;
  #hasEnded = false;
  #hasHadOutcome = false;
  /** What its trace shows, when there is one. */
  #trace: BatchMessage | undefined;

  constructor(lease: Lease, owner: BatchEvents) {
    this.lease = lease;
    this.#events = owner;
    lease.holder = this;
  }

  get isAccepting(): boolean {
    return this.#isAccepting;
  }

  /** Items have joined it. */
  get hasJoiners(): boolean {
    return this.taken > this.#beganWith;
  }

  /** Sends its first items. @param grinder whose they are, for its trace */
  begin(jobs: readonly Job[], grinder: string): void {
    this.#beganWith = jobs.length;
    if (!batchTrace.hasSubscribers) return this.send(jobs);
    const { id, owner } = this.lease.terms;
    this.#trace = { grinder, batch: owner!, leaseId: id, size: jobs.length };
    batchTrace.start.runStores(this.#trace, () => this.send(jobs));
    batchTrace.end.publish(this.#trace);
  }

  /** Sends items, all in one call. */
  send(jobs: readonly Job[]): void {
    this.taken += jobs.length;
    this.lease.submit(jobs);
  }

  /** Nothing more joins; the lease goes back when what is in flight has settled. */
  close(): void {
    if (!this.#isAccepting) return;
    this.#isAccepting = false;
    this.#events.batchClosed(this);
    this.lease.release();
    this.#endWhenEmpty();
  }

  /** Takes back up to `count` items that no worker has begun, the last ones first. */
  takeBack(count: number): void {
    const jobs = this.lease.takeBack(count);
    if (jobs.length > 0) this.#events.requeue(jobs);
    if (this.#isAccepting) return;
    this.lease.endWhenDrained();
    this.#endWhenEmpty();
  }

  jobOutcome(job: Job, outcome: Outcome): void {
    if (outcome.status === 'fulfilled') job.fulfil(outcome.value);
    else if (outcome.status === 'rejected') job.reject(outcome.reason);
    else if (!job.hasSettled) this.#events.itemReturned(job, outcome.reason);
    if (outcome.status !== 'returned') this.#hasHadOutcome = true;
    this.#events.workerFreed();
    if (!this.#isAccepting) this.#endWhenEmpty();
  }

  jobCancelled(): void {
    this.#events.workerFreed();
    if (!this.#isAccepting) this.#endWhenEmpty();
  }

  workerFreed(): void {
    this.#events.workerFreed();
  }

  leaseIdle(): void {
    this.close();
  }

  /** The rest goes on with a new lease. */
  leaseExpired(): void {
    if (!this.#isAccepting) return;
    const { lease } = this;
    const owner = this.#events;
    // Guard against livelock: a message that takes longer than a lease would be taken back and sent again for ever. After
    // two such leases in a row its first item stays with the worker.
    const staying = owner.leasesWithoutProgress < maxLeasesWithoutProgress ? 0 : 1;
    owner.requeue(lease.takeBack(lease.inFlight - staying));
    owner.leasesWithoutProgress =
      this.#hasHadOutcome || lease.inFlight > 0 ? 0 : owner.leasesWithoutProgress + 1;
    this.close();
  }

  leaseInvalidated(reason: Error): void {
    if (this.#trace !== undefined) {
      this.#trace.error = reason;
      batchTrace.error.publish(this.#trace);
    }
    this.close();
  }

  #endWhenEmpty(): void {
    if (this.#hasEnded || this.lease.inFlight > 0) return;
    this.#hasEnded = true;
    this.#events.batchEnded(this);
    if (this.#trace === undefined) return;
    this.#trace.size = this.taken;
    batchTrace.asyncStart.publish(this.#trace);
    batchTrace.asyncEnd.publish(this.#trace);
  }
}
