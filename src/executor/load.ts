import type { ResolvedTask } from '../wire/reference.ts';
import type { Backlog } from './chunk.ts';
import type { Executor } from './executor.ts';

/** How busy a pool is. The pools of this package know it; those of another package do not say. */
export interface PoolLoad {
  readonly workersUp: number;
  /** Workers that are up and have nothing to do. */
  readonly idleWorkers: number;
  /** What no worker has begun. */
  backlog(): Backlog;
  /** So many calls of the task are worth a message. */
  worthMessage(task: ResolvedTask): number;
  /** Told when a worker has come up, or has nothing to do any more. */
  onWorkerFreed: () => void;
}

/** @returns `undefined` when the executor does not say */
export function loadOf(executor: Executor): PoolLoad | undefined {
  return (executor as Partial<PoolLoad>).backlog === undefined
    ? undefined
    : (executor as Executor & PoolLoad);
}
