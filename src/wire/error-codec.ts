import { types } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import * as own from '../ground/errors.ts';
import { notCloneable } from './cloneable.ts';

/**
 * Thrown values as plain data and back. Structured clone loses an error's `code`, own fields, custom `name` and
 * `AggregateError.errors`, so errors travel in this envelope. Encoding never throws, whatever was thrown, and is
 * bounded in depth and size.
 */
export type EncodedThrow =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: EncodedError };

interface EncodedError {
  /** Built-in class it is an instance of. */
  type: string;
  name: string;
  message: string;
  stack: string | undefined;
  /** Own enumerable fields that can be copied, `code` included. */
  fields: [key: string, value: unknown][];
  cause: EncodedThrow | undefined;
  errors: EncodedThrow[] | undefined;
}

/** Causes within causes that are kept. */
const depthLimit = 64;
/** Errors within the thrown one that are kept: causes, and inner errors of an AggregateError. */
const errorLimit = 1_000;
/** Characters of a message or a stack that are kept. */
const textLimit = 100_000;
/** Own fields that are kept, and the size of each, in bytes as serialised. */
const fieldLimit = 100;
const fieldBytesLimit = 1_000_000;
/** Texts and fields that are kept of all errors together. */
const bytesLimit = 10_000_000;

/** What has been encoded of one thrown value, and how much more of it may be. */
class Budget {
  readonly seen = new Map<unknown, EncodedThrow>();
  #errors = errorLimit;
  #bytes = bytesLimit;

  /** @returns whether one more error may be encoded */
  takeError(): boolean {
    return this.#errors-- > 0;
  }

  /** @returns whether so many bytes more may be */
  takeBytes(bytes: number): boolean {
    if (bytes > this.#bytes) return false;
    this.#bytes -= bytes;
    return true;
  }

  /** As much of it as may be kept. */
  cut(text: string): string {
    const length = Math.min(text.length, textLimit, this.#bytes);
    this.#bytes -= length;
    return length === text.length
      ? text
      : `${text.slice(0, length)}… [${text.length - length} characters cut]`;
  }
}

const builtIns: Readonly<Record<string, new (message?: string) => Error>> = {
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
  Error,
};

const ownClasses: ReadonlyMap<string, { readonly prototype: own.LeasepoolError }> = new Map(
  Object.values(own)
    .filter((value) => typeof value === 'function' && value.prototype instanceof own.LeasepoolError)
    .map((value) => [
      (value as typeof own.LeasepoolError).prototype.name,
      value as typeof own.LeasepoolError,
    ]),
);

/** Fields the envelope carries by itself. */
const carried = new Set(['name', 'message', 'stack', 'cause']);

export function encodeThrow(thrown: unknown): EncodedThrow {
  try {
    return encode(thrown, new Budget(), 0);
  } catch {
    // Whatever it is, it fights back at every look.
    const message = 'the job threw something that cannot be described';
    const error: EncodedError = {
      type: 'Error',
      name: 'Error',
      message,
      stack: undefined,
      fields: [],
      cause: undefined,
      errors: undefined,
    };
    return { kind: 'error', error };
  }
}

function encode(thrown: unknown, budget: Budget, depth: number): EncodedThrow {
  const before = budget.seen.get(thrown);
  if (before !== undefined) return before;
  if (isError(thrown)) {
    const error: EncodedError = {
      type: builtInTypeOf(thrown),
      name: textOf(read(thrown, 'name'), 'Error', budget),
      message: textOf(read(thrown, 'message'), '', budget),
      stack: textOf(read(thrown, 'stack'), undefined, budget),
      fields: fieldsOf(thrown, budget),
      cause: undefined,
      errors: undefined,
    };
    const envelope: EncodedThrow = { kind: 'error', error };
    budget.seen.set(thrown, envelope);
    if (depth < depthLimit) {
      if (has(thrown, 'cause') && budget.takeError())
        error.cause = encode(read(thrown, 'cause'), budget, depth + 1);
      error.errors = encodeInner(thrown, budget, depth + 1);
    }
    return envelope;
  }
  return encodeValue(thrown, budget, depth);
}

/** Each is read when it is its turn: there may be no end to them. */
function encodeInner(error: Error, budget: Budget, depth: number): EncodedThrow[] | undefined {
  if (builtInTypeOf(error) !== 'AggregateError') return undefined;
  const encoded: EncodedThrow[] = [];
  try {
    const inner = read(error, 'errors');
    if (!Array.isArray(inner)) return undefined;
    for (let place = 0; place < inner.length && budget.takeError(); place++)
      encoded.push(encode(inner[place], budget, depth));
  } catch {
    // A list that does not like to be read: those before still arrive.
  }
  return encoded;
}

function encodeValue(thrown: unknown, budget: Budget, depth: number): EncodedThrow {
  try {
    // The copy is what travels: whatever a getter or a proxy says the second time cannot fail the frame.
    return { kind: 'value', value: structuredClone(thrown) };
  } catch (error) {
    const why = depth < depthLimit ? error : undefined;
    return encode(notCloneable('thrown', thrown, why), budget, depth + 1);
  }
}

export function decodeThrow(encoded: EncodedThrow): unknown {
  return decode(encoded, new Map());
}

function decode(encoded: EncodedThrow, seen: Map<EncodedThrow, unknown>): unknown {
  if (encoded.kind === 'value') return encoded.value;
  if (seen.has(encoded)) return seen.get(encoded);
  const { error: data } = encoded;
  const error = revive(data);
  seen.set(encoded, error);
  if (data.stack !== undefined) define(error, 'stack', data.stack);
  if (error.name !== data.name) define(error, 'name', data.name);
  for (const [key, value] of data.fields) {
    Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: true });
  }
  if (data.cause !== undefined) define(error, 'cause', decode(data.cause, seen));
  if (data.errors !== undefined)
    define(
      error,
      'errors',
      data.errors.map((inner) => decode(inner, seen)),
    );
  return error;
}

function revive(data: EncodedError): Error {
  const ownClass = ownClassOf(data);
  if (ownClass !== undefined)
    return Object.setPrototypeOf(new Error(data.message), ownClass.prototype) as Error;
  if (data.type === 'AggregateError') return new AggregateError([], data.message);
  if (data.type === 'DOMException') return new DOMException(data.message, data.name);
  return new (builtIns[data.type] ?? Error)(data.message);
}

/** By code, because a job's own `AbortError` must not look as if the caller had cancelled. */
function ownClassOf(data: EncodedError): { readonly prototype: own.LeasepoolError } | undefined {
  const code = data.fields.find(([key]) => key === 'code')?.[1];
  return typeof code === 'string' && code.startsWith('ERR_LEASEPOOL_')
    ? ownClasses.get(data.name)
    : undefined;
}

function isError(value: unknown): value is Error {
  try {
    return types.isNativeError(value) || value instanceof Error;
  } catch {
    return false; // A proxy whose traps throw.
  }
}

function builtInTypeOf(error: Error): string {
  try {
    if (error instanceof DOMException) return 'DOMException';
    if (error instanceof AggregateError) return 'AggregateError';
    const known = Object.keys(builtIns);
    // That of another realm is known by its name.
    return (
      known.find((name) => error instanceof builtIns[name]) ??
      known.find((name) => name === error.name) ??
      'Error'
    );
  } catch {
    return 'Error';
  }
}

function read(error: Error, key: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function has(error: Error, key: string): boolean {
  try {
    return key in error;
  } catch {
    return false;
  }
}

function textOf<D>(value: unknown, fallback: D, budget: Budget): string | D {
  return typeof value === 'string' ? budget.cut(value) : fallback;
}

function fieldsOf(error: Error, budget: Budget): [string, unknown][] {
  const fields: [string, unknown][] = [];
  for (const key of ownKeys(error)) {
    if (carried.has(key) || fields.length >= fieldLimit) continue;
    if (key === 'errors' && builtInTypeOf(error) === 'AggregateError') continue;
    addField(fields, error, key, budget);
  }
  // A class may give its code by a getter or on its prototype.
  if (!(error instanceof DOMException) && !fields.some(([key]) => key === 'code') && has(error, 'code'))
    addField(fields, error, 'code', budget);
  return fields;
}

function addField(fields: [string, unknown][], error: Error, key: string, budget: Budget): void {
  try {
    const bytes = serialize((error as unknown as Record<string, unknown>)[key]);
    if (bytes.byteLength <= fieldBytesLimit && budget.takeBytes(bytes.byteLength))
      fields.push([key, deserialize(bytes)]);
  } catch {
    // A getter that throws, or a value that cannot be copied: the rest of the error still arrives.
  }
}

function ownKeys(error: Error): string[] {
  try {
    return Object.keys(error);
  } catch {
    return [];
  }
}

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}
