import type { Clock } from '../core/clock.ts';
import type { ExecutorBackend } from './executor.ts';
import { Object } from '../core/globals.ts';
import { WorkerPool } from './worker-pool.ts';
import type { Spawn } from './port.ts';
import { spawnInline } from './inline-port.ts';
import { spawnProcess } from './process-port.ts';
import { spawnThread } from './thread-port.ts';

const spawns: Readonly<Record<'thread' | 'process' | 'inline', Spawn>> = {
  thread: spawnThread,
  process: spawnProcess,
  inline: spawnInline,
};

export type BuiltInName = keyof typeof spawns;

export const builtInNames = Object.keys(spawns) as readonly BuiltInName[];

/** The backends that come with the package: one pool, and a way to start a worker of each kind. */
export function builtInBackend(name: BuiltInName, clock: Clock): ExecutorBackend {
  return { name, createExecutor: (options) => new WorkerPool(options, spawns[name], clock) };
}
