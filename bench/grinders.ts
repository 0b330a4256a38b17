import {
  LeasedExecutorManager,
  type LeasedExecutorManagerOptions,
  WorkGrinder,
  type WorkGrinderOptions,
} from 'leasepool';
import type { Call } from './rivals.ts';
import { jobs } from './workers/jobs.ts';

/** A grinder with a manager of its own. */
export interface OpenGrinder {
  readonly manager: LeasedExecutorManager;
  readonly grinder: WorkGrinder;
  readonly call: Call;
  stop(): Promise<void>;
}

export async function openGrinder(
  managerOptions: LeasedExecutorManagerOptions,
  grinderOptions: Omit<WorkGrinderOptions, 'executorManager'> = {},
): Promise<OpenGrinder> {
  const { maxPools = 1 } = managerOptions;
  const manager = new LeasedExecutorManager({ minPools: maxPools, ...managerOptions });
  const grinder = new WorkGrinder({ executorManager: manager, ...grinderOptions });
  await manager.start();
  await grinder.start();
  return {
    manager,
    grinder,
    call: (job, input) => grinder.submit(jobs[job] as (input: unknown) => unknown, [input]),
    async stop() {
      await grinder.stop();
      await manager.stop();
    },
  };
}

/** The ways of dispatch, by the names they have in the tables. Each has two workers. */
export const modes = {
  'threshold 20': () => openGrinder({ workersPerPool: 2 }, { batchSizeThreshold: 20 }),
  natural: () => openGrinder({ maxPools: 2, workersPerPool: 1 }, { dispatch: 'natural' }),
  'batches of 20': () =>
    openGrinder({ maxPools: 2, workersPerPool: 1 }, { batchSizeThreshold: 20, maxBatchSize: 20 }),
} satisfies Record<string, () => Promise<OpenGrinder>>;

export type Mode = keyof typeof modes;
