import { batchTrace, type BatchMessage } from '../diagnostics/channels.ts';
import type { Job, Outcome } from '../job/job.ts';
import type { Loan, LoanHolder } from '../lease/loan.ts';

/** What a batch tells its grinder. */
export interface BatchOwner {
  /** Leases in a row that expired before anything had begun. */
  fruitlessLeases: number;
  /** These items were not begun. */
  itemsGivenBack(jobs: readonly Job[]): void;
  /** An item comes back, never begun, because of `reason`. */
  itemReturned(job: Job, reason: unknown): void;
  /** A worker may be free. */
  workerFreed(): void;
  /** It takes no more items and does not count any more; told once. Some may still run. */
  batchClosed(batch: Batch): void;
  /** Nothing of it runs any more; told once. */
  batchEnded(batch: Batch): void;
}

/** So many leases in a row may expire while all they cover is still on its way. */
const mostFruitless = 2;

/** What one lease covers. Open until its lease softly expires or is lost, or nothing is left to do. */
export class Batch implements LoanHolder {
  readonly loan: Loan;
  /** Items it has taken. */
  taken = 0;
  readonly #owner: BatchOwner;
  /** Items it began with. */
  #beganWith = 0;
  #isOpen = true;
  #hasEnded = false;
  #hasHadOutcome = false;
  /** What its trace shows, when there is one. */
  #trace: BatchMessage | undefined;

  constructor(loan: Loan, owner: BatchOwner) {
    this.loan = loan;
    this.#owner = owner;
    loan.holder = this;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Items have joined it. */
  get hasJoiners(): boolean {
    return this.taken > this.#beganWith;
  }

  /** Sends its first items. @param grinder whose they are, for its trace */
  begin(jobs: readonly Job[], grinder: string): void {
    this.#beganWith = jobs.length;
    if (!batchTrace.hasSubscribers) return this.send(jobs);
    const { id, owner } = this.loan.terms;
    this.#trace = { grinder, batch: owner!, leaseId: id, size: jobs.length };
    batchTrace.start.runStores(this.#trace, () => this.send(jobs));
    batchTrace.end.publish(this.#trace);
  }

  /** Sends items, all in one call. */
  send(jobs: readonly Job[]): void {
    this.taken += jobs.length;
    this.loan.submit(jobs);
  }

  /** Nothing more joins; the lease goes back when what is in flight has settled. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#owner.batchClosed(this);
    this.loan.release();
    this.#endWhenEmpty();
  }

  /** Gives back up to `count` items that no worker has begun, the last ones first. */
  giveBack(count: number): void {
    const jobs = this.loan.takeBack(count);
    if (jobs.length > 0) this.#owner.itemsGivenBack(jobs);
    if (this.#isOpen) return;
    this.loan.endWhenDrained();
    this.#endWhenEmpty();
  }

  jobOutcome(job: Job, outcome: Outcome): void {
    if (outcome.status === 'fulfilled') job.fulfil(outcome.value);
    else if (outcome.status === 'rejected') job.reject(outcome.reason);
    else if (!job.hasSettled) this.#owner.itemReturned(job, outcome.reason);
    if (outcome.status !== 'returned') this.#hasHadOutcome = true;
    this.#owner.workerFreed();
    if (!this.#isOpen) this.#endWhenEmpty();
  }

  jobWithdrawn(): void {
    this.#owner.workerFreed();
    if (!this.#isOpen) this.#endWhenEmpty();
  }

  workerFreed(): void {
    this.#owner.workerFreed();
  }

  loanIdle(): void {
    this.close();
  }

  /** The rest goes on with a new lease. */
  loanExpired(): void {
    if (!this.#isOpen) return;
    const { loan } = this;
    const owner = this.#owner;
    // A message that takes longer than a lease would be taken back and sent again for ever: its first item stays then.
    const staying = owner.fruitlessLeases < mostFruitless ? 0 : 1;
    owner.itemsGivenBack(loan.takeBack(loan.inFlight - staying));
    owner.fruitlessLeases = this.#hasHadOutcome || loan.inFlight > 0 ? 0 : owner.fruitlessLeases + 1;
    this.close();
  }

  loanLost(reason: Error): void {
    if (this.#trace !== undefined) {
      this.#trace.error = reason;
      batchTrace.error.publish(this.#trace);
    }
    this.close();
  }

  #endWhenEmpty(): void {
    if (this.#hasEnded || this.loan.inFlight > 0) return;
    this.#hasEnded = true;
    this.#owner.batchEnded(this);
    if (this.#trace === undefined) return;
    this.#trace.size = this.taken;
    batchTrace.asyncStart.publish(this.#trace);
    batchTrace.asyncEnd.publish(this.#trace);
  }
}
