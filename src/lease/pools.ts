import { poolBreak, poolClose, poolOpen, poolUp } from '../diagnostics/channels.ts';
import type { ExecutorBackend } from '../executor/executor.ts';
import type { Clock } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { BrokenExecutorError, LeasepoolError } from '../ground/errors.ts';
import { Math, Promise, Set } from '../ground/globals.ts';
import { Ledger } from './ledger.ts';
import { loadOf } from '../executor/load.ts';
import { ManagedPool } from './managed-pool.ts';
import type { ManagerSettings } from './manager-options.ts';
import { recentBreak, stuckBreak } from './open-refusal.ts';
import { PoolMeter } from './pool-meter.ts';
import { desiredPools, isDemand, unitsOf } from './sizing.ts';

/** What the pools tell the manager. */
export interface PoolsOwner {
  /** A pool may be had: one is free, or one more may be opened. */
  poolFree(): void;
  /** Pools have been opened or closed. */
  poolsResized(): void;
  /** A worker of a pool that is lent may be free. */
  workerFreed(pool: ManagedPool): void;
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
    return this.ledger.lendable() !== undefined || this.#mayOpen;
  }

  /** Whether {@link lendIdle} would give a pool. */
  get canLendIdle(): boolean {
    return this.ledger.lendableIf(isIdle) !== undefined;
  }

  /** How many pools can be had, those that would have to be opened or come up first among them. */
  get lendable(): number {
    const { ledger } = this;
    const openable = this.#mayOpen ? ledger.maxPools - ledger.total : 0;
    return ledger.count('available') + ledger.count('starting') + openable;
  }

  /** Pools that run what they are given, or will. */
  get usable(): number {
    return this.ledger.in('starting', 'available', 'leased').filter((pool) => pool.brokenBy === undefined)
      .length;
  }

  /** Why no pool is opened: one broke just now, or those that broke hold all places, with workers that cannot be ended. */
  get refusal(): BrokenExecutorError | undefined {
    if (!this.ledger.mayOpen) return this.usable === 0 ? stuckBreak(this.ledger) : undefined;
    if (!this.#isBreak) return undefined;
    return recentBreak(this.#brokenBy);
  }

  /** A pool to lease, which may have to come up first; `undefined` when all are leased and no more may be opened now. */
  lend(): ManagedPool | undefined {
    const { ledger } = this;
    const free = ledger.lendableIf(isIdle) ?? ledger.lendableIf(isUp) ?? ledger.lendable();
    if (free !== undefined) ledger.move(free, 'leased');
    else if (this.#mayOpen) return this.#openPool('leased');
    return free;
  }

  /** A pool to lease with a worker that has nothing to do. */
  lendIdle(): ManagedPool | undefined {
    const free = this.ledger.lendableIf(isIdle);
    if (free !== undefined) this.ledger.move(free, 'leased');
    return free;
  }

  /** Sees to it that so many pools that nobody has are coming up, as far as more may be opened now. */
  expect(count: number): void {
    const isDown = (pool: ManagedPool): boolean => !pool.isUp;
    const coming = this.ledger.in('starting', 'available').filter(isDown).length;
    for (let more = count - coming; more > 0 && this.#mayOpen; more--) this.#openPool('starting');
  }

  /** A lease is over. */
  takeBack(pool: ManagedPool, retire: boolean): void {
    if (this.ledger.stateOf(pool) !== 'leased') return;
    if (retire || pool.brokenBy !== undefined || !this.#open) {
      void this.#close(pool, 0);
      return;
    }
    pool.idleSinceMs = this.#clock.now();
    this.ledger.move(pool, pool.hasComeUp ? 'available' : 'starting');
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
    this.#owner.poolsResized();
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

  get #mayOpen(): boolean {
    return this.#open && this.ledger.mayOpen && !this.#isBreak;
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
    const load = loadOf(pool.executor);
    if (load !== undefined) load.onWorkerFreed = () => this.#workerFreed(pool);
    return pool;
  }

  #cameUp(pool: ManagedPool): void {
    if (poolUp.hasSubscribers) poolUp.publish({ pool: pool.name });
    if (this.ledger.stateOf(pool) !== 'starting') return;
    this.ledger.move(pool, 'available');
    pool.idleSinceMs = this.#clock.now();
    this.#owner.poolFree();
    const isFree = this.ledger.stateOf(pool) === 'available';
    if (isFree && pool.isUnwanted && this.ledger.staying > this.#desired) void this.#close(pool, 0);
    else this.#closeIdleLater();
  }

  #workerFreed(pool: ManagedPool): void {
    const state = this.ledger.stateOf(pool);
    if (state === 'leased') this.#owner.workerFreed(pool);
    else if (state === 'available') this.#owner.poolFree();
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
    // Where workers come up, and cannot be ended, the next pool can be opened at once.
    if (!pool.hasComeUp || pool.executor.leftBehind === undefined) this.#beginBreak(error);
    if (state !== 'leased') void this.#close(pool, 0);
    this.#owner.poolBroke(pool, error);
  }

  #beginBreak(error: Error): void {
    this.#brokenBy = error;
    this.#brokenUntil = this.#clock.now() + breakMs;
    this.#deadlines.clear(this.#breakEnd);
    this.#breakEnd = this.#deadlines.set(this.#brokenUntil, () => this.#owner.poolFree(), {
      keepsAlive: false,
    });
  }

  #grow(): ManagedPool[] {
    const pools: ManagedPool[] = [];
    while (this.#mayOpen && this.ledger.staying < this.#desired) pools.push(this.#openPool('starting'));
    return pools;
  }

  /** Resolves when the pool is closed, or when that takes too long; a pool that still holds a worker counts until it does not. */
  #close(pool: ManagedPool, timeoutSeconds: number): Promise<void> {
    const { logger } = this.#settings;
    this.ledger.move(pool, 'closing');
    const closed = pool
      .shutdown(timeoutSeconds)
      .catch((error: unknown) => {
        logger.error('a pool failed to shut down', { pool: pool.name, error });
      })
      .then(() => this.#closed(pool));
    const waited = this.#noLongerThan(closed, timeoutSeconds * 1000 + shutdownSlackMs, () => {
      logger.error('a pool that does not shut down is left behind', { pool: pool.name });
    });
    this.#closings.add(waited);
    return waited.finally(() => this.#closings.delete(waited));
  }

  #closed(pool: ManagedPool): void {
    const { leftBehind } = pool.executor;
    if (leftBehind !== undefined) return void leftBehind.then(() => this.#closed(pool));
    this.ledger.remove(pool);
    this.#settings.logger.debug('pool closed', { pool: pool.name });
    if (poolClose.hasSubscribers) poolClose.publish({ pool: pool.name });
    if (this.#open) this.#owner.poolFree();
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

const isUp = (pool: ManagedPool): boolean => pool.isUp;
const isIdle = (pool: ManagedPool): boolean => pool.isIdle;
