/** What is done again and again to see whether anything of it stays. */

import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import type { Backend } from '../soak/plan.ts';

export interface Phase {
  readonly name: 'leases' | 'crashes' | 'restarts';
  /** Does it once more, or a few times at once: tells how often. */
  again(): Promise<number>;
  end(): Promise<void>;
}

const workersPerPool = 2;
const square = (value: number): number => value * value;

async function started(backend: Backend, more: object = {}): Promise<LeasedExecutorManager> {
  const manager = new LeasedExecutorManager({ backend, workersPerPool, ...more });
  await manager.start();
  return manager;
}

/** Acquires, runs a job, releases. */
export async function leases(backend: Backend): Promise<Phase> {
  const manager = await started(backend, { maxPools: 2, minPools: 2 });
  const { signal } = new AbortController();
  return {
    name: 'leases',
    async again() {
      const values = await Promise.all(
        [3, 4].map((value) =>
          manager.withLease((lease) => lease.run(square, [value], { signal }), {
            signal,
            timeoutSeconds: 60,
          }),
        ),
      );
      if (values.join() !== '9,16') throw new Error(`the results are ${values.join()}`);
      return 2;
    },
    end: () => manager.stop(),
  };
}

/** A job ends each worker of a pool, and the pool has them back. */
export async function crashes(backend: Backend): Promise<Phase> {
  const manager = await started(backend);
  const grinder = new WorkGrinder({ executorManager: manager, dispatch: 'natural' });
  await grinder.start();
  return {
    name: 'crashes',
    async again() {
      const outcomes = await Promise.allSettled([
        grinder.submit((code: number) => process.exit(code), [1]),
        grinder.submit(square, [2]),
        grinder.submit(async () => {
          void Promise.reject(new Error('unhandled'));
          await new Promise((resolve) => setTimeout(resolve, 60_000));
        }),
        grinder.submit(square, [3]),
      ]);
      const statuses = outcomes.map(({ status }) => status);
      if (statuses.join() !== 'rejected,fulfilled,rejected,fulfilled') throw new Error(statuses.join());
      return 2;
    },
    async end() {
      await grinder.stop();
      await manager.stop();
    },
  };
}

/** Starts a manager and a grinder, submits a job and stops both. */
export async function restarts(backend: Backend): Promise<Phase> {
  const manager = new LeasedExecutorManager({ backend, workersPerPool: 1 });
  const grinder = new WorkGrinder({ executorManager: manager, dispatch: 'natural' });
  return {
    name: 'restarts',
    async again() {
      await manager.start();
      await grinder.start();
      if ((await grinder.submit(square, [5])) !== 25) throw new Error('the result is wrong');
      await grinder.stop();
      await manager.stop();
      return 1;
    },
    end: () => Promise.resolve(),
  };
}
