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
/** Characters of a message or a stack that are kept. */
const textLimit = 100_000;
/** Own fields that are kept, and the size of each, in bytes as serialised. */
const fieldLimit = 100;
const fieldBytesLimit = 1_000_000;
/** Inner errors of an AggregateError that are kept. */
const innerErrorLimit = 1_000;

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
    return encode(thrown, new Map(), 0);
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

function encode(thrown: unknown, seen: Map<unknown, EncodedThrow>, depth: number): EncodedThrow {
  const before = seen.get(thrown);
  if (before !== undefined) return before;
  if (isError(thrown)) {
    const error: EncodedError = {
      type: builtInTypeOf(thrown),
      name: textOf(read(thrown, 'name'), 'Error'),
      message: textOf(read(thrown, 'message'), ''),
      stack: textOf(read(thrown, 'stack'), undefined),
      fields: fieldsOf(thrown),
      cause: undefined,
      errors: undefined,
    };
    const envelope: EncodedThrow = { kind: 'error', error };
    seen.set(thrown, envelope);
    if (depth < depthLimit) {
      if (has(thrown, 'cause')) error.cause = encode(read(thrown, 'cause'), seen, depth + 1);
      error.errors = innerErrorsOf(thrown)?.map((inner) => encode(inner, seen, depth + 1));
    }
    return envelope;
  }
  return encodeValue(thrown, seen, depth);
}

function encodeValue(thrown: unknown, seen: Map<unknown, EncodedThrow>, depth: number): EncodedThrow {
  try {
    // The copy is what travels: whatever a getter or a proxy says the second time cannot fail the frame.
    return { kind: 'value', value: structuredClone(thrown) };
  } catch (error) {
    const why = depth < depthLimit ? error : undefined;
    return encode(notCloneable('thrown', thrown, why), seen, depth + 1);
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
    return Object.keys(builtIns).find((name) => error instanceof builtIns[name]) ?? 'Error';
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

function textOf<D>(value: unknown, fallback: D): string | D {
  if (typeof value !== 'string') return fallback;
  return value.length <= textLimit
    ? value
    : `${value.slice(0, textLimit)}… [${value.length - textLimit} characters cut]`;
}

function innerErrorsOf(error: Error): unknown[] | undefined {
  if (builtInTypeOf(error) !== 'AggregateError') return undefined;
  const errors = read(error, 'errors');
  try {
    return Array.isArray(errors) ? Array.from(errors).slice(0, innerErrorLimit) : undefined;
  } catch {
    return undefined;
  }
}

function fieldsOf(error: Error): [string, unknown][] {
  const fields: [string, unknown][] = [];
  for (const key of ownKeys(error)) {
    if (carried.has(key) || fields.length >= fieldLimit) continue;
    if (key === 'errors' && builtInTypeOf(error) === 'AggregateError') continue;
    addField(fields, error, key);
  }
  // A class may give its code by a getter or on its prototype.
  if (!(error instanceof DOMException) && !fields.some(([key]) => key === 'code') && has(error, 'code'))
    addField(fields, error, 'code');
  return fields;
}

function addField(fields: [string, unknown][], error: Error, key: string): void {
  try {
    const bytes = serialize((error as unknown as Record<string, unknown>)[key]);
    if (bytes.byteLength <= fieldBytesLimit) fields.push([key, deserialize(bytes)]);
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
