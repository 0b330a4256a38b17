import { inspect } from 'node:util';
import { withoutSecrets } from './secrets.ts';
import { Array, Math, Number, Object, RangeError, TypeError } from './globals.ts';
import { suggestion } from './suggestion.ts';

/** Options as read: each own property once. */
export type Unvalidated<O> = { [K in keyof O]?: unknown };

/**
 * Reads an options object: own properties only, each once, so that a getter, a prototype or a later change
 * of the object has no effect. `undefined` is the same as absent.
 *
 * @param what whose options these are, for messages
 * @throws TypeError `ERR_INVALID_ARG_TYPE` when it is no object or has a key that is not in `known`
 */
export function readOptions<O>(
  what: string,
  options: unknown,
  known: readonly (keyof O & string)[],
): Unvalidated<O> {
  if (options === undefined) return Object.create(null) as Unvalidated<O>;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidType(`The options of ${what} must be an object`, options);
  }
  const given = Object.create(null) as Unvalidated<O>; // Nothing is to come from Object.prototype.
  for (const key of Object.keys(options)) {
    if (!(known as readonly string[]).includes(key)) {
      const error = new TypeError(`${what} has no option "${key}"${suggestion(what, key, known)}`);
      throw withCode(error, 'ERR_INVALID_ARG_TYPE');
    }
    given[key as keyof O] = (options as O)[key as keyof O];
  }
  return given;
}

/** A whole number, at least `min`. @throws TypeError, RangeError */
export function readInteger(
  key: string,
  value: unknown,
  limits: { min: number; orInfinity?: boolean },
): number | undefined {
  if (value === undefined) return undefined;
  const expected = `"${key}" must be a whole number, at least ${limits.min}`;
  if (typeof value !== 'number') throw invalidType(expected, value);
  if (limits.orInfinity === true && value === Infinity) return value;
  if (!Number.isSafeInteger(value) || value < limits.min) throw outOfRange(expected, value);
  return value;
}

/** Seconds, given back in milliseconds. @throws TypeError, RangeError */
export function readDurationMs(key: string, value: unknown, limits: { orZero: boolean }): number | undefined {
  if (value === undefined) return undefined;
  const expected = `"${key}" must be a finite number of seconds, ${limits.orZero ? '0 or more' : 'above 0'}`;
  if (typeof value !== 'number') throw invalidType(expected, value);
  if (!Number.isFinite(value) || value < 0 || (value === 0 && !limits.orZero))
    throw outOfRange(expected, value);
  return Math.min(value * 1000, Number.MAX_SAFE_INTEGER);
}

/** One of a few words. @throws TypeError, RangeError */
export function readOneOf<W extends string>(key: string, value: unknown, words: readonly W[]): W | undefined {
  if (value === undefined) return undefined;
  const expected = `"${key}" must be ${words.map((word) => `"${word}"`).join(' or ')}`;
  if (typeof value !== 'string') throw invalidType(expected, value);
  if (!(words as readonly string[]).includes(value)) throw outOfRange(expected, value);
  return value as W;
}

export function readString(key: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw invalidType(`"${key}" must be a string`, value);
}

export function readBoolean(key: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidType(`"${key}" must be true or false`, value);
}

export function readList(key: string, value: unknown): readonly unknown[] | undefined {
  if (value === undefined || Array.isArray(value)) return value;
  throw invalidType(`"${key}" must be an array`, value);
}

/** An object that has these methods. */
export function readObjectWith<T extends object>(
  key: string,
  value: unknown,
  methods: readonly (keyof T & string)[],
): T | undefined {
  if (value === undefined) return undefined;
  const has = (method: string): boolean => typeof (value as Record<string, unknown>)[method] === 'function';
  if (typeof value === 'object' && value !== null && methods.every(has)) return value as T;
  throw invalidType(`"${key}" must be an object with the methods ${methods.join(', ')}`, value);
}

/** An AbortSignal, of any realm. */
export function readSignal(key: string, value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  const signal = value as Partial<AbortSignal> | null;
  if (
    typeof signal === 'object' &&
    typeof signal?.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function'
  ) {
    return signal as AbortSignal;
  }
  throw invalidType(`"${key}" must be an AbortSignal`, value);
}

export function readFunction<F>(key: string, value: unknown): F | undefined {
  if (value === undefined || typeof value === 'function') return value as F | undefined;
  throw invalidType(`"${key}" must be a function`, value);
}

export function invalidType(expected: string, value: unknown): TypeError {
  return withCode(new TypeError(`${expected}; received ${describe(value)}`), 'ERR_INVALID_ARG_TYPE');
}

export function outOfRange(expected: string, value: unknown): RangeError {
  return withCode(new RangeError(`${expected}; received ${describe(value)}`), 'ERR_OUT_OF_RANGE');
}

function describe(value: unknown): string {
  try {
    const shown = withoutSecrets(inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 60 }));
    return ['object', 'function', 'undefined'].includes(typeof value) ? shown : `${shown} (${typeof value})`;
  } catch {
    return `a value that cannot be shown (${typeof value})`;
  }
}

function withCode<E extends Error>(error: E, code: string): E {
  return Object.assign(error, { code });
}
