import { builtInBackend } from '../executor/backends.ts';
import { windowSeconds } from '../diagnostics/histogram.ts';
import type { ExecutorBackend } from '../executor/executor.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { TimerQueue } from '../core/timer-queue.ts';
import { ImportReentryError, NotStartedError } from '../core/errors.ts';
import { silentLogger } from '../core/logger.ts';
import { readDurationMs, readOptions } from '../core/options.ts';
import { refuseCloning } from '../core/uncloneable.ts';
import { QueueTimeouts } from '../job/queue-timeout.ts';
import { importingModule } from '../task/import-guard.ts';
import { isWorkerOutsideJobs } from '../task/worker-state.ts';
import { type AcquireOptions, readAcquireOptions } from './acquire-options.ts';
import { AcquiredAt } from './acquired-at.ts';
import { Acquisition, type AcquisitionTools } from './acquisition.ts';
import type { ExecutorLease } from './executor-lease.ts';
import { LeaseBroker, type LeaseSource } from './lease-broker.ts';
import type { PoolEntry } from './pool-entry.ts';
import {
  type LeasedExecutorManagerOptions,
  type ManagerSettings,
  readManagerOptions,
} from './manager-options.ts';
import { PoolSet, type PoolSetEvents } from './pool-set.ts';
import { leaseStats, type ManagerStats } from './stats.ts';
import { Promise, Set } from '../core/globals.ts';

export interface ManagerStopOptions {
  /** How long running jobs may take to finish before their workers are terminated; `0` terminates at once. @defaultValue `30` */
  readonly timeoutSeconds?: number | undefined;
}

/** Owns a bounded number of executor pools and lends them out. */
export class LeasedExecutorManager implements AsyncDisposable {
  readonly #settings: ManagerSettings;
  readonly #backend: ExecutorBackend;
  readonly #timers: TimerQueue;
  readonly #pools: PoolSet;
  readonly #broker: LeaseBroker;
  readonly #tools: AcquisitionTools;
  readonly #stopListeners = new Set<() => void>();
  #state: 'stopped' | 'starting' | 'started' | 'stopping' = 'stopped';
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * Checks the options; starts nothing.
   * @throws TypeError `ERR_INVALID_ARG_TYPE` (also for an unknown key), RangeError `ERR_OUT_OF_RANGE`,
   *   `UnsupportedBackendError`, `NotCloneableError` for `workerData`
   */
  constructor(options?: LeasedExecutorManagerOptions);
  /** @internal */
  constructor(options?: LeasedExecutorManagerOptions, clock?: Clock);
  constructor(options?: LeasedExecutorManagerOptions, clock: Clock = systemClock) {
    this.#settings = readManagerOptions(options);
    const { backend, leaseGraceMs } = this.#settings;
    this.#backend = typeof backend === 'string' ? builtInBackend(backend, clock) : backend;
    this.#timers = new TimerQueue(clock);
    const owner: PoolSetEvents = {
      poolFree: () => this.#broker.serveWaiters(),
      poolsResized: () => this.#broker.wantsMore(),
      workerFreed: (pool: PoolEntry) => this.#broker.workerFreed(pool),
      poolBroke: (pool: PoolEntry, error: Error) => this.#broker.poolBroke(pool, error),
    };
    this.#pools = new PoolSet(this.#settings, this.#backend, clock, this.#timers, owner);
    this.#broker = new LeaseBroker(this.#pools, clock, this.#timers, leaseGraceMs);
    this.#tools = {
      logger: this.#settings.logger,
      clock,
      timers: this.#timers,
      broker: this.#broker,
      queueTimeouts: new QueueTimeouts(clock, this.#timers),
    };
    refuseCloning(this);
  }

  /**
   * Opens the desired number of pools and resolves when they are up. Calling it again does nothing. After
   * {@link stop} it may be started again.
   * @throws `BrokenExecutorError` when no worker comes up; `NotStartedError` when stopped meanwhile;
   *   `ImportReentryError` in a task module that a worker is importing, and in a worker that runs no job
   */
  async start(): Promise<void> {
    const module = importingModule();
    if (module !== undefined) {
      throw new ImportReentryError(
        `a worker is importing ${module} for its tasks, and that module starts a manager: keep the tasks in a module of their own, apart from the program's entry (in a bundle too)`,
      );
    }
    if (isWorkerOutsideJobs()) {
      throw new ImportReentryError(
        'a worker runs what --import, --require and NODE_OPTIONS name, as the program does, and that starts a manager: start it in another module of the program, give workers flags of their own (workerOptions.execArgv, and NODE_OPTIONS in workerOptions.env), or catch this error there, so that workers come up without',
      );
    }
    if (this.#state === 'stopping') await this.#stopping;
    if (this.#state === 'stopped') {
      this.#state = 'starting';
      this.#starting = this.#bringUp();
    }
    await this.#starting;
  }

  /**
   * Shuts every pool down, leased ones too: work not begun and waiters in {@link acquire} fail with
   * `NotStartedError`, leases become inactive (their `signal` aborts), running jobs get `timeoutSeconds`.
   * Always resolves. Calling it again does nothing.
   * @throws TypeError, RangeError for options that cannot work
   */
  async stop(options?: ManagerStopOptions): Promise<void> {
    const given = readOptions<ManagerStopOptions>('stop()', options, ['timeoutSeconds']);
    const timeoutMs = readDurationMs('timeoutSeconds', given.timeoutSeconds, { orZero: true }) ?? 30_000;
    if (this.#state === 'starting' || this.#state === 'started') {
      this.#state = 'stopping';
      this.#stopping = this.#bringDown(timeoutMs);
    }
    await this.#stopping;
  }

  /**
   * Lends a pool; first come, first served. While fewer than `maxPools` are open, one is opened and lent at once:
   * its first jobs wait for its workers.
   * @throws `NotStartedError`; `LeaseUnavailableError` (`wait: false`); `TimeoutError`, phase `"acquire"`; `CancelledError`;
   *   `BrokenExecutorError` within 5 s after a pool broke
   */
  async acquire(options?: AcquireOptions): Promise<ExecutorLease> {
    const settings = readAcquireOptions(options, this.#settings.defaultLeaseMs);
    this.#assertRunning();
    const acquiredAt = this.#settings.logger === silentLogger ? undefined : new AcquiredAt(acquire);
    return new Promise((resolve, reject) =>
      new Acquisition(settings, this.#tools, resolve, reject, acquiredAt).begin(),
    );
  }

  /** Acquires, calls `use`, and releases whatever happens. @throws as {@link acquire}, and what `use` throws */
  async withLease<T>(
    use: (lease: ExecutorLease) => T | PromiseLike<T>,
    options?: AcquireOptions,
  ): Promise<T> {
    const lease = await this.acquire(options);
    try {
      return await use(lease);
    } finally {
      await lease.release();
    }
  }

  /** Looks at `sizeProvider` now rather than at the next check: opens pools up to the desired number, closes unleased ones above it. */
  notifyScaleChanged(): void {
    this.#pools.resize(0);
  }

  /** `min(maxPools, max(minPools, ceil(sizeProvider() / unitsPerPool)))` */
  desiredExecutorCount(): number {
    return this.#pools.updateDesired();
  }

  get availableCount(): number {
    return this.#pools.states.count('available');
  }

  /** Pools lent out, draining ones included. */
  get leasedCount(): number {
    return this.#pools.states.count('leased');
  }

  get totalCount(): number {
    return this.#pools.states.total;
  }

  get backend(): string {
    return this.#backend.name;
  }

  stats(): ManagerStats {
    const { states, meter } = this.#pools;
    const now = this.#tools.clock.now();
    return {
      started: this.#state === 'started',
      stopping: this.#state === 'stopping',
      namePrefix: this.#settings.namePrefix,
      backend: this.backend,
      desired: this.desiredExecutorCount(),
      maxPools: this.#settings.maxPools,
      minPools: this.#settings.minPools,
      starting: states.count('starting'),
      available: states.count('available'),
      leased: states.count('leased'),
      closing: states.count('closing'),
      total: states.total,
      workersPerPool: this.#settings.workersPerPool,
      waiting: this.#broker.waiting,
      leases: this.#broker.leases.map((lease) => leaseStats(lease, now)),
      histograms: {
        windowSeconds,
        leaseWaitSeconds: this.#broker.waits.read(now),
        transportSeconds: meter.transports.read(now),
        runSeconds: meter.runs.read(now),
      },
    };
  }

  /** `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal Where a grinder gets its leases. */
  leaseSource(): LeaseSource {
    return this.#broker;
  }

  /** @internal Whether it lends. */
  get isRunning(): boolean {
    return this.#state === 'starting' || this.#state === 'started';
  }

  /** @internal Calls back when the manager begins to stop. @returns a function that ends this */
  onStop(listener: () => void): () => void {
    this.#stopListeners.add(listener);
    return () => this.#stopListeners.delete(listener);
  }

  /** @internal Most batches that can run at once. */
  get maxPools(): number {
    return this.#settings.maxPools;
  }

  async #bringUp(): Promise<void> {
    try {
      await this.#pools.start();
    } catch (error) {
      if (this.#state === 'starting') await this.stop({ timeoutSeconds: 0 });
      throw error;
    }
    if (this.#state !== 'starting') throw new NotStartedError('the manager was stopped while it started');
    this.#state = 'started';
  }

  async #bringDown(timeoutMs: number): Promise<void> {
    const stopped = (): Error => new NotStartedError('the manager was stopped');
    this.#broker.refuseWaiters(stopped);
    for (const listener of this.#stopListeners) listener();
    for (const lease of this.#broker.leases) lease.invalidate(stopped());
    await this.#pools.stop(timeoutMs / 1000);
    this.#state = 'stopped';
  }

  #assertRunning(): void {
    if (!this.isRunning) throw new NotStartedError('the manager is not started: await manager.start() first');
  }
}

// As it is: a test may replace it with a function that calls it.
const { acquire } = LeasedExecutorManager.prototype;
