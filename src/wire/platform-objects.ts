import { types } from 'node:util';
import { isAnyView } from './views.ts';
import { Array, Function, Map, Object, Reflect, structuredClone, WeakMap } from '../core/globals.ts';

/** Classes that structured clone refuses, which nothing but their name tells: the globals of that name, at load time. */
const named = new Map(
  [
    'URL',
    'URLSearchParams',
    'Headers',
    'FormData',
    'Request',
    'Response',
    'ReadableStream',
    'WritableStream',
    'TransformStream',
  ].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]),
);
/** What the platform's own classes have that structured clone copies, and those it may move. */
const cloneHook = 'messaging_clone_symbol';
const transferHook = 'messaging_transfer_symbol';

const { apply } = Reflect;
const {
  defineProperty,
  getOwnPropertyDescriptor,
  getOwnPropertySymbols,
  getPrototypeOf,
  keys: keysOf,
  prototype: objectPrototype,
} = Object;
const { isArray } = Array;
const { isAnyArrayBuffer, isBoxedPrimitive, isDate, isMap, isNativeError, isRegExp, isSet } = types;
const tagOf = Function.prototype.call.bind(objectPrototype.toString) as (object: object) => string;
const sourceOf = Function.prototype.call.bind(Function.prototype.toString) as (of: unknown) => string;
const clone = structuredClone;

/**
 * Whether structured clone makes more of an object than its keys, or refuses it, because it belongs to the platform: a
 * `Blob`, a `BlockList`, a `URL`. The language's own objects do not count.
 */
export function isOfPlatform(object: object): boolean {
  const prototype = getPrototypeOf(object) as object | null;
  if (prototype === objectPrototype || prototype === null || isArray(object)) return false;
  if (isOfLanguage(object)) return false;
  const { isCloned, mayMove } = traitsOf(prototype);
  if (isCloned || isNamed(object)) return true;
  return (mayMove || keysOf(object).length === 0) && !isNativeError(object) && !clonesAsPlain(object);
}

/** Whether its objects are made by native code, and may have internals that no copy has. */
export function isNativeClass(prototype: object | null): boolean {
  return traitsOf(prototype).isNative;
}

function isOfLanguage(object: object): boolean {
  return (
    isDate(object) ||
    isMap(object) ||
    isSet(object) ||
    isAnyView(object) ||
    isAnyArrayBuffer(object) ||
    isRegExp(object) ||
    isBoxedPrimitive(object)
  );
}

/** What the classes are like that a prototype stands for, its own and those it extends. */
interface Traits {
  /** Structured clone copies the objects. */
  readonly isCloned: boolean;
  /** It moves them, unless they say no. */
  readonly mayMove: boolean;
  readonly isNative: boolean;
}

const none: Traits = { isCloned: false, mayMove: false, isNative: false };
const known = new WeakMap<object, Traits>();

function traitsOf(prototype: object | null): Traits {
  const parent = prototype === null ? null : (getPrototypeOf(prototype) as object | null);
  if (prototype === null || parent === null) return none; // That of plain objects, in whatever realm.
  let traits = known.get(prototype);
  if (traits === undefined) {
    const inherited = traitsOf(parent);
    const hooks = getOwnPropertySymbols(prototype).map(({ description }) => description);
    traits = {
      isCloned: inherited.isCloned || hooks.includes(cloneHook),
      mayMove: inherited.mayMove || hooks.includes(transferHook),
      isNative:
        inherited.isNative ||
        isNative(valueAt(prototype, 'constructor')) ||
        isNative(valueAt(prototype, 'next')),
    };
    known.set(prototype, traits);
  }
  return traits;
}

/** An iterator of the language has no constructor, and a `next` of its own. */
function valueAt(prototype: object, key: string): unknown {
  return getOwnPropertyDescriptor(prototype, key)?.value;
}

function isNative(constructor: unknown): boolean {
  return typeof constructor === 'function' && sourceOf(constructor).endsWith('{ [native code] }');
}

/** By its tag first: to name the classes would load them, which takes as long as all of this package. */
function isNamed(object: object): boolean {
  const name = tagOf(object).slice('[object '.length, -1);
  const found = named.get(name);
  if (found === undefined) return false;
  const ofPlatform: unknown = found.get === undefined ? found.value : loaded(name, found.get);
  return typeof ofPlatform === 'function' && object instanceof ofPlatform;
}

/** What a global comes to that Node loads when it is first looked at. It then takes its place, also from what has been put there. */
function loaded(name: string, get: () => unknown): unknown {
  const there = getOwnPropertyDescriptor(globalThis, name);
  const value = apply(get, globalThis, []);
  if (there !== undefined && there.get !== get) defineProperty(globalThis, name, there);
  return value;
}

/** Asks structured clone itself. It is not asked of what has keys, unless that is of a class of the platform: getters would run. */
function clonesAsPlain(object: object): boolean {
  try {
    return getPrototypeOf(clone(object)) === objectPrototype;
  } catch {
    return false;
  }
}
