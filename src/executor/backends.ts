import type { Clock } from '../ground/clock.ts';
import type { ExecutorBackend } from './executor.ts';
import { WorkerPool } from './pool.ts';
import type { Spawn } from './port.ts';
import { spawnThread } from './port-thread.ts';

const spawns: Readonly<Record<'thread', Spawn>> = { thread: spawnThread };

/** The backends that come with the package: one pool, and a way to start a worker of each kind. */
export function builtInBackend(name: keyof typeof spawns, clock: Clock): ExecutorBackend {
  return { name, createExecutor: (options) => new WorkerPool(options, spawns[name], clock) };
}
