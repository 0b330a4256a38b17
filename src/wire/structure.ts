import { types } from 'node:util';
import { defineField } from '../core/define-field.ts';
import { isNativeClass, isOfPlatform } from './platform-objects.ts';
import { isAnyView } from './views.ts';
import { eachOfMap, eachOfSet, isObject } from './walk.ts';
import { Array, Function, Map, Number, Object, Set, String } from '../core/globals.ts';

const {
  isAnyArrayBuffer,
  isArgumentsObject,
  isBoxedPrimitive,
  isDate,
  isGeneratorObject,
  isMap,
  isMapIterator,
  isNativeError,
  isPromise,
  isProxy,
  isRegExp,
  isSet,
  isSetIterator,
  isWeakMap,
  isWeakSet,
} = types;
const { getPrototypeOf, hasOwn, keys: keysOf } = Object;
const { isArray } = Array;
const callOf = Function.prototype.call;
const setInMap = callOf.bind(Map.prototype.set) as (map: object, key: unknown, value: unknown) => void;
const addToSet = callOf.bind(Set.prototype.add) as (set: object, value: unknown) => void;

/** Indices are below it; other keys of an array are names. */
const indexLimit = 2 ** 32 - 1;

/**
 * A copy of what structured clone goes through by its keys: objects, arrays, Maps and Sets. The clone of the copy is
 * the clone of the original, and a getter is called for the copy only. Everything else stands in the copy as it is.
 */
export class StructureCopy {
  readonly #replacementOf: (object: object) => object | undefined;
  readonly #copies = new Map<object, object>();

  /** @param replacementOf what stands in the copy for an object, where it is to be replaced */
  constructor(replacementOf: (object: object) => object | undefined) {
    this.#replacementOf = replacementOf;
  }

  /** What stands in the copy for an object that has been copied; `undefined` for any other. */
  known(object: object): object | undefined {
    return this.#copies.get(object);
  }

  of(value: unknown): unknown {
    if (!isObject(value)) return value;
    const before = this.#copies.get(value) ?? this.#replacementOf(value);
    if (before !== undefined) return before;
    if (isProxy(value) || isAnyView(value)) return value;
    if (isArray(value)) return this.#array(value);
    if (isMap(value)) return this.#map(value);
    if (isSet(value)) return this.#set(value);
    return isOrdinary(value) ? this.#object(value) : value;
  }

  #object(original: object): object {
    const copy = {};
    this.#copies.set(original, copy);
    for (const key of keysOf(original)) this.#property(copy, original, key);
    return copy;
  }

  #array(original: readonly unknown[]): unknown[] {
    const { length } = original;
    const copy: unknown[] = [];
    copy.length = length;
    this.#copies.set(original, copy);
    // A getter may shorten the array, or make it longer.
    for (let index = 0; index < length; index++) this.#property(copy, original, index);
    for (const key of keysOf(original)) if (!isIndex(key)) this.#property(copy, original, key);
    return copy;
  }

  #property(copy: object, original: object, key: string | number): void {
    if (!hasOwn(original, key)) return; // A getter has removed it.
    const value = this.of((original as Record<string | number, unknown>)[key]);
    defineField(copy, key, value, true);
  }

  #map(original: object): object {
    const copy = new Map();
    this.#copies.set(original, copy);
    const entries: [unknown, unknown][] = [];
    eachOfMap(original, (value, key) => entries.push([key, value]));
    for (const [key, value] of entries) setInMap(copy, this.of(key), this.of(value));
    return copy;
  }

  #set(original: object): object {
    const copy = new Set();
    this.#copies.set(original, copy);
    const values: unknown[] = [];
    eachOfSet(original, (value) => values.push(value));
    for (const value of values) addToSet(copy, this.of(value));
    return copy;
  }
}

/** Whether structured clone copies an object by its keys. */
function isOrdinary(object: object): boolean {
  return (
    keysOf(object).length > 0 &&
    !isClonedOtherwise(object) &&
    !isNativeClass(getPrototypeOf(object) as object | null) &&
    !isOfPlatform(object)
  );
}

/** Objects that may have keys, and are refused, or cloned by something else. */
function isClonedOtherwise(object: object): boolean {
  return (
    isNativeError(object) ||
    isDate(object) ||
    isRegExp(object) ||
    isBoxedPrimitive(object) ||
    isAnyArrayBuffer(object) ||
    isPromise(object) ||
    isArgumentsObject(object) ||
    isGeneratorObject(object) ||
    isMapIterator(object) ||
    isSetIterator(object) ||
    isWeakMap(object) ||
    isWeakSet(object)
  );
}

function isIndex(key: string): boolean {
  const index = Number(key);
  return index < indexLimit && String(index >>> 0) === key;
}
