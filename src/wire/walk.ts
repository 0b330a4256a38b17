import { types } from 'node:util';
import { isAnyView } from './views.ts';
import { Array, Function, Map, Object, Set } from '../core/globals.ts';

const { isProxy, isMap, isSet, isAnyArrayBuffer } = types;
const { getPrototypeOf, keys: keysOf, prototype: objectPrototype } = Object;
const { isArray, prototype: arrayPrototype } = Array;
const callOf = Function.prototype.call;
/** The quickest way to tell whether reading a property runs code. */
const getterOf = callOf.bind(
  (objectPrototype as unknown as { __lookupGetter__(key: string): unknown }).__lookupGetter__,
) as (object: object, key: string) => unknown;
export const eachOfMap = callOf.bind(Map.prototype.forEach) as (
  map: object,
  each: (value: unknown, key: unknown) => void,
) => void;
export const eachOfSet = callOf.bind(Set.prototype.forEach) as (
  set: object,
  each: (value: unknown) => void,
) => void;

/** A longer array is looked through by its indices only: to ask about each of them takes as long as to clone it. */
const longArray = 16;

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Objects, and levels, that are looked through without a record of those met: most values are small trees. */
const glanceObjects = 2000;
const glanceLevels = 50;

/**
 * Whether values are plain objects and arrays of primitives, without a getter, as most are: the quick way to see that
 * a {@link Walk} would find nothing. The answer may be no where they are: for large values, and deep ones.
 */
export function arePlain(values: readonly unknown[]): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (isObject(value) && !isPlain(value)) return false;
  }
  return true;
}

export function isPlain(value: object): boolean {
  objectsLeft = glanceObjects;
  return isPlainTree(value, glanceLevels);
}

let objectsLeft = 0;

function isPlainTree(object: object, levels: number): boolean {
  if (objectsLeft-- === 0 || levels === 0 || isProxy(object) || isAnyView(object)) return false;
  const prototype: unknown = getPrototypeOf(object);
  if (prototype !== objectPrototype && prototype !== arrayPrototype) return false;
  if (isArray(object) && object.length > longArray) return areElementsPlain(object, levels - 1);
  const keys = keysOf(object);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index];
    if (getterOf(object, key) !== undefined) return false;
    const part = (object as Record<string, unknown>)[key];
    if (isObject(part) && !isPlainTree(part, levels - 1)) return false;
  }
  return true;
}

function areElementsPlain(array: readonly unknown[], levels: number): boolean {
  for (let index = 0; index < array.length; index++) {
    const element = array[index];
    if (isObject(element) && !isPlainTree(element, levels)) return false;
  }
  return true;
}

/** A value of more levels cannot be cloned, as a rule: the stack ends before. */
const mostLevels = 20_000;

/**
 * Goes through every object that structured clone would find in some values, each once, level by level. It runs no code of theirs:
 * what a getter would give is not looked at.
 */
export class Walk {
  /** A getter was met. */
  hasGetters = false;
  readonly #visit: (object: object) => void;
  readonly #met = new Set<object>();
  #next: object[] = [];

  constructor(visit: (object: object) => void) {
    this.#visit = visit;
  }

  through(root: object): void {
    this.#meet(root);
    for (let levels = 0; this.#next.length > 0 && levels < mostLevels; levels++) {
      const level = this.#next;
      this.#next = [];
      for (const object of level) {
        this.#visit(object);
        this.#lookInto(object);
      }
    }
    this.#next = [];
  }

  #meet(value: unknown): void {
    if (!isObject(value) || this.#met.has(value)) return;
    this.#met.add(value);
    this.#next.push(value);
  }

  #lookInto(object: object): void {
    // Bytes have a key for each; a proxy cannot be cloned.
    if (isAnyView(object) || isProxy(object)) return;
    if (isArray(object) && object.length > longArray) {
      for (let index = 0; index < object.length; index++) this.#meet(object[index]);
      return;
    }
    const prototype: unknown = getPrototypeOf(object);
    if (prototype !== objectPrototype && prototype !== arrayPrototype) {
      if (isMap(object)) {
        return eachOfMap(object, (value, key) => {
          this.#meet(key);
          this.#meet(value);
        });
      }
      if (isSet(object)) return eachOfSet(object, (value) => this.#meet(value));
      if (isAnyArrayBuffer(object)) return;
    }
    for (const key of keysOf(object)) {
      if (getterOf(object, key) === undefined) this.#meet((object as Record<string, unknown>)[key]);
      else this.hasGetters = true;
    }
  }
}
