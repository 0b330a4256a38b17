import { types } from 'node:util';
import { defineField } from '../core/define-field.ts';
import { isOfPlatform } from './platform-objects.ts';
import { fromBytes, toBytes } from './serialize.ts';
import { Array, ArrayBuffer, Buffer, Map, Math, Object, Reflect, Set, String } from '../core/globals.ts';

/** Stands for what cannot be copied at all, or is more than may be. */
export const nothing: unique symbol = Symbol('nothing');

const { isMap, isSet, isBoxedPrimitive, isAnyArrayBuffer, isDate, isRegExp } = types;
const { keys, getPrototypeOf, setPrototypeOf } = Object;
const { isView } = ArrayBuffer;
const { isArray } = Array;
const { apply } = Reflect;
const objectPrototype = Object.prototype;
const forEachOfMap = Map.prototype.forEach;
const forEachOfSet = Set.prototype.forEach;
const bufferPrototype = Buffer.prototype;

/** Objects within objects that are copied. */
const depthLimit = 200;
/** Longer arrays are copied without what they have besides elements. */
const shortArray = 1000;
/** What a number, and an object with nothing in it, count for. */
const partBytes = 8;

/** What is in place of an object: `undefined` where it is to be copied. */
export type Substitute = (object: object) => unknown;

/**
 * Copies of what can be copied of values: what a structured clone refuses is left out, and so is what is too much.
 * Getters are asked once.
 */
export class PartialCopier {
  /** Copies that are Buffers: structured clone makes plain bytes of them. */
  buffers: Uint8Array[] | undefined;
  /** Bytes that may still be copied, roughly as serialised. */
  #left = 0;
  #depth = 0;
  readonly #copies = new Map<object, object>();
  readonly #substitute: Substitute;

  constructor(substitute: Substitute) {
    this.#substitute = substitute;
  }

  /** @returns the copy, and how many bytes it took */
  copy(value: unknown, mostBytes: number): { readonly value: unknown; readonly bytes: number } {
    this.#left = mostBytes;
    const copy = this.#part(value);
    return { value: copy, bytes: mostBytes - Math.max(0, this.#left) };
  }

  #part(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return this.#take(value.length) ? value : nothing;
      case 'number':
      case 'boolean':
      case 'undefined':
        return this.#take(partBytes) ? value : nothing;
      case 'bigint':
        return this.#whole(value);
      case 'object':
        return value === null ? null : this.#object(value);
      case 'function':
      case 'symbol':
        this.#take(1);
        return nothing;
    }
  }

  #take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  #object(value: object): unknown {
    try {
      const substitute = this.#substitute(value);
      if (substitute !== undefined) return substitute;
      const known = this.#copies.get(value);
      if (known !== undefined) return known;
      if (this.#depth === depthLimit || !this.#take(partBytes)) return nothing;
      this.#depth++;
      try {
        const copy = this.#copyOf(value);
        if (typeof copy === 'object') this.#copies.set(value, copy!);
        return copy;
      } finally {
        this.#depth--;
      }
    } catch {
      return nothing; // It does not like to be looked at.
    }
  }

  #copyOf(value: object): unknown {
    if (isArray(value)) return this.#fillArray(value, this.#begin(value, []));
    const prototype: unknown = getPrototypeOf(value);
    if (prototype === objectPrototype || prototype === null) return this.#fill(value, this.#begin(value, {}));
    if (isMap(value)) return this.#fillMap(value, this.#begin(value, new Map<unknown, unknown>()));
    if (isSet(value)) return this.#fillSet(value, this.#begin(value, new Set<unknown>()));
    if (isView(value) || isAnyArrayBuffer(value)) return this.#memory(value);
    if (isDate(value) || isRegExp(value) || isBoxedPrimitive(value)) return this.#whole(value);
    if (isOfPlatform(value)) return nothing;
    // An object without fields of its own may be nothing without its internals.
    return keys(value).length === 0 ? this.#whole(value) : this.#fill(value, this.#begin(value, {}));
  }

  #begin<C extends object>(value: object, copy: C): C {
    this.#copies.set(value, copy);
    return copy;
  }

  #fill<C extends object>(value: object, copy: C): C {
    for (const key of keys(value)) {
      if (!this.#take(key.length)) break;
      const part = this.#property(value, key);
      if (part !== nothing) defineField(copy, key, part, true);
    }
    return copy;
  }

  #fillArray(array: readonly unknown[], copy: unknown[]): unknown[] {
    const { length } = array;
    if (length <= shortArray) {
      copy.length = length;
      return this.#fill(array, copy);
    }
    // Its length may be beyond all bounds, with nothing in it.
    for (let index = 0; index < length && this.#take(1); index++) {
      const part = index in array ? this.#property(array, String(index)) : nothing;
      if (part === nothing) copy.length = index + 1;
      else defineField(copy, String(index), part, true);
    }
    return copy;
  }

  #fillMap(map: ReadonlyMap<unknown, unknown>, copy: Map<unknown, unknown>): object {
    const add = (value: unknown, key: unknown): void => {
      const keyCopy = this.#take(1) ? this.#part(key) : nothing;
      const valueCopy = keyCopy === nothing ? nothing : this.#part(value);
      if (valueCopy !== nothing) copy.set(keyCopy, valueCopy);
    };
    apply(forEachOfMap, map, [add]);
    return copy;
  }

  #fillSet(set: ReadonlySet<unknown>, copy: Set<unknown>): object {
    const add = (value: unknown): void => {
      const part = this.#take(1) ? this.#part(value) : nothing;
      if (part !== nothing) copy.add(part);
    };
    apply(forEachOfSet, set, [add]);
    return copy;
  }

  #property(value: object, key: string): unknown {
    let part: unknown;
    try {
      part = (value as Readonly<Record<string, unknown>>)[key];
    } catch {
      return nothing; // A getter that throws.
    }
    return this.#part(part);
  }

  /** Memory of its own, without what else is in the memory of a view. */
  #memory(value: { readonly byteLength: number }): unknown {
    if (value.byteLength > this.#left) return nothing;
    const copy = this.#whole(value);
    if (!Buffer.isBuffer(value) || copy === nothing) return copy;
    (this.buffers ??= []).push(copy as Uint8Array);
    return setPrototypeOf(copy, bufferPrototype);
  }

  /** As structured clone for processes makes it, all or nothing. */
  #whole(value: unknown): unknown {
    try {
      const bytes = toBytes(value);
      return this.#take(bytes.byteLength) ? fromBytes(bytes) : nothing;
    } catch {
      return nothing;
    }
  }
}
