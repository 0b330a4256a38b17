import { Array, Object, TypeError, WeakMap } from '../core/globals.ts';
import { perThread } from './per-thread.ts';
import type { Transferable } from './reference.ts';

// Kept beside the value, not around it: a task that is called directly, here or by another task, gets what it returned.
const lists = perThread('moved/1', () => new WeakMap<WeakKey, readonly Transferable[]>());

/**
 * In a task: returns a value whose listed parts are moved to the caller, not copied.
 * It must be the task's result itself (or what its promise resolves to); inside a larger result it has no effect.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE` when `transfer` is not an array.
 * @example
 * return move(pixels, [pixels.buffer]);
 */
export function move<T>(value: T, transfer: readonly Transferable[]): T {
  if (!Array.isArray(transfer)) {
    throw Object.assign(
      new TypeError(`The "transfer" argument of move() must be an array, got ${typeof transfer}.`),
      {
        code: 'ERR_INVALID_ARG_TYPE',
      },
    );
  }
  if (typeof value === 'object' && value !== null) lists.set(value, transfer);
  return value;
}

/** What a job's awaited result wants moved, when it went through {@link move}. */
export function asMoved(
  value: unknown,
): { readonly value: unknown; readonly transfer: readonly Transferable[] } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const transfer = lists.get(value);
  return transfer && { value, transfer };
}
