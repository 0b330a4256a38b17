import { fileURLToPath } from 'node:url';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { Piscina } from 'piscina';
import { FixedThreadPool } from 'poolifier';
import { spin } from './workers/spin.ts';

const workerFile = (name: string): string => fileURLToPath(new URL(`workers/${name}.js`, import.meta.url));

export type PoolName = 'threshold 20' | 'natural' | 'piscina' | 'poolifier';

export interface Pools {
  /** Has a worker spin for so many milliseconds. */
  readonly spin: Readonly<Record<PoolName, (ms: number) => Promise<unknown>>>;
  stop(): Promise<void>;
}

/** The same jobs on leasepool, in both ways of dispatch, and on its rivals, with as many workers each. */
export async function openPools(workers: number): Promise<Pools> {
  const managers = [0, 1].map(() => new LeasedExecutorManager({ workersPerPool: workers }));
  await Promise.all(managers.map((manager) => manager.start()));
  const threshold = new WorkGrinder({ executorManager: managers[0], batchSizeThreshold: 20 });
  const natural = new WorkGrinder({ executorManager: managers[1], dispatch: 'natural' });
  await Promise.all([threshold.start(), natural.start()]);
  const piscina = new Piscina<number, number>({
    filename: workerFile('spin-piscina'),
    minThreads: workers,
    maxThreads: workers,
  });
  const poolifier = new FixedThreadPool<number, number>(workers, workerFile('spin-poolifier'));
  return {
    spin: {
      'threshold 20': (ms) => threshold.submit(spin, [ms]),
      natural: (ms) => natural.submit(spin, [ms]),
      piscina: (ms) => piscina.run(ms),
      poolifier: (ms) => poolifier.execute(ms),
    },
    async stop() {
      await Promise.all([threshold.stop(), natural.stop()]);
      await Promise.all(managers.map((manager) => manager.stop()));
      await piscina.destroy();
      await poolifier.destroy();
    },
  };
}
