import { AsyncLocalStorage } from 'node:async_hooks';
import { perThread } from './per-thread.ts';

// Never disabled again: a timer that the module started must not start a manager either.
const importing = perThread('importing/1', () => new AsyncLocalStorage<string>());

/** Runs `load` marked as the import of a task module by a worker; what the module starts (timers, promises) is marked too. */
export function whileImporting<T>(module: string, load: () => T): T {
  return importing.run(module, load);
}

/** The task module whose import by a worker runs this code. Jobs run outside of it, also in a worker. */
export function importingModule(): string | undefined {
  return importing.getStore();
}
