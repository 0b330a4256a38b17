import { types } from 'node:util';
import * as own from '../core/errors.ts';
import {
  AggregateError,
  DOMException,
  Error,
  Map,
  Object,
  RangeError,
  ReferenceError,
  Reflect,
  Set,
  SyntaxError,
  TypeError,
} from '../core/globals.ts';

/** What class an error is of, in a word that names the same class in another thread or process. */

const { isNativeError } = types;
const { getPrototypeOf, getOwnPropertyDescriptor } = Object;
const errorPrototype = Error.prototype;
const { isPrototypeOf } = Object.prototype;
const { apply } = Reflect;

type ErrorClass = { readonly prototype: Error };

/** Those with subclasses of their own first. `SuppressedError` is there in Node 24 and newer. */
const builtIns: ReadonlyMap<string, ErrorClass> = new Map(
  [
    AggregateError,
    (globalThis as { SuppressedError?: ErrorClass & { name: string } }).SuppressedError,
    TypeError,
    RangeError,
    SyntaxError,
    ReferenceError,
    EvalError,
    URIError,
  ].flatMap((Class) => (Class === undefined ? [] : [[Class.name, Class] as const])),
);

/** Known by name in another realm too, and where this one lacks them. */
const names = new Set([...builtIns.keys(), 'SuppressedError', 'DOMException']);

const ownClasses: ReadonlyMap<string, ErrorClass> = new Map(
  Object.values(own)
    .filter((value) => typeof value === 'function' && value.prototype instanceof own.LeasepoolError)
    .map((value) => [
      (value as typeof own.LeasepoolError).prototype.name,
      value as typeof own.LeasepoolError,
    ]),
);

/** Prototypes of an error that are looked at. */
const chainLimit = 32;

function isA(Class: ErrorClass, error: object): boolean {
  return apply(isPrototypeOf, Class.prototype, [error]) as boolean;
}

/** Also those that only inherit from `Error`, and those of another realm. @throws what a trap of a proxy throws */
export function isError(value: object): value is Error {
  return isNativeError(value) || (apply(isPrototypeOf, errorPrototype, [value]) as boolean);
}

/** The built-in class an error is an instance of. Never throws. */
export function classNameOf(error: Error): string {
  try {
    for (const [name, Class] of builtIns) if (isA(Class, error)) return name;
    return nameInChain(error) ?? 'Error';
  } catch {
    return 'Error';
  }
}

/** Of classes that are not of this realm, or are not loaded before somebody asks for them. */
function nameInChain(error: Error): string | undefined {
  let prototype = getPrototypeOf(error) as object | null;
  for (let depth = 0; prototype !== null && depth < chainLimit; depth++) {
    const constructor: unknown = getOwnPropertyDescriptor(prototype, 'constructor')?.value;
    const name: unknown =
      typeof constructor === 'function' ? getOwnPropertyDescriptor(constructor, 'name')?.value : undefined;
    if (typeof name === 'string' && names.has(name)) return name;
    prototype = getPrototypeOf(prototype) as object | null;
  }
  return undefined;
}

/**
 * @param className as {@link classNameOf} gave it
 * @param code by which the library's own errors are known: a job's own `AbortError` must not look as if the caller had cancelled
 */
export function prototypeOf(className: string, name: string, code: unknown): object {
  const isOwn = typeof code === 'string' && code.startsWith('ERR_LEASEPOOL_');
  const Class = (isOwn ? ownClasses.get(name) : undefined) ?? builtIns.get(className);
  if (Class !== undefined) return Class.prototype;
  return className === 'DOMException' ? DOMException.prototype : errorPrototype;
}
