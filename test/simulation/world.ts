import './virtual-globals.ts';
import type { Executor, ExecutorBackend, ExecutorCreateOptions } from '../../src/executor/executor.ts';
import { PendingExecutor } from '../../src/executor/pending-executor.ts';
import { WorkerPool } from '../../src/executor/worker-pool.ts';
import type { Spawn } from '../../src/executor/port.ts';
import { WorkGrinder } from '../../src/grinder/grinder.ts';
import { LeasedExecutorManager } from '../../src/lease/manager.ts';
import { type Item, Items } from './items.ts';
import { ObservedPool, type PoolObserver } from './observed-pool.ts';
import type { Program, WorldPlan } from './program.ts';
import { Scene } from './scene.ts';
import { SimulatedPool } from './simulated-pool.ts';
import { SimulatedWorker } from './simulated-worker.ts';
import type { OwnedClock } from './virtual-time.ts';

export const ownerPrefix = 'grinder';
/** So long after a pool broke, none is opened. */
const breakMs = 5000;

/** Who wants to know what pools do. */
export interface WorldObserver extends PoolObserver {
  workerStarted?(poolName: string): void;
}

/** The real manager and the real grinder, in a world where everything else is simulated. */
export class World {
  readonly plan: WorldPlan;
  readonly scene: Scene;
  readonly items: Items;
  readonly workers: SimulatedWorker[] = [];
  readonly pools: ObservedPool[] = [];
  readonly simulatedPools: SimulatedPool[] = [];
  /** Pools in which a worker could not even be started. */
  readonly poolsWithoutThreads = new Set<string>();
  readonly managerClock: OwnedClock;
  readonly grinderClock: OwnedClock;
  readonly poolClock: OwnedClock;
  readonly manager: LeasedExecutorManager;
  readonly grinder: WorkGrinder;
  readonly maxBatchSize: number;
  readonly maxQueueSize: number;
  readonly maxConcurrentBatches: number;
  /** What the size provider gives. */
  units: number | 'throws' | 'nonsense' = 0;
  /** Told of what goes in and out of pools. */
  observer: WorldObserver = { sending() {} };
  lastBreakAtMs = -Infinity;
  /** A pool broke, and until then the manager opens none. */
  breakEndsAtMs = -Infinity;
  /** A pool broke, or could not be made. */
  hasBroken = false;

  constructor(program: Program, keepsTrace: boolean) {
    this.scene = new Scene(program, keepsTrace);
    this.items = new Items(this.scene);
    const { world: plan } = program;
    this.plan = plan;
    this.managerClock = this.scene.time.clockFor('manager');
    this.grinderClock = this.scene.time.clockFor('grinder');
    this.poolClock = this.scene.time.clockFor('pools');
    this.maxBatchSize = plan.threshold + plan.batchSlack;
    this.maxQueueSize = plan.maxQueueSize ?? Infinity;
    this.maxConcurrentBatches = plan.maxConcurrentBatches ?? plan.maxPools;
    this.manager = this.#newManager();
    this.grinder = new WorkGrinder(
      {
        executorManager: this.manager,
        batchSizeThreshold: plan.threshold,
        maxWaitSeconds: plan.maxWaitMs / 1000,
        leaseSeconds: plan.leaseMs / 1000,
        ownerPrefix,
        maxBatchSize: this.maxBatchSize,
        maxConcurrentBatches: this.maxConcurrentBatches,
        dispatch: plan.dispatch,
        maxQueueSize: this.maxQueueSize,
      },
      this.grinderClock,
    );
  }

  /** The faults are over, and what was stuck gets loose. */
  heal(): void {
    this.scene.endFaults();
    this.units = 0;
    for (const worker of this.workers) worker.heal();
    for (const pool of this.simulatedPools) pool.heal();
  }

  #newManager(): LeasedExecutorManager {
    const { plan } = this;
    return new LeasedExecutorManager(
      {
        backend: this.#newBackend(),
        maxPools: plan.maxPools,
        minPools: plan.minPools,
        idleSeconds: plan.idleMs / 1000,
        sizeProvider: () => this.#demand(),
        defaultLeaseSeconds: 0.5,
        checkIntervalSeconds: plan.checkIntervalMs / 1000,
        leaseGraceSeconds: plan.graceMs / 1000,
        workersPerPool: plan.workersPerPool,
        namePrefix: 'pool',
        asyncTasks: plan.asyncTasks,
        startTimeoutSeconds: plan.startTimeoutMs / 1000,
      },
      this.managerClock,
    );
  }

  #demand(): number {
    if (this.units === 'throws') throw new Error('the size provider fails');
    return this.units === 'nonsense' ? Number.NaN : this.units;
  }

  #newBackend(): ExecutorBackend {
    const { scene } = this;
    return {
      name: 'simulated',
      createExecutor: (options) => {
        if (this.plan.backend === 'workers')
          return this.#observed(options, new WorkerPool(options, this.#spawn, this.poolClock));
        if (scene.chance.draw('opens later') < 0.5) return this.#observed(options, this.#newPool(options));
        return this.#observed(options, new PendingExecutor(options.workers, this.#openLater(options)));
      },
    };
  }

  #broke({ isBroken, isReady, leftBehind, state }: ObservedPool): void {
    this.hasBroken = true;
    this.lastBreakAtMs = this.scene.time.turnNow;
    const isStuck = isReady && leftBehind !== undefined;
    if (isBroken && state === 'open' && !isStuck) this.breakEndsAtMs = this.lastBreakAtMs + breakMs;
  }

  #newPool({ name, workers }: ExecutorCreateOptions): SimulatedPool {
    const pool = new SimulatedPool(name, workers, this.plan, this.scene, this.items);
    this.simulatedPools.push(pool);
    return pool;
  }

  #openLater(options: ExecutorCreateOptions): Promise<Executor> {
    const { time, chance } = this.scene;
    return new Promise((resolve, reject) => {
      const isNever = this.scene.fails('start');
      if (isNever && chance.draw('fails at once') < 0.3) return reject(new Error('the backend fails'));
      time.plan(
        'input',
        time.now + Math.floor(chance.draw('opening') * 20),
        `${options.name} is made`,
        () => {
          if (isNever) reject(new Error('the pool cannot be made'));
          else resolve(this.#newPool(options));
        },
      );
    });
  }

  #observed({ name }: ExecutorCreateOptions, executor: Executor): ObservedPool {
    const { turnNow } = this.scene.time;
    if (turnNow > this.lastBreakAtMs && turnNow < this.breakEndsAtMs)
      this.scene.violate('M6 no pool is opened right after one broke', name);
    const pool = new ObservedPool(name, executor, this.scene, this.items, {
      sending: (...sent) => this.observer.sending(...sent),
      poolBroke: (broken) => this.#broke(broken),
      closing: (closing) => this.observer.closing?.(closing),
    });
    this.pools.push(pool);
    return pool;
  }

  readonly #spawn: Spawn = (options, events) => {
    if (this.scene.fails('start') && this.scene.chance.draw('spawn') < 0.3) {
      this.poolsWithoutThreads.add(options.name);
      throw new Error('no more threads');
    }
    const worker = new SimulatedWorker(
      `worker${this.workers.length}`,
      this.scene,
      this.items,
      options,
      events,
    );
    this.workers.push(worker);
    this.observer.workerStarted?.(options.name);
    return worker;
  };
}

/** Whether a worker of the pool has nothing to do, as far as the host can know. */
export function mayIdle({ plan, workers }: World, { name, isReady }: ObservedPool): boolean {
  if (plan.backend === 'pools') return isReady;
  return isReady && workers.some((worker) => worker.pool === name && worker.mayBeIdle);
}

/** Whether a worker of the pool has nothing to do, and the host knows it. */
export function idles({ plan, workers }: World, { name, isReady }: ObservedPool): boolean {
  if (plan.backend === 'pools') return isReady;
  return isReady && workers.some((worker) => worker.pool === name && worker.isIdle);
}

/** Items the grinder has taken in and no executor has. */
export function waitingItems({ items }: World): Item[] {
  const waiting: Item[] = [];
  for (const item of items.open) if (item.isGrinders && item.place === 'waiting') waiting.push(item);
  return waiting;
}
