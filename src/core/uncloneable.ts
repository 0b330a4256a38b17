import * as workerThreads from 'node:worker_threads';
import { defineField } from './define-field.ts';

/** Node 22 and newer. */
const { markAsUncloneable, isMarkedAsUntransferable } = workerThreads as {
  markAsUncloneable?: (value: object) => void;
  isMarkedAsUntransferable?: (value: object) => boolean;
};

/** Whether Node would refuse to move it because of a mark; `undefined` where the runtime does not tell. */
export function isMarkedUntransferable(value: object): boolean | undefined {
  return isMarkedAsUntransferable?.(value);
}

/**
 * Makes `postMessage(value)` throw a `DataCloneError`. Without it a class instance would arrive in the other
 * thread as an empty shell. Where the runtime has no mark for this, a function-valued property does it.
 */
export function refuseCloning(value: object): void {
  if (markAsUncloneable !== undefined) markAsUncloneable(value);
  else defineField(value, 'belongsToItsThread', () => true, true);
}
