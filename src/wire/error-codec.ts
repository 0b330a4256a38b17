import { types } from 'node:util';
import { notCloneable } from './cloneable.ts';
import { classNameOf, isError } from './error-classes.ts';
import {
  bareError,
  type EncodedThrow,
  type EncodedValues,
  type ErrorData,
  revived,
  reviveErrors,
} from './error-envelope.ts';
import { nothing, PartialCopier } from './partial-copy.ts';
import { cloneValue } from './own-memory.ts';
import { StructureCopy } from './structure.ts';
import { arePlain, isObject, Walk } from './walk.ts';
import { Array, Error, Map, Math, Object, Reflect, Set } from '../core/globals.ts';

/**
 * Encodes errors for the way, wherever they stand: `error-envelope.ts`. What travels of an error is bounded, and
 * encoding one never throws.
 */

/** Errors within errors that are kept. */
const depthLimit = 64;
/** Errors that are kept within one that was thrown, or stands in a value. */
const errorLimit = 1_000;
/** Characters of a message or a stack that are kept. */
const textLimit = 100_000;
/** Own fields that are kept, and the size of each, in bytes as serialised. */
const fieldLimit = 100;
const fieldBytesLimit = 1_000_000;
/** Texts and fields that are kept of all errors within one. */
const bytesLimit = 10_000_000;

const { getOwnPropertyDescriptor, getPrototypeOf, hasOwn, prototype: objectPrototype } = Object;
const { ownKeys } = Reflect;
const { isProxy } = types;
const { isArray } = Array;

/** What may still be encoded of one error and those within it. */
class Budget {
  #errors = errorLimit;
  #bytes = bytesLimit;

  /** @returns whether one more error may be encoded */
  takeError(): boolean {
    return this.#errors-- > 0;
  }

  get fieldBytes(): number {
    return Math.min(fieldBytesLimit, this.#bytes);
  }

  takeBytes(bytes: number): void {
    this.#bytes -= bytes;
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

/** An error that has its stand-in, and is still to be described. */
interface Pending {
  readonly error: Error;
  readonly data: ErrorData;
  readonly budget: Budget;
  readonly depth: number;
}

/** Fields the envelope carries by itself. */
const carried = new Set(['name', 'message', 'stack']);
/** Fields that a class may give by a getter, or on its prototype. */
const inherited: readonly string[] = ['code', 'cause'];
/** Fields of classes that are thrown values themselves. */
const innerFields: Readonly<Record<string, readonly string[]>> = {
  AggregateError: ['errors'],
  SuppressedError: ['error', 'suppressed'],
};

export function encodeThrow(thrown: unknown): EncodedThrow {
  try {
    return looksLikeError(thrown) ? new Encoder().thrown(thrown) : encodeThrownValue(thrown);
  } catch {
    // Whatever it is, it fights back at every look.
    return new Encoder().thrown(new Error('the job threw something that cannot be described'));
  }
}

function encodeThrownValue(thrown: unknown): EncodedThrow {
  try {
    const { values, errors } = encodeErrors([thrown]);
    // The copy is what travels: whatever a getter or a proxy says the second time cannot fail the frame.
    return cloneValue({ value: values[0], errors });
  } catch (error) {
    return refused(thrown, error);
  }
}

function refused(thrown: unknown, cause?: unknown): EncodedThrow {
  return { ...new Encoder().thrown(notCloneable('thrown', thrown, cause)), isRefusal: true };
}

export function decodeThrow({ value, errors }: EncodedThrow): unknown {
  reviveErrors(errors);
  return value;
}

/**
 * Values as they are; a copy when there are errors in them, or getters, which might give one. Where a getter throws
 * they are left as they are: the code that copies them into the message tells which part it was.
 */
export function encodeErrors(values: readonly unknown[]): EncodedValues {
  const isPlain = arePlain(values);
  try {
    if (!isPlain && mayHoldErrors(values)) return new Encoder().values(values);
  } catch {
    // A getter threw, or the values nest deeper than the stack allows.
  }
  return { values, errors: undefined, isPlain };
}

function mayHoldErrors(values: readonly unknown[]): boolean {
  let isFound = false;
  const walk = new Walk((object) => {
    isFound ||= isErrorInside(object);
  });
  for (const value of values) if (isObject(value)) walk.through(value);
  return isFound || walk.hasGetters;
}

/** As structured clone, but for the errors in it. */
export function cloneWithErrors(value: unknown): unknown {
  return revived(cloneValue(encodeErrors([value])))[0];
}

class Encoder {
  readonly #errors: [Error, ErrorData][] = [];
  readonly #standIns = new Map<object, Error>();
  readonly #pending: Pending[] = [];
  /** Of the values the errors stand in. */
  #around: StructureCopy | undefined;
  readonly #copier = new PartialCopier((object) => this.#inField(object));
  /** The error whose fields are being copied. */
  #current!: Pending;

  thrown(error: Error): EncodedThrow {
    const value = this.#standIn(error, new Budget(), 0);
    this.#describeAll();
    return { value, errors: this.#errors };
  }

  /** @throws what a getter throws */
  values(values: readonly unknown[]): EncodedValues {
    const copy = new StructureCopy((object) =>
      isErrorInside(object) ? this.#standIn(object, new Budget(), 0) : undefined,
    );
    this.#around = copy;
    const encoded = values.map((value) => copy.of(value));
    // Last: what errors share with the values is the copy that travels with those.
    this.#describeAll();
    return { values: encoded, errors: this.#errors.length > 0 ? this.#errors : undefined, isPlain: false };
  }

  #standIn(error: object, budget: Budget, depth: number): Error {
    const known = this.#standIns.get(error);
    if (known !== undefined) return known;
    const standIn = bareError();
    this.#standIns.set(error, standIn);
    const data: ErrorData = { type: '', name: '', message: '', stack: '', fields: [], buffers: undefined };
    this.#errors.push([standIn, data]);
    this.#pending.push({ error: error as Error, data, budget, depth });
    return standIn;
  }

  /** Outermost first, so that none within one uses up what there is for all. */
  #describeAll(): void {
    // The list grows meanwhile.
    for (const pending of this.#pending) this.#describe(pending);
  }

  #describe(pending: Pending): void {
    const { error, data, budget } = pending;
    this.#current = pending;
    data.type = classNameOf(error);
    data.name = textOf(read(error, 'name'), 'Error', budget);
    data.message = textOf(read(error, 'message'), '', budget);
    data.stack = textOf(read(error, 'stack'), `${data.name}: ${data.message}`, budget);
    this.#copier.buffers = undefined;
    const inner = innerFields[data.type] ?? [];
    const own = ownNames(error);
    for (const key of own) {
      if (key === 'cause' || inner.includes(key)) this.#addInner(key);
      else if (key === 'code' || (!carried.has(key) && data.fields.length < fieldLimit)) this.#addField(key);
    }
    for (const key of inherited) if (!own.includes(key) && has(error, key)) this.#addInherited(key);
    for (const key of inner) if (!own.includes(key)) this.#addInner(key);
    data.buffers = this.#copier.buffers;
  }

  #addField(key: string): void {
    const { error, data } = this.#current;
    try {
      const value = this.#copy((error as unknown as Record<string, unknown>)[key]);
      if (value !== nothing) data.fields.push([key, value, isEnumerable(error, key)]);
    } catch {
      // A getter that throws: the rest of the error still arrives.
    }
  }

  #addInherited(key: string): void {
    const { error, data } = this.#current;
    const value = read(error, key);
    if (typeof value === 'function') return; // A method of that name.
    if (key === 'cause') return this.#addInner(key);
    const copy = this.#copy(value);
    if (copy !== nothing && value !== undefined) data.fields.push([key, copy, data.type !== 'DOMException']);
  }

  /** A field that holds what was thrown: of that something always arrives. */
  #addInner(key: string): void {
    const { error, data, budget, depth } = this.#current;
    if (depth >= depthLimit) return;
    const value = read(error, key);
    if (key === 'errors') data.fields.push([key, this.#innerList(value), isEnumerable(error, key)]);
    else if (budget.takeError()) data.fields.push([key, this.#inner(value), isEnumerable(error, key)]);
  }

  /** Each is read when it is its turn: there may be no end to them. */
  #innerList(list: unknown): unknown[] {
    const { budget } = this.#current;
    const copies: unknown[] = [];
    try {
      if (!isArray(list)) return copies;
      for (let place = 0; place < list.length && budget.takeError(); place++)
        copies.push(this.#inner(list[place]));
    } catch {
      // A list that does not like to be read: those before still arrive.
    }
    return copies;
  }

  #inner(value: unknown): unknown {
    const { budget, depth } = this.#current;
    if (looksLikeError(value)) return this.#standIn(value, budget, depth + 1);
    const copy = this.#copy(value);
    return copy === nothing
      ? this.#standIn(notCloneable('thrown', value, undefined), budget, depth + 1)
      : copy;
  }

  #copy(value: unknown): unknown {
    const { budget } = this.#current;
    const { value: copy, bytes } = this.#copier.copy(value, budget.fieldBytes);
    budget.takeBytes(bytes);
    return copy;
  }

  /** What stands for an object in a field, when it is not copied for that. */
  #inField(object: object): unknown {
    const around = this.#around?.known(object);
    if (around !== undefined) return around;
    if (!isError(object)) return undefined;
    const known = this.#standIns.get(object);
    if (known !== undefined) return known;
    const { budget, depth } = this.#current;
    return depth < depthLimit && budget.takeError() ? this.#standIn(object, budget, depth + 1) : nothing;
  }
}

/** Whether an object inside a value is an error. A proxy cannot be copied, and is not looked at: its traps are code. */
function isErrorInside(object: object): object is Error {
  return !isProxy(object) && looksLikeError(object);
}

function looksLikeError(value: unknown): value is Error {
  try {
    return isObject(value) && isError(value);
  } catch {
    return false; // A proxy whose traps throw.
  }
}

function read(error: Error, key: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** Whether the error or its class has it: what somebody has given all objects does not count. */
function has(error: Error, key: string): boolean {
  try {
    let holder: object | null = error;
    while (holder !== null && holder !== objectPrototype && !hasOwn(holder, key))
      holder = getPrototypeOf(holder) as object | null;
    return holder !== null && holder !== objectPrototype;
  } catch {
    return false;
  }
}

function isEnumerable(error: Error, key: string): boolean {
  return getOwnPropertyDescriptor(error, key)?.enumerable === true;
}

function ownNames(error: Error): string[] {
  try {
    return ownKeys(error).filter((key) => typeof key === 'string');
  } catch {
    return [];
  }
}

function textOf<D>(value: unknown, fallback: D, budget: Budget): string | D {
  return typeof value === 'string' ? budget.cut(value) : fallback;
}
