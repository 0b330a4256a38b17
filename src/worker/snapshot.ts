import { types } from 'node:util';

/** Stands for "no copy was made". */
export const noSnapshot: unique symbol = Symbol('no snapshot');

/** Values and objects one copy may have. A larger one costs more to copy than a message of its own. */
const valueLimit = 64;
const objectLimit = 16;

const { isProxy } = types;

/** Objects of the copy under way, to tell a tree from anything that meets itself again. */
const seen: unknown[] = [];
let left = 0;

/**
 * A copy of a small tree of plain objects and arrays, made in a fraction of the time of a structured clone and equal
 * to what that would make of it. Of anything else, {@link noSnapshot}: what has an identity, a class or internals of
 * its own, or can not be copied at all, is left to the real thing.
 */
export function snapshot(value: unknown): unknown {
  left = valueLimit;
  try {
    return copy(value);
  } catch {
    return noSnapshot; // A getter threw.
  } finally {
    seen.length = 0;
  }
}

function copy(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return noSnapshot;
  if (typeof value !== 'object' || value === null) return value;
  if (seen.length === objectLimit || seen.includes(value) || isProxy(value)) return noSnapshot;
  seen.push(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  const keys = Object.keys(value);
  left -= keys.length;
  if (left < 0) return noSnapshot;
  if (prototype === Object.prototype || prototype === null) return copyObject(value, keys);
  if (prototype === Array.prototype && Array.isArray(value)) return copyArray(value, keys);
  return noSnapshot;
}

function copyObject(value: object, keys: readonly string[]): unknown {
  const copied: Record<string, unknown> = {};
  for (const key of keys) {
    const part = copy((value as typeof copied)[key]);
    if (part === noSnapshot || key === '__proto__') return noSnapshot;
    copied[key] = part;
  }
  return copied;
}

/** Indices come first among the keys: when the last of `length` keys is the last index, there are no gaps and no other keys. */
function copyArray(value: readonly unknown[], keys: readonly string[]): unknown {
  const { length } = value;
  if (keys.length !== length || (length > 0 && keys[length - 1] !== String(length - 1))) return noSnapshot;
  const copied: unknown[] = [];
  for (let i = 0; i < length; i++) {
    const part = copy(value[i]);
    if (part === noSnapshot) return noSnapshot;
    copied.push(part);
  }
  return copied;
}
