import { AsyncLocalStorage } from 'node:async_hooks';
import { perThread } from './per-thread.ts';

const state = perThread('worker-data/1', () => ({
  value: undefined as unknown,
  scoped: new AsyncLocalStorage<{ readonly value: unknown }>(),
}));

/**
 * In a job (and in a task module while a worker loads it), on any backend: the manager's `workerData`. Elsewhere `undefined`.
 *
 * @example
 * const { dictionary } = workerData() as { dictionary: string };
 */
export function workerData(): unknown {
  const scope = state.scoped.getStore();
  return scope === undefined ? state.value : scope.value;
}

/** Once per worker thread or process, which has nothing else to do than to serve its manager. */
export function setWorkerData(value: unknown): void {
  state.value = value;
}

/** For jobs in the calling thread: `run`, and whatever it starts, sees `value`. */
export function withWorkerData<T>(value: unknown, run: () => T): T {
  return state.scoped.run({ value }, run);
}
