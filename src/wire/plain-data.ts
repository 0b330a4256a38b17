import { types } from 'node:util';
import { Array, ArrayBuffer, Object, structuredClone } from '../core/globals.ts';

/**
 * Tells objects that are data and nothing else from those that only look like it. A getter runs once for each copy, so
 * code that looks at what an object holds must not call it; and an object with internals (a map, an error) can have
 * the prototype of a plain one. Nobody else's code runs while an object is looked at.
 */

// As they are before any job: one might replace them.
const { getOwnPropertyDescriptor, getPrototypeOf, hasOwn, prototype: plainPrototype } = Object;
const { isArray, prototype: arrayPrototype } = Array;
const { isModuleNamespaceObject, isProxy } = types;
const realClone = structuredClone;

/** Kinds of objects with internals, apart from arrays, as far as they can be asked for. */
const kinds: readonly ((value: unknown) => boolean)[] = [
  ArrayBuffer.isView,
  types.isArgumentsObject,
  types.isNativeError,
  types.isMap,
  types.isSet,
  types.isDate,
  types.isRegExp,
  types.isBoxedPrimitive,
  types.isAnyArrayBuffer,
  types.isPromise,
  types.isWeakMap,
  types.isWeakSet,
  types.isGeneratorObject,
  types.isMapIterator,
  types.isSetIterator,
  types.isExternal,
];

/** So many objects in a row have to be data before the next ones are taken for it without a close look. */
const trustAfter = 1024;
let dataInARow = 0;

/** Whether it has the prototype of a plain object or array. */
export function looksPlain(value: object): boolean {
  if (isProxy(value)) return false;
  const prototype: unknown = getPrototypeOf(value);
  if (isArray(value)) return prototype === arrayPrototype;
  return prototype === plainPrototype || (prototype === null && !isModuleNamespaceObject(value));
}

/**
 * Whether an object that {@link looksPlain}, and has these keys, is data. A close look at each would cost a third of
 * its transport, so it is left out while there has been no reason for it.
 */
export function isData(value: object, keys: readonly string[]): boolean {
  // A map has the keys of any empty object, and `arguments` those of a list.
  const mayBeOther = keys.length === 0 || keys[0] === '0';
  if (dataInARow >= trustAfter && (!mayBeOther || isArray(value))) return true;
  return isSurelyData(value, keys);
}

/** The same, after a close look. */
export function isSurelyData(value: object, keys: readonly string[]): boolean {
  if (hasAccessor(value, keys) || (!isArray(value) && hasInternals(value, keys))) {
    dataInARow = 0;
    return false;
  }
  dataInARow++;
  return true;
}

/** What the real clone says of data while it is looked at closely: it knows all kinds of objects. */
export function clonesToPlain(value: object): boolean {
  if (dataInARow >= trustAfter || isPlainInTruth(value)) return true;
  dataInARow = 0;
  return false;
}

function hasAccessor(value: object, keys: readonly string[]): boolean {
  for (let i = 0; i < keys.length; i++) {
    const descriptor = getOwnPropertyDescriptor(value, keys[i]);
    if (descriptor === undefined || !hasOwn(descriptor, 'value')) return true;
  }
  return false;
}

function hasInternals(value: object, keys: readonly string[]): boolean {
  for (let i = 0; i < kinds.length; i++) if (kinds[i](value)) return true;
  return keys.length === 0 && !isPlainInTruth(value);
}

function isPlainInTruth(value: object): boolean {
  try {
    return looksPlain(realClone(value));
  } catch {
    return false;
  }
}
