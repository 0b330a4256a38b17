import { defineField } from '../core/define-field.ts';
import { prototypeOf } from './error-classes.ts';
import { Buffer, Error, Object } from '../core/globals.ts';

/**
 * Errors as they travel, wherever they stand: thrown, as a cause, in a field, in a result. Structured clone loses an
 * error's `code`, own fields and custom `name`. So each error is replaced by an empty one, and what it was travels
 * beside it, in the same message: a copy keeps identities, so the receiver makes each empty one the error it stands
 * for, in its place.
 */
export type EncodedErrors = readonly (readonly [standIn: Error, data: ErrorData])[];

export interface EncodedThrow {
  readonly value: unknown;
  readonly errors?: EncodedErrors | undefined;
  /** What was thrown could not be copied: this is the error of the library that says so. */
  readonly isRefusal?: boolean;
}

/** Values that are copied together. */
export interface EncodedValues {
  readonly values: readonly unknown[];
  /** Of those in the values. */
  readonly errors: EncodedErrors | undefined;
  /** The values are plain objects, arrays and primitives: nothing has to be done for them on their way. */
  readonly isPlain: boolean;
}

export interface ErrorData {
  /** Built-in class it is an instance of. */
  type: string;
  name: string;
  message: string;
  stack: string;
  /** Own fields, as far as they can be copied. */
  fields: (readonly [key: string, value: unknown, isEnumerable: boolean])[];
  /** Bytes in the fields that are Buffers. */
  buffers: readonly Uint8Array[] | undefined;
}

const { setPrototypeOf } = Object;
const bufferPrototype = Buffer.prototype;
const NativeError = Error;

/** An error without a stack: to describe one takes long, and may be up to code of the job (`Error.prepareStackTrace`). */
export function bareError(): Error {
  const { stackTraceLimit } = NativeError;
  limitStacks(0);
  const error = new NativeError();
  limitStacks(stackTraceLimit);
  delete error.stack;
  return error;
}

function limitStacks(limit: number): void {
  try {
    NativeError.stackTraceLimit = limit;
  } catch {
    // The class is frozen: then it only takes longer.
  }
}

/** Values that have arrived, with the errors in them as they were. */
export function revived({ values, errors }: EncodedValues): readonly unknown[] {
  reviveErrors(errors);
  return values;
}

/** Makes the errors of values that have arrived with them what they were. */
export function reviveErrors(errors: EncodedErrors | undefined): void {
  if (errors === undefined) return;
  for (const [standIn, data] of errors) revive(standIn, data);
}

function revive(standIn: Error, { type, name, message, stack, fields, buffers }: ErrorData): void {
  const code = fields.find(([key]) => key === 'code')?.[1];
  const prototype = prototypeOf(type, name, code);
  setPrototypeOf(standIn, prototype);
  defineField(standIn, 'message', message, false);
  defineField(standIn, 'stack', stack, false);
  // Of a DOMException the prototype tells its own only.
  if (type === 'DOMException' || (prototype as Error).name !== name)
    defineField(standIn, 'name', name, false);
  if (buffers !== undefined) for (const bytes of buffers) setPrototypeOf(bytes, bufferPrototype);
  for (const [key, value, enumerable] of fields) defineField(standIn, key, value, enumerable);
}
