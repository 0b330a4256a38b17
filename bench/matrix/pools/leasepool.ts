import { importTasks, LeasedExecutorManager, type SubmitOptions, WorkGrinder } from 'leasepool';
import type { Contestant, Pool, PoolOptions } from '../pool.ts';
import { tasks } from '../workers/leasepool.ts';

const failing = importTasks<{ echo(value: unknown): unknown }>(
  new URL('../workers/failing.js', import.meta.url),
);

async function open(
  backend: 'thread' | 'process',
  { workers, maxQueue, memoryMb, fails = false }: PoolOptions,
): Promise<Pool> {
  const manager = new LeasedExecutorManager({
    backend,
    workersPerPool: workers,
    workerOptions: memoryMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memoryMb } },
  });
  const grinder = new WorkGrinder({
    executorManager: manager,
    dispatch: 'natural',
    ...(maxQueue === undefined ? {} : { maxQueueSize: maxQueue }),
  });
  await manager.start();
  await grinder.start();
  const run = (job: string, arg: unknown, options?: SubmitOptions): Promise<unknown> =>
    grinder.submit(fails ? failing.echo : tasks[job], [arg], options);
  return {
    run: (job, arg) => run(job, arg),
    runAtMost: (ms, job, arg) => run(job, arg, { timeoutSeconds: ms / 1000 }),
    cancellable(job, arg) {
      const promise = grinder.enqueue(tasks[job], [arg]);
      return { promise, cancel: () => void promise.cancel() };
    },
    async close() {
      await grinder.stop();
      await manager.stop();
    },
    async destroy() {
      await grinder.stop({ cancelPending: true });
      await manager.stop({ timeoutSeconds: 0 });
    },
  };
}

const make = (options: object): unknown => new LeasedExecutorManager(options);
const nonsense = {
  'workersPerPool: NaN': () => make({ workersPerPool: Number.NaN }),
  'maxPools: 1.5': () => make({ maxPools: 1.5 }),
  workersPerPol: () => make({ workersPerPol: 2 }),
};

export const leasepool: readonly Contestant[] = (['thread', 'process'] as const).map((backend) => ({
  name: `leasepool, ${backend}`,
  from: 'leasepool',
  open: (options) => open(backend, options),
  nonsense,
}));
