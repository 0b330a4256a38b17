import * as workerThreads from 'node:worker_threads';

/** Node 22 and newer. */
const { markAsUncloneable } = workerThreads as { markAsUncloneable?: (value: object) => void };

/**
 * Makes `postMessage(value)` throw a `DataCloneError`. Without it a class instance would arrive in the other
 * thread as an empty shell. Where the runtime has no mark for this, a function-valued property does it.
 */
export function refuseCloning(value: object): void {
  if (markAsUncloneable !== undefined) markAsUncloneable(value);
  else Object.defineProperty(value, 'belongsToItsThread', { value: () => true, enumerable: true });
}
