import { Object } from './globals.ts';
// As it is before any job: one might replace it.
const { defineProperty } = Object;

/**
 * Gives an object a field of its own. Where a prototype has something at the key, to assign would meet a setter, or
 * fail because the prototype is frozen: the field is defined instead, which takes ten times as long. The descriptor
 * has no prototype, for one might have been given a `get`.
 */
export function defineField(target: object, key: string | number, value: unknown, enumerable: boolean): void {
  if (enumerable && !(key in target)) {
    (target as Record<string | number, unknown>)[key] = value;
    return;
  }
  const field = { __proto__: null, value, writable: true, configurable: true, enumerable };
  defineProperty(target, key, field);
}
