import { leaseAcquire, leaseEnd } from '../diagnostics/channels.ts';
import { Histogram } from '../diagnostics/histogram.ts';
import type { Clock } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { BrokenExecutorError } from '../ground/errors.ts';
import { Loan, type LoanHost } from './loan.ts';
import type { ManagedPool } from './managed-pool.ts';
import type { Pools } from './pools.ts';
import { type Waiter, Waiters } from './waiters.ts';

/** Somebody who wants a loan. */
export interface LoanRequest {
  readonly leaseMs: number;
  readonly owner: string | undefined;
  /** Waits for the pools there are when none is opened because one broke. */
  readonly waitsOutBreak: boolean;
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
  /** Whether a pool that is up is free and nobody waits for one; when not, calls back once that may be so. */
  hasIdlePool(onIdle: () => void): boolean;
  /** How many requests would be granted at once, counted up to `limit`. */
  lendable(limit: number): number;
}

/** A request in line. */
interface Waiting {
  readonly request: LoanRequest;
  readonly sinceMs: number;
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
  readonly #loans = new Map<Loan, OpenLoan>();
  /** Want to know of a pool for which nobody waits. */
  readonly #watchers = new Set<() => void>();
  #lent = 0;
  #vigil: Deadline | undefined;

  constructor(pools: Pools, clock: Clock, deadlines: Deadlines, graceMs: number) {
    this.#pools = pools;
    this.#clock = clock;
    this.#deadlines = deadlines;
    this.#graceMs = graceMs;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  get loans(): readonly Loan[] {
    return [...this.#loans.keys()];
  }

  get canLend(): boolean {
    return this.#waiters.size === 0 && this.#pools.canLend;
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
    return this.#waiters.size === 0 && this.#pools.ledger.count('available') > 0;
  }

  lendable(limit: number): number {
    const { ledger } = this.#pools;
    if (this.#waiters.size > 0) return 0;
    return Math.min(
      limit,
      ledger.count('available') + ledger.count('starting') + ledger.maxPools - ledger.total,
    );
  }

  borrow(request: LoanRequest): () => void {
    if (this.#waiters.size === 0 && this.#serve(request)) return () => {};
    const { refusal, usable } = this.#pools;
    if (refusal !== undefined && (!request.waitsOutBreak || usable === 0)) {
      request.refused(refusal);
      return () => {};
    }
    const waiter = this.#waiters.join({ request, sinceMs: this.#clock.now() });
    this.#keepVigil();
    return () => this.#leave(waiter);
  }

  /** A pool may be had: whoever waits longest gets it. */
  serveWaiters(): void {
    for (let next = this.#waiters.first; next !== undefined; next = this.#waiters.first) {
      const { canLend, refusal } = this.#pools;
      if (canLend) {
        this.#waiters.shift();
        this.#serve(next.request, next.sinceMs);
      } else if (refusal !== undefined && !next.request.waitsOutBreak)
        this.#waiters.shift()!.request.refused(refusal);
      else break;
    }
    this.#keepVigil();
    if (!this.#hasIdlePool) return;
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }

  /** Nobody will be served any more. */
  refuseWaiters(makeError: () => Error): void {
    for (let next = this.#waiters.shift(); next !== undefined; next = this.#waiters.shift())
      next.request.refused(makeError());
    this.#keepVigil();
  }

  /** The pool of a loan broke. */
  poolBroke(pool: ManagedPool, error: Error): void {
    for (const [loan, open] of this.#loans) {
      if (open.pool !== pool) continue;
      loan.retirePool();
      loan.lose(error);
    }
    // Those who wait for other pools go on waiting; when there is none left, none will be opened soon either.
    if (this.#pools.usable === 0) {
      this.refuseWaiters(() => new BrokenExecutorError(error.message, { cause: error.cause }));
    }
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
    const pool = this.#pools.lend();
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

  #open(pool: ManagedPool, { owner, leaseMs }: LoanRequest): Loan {
    const leasedAtMs = this.#clock.now();
    const softExpiresAtMs = leasedAtMs + leaseMs;
    const hardExpiresAtMs = softExpiresAtMs + this.#graceMs;
    const id = `${pool.name}-lease-${++this.#lent}`;
    const loan = new Loan(
      { id, owner, leaseMs, graceMs: this.#graceMs, leasedAtMs, softExpiresAtMs, hardExpiresAtMs },
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

  #leave(waiter: Waiter<Waiting>): void {
    this.#waiters.leave(waiter);
    this.#keepVigil();
  }

  #keepVigil(): void {
    if (this.#waiters.size === 0) {
      this.#deadlines.clear(this.#vigil);
      this.#vigil = undefined;
    } else this.#vigil ??= this.#deadlines.set(neverMs, () => {}, { keepsAlive: true });
  }
}
