import { leaseAcquire, leaseEnd } from '../diagnostics/channels.ts';
import { Histogram } from '../diagnostics/histogram.ts';
import type { Clock } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { BrokenExecutorError } from '../ground/errors.ts';
import { Map, Math, Number, Set } from '../ground/globals.ts';
import { Loan, type LoanHost } from './loan.ts';
import type { LeaseOption } from './loan-terms.ts';
import type { ManagedPool } from './managed-pool.ts';
import type { Pools } from './pools.ts';
import { type Waiter, Waiters } from './waiters.ts';

/** Somebody who wants a loan. */
export interface LoanRequest {
  readonly leaseMs: number;
  readonly leaseOption?: LeaseOption | undefined;
  readonly owner: string | undefined;
  /** Waits for the pools there are when none is opened because one broke. */
  readonly waitsOutBreak: boolean;
  /** Takes no pool without a worker that has nothing to do: meanwhile another may become free. */
  readonly needsWorkers: boolean;
  /** So many pools are to come up for it while it waits for one that is up. */
  readonly wants: number;
  /** Must give the loan its holder. */
  granted(loan: Loan): void;
  refused(error: Error): void;
}

/** Where loans come from: the manager, as a grinder sees it. */
export interface LoanSource {
  /**
   * Asks for a loan; it may be granted or refused before this returns. Otherwise the request waits in line.
   * @returns a function that leaves the line
   */
  borrow(request: LoanRequest): () => void;
  /** Whether a request would be granted at once. */
  readonly canLend: boolean;
  /** Why nothing new is opened just now, when that is so. */
  readonly refusal: Error | undefined;
  /** Whether a free pool has a worker with nothing to do and nobody waits for it; when not, calls back once that may be so. */
  hasIdlePool(onIdle: () => void): boolean;
  /** How many pools can be had, those that come up first among them, counted up to `limit`. */
  lendable(limit: number): number;
  /** Somebody in line may want more pools than before. */
  wantsMore(): void;
}

/** A request in line. */
interface Waiting {
  readonly request: LoanRequest;
  readonly sinceMs: number;
  /** Grows with each request that joins the line. */
  readonly number: number;
}

interface OpenLoan {
  readonly pool: ManagedPool;
  readonly softExpiry: Deadline;
  readonly hardExpiry: Deadline;
}

/** So far away that it never comes; it keeps the process alive while somebody waits for a lease. */
const neverMs = Number.MAX_SAFE_INTEGER;

/** Lends pools, first come, first served, and sees to it that they come back in time. */
export class Lender implements LoanSource, LoanHost {
  /** Seconds that requests stood in line, those that were granted. */
  readonly waits: Histogram = new Histogram();
  readonly #pools: Pools;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #graceMs: number;
  readonly #waiters = new Waiters<Waiting>();
  /** Those of the line that need workers: passed over while only pools that have none to spare can be had. */
  readonly #needingWorkers = new Waiters<Waiting>();
  readonly #loans = new Map<Loan, OpenLoan>();
  /** Want to know of a pool for which nobody waits. */
  readonly #watchers = new Set<() => void>();
  #lent = 0;
  #joined = 0;
  #vigil: Deadline | undefined;

  constructor(pools: Pools, clock: Clock, deadlines: Deadlines, graceMs: number) {
    this.#pools = pools;
    this.#clock = clock;
    this.#deadlines = deadlines;
    this.#graceMs = graceMs;
  }

  get waiting(): number {
    return this.#waiters.size + this.#needingWorkers.size;
  }

  get loans(): readonly Loan[] {
    return [...this.#loans.keys()];
  }

  get canLend(): boolean {
    return this.#pools.canLend;
  }

  get refusal(): Error | undefined {
    return this.#pools.refusal;
  }

  hasIdlePool(onIdle: () => void): boolean {
    if (this.#hasIdlePool) return true;
    this.#watchers.add(onIdle);
    return false;
  }

  get #hasIdlePool(): boolean {
    return this.waiting === 0 && this.#pools.canLendIdle;
  }

  lendable(limit: number): number {
    return this.waiting > 0 ? 0 : Math.min(limit, this.#pools.lendable);
  }

  wantsMore(): void {
    if (this.#needingWorkers.size === 0) return;
    let wanted = 0;
    for (const { request } of this.#needingWorkers) wanted += request.wants;
    this.#pools.expect(wanted);
  }

  borrow(request: LoanRequest): () => void {
    if (this.#next() === undefined && this.#serve(request)) {
      this.wantsMore(); // It may have got what was to come up for somebody in line.
      return () => {};
    }
    const { refusal, usable } = this.#pools;
    if (refusal !== undefined && (!request.waitsOutBreak || usable === 0)) {
      request.refused(refusal);
      return () => {};
    }
    const line = request.needsWorkers ? this.#needingWorkers : this.#waiters;
    const waiter = line.join({ request, sinceMs: this.#clock.now(), number: ++this.#joined });
    this.#keepVigil();
    this.wantsMore();
    return () => this.#leave(line, waiter);
  }

  /** A pool may be had: whoever waits longest gets it. */
  serveWaiters(): void {
    if (this.waiting === 0 && this.#watchers.size === 0) return;
    for (let line = this.#next(); line !== undefined; line = this.#next()) {
      const { request, sinceMs } = line.shift()!;
      this.#serve(request, sinceMs);
    }
    this.#refuseDuringBreak();
    this.wantsMore();
    this.#keepVigil();
    if (!this.#hasIdlePool) return;
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }

  /** The part of the line with the next who can be served now. */
  #next(): Waiters<Waiting> | undefined {
    if (this.waiting === 0) return undefined;
    const { first } = this.#waiters;
    const needing = this.#needingWorkers.first;
    if (needing !== undefined && this.#pools.canLendIdle)
      return first !== undefined && first.number < needing.number ? this.#waiters : this.#needingWorkers;
    return first !== undefined && this.#pools.canLend ? this.#waiters : undefined;
  }

  /** Those whose pool would have to be opened, which is not done just now. */
  #refuseDuringBreak(): void {
    for (let { first } = this.#waiters; first !== undefined; { first } = this.#waiters) {
      const { refusal } = this.#pools;
      if (refusal === undefined || first.request.waitsOutBreak) return;
      this.#waiters.shift();
      first.request.refused(refusal);
    }
  }

  /** Nobody will be served any more. */
  refuseWaiters(makeError: () => Error): void {
    for (const line of [this.#waiters, this.#needingWorkers]) {
      for (let next = line.shift(); next !== undefined; next = line.shift())
        next.request.refused(makeError());
    }
    this.#keepVigil();
  }

  /** A worker of the pool of a loan may be free. */
  workerFreed(pool: ManagedPool): void {
    for (const [loan, open] of this.#loans) if (open.pool === pool) loan.workerFreed();
  }

  /** The pool of a loan broke. */
  poolBroke(pool: ManagedPool, error: Error): void {
    for (const [loan, open] of this.#loans) {
      if (open.pool !== pool) continue;
      loan.retirePool();
      loan.lose(error);
    }
    // Those who wait for other pools go on waiting. When there is none left, another is opened, or all are refused.
    if (this.#pools.usable > 0) return;
    if (this.#pools.canLend) return this.serveWaiters();
    this.refuseWaiters(() => new BrokenExecutorError(error.message, { cause: error.cause }));
  }

  loanEnded(loan: Loan, retire: boolean): void {
    const { pool, softExpiry, hardExpiry } = this.#loans.get(loan)!;
    this.#loans.delete(loan);
    if (leaseEnd.hasSubscribers) {
      const { id: leaseId, owner, leasedAtMs } = loan.terms;
      const heldSeconds = (this.#clock.now() - leasedAtMs) / 1000;
      leaseEnd.publish({ leaseId, owner, pool: pool.name, heldSeconds });
    }
    this.#deadlines.clear(softExpiry);
    this.#deadlines.clear(hardExpiry);
    this.#pools.takeBack(pool, retire);
  }

  /** @param sinceMs since when it has stood in line @returns `false` when there is nothing to lend */
  #serve(request: LoanRequest, sinceMs?: number): boolean {
    const pool = request.needsWorkers ? this.#pools.lendIdle() : this.#pools.lend();
    if (pool === undefined) return false;
    const loan = this.#open(pool, request);
    this.#tellGranted(loan, pool, sinceMs);
    request.granted(loan);
    return true;
  }

  #tellGranted({ terms }: Loan, pool: ManagedPool, sinceMs: number | undefined): void {
    const { id: leaseId, owner, leaseMs, leasedAtMs } = terms;
    const waitedSeconds = sinceMs === undefined ? 0 : (leasedAtMs - sinceMs) / 1000;
    this.waits.record(waitedSeconds, 1, leasedAtMs);
    if (leaseAcquire.hasSubscribers)
      leaseAcquire.publish({ leaseId, owner, pool: pool.name, leaseSeconds: leaseMs / 1000, waitedSeconds });
  }

  #open(pool: ManagedPool, { owner, leaseMs, leaseOption }: LoanRequest): Loan {
    const leasedAtMs = this.#clock.now();
    const softExpiresAtMs = leasedAtMs + leaseMs;
    const hardExpiresAtMs = softExpiresAtMs + this.#graceMs;
    const id = `${pool.name}-lease-${++this.#lent}`;
    const loan = new Loan(
      {
        id,
        owner,
        leaseMs,
        graceMs: this.#graceMs,
        leasedAtMs,
        softExpiresAtMs,
        hardExpiresAtMs,
        leaseOption,
      },
      pool.executor,
      this,
    );
    this.#loans.set(loan, {
      pool,
      softExpiry: this.#deadlines.set(softExpiresAtMs, () => loan.expireSoftly(), { keepsAlive: false }),
      hardExpiry: this.#deadlines.set(hardExpiresAtMs, () => loan.revoke(), { keepsAlive: false }),
    });
    return loan;
  }

  #leave(line: Waiters<Waiting>, waiter: Waiter<Waiting>): void {
    line.leave(waiter);
    this.#keepVigil();
  }

  #keepVigil(): void {
    if (this.waiting === 0) {
      this.#deadlines.clear(this.#vigil);
      this.#vigil = undefined;
    } else this.#vigil ??= this.#deadlines.set(neverMs, () => {}, { keepsAlive: true });
  }
}
