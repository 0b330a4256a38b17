import { poolBreak, poolClose, poolOpen, poolUp } from '../diagnostics/channels.ts';
import type { ExecutorBackend } from '../executor/executor.ts';
import type { Clock } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { BrokenExecutorError, LeasepoolError } from '../ground/errors.ts';
import { Ledger } from './ledger.ts';
import { ManagedPool } from './managed-pool.ts';
import type { ManagerSettings } from './manager-options.ts';
import { PoolMeter } from './pool-meter.ts';
import { desiredPools, isDemand, unitsOf } from './sizing.ts';

/** What the pools tell the manager. */
export interface PoolsOwner {
  /** A pool may be had: one is free, or one more may be opened. */
  poolFree(): void;
  poolBroke(pool: ManagedPool, error: Error): void;
}

/** After a pool could not be kept up, none is opened for this long: each attempt costs seconds. */
const breakMs = 5_000;
/** How much longer than it was given a pool may take to shut down before it is left behind. */
const shutdownSlackMs = 3_000;

/** The pools of a manager: opens, lends, shrinks and closes them. */
export class Pools {
  readonly ledger: Ledger<ManagedPool>;
  readonly meter: PoolMeter;
  readonly #settings: ManagerSettings;
  readonly #backend: ExecutorBackend;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #owner: PoolsOwner;
  readonly #closings = new Set<Promise<void>>();
  #opened = 0;
  #open = false;
  #desired: number;
  #asking = false;
  #brokenBy: Error | undefined;
  #brokenUntil = -Infinity;
  #nextCheck: Deadline | undefined;
  #idleCheck: Deadline | undefined;
  #breakEnd: Deadline | undefined;

  constructor(
    settings: ManagerSettings,
    backend: ExecutorBackend,
    clock: Clock,
    deadlines: Deadlines,
    owner: PoolsOwner,
  ) {
    this.ledger = new Ledger(settings.maxPools);
    this.meter = new PoolMeter(clock);
    this.#settings = settings;
    this.#backend = backend;
    this.#clock = clock;
    this.#deadlines = deadlines;
    this.#owner = owner;
    this.#desired = settings.minPools;
  }

  /** Opens the desired number of pools. Resolves when they are up. @throws {@link BrokenExecutorError} when none comes up */
  async start(): Promise<void> {
    this.#open = true;
    this.#brokenUntil = -Infinity;
    this.askDesired();
    if (!this.#open) return;
    const pools = this.#grow();
    this.#checkLater();
    const failures = await Promise.all(pools.map((pool) => pool.whenUp()));
    const failed = failures.find((failure) => failure !== undefined);
    if (failed === undefined || failures.some((failure) => failure === undefined)) return;
    throw failed instanceof LeasepoolError
      ? failed
      : new BrokenExecutorError(`no pool comes up: ${failed.message}`, { cause: failed });
  }

  /** Whether {@link lend} would give a pool. */
  get canLend(): boolean {
    return this.ledger.lendable() !== undefined || (this.ledger.mayOpen && !this.#isBreak);
  }

  /** Pools that run what they are given, or will. */
  get usable(): number {
    return this.ledger.in('starting', 'available', 'leased').filter((pool) => pool.brokenBy === undefined)
      .length;
  }

  /** Why no pool is opened although there may be one more: one broke just now. */
  get refusal(): BrokenExecutorError | undefined {
    if (!this.ledger.mayOpen || !this.#isBreak) return undefined;
    const message = `no pool is opened just after one broke: ${this.#brokenBy?.message}`;
    return new BrokenExecutorError(message, { cause: this.#brokenBy });
  }

  /** A pool to lease; `undefined` when all are and no more may be opened now. */
  lend(): ManagedPool | undefined {
    const free = this.ledger.lendable();
    if (free !== undefined) this.ledger.move(free, 'leased');
    else if (this.canLend) return this.#openPool('leased');
    return free;
  }

  /** A lease is over. */
  takeBack(pool: ManagedPool, retire: boolean): void {
    if (this.ledger.stateOf(pool) !== 'leased') return;
    if (retire || pool.brokenBy !== undefined || !this.#open) {
      void this.#close(pool, 0);
      return;
    }
    pool.idleSinceMs = this.#clock.now();
    this.ledger.move(pool, pool.isUp ? 'available' : 'starting');
    this.#owner.poolFree();
    this.#closeIdleLater();
  }

  /** Grows to the desired number, and closes unleased pools above it that were idle for `idleMs`. */
  resize(idleMs: number): void {
    if (!this.#open) return;
    this.askDesired();
    if (!this.#open) return; // The provider has stopped the manager.
    this.#grow();
    const now = this.#clock.now();
    for (const pool of this.ledger.surplus(this.#desired)) {
      if (now - pool.idleSinceMs >= idleMs) void this.#close(pool, 0);
    }
    if (idleMs === 0) this.#closeWhenUp();
    this.#closeIdleLater();
  }

  /** Asks the size provider. One that asks in turn (it is inside its own call) gets the answer before. */
  askDesired(): number {
    const { sizeProvider, logger } = this.#settings;
    if (this.#asking) return this.#desired;
    let units: unknown = 0;
    this.#asking = true;
    try {
      if (sizeProvider !== undefined) units = sizeProvider();
      if (!isDemand(units)) logger.warn('sizeProvider gave no demand; counted as 0', { given: units });
    } catch (error) {
      logger.warn('sizeProvider threw; counted as 0', { error });
    } finally {
      this.#asking = false;
    }
    return (this.#desired = desiredPools(unitsOf(units), this.#settings));
  }

  /** Closes every pool. Always resolves. */
  async stop(timeoutSeconds: number): Promise<void> {
    this.#open = false;
    this.#deadlines.clear(this.#nextCheck);
    this.#deadlines.clear(this.#idleCheck);
    this.#deadlines.clear(this.#breakEnd);
    const closing = this.ledger
      .in('starting', 'available', 'leased')
      .map((pool) => this.#close(pool, timeoutSeconds));
    await Promise.all([...closing, ...this.#closings]);
  }

  get #isBreak(): boolean {
    return this.#clock.now() < this.#brokenUntil;
  }

  #openPool(state: 'starting' | 'leased'): ManagedPool {
    const {
      workersPerPool,
      namePrefix,
      asyncTasks,
      preload,
      workerData,
      startTimeoutSeconds,
      workerOptions,
      logger,
    } = this.#settings;
    const name = `${namePrefix}-${++this.#opened}`;
    const options = {
      workers: workersPerPool,
      name,
      asyncTasks,
      preload,
      workerData,
      startTimeoutSeconds,
      workerOptions,
      logger,
      meter: this.meter,
    };
    if (poolOpen.hasSubscribers)
      poolOpen.publish({ pool: name, backend: this.#backend.name, workers: workersPerPool });
    const pool = new ManagedPool(this.#backend, options, this.#clock.now());
    this.ledger.add(pool, state);
    logger.debug('pool opened', { pool: name });
    void pool.whenUp().then((failure) => {
      if (failure === undefined) this.#cameUp(pool);
    });
    void pool.executor.broken?.then((error) => this.#broke(pool, error));
    return pool;
  }

  #cameUp(pool: ManagedPool): void {
    if (poolUp.hasSubscribers) poolUp.publish({ pool: pool.name });
    if (this.ledger.stateOf(pool) !== 'starting') return;
    this.ledger.move(pool, 'available');
    pool.idleSinceMs = this.#clock.now();
    if (pool.isUnwanted && this.ledger.staying > this.#desired) void this.#close(pool, 0);
    else {
      this.#owner.poolFree();
      this.#closeIdleLater();
    }
  }

  /** Pools above the desired number that are coming up cannot be closed yet. */
  #closeWhenUp(): void {
    const excess = Math.max(0, this.ledger.staying - this.#desired);
    for (const pool of this.ledger.in('starting').slice(0, excess)) pool.isUnwanted = true;
  }

  #broke(pool: ManagedPool, error: Error): void {
    const state = this.ledger.stateOf(pool);
    if (state === undefined || state === 'closing') return;
    this.#settings.logger.error('pool broke and is retired', { pool: pool.name, error });
    if (poolBreak.hasSubscribers) poolBreak.publish({ pool: pool.name, error });
    pool.brokenBy = error;
    this.#brokenBy = error;
    this.#brokenUntil = this.#clock.now() + breakMs;
    this.#deadlines.clear(this.#breakEnd);
    this.#breakEnd = this.#deadlines.set(this.#brokenUntil, () => this.#owner.poolFree(), {
      keepsAlive: false,
    });
    if (state !== 'leased') void this.#close(pool, 0);
    this.#owner.poolBroke(pool, error);
  }

  #grow(): ManagedPool[] {
    const pools: ManagedPool[] = [];
    if (this.#isBreak) return pools;
    while (this.ledger.mayOpen && this.ledger.staying < this.#desired) pools.push(this.#openPool('starting'));
    return pools;
  }

  /** Resolves when the pool is closed, or when that takes too long; a pool that still holds a worker counts until it does not. */
  #close(pool: ManagedPool, timeoutSeconds: number): Promise<void> {
    const { logger } = this.#settings;
    this.ledger.move(pool, 'closing');
    const closed = pool.shutdown(timeoutSeconds).catch((error: unknown) => {
      logger.error('a pool failed to shut down', { pool: pool.name, error });
    });
    void closed.then(() => {
      this.ledger.remove(pool);
      logger.debug('pool closed', { pool: pool.name });
      if (poolClose.hasSubscribers) poolClose.publish({ pool: pool.name });
      if (this.#open) this.#owner.poolFree();
    });
    const waited = this.#noLongerThan(closed, timeoutSeconds * 1000 + shutdownSlackMs, () => {
      logger.error('a pool that does not shut down is left behind', { pool: pool.name });
    });
    this.#closings.add(waited);
    return waited.finally(() => this.#closings.delete(waited));
  }

  #noLongerThan(done: Promise<void>, ms: number, onOverdue: () => void): Promise<void> {
    return new Promise((resolve) => {
      const giveUp = (): void => {
        onOverdue();
        resolve();
      };
      const overdue = this.#deadlines.set(this.#clock.now() + ms, giveUp, { keepsAlive: true });
      void done.then(() => {
        this.#deadlines.clear(overdue);
        resolve();
      });
    });
  }

  #checkLater(): void {
    const check = (): void => {
      this.resize(this.#settings.idleMs);
      if (this.#open) this.#checkLater();
    };
    this.#nextCheck = this.#deadlines.set(this.#clock.now() + this.#settings.checkIntervalMs, check, {
      keepsAlive: false,
    });
  }

  /** When the pool that has idled longest among those above the desired number has idled long enough. */
  #closeIdleLater(): void {
    const [oldest] = this.ledger.surplus(this.#desired);
    if (oldest === undefined || (this.#idleCheck !== undefined && this.#idleCheck.place >= 0)) return;
    const at = oldest.idleSinceMs + this.#settings.idleMs;
    this.#idleCheck = this.#deadlines.set(at, () => this.resize(this.#settings.idleMs), {
      keepsAlive: false,
    });
  }
}
