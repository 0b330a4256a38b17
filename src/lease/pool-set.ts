import { poolBreak, poolClose, poolOpen, poolUp } from '../diagnostics/channels.ts';
import type { ExecutorBackend } from '../executor/executor.ts';
import type { Clock } from '../core/clock.ts';
import type { Deadline, TimerQueue } from '../core/timer-queue.ts';
import { BrokenExecutorError, LeasepoolError } from '../core/errors.ts';
import { Math, Promise, Set } from '../core/globals.ts';
import { PoolStates } from './pool-states.ts';
import { loadOf } from '../executor/load.ts';
import { PoolEntry } from './pool-entry.ts';
import type { ManagerSettings } from './manager-options.ts';
import { recentBreak, stuckBreak } from './open-refusal.ts';
import { PoolMeter } from './pool-meter.ts';
import { desiredPools, isDemand, unitsOf } from './sizing.ts';

/** What the pools tell the manager. */
export interface PoolSetEvents {
  /** A pool may be had: one is free, or one more may be opened. */
  poolFree(): void;
  /** Pools have been opened or closed. */
  poolsResized(): void;
  /** A worker of a pool that is lent may be free. */
  workerFreed(pool: PoolEntry): void;
  poolBroke(pool: PoolEntry, error: Error): void;
}

/** After a pool could not be kept up, none is opened for this long: each attempt costs seconds. */
const cooldownMs = 5_000;
/** How much longer than it was given a pool may take to shut down before it is left behind. */
const shutdownSlackMs = 3_000;

/** The pools of a manager: opens, lends, shrinks and closes them. */
export class PoolSet {
  readonly states: PoolStates<PoolEntry>;
  readonly meter: PoolMeter;
  readonly #settings: ManagerSettings;
  readonly #backend: ExecutorBackend;
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #events: PoolSetEvents;
  readonly #closings = new Set<Promise<void>>();
  #opened = 0;
  #isOpen = false;
  #desired: number;
  #isAsking = false;
  #brokenBy: Error | undefined;
  #coolsDownUntil = -Infinity;
  #nextCheck: Deadline | undefined;
  #idleCheck: Deadline | undefined;
  #cooldownEnd: Deadline | undefined;

  constructor(
    settings: ManagerSettings,
    backend: ExecutorBackend,
    clock: Clock,
    timers: TimerQueue,
    owner: PoolSetEvents,
  ) {
    this.states = new PoolStates(settings.maxPools);
    this.meter = new PoolMeter(clock);
    this.#settings = settings;
    this.#backend = backend;
    this.#clock = clock;
    this.#timers = timers;
    this.#events = owner;
    this.#desired = settings.minPools;
  }

  /** Opens the desired number of pools. Resolves when they are up. @throws {@link BrokenExecutorError} when none comes up */
  async start(): Promise<void> {
    this.#isOpen = true;
    this.#coolsDownUntil = -Infinity;
    this.updateDesired();
    if (!this.#isOpen) return;
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
    return this.states.lendable() !== undefined || this.#canOpen;
  }

  /** Whether {@link lendIdle} would give a pool. */
  get canLendIdle(): boolean {
    return this.states.lendableIf(isIdle) !== undefined;
  }

  /** How many pools can be had, those that would have to be opened or come up first among them. */
  get lendable(): number {
    const { states } = this;
    const openable = this.#canOpen ? states.maxPools - states.total : 0;
    return states.count('available') + states.count('starting') + openable;
  }

  /** Pools that run what they are given, or will. */
  get healthy(): number {
    return this.states
      .inState('starting', 'available', 'leased')
      .filter((pool) => pool.brokenBy === undefined).length;
  }

  /** Why no pool is opened: one broke just now, or those that broke hold all places, with workers that cannot be ended. */
  get refusal(): BrokenExecutorError | undefined {
    if (!this.states.canOpen) return this.healthy === 0 ? stuckBreak(this.states) : undefined;
    if (!this.#isCoolingDown) return undefined;
    return recentBreak(this.#brokenBy);
  }

  /** A pool to lease, which may have to come up first; `undefined` when all are leased and no more may be opened now. */
  lend(): PoolEntry | undefined {
    const { states } = this;
    const free = states.lendableIf(isIdle) ?? states.lendableIf(isUp) ?? states.lendable();
    if (free !== undefined) states.move(free, 'leased');
    else if (this.#canOpen) return this.#openPool('leased');
    return free;
  }

  /** A pool to lease with a worker that has nothing to do. */
  lendIdle(): PoolEntry | undefined {
    const free = this.states.lendableIf(isIdle);
    if (free !== undefined) this.states.move(free, 'leased');
    return free;
  }

  /** Sees to it that so many pools that nobody has are coming up, as far as more may be opened now. */
  expect(count: number): void {
    const isDown = (pool: PoolEntry): boolean => !pool.isUp;
    const coming = this.states.inState('starting', 'available').filter(isDown).length;
    for (let more = count - coming; more > 0 && this.#canOpen; more--) this.#openPool('starting');
  }

  /** A lease is over. */
  takeBack(pool: PoolEntry, retire: boolean): void {
    if (this.states.stateOf(pool) !== 'leased') return;
    if (retire || pool.brokenBy !== undefined || !this.#isOpen) {
      void this.#close(pool, 0);
      return;
    }
    pool.idleSinceMs = this.#clock.now();
    this.states.move(pool, pool.hasComeUp ? 'available' : 'starting');
    this.#events.poolFree();
    this.#closeIdleLater();
  }

  /** Grows to the desired number, and closes unleased pools above it that were idle for `idleMs`. */
  resize(idleMs: number): void {
    if (!this.#isOpen) return;
    this.updateDesired();
    if (!this.#isOpen) return; // The provider has stopped the manager.
    this.#grow();
    const now = this.#clock.now();
    for (const pool of this.states.excess(this.#desired)) {
      if (now - pool.idleSinceMs >= idleMs) void this.#close(pool, 0);
    }
    if (idleMs === 0) this.#closeWhenUp();
    this.#events.poolsResized();
    this.#closeIdleLater();
  }

  /** Asks the size provider. One that asks in turn (it is inside its own call) gets the answer before. */
  updateDesired(): number {
    const { sizeProvider, logger } = this.#settings;
    if (this.#isAsking) return this.#desired;
    let units: unknown = 0;
    this.#isAsking = true;
    try {
      if (sizeProvider !== undefined) units = sizeProvider();
      if (!isDemand(units)) logger.warn('sizeProvider gave no demand; counted as 0', { given: units });
    } catch (error) {
      logger.warn('sizeProvider threw; counted as 0', { error });
    } finally {
      this.#isAsking = false;
    }
    return (this.#desired = desiredPools(unitsOf(units), this.#settings));
  }

  /** Closes every pool. Always resolves. */
  async stop(timeoutSeconds: number): Promise<void> {
    this.#isOpen = false;
    this.#timers.clear(this.#nextCheck);
    this.#timers.clear(this.#idleCheck);
    this.#timers.clear(this.#cooldownEnd);
    const closing = this.states
      .inState('starting', 'available', 'leased')
      .map((pool) => this.#close(pool, timeoutSeconds));
    await Promise.all([...closing, ...this.#closings]);
  }

  get #canOpen(): boolean {
    return this.#isOpen && this.states.canOpen && !this.#isCoolingDown;
  }

  get #isCoolingDown(): boolean {
    return this.#clock.now() < this.#coolsDownUntil;
  }

  #openPool(state: 'starting' | 'leased'): PoolEntry {
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
    const pool = new PoolEntry(this.#backend, options, this.#clock.now());
    this.states.add(pool, state);
    logger.debug('pool opened', { pool: name });
    void pool.whenUp().then((failure) => {
      if (failure === undefined) this.#cameUp(pool);
    });
    void pool.executor.broken?.then((error) => this.#broke(pool, error));
    const load = loadOf(pool.executor);
    if (load !== undefined) load.onWorkerFreed = () => this.#workerFreed(pool);
    return pool;
  }

  #cameUp(pool: PoolEntry): void {
    if (poolUp.hasSubscribers) poolUp.publish({ pool: pool.name });
    if (this.states.stateOf(pool) !== 'starting') return;
    this.states.move(pool, 'available');
    pool.idleSinceMs = this.#clock.now();
    this.#events.poolFree();
    const isFree = this.states.stateOf(pool) === 'available';
    if (isFree && pool.closeWhenUp && this.states.active > this.#desired) void this.#close(pool, 0);
    else this.#closeIdleLater();
  }

  #workerFreed(pool: PoolEntry): void {
    const state = this.states.stateOf(pool);
    if (state === 'leased') this.#events.workerFreed(pool);
    else if (state === 'available') this.#events.poolFree();
  }

  /** Pools above the desired number that are coming up cannot be closed yet. */
  #closeWhenUp(): void {
    const excess = Math.max(0, this.states.active - this.#desired);
    for (const pool of this.states.inState('starting').slice(0, excess)) pool.closeWhenUp = true;
  }

  #broke(pool: PoolEntry, error: Error): void {
    const state = this.states.stateOf(pool);
    if (state === undefined || state === 'closing') return;
    this.#settings.logger.error('pool broke and is retired', { pool: pool.name, error });
    if (poolBreak.hasSubscribers) poolBreak.publish({ pool: pool.name, error });
    pool.brokenBy = error;
    // Where workers come up, and cannot be ended, the next pool can be opened at once.
    if (!pool.hasComeUp || pool.executor.leftBehind === undefined) this.#beginCooldown(error);
    if (state !== 'leased') void this.#close(pool, 0);
    this.#events.poolBroke(pool, error);
  }

  #beginCooldown(error: Error): void {
    this.#brokenBy = error;
    this.#coolsDownUntil = this.#clock.now() + cooldownMs;
    this.#timers.clear(this.#cooldownEnd);
    this.#cooldownEnd = this.#timers.set(this.#coolsDownUntil, () => this.#events.poolFree(), {
      keepsAlive: false,
    });
  }

  #grow(): PoolEntry[] {
    const pools: PoolEntry[] = [];
    while (this.#canOpen && this.states.active < this.#desired) pools.push(this.#openPool('starting'));
    return pools;
  }

  /** Resolves when the pool is closed, or when that takes too long; a pool that still holds a worker counts until it does not. */
  #close(pool: PoolEntry, timeoutSeconds: number): Promise<void> {
    const { logger } = this.#settings;
    this.states.move(pool, 'closing');
    const closed = pool
      .shutdown(timeoutSeconds)
      .catch((error: unknown) => {
        logger.error('a pool failed to shut down', { pool: pool.name, error });
      })
      .then(() => this.#closed(pool));
    const waited = this.#withTimeout(closed, timeoutSeconds * 1000 + shutdownSlackMs, () => {
      logger.error('a pool that does not shut down is left behind', { pool: pool.name });
    });
    this.#closings.add(waited);
    return waited.finally(() => this.#closings.delete(waited));
  }

  #closed(pool: PoolEntry): void {
    const { leftBehind } = pool.executor;
    if (leftBehind !== undefined) return void leftBehind.then(() => this.#closed(pool));
    this.states.remove(pool);
    this.#settings.logger.debug('pool closed', { pool: pool.name });
    if (poolClose.hasSubscribers) poolClose.publish({ pool: pool.name });
    if (this.#isOpen) this.#events.poolFree();
  }

  #withTimeout(done: Promise<void>, ms: number, onOverdue: () => void): Promise<void> {
    return new Promise((resolve) => {
      const giveUp = (): void => {
        onOverdue();
        resolve();
      };
      const overdue = this.#timers.set(this.#clock.now() + ms, giveUp, { keepsAlive: true });
      void done.then(() => {
        this.#timers.clear(overdue);
        resolve();
      });
    });
  }

  #checkLater(): void {
    const check = (): void => {
      this.resize(this.#settings.idleMs);
      if (this.#isOpen) this.#checkLater();
    };
    this.#nextCheck = this.#timers.set(this.#clock.now() + this.#settings.checkIntervalMs, check, {
      keepsAlive: false,
    });
  }

  /** When the pool that has idled longest among those above the desired number has idled long enough. */
  #closeIdleLater(): void {
    const [oldest] = this.states.excess(this.#desired);
    if (oldest === undefined || (this.#idleCheck !== undefined && this.#idleCheck.place >= 0)) return;
    const at = oldest.idleSinceMs + this.#settings.idleMs;
    this.#idleCheck = this.#timers.set(at, () => this.resize(this.#settings.idleMs), {
      keepsAlive: false,
    });
  }
}

const isUp = (pool: PoolEntry): boolean => pool.isUp;
const isIdle = (pool: PoolEntry): boolean => pool.isIdle;
