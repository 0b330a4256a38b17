import { leaseAcquire, leaseEnd } from '../diagnostics/channels.ts';
import { Histogram } from '../diagnostics/histogram.ts';
import type { Clock } from '../core/clock.ts';
import type { Deadline, TimerQueue } from '../core/timer-queue.ts';
import { BrokenExecutorError } from '../core/errors.ts';
import { Map, Math, Number, Set } from '../core/globals.ts';
import { Lease, type LeaseHost } from './lease.ts';
import type { LeaseOption } from './lease-terms.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { PoolSet } from './pool-set.ts';
import { type Waiter, Waiters } from './waiters.ts';

/** Somebody who wants a lease. */
export interface LeaseRequest {
  readonly leaseMs: number;
  readonly leaseOption?: LeaseOption | undefined;
  readonly owner: string | undefined;
  /** Waits for the pools there are when none is opened because one broke. */
  readonly waitsDuringCooldown: boolean;
  /** Takes no pool without a worker that has nothing to do: meanwhile another may become free. */
  readonly needsWorkers: boolean;
  /** So many pools are to come up for it while it waits for one that is up. */
  readonly wants: number;
  /** Must give the lease its holder. */
  granted(lease: Lease): void;
  refused(error: Error): void;
}

/** Where leases come from: the manager, as a grinder sees it. */
export interface LeaseSource {
  /**
   * Asks for a lease; it may be granted or refused before this returns. Otherwise the request waits in line.
   * @returns a function that leaves the line
   */
  acquire(request: LeaseRequest): () => void;
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
  readonly request: LeaseRequest;
  readonly sinceMs: number;
  /** Grows with each request that joins the line. */
  readonly number: number;
}

interface OpenLease {
  readonly pool: PoolEntry;
  readonly softExpiry: Deadline;
  readonly hardExpiry: Deadline;
}

/** So far away that it never comes; it keeps the process alive while somebody waits for a lease. */
const neverMs = Number.MAX_SAFE_INTEGER;

/** Lends pools, first come, first served, and sees to it that they come back in time. */
export class LeaseBroker implements LeaseSource, LeaseHost {
  /** Seconds that requests stood in line, those that were granted. */
  readonly waits: Histogram = new Histogram();
  readonly #pools: PoolSet;
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #graceMs: number;
  readonly #waiters = new Waiters<Waiting>();
  /** Those of the line that need workers: passed over while only pools that have none to spare can be had. */
  readonly #needingWorkers = new Waiters<Waiting>();
  readonly #leases = new Map<Lease, OpenLease>();
  /** Want to know of a pool for which nobody waits. */
  readonly #watchers = new Set<() => void>();
  #leaseCount = 0;
  #joined = 0;
  #keepAliveTimer: Deadline | undefined;

  constructor(pools: PoolSet, clock: Clock, timers: TimerQueue, graceMs: number) {
    this.#pools = pools;
    this.#clock = clock;
    this.#timers = timers;
    this.#graceMs = graceMs;
  }

  get waiting(): number {
    return this.#waiters.size + this.#needingWorkers.size;
  }

  get leases(): readonly Lease[] {
    return [...this.#leases.keys()];
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

  acquire(request: LeaseRequest): () => void {
    if (this.#next() === undefined && this.#serve(request)) {
      this.wantsMore(); // It may have got what was to come up for somebody in line.
      return () => {};
    }
    const { refusal, healthy } = this.#pools;
    if (refusal !== undefined && (!request.waitsDuringCooldown || healthy === 0)) {
      request.refused(refusal);
      return () => {};
    }
    const line = request.needsWorkers ? this.#needingWorkers : this.#waiters;
    const waiter = line.join({ request, sinceMs: this.#clock.now(), number: ++this.#joined });
    this.#updateKeepAlive();
    this.wantsMore();
    return () => this.#leave(line, waiter);
  }

  /** A pool may be free: the request that has waited longest gets it. */
  serveWaiters(): void {
    if (this.waiting === 0 && this.#watchers.size === 0) return;
    for (let line = this.#next(); line !== undefined; line = this.#next()) {
      const { request, sinceMs } = line.shift()!;
      this.#serve(request, sinceMs);
    }
    this.#refuseDuringCooldown();
    this.wantsMore();
    this.#updateKeepAlive();
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
  #refuseDuringCooldown(): void {
    for (let { first } = this.#waiters; first !== undefined; { first } = this.#waiters) {
      const { refusal } = this.#pools;
      if (refusal === undefined || first.request.waitsDuringCooldown) return;
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
    this.#updateKeepAlive();
  }

  /** A worker of the pool of a lease may be free. */
  workerFreed(pool: PoolEntry): void {
    for (const [lease, open] of this.#leases) if (open.pool === pool) lease.workerFreed();
  }

  /** The pool of a lease broke. */
  poolBroke(pool: PoolEntry, error: Error): void {
    for (const [lease, open] of this.#leases) {
      if (open.pool !== pool) continue;
      lease.retirePool();
      lease.invalidate(error);
    }
    // Those who wait for other pools go on waiting. When there is none left, another is opened, or all are refused.
    if (this.#pools.healthy > 0) return;
    if (this.#pools.canLend) return this.serveWaiters();
    this.refuseWaiters(() => new BrokenExecutorError(error.message, { cause: error.cause }));
  }

  leaseEnded(lease: Lease, retire: boolean): void {
    const { pool, softExpiry, hardExpiry } = this.#leases.get(lease)!;
    this.#leases.delete(lease);
    if (leaseEnd.hasSubscribers) {
      const { id: leaseId, owner, leasedAtMs } = lease.terms;
      const heldSeconds = (this.#clock.now() - leasedAtMs) / 1000;
      leaseEnd.publish({ leaseId, owner, pool: pool.name, heldSeconds });
    }
    this.#timers.clear(softExpiry);
    this.#timers.clear(hardExpiry);
    this.#pools.takeBack(pool, retire);
  }

  /** @param sinceMs since when it has stood in line @returns `false` when there is nothing to lend */
  #serve(request: LeaseRequest, sinceMs?: number): boolean {
    const pool = request.needsWorkers ? this.#pools.lendIdle() : this.#pools.lend();
    if (pool === undefined) return false;
    const lease = this.#createLease(pool, request);
    this.#publishGranted(lease, pool, sinceMs);
    request.granted(lease);
    return true;
  }

  #publishGranted({ terms }: Lease, pool: PoolEntry, sinceMs: number | undefined): void {
    const { id: leaseId, owner, leaseMs, leasedAtMs } = terms;
    const waitedSeconds = sinceMs === undefined ? 0 : (leasedAtMs - sinceMs) / 1000;
    this.waits.record(waitedSeconds, 1, leasedAtMs);
    if (leaseAcquire.hasSubscribers)
      leaseAcquire.publish({ leaseId, owner, pool: pool.name, leaseSeconds: leaseMs / 1000, waitedSeconds });
  }

  #createLease(pool: PoolEntry, { owner, leaseMs, leaseOption }: LeaseRequest): Lease {
    const leasedAtMs = this.#clock.now();
    const softExpiresAtMs = leasedAtMs + leaseMs;
    const hardExpiresAtMs = softExpiresAtMs + this.#graceMs;
    const id = `${pool.name}-lease-${++this.#leaseCount}`;
    const lease = new Lease(
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
    this.#leases.set(lease, {
      pool,
      softExpiry: this.#timers.set(softExpiresAtMs, () => lease.expireSoftly(), { keepsAlive: false }),
      hardExpiry: this.#timers.set(hardExpiresAtMs, () => lease.revoke(), { keepsAlive: false }),
    });
    return lease;
  }

  #leave(line: Waiters<Waiting>, waiter: Waiter<Waiting>): void {
    line.leave(waiter);
    this.#updateKeepAlive();
  }

  #updateKeepAlive(): void {
    if (this.waiting === 0) {
      this.#timers.clear(this.#keepAliveTimer);
      this.#keepAliveTimer = undefined;
    } else this.#keepAliveTimer ??= this.#timers.set(neverMs, () => {}, { keepsAlive: true });
  }
}
