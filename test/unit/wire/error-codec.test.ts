import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as own from '../../../src/ground/errors.ts';
import { decodeThrow, type EncodedThrow, encodeThrow } from '../../../src/wire/error-codec.ts';
import { fromBytes, toBytes } from '../../../src/wire/serialize.ts';

const byThread = (encoded: EncodedThrow): EncodedThrow => structuredClone(encoded);
const byProcess = (encoded: EncodedThrow): EncodedThrow => fromBytes(toBytes(encoded)) as EncodedThrow;

/** What arrives of a thrown value. */
function arrived(thrown: unknown, travel = byThread): any {
  return decodeThrow(travel(encodeThrow(thrown)));
}

const throwing = {
  get trap(): never {
    throw new Error('trap');
  },
};

/** A proxy that throws whatever is done to it. */
const hostile = (): object =>
  new Proxy(
    {},
    Object.fromEntries(
      ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'set'].map((trap) => [
        trap,
        () => {
          throw new Error(trap);
        },
      ]),
    ),
  );

function uncloneable(kind: string): unknown {
  if (kind === 'function') return () => {};
  if (kind === 'symbol') return Symbol('field');
  return { inside: kind === 'getter' ? throwing : new WeakMap() };
}

describe('S29 any thrown value travels', () => {
  test.each([
    ['threads', byThread],
    ['processes', byProcess],
  ])('between %s: encoding, travelling and decoding never throw (property)', (_, travel) => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withNullPrototype: true,
          withObjectString: true,
          withSet: true,
          withSparseArray: true,
          withTypedArray: true,
        }),
        (thrown) => {
          expect(arrived(thrown, travel)).toEqual(structuredClone(thrown));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('so does an error with any message, name, fields and cause (property)', () => {
    const anyField = fc.oneof(
      fc.anything({ withMap: true, withDate: true, withBigInt: true }),
      fc.constantFrom('function', 'symbol', 'getter', 'proxy').map(uncloneable),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError),
        fc.string(),
        fc.dictionary(fc.string(), anyField),
        fc.option(anyField),
        (Class, message, fields, cause) => {
          const error = new Class(message, cause === null ? undefined : { cause });
          for (const [key, value] of Object.entries(fields))
            Object.defineProperty(error, key, {
              value,
              enumerable: true,
              configurable: true,
              writable: true,
            });
          const seen = arrived(error);
          expect(seen).toBeInstanceOf(Class);
          expect(Object.getPrototypeOf(seen)).toBe(Class.prototype);
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each([undefined, null, 0, -0, NaN, '', 'text', 10n, true])('%o arrives as that value', (value) => {
    expect(arrived(value)).toBe(value);
    expect(encodeThrow(value).kind).toBe('value');
  });

  test.each([
    ['a function', () => {}],
    ['a symbol', Symbol('thrown')],
    ['an object with a function', { retry: () => {} }],
    ['an object with a getter that throws', throwing],
    ['a hostile proxy', hostile()],
    ['a weak map', new WeakMap()],
  ])('%s becomes a NotCloneableError', (_, value) => {
    const error = arrived(value);
    expect(error).toBeInstanceOf(own.NotCloneableError);
    expect(error.code).toBe('ERR_LEASEPOOL_NOT_CLONEABLE');
  });

  test('an object whose getter throws another such object, without end, is no way around it', () => {
    const endless = (): object => ({
      get next() {
        throw endless();
      },
    });
    expect(arrived(endless())).toBeInstanceOf(own.NotCloneableError);
    expect(arrived(new Error('why', { cause: endless() }))).toMatchObject({ message: 'why' });
  });

  test('the NotCloneableError names the part that cannot be copied', () => {
    expect(arrived({ request: { retry: () => {} } }).path).toBe('thrown.request.retry');
  });

  test('a thrown value is what it was when it was thrown', () => {
    let reads = 0;
    const counting = {
      get reads() {
        return ++reads;
      },
    };
    const encoded = encodeThrow(counting);
    byThread(encoded);
    byThread(encoded);
    expect(reads).toBe(1);
  });
});

describe('S29 an error arrives as that very error', () => {
  test.each([TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, Error])(
    'of its built-in class: %o',
    (Class) => {
      const error = arrived(new Class('why'));
      expect(error).toBeInstanceOf(Class);
      expect(error.constructor).toBe(Class);
      expect(error).toMatchObject({ name: Class.name, message: 'why' });
    },
  );

  test('with the stack of the place where it was thrown', () => {
    const error = new Error('why');
    expect(arrived(error).stack).toBe(error.stack);
    expect(Object.keys(arrived(error))).toEqual([]);
  });

  test('with its code and its own fields, but for those that cannot be copied', () => {
    const error = Object.assign(new Error('why'), {
      code: 'ENOENT',
      errno: -2,
      details: { path: ['a', 1n] },
      retry: () => {},
      [Symbol('hidden')]: 1,
    });
    const seen = arrived(error);
    expect({ ...seen }).toEqual({ code: 'ENOENT', errno: -2, details: { path: ['a', 1n] } });
  });

  test('with an own field called errors, which only an AggregateError has otherwise', () => {
    const seen = arrived(Object.assign(new Error('invalid'), { errors: ['name is required'] }));
    expect({ ...seen }).toEqual({ errors: ['name is required'] });
  });

  test('with the name and code that a class of its own gives it', () => {
    class HttpError extends TypeError {
      override get name(): string {
        return 'HttpError';
      }
      get code(): string {
        return 'E_HTTP';
      }
    }
    const seen = arrived(new HttpError('404'));
    expect(seen).toBeInstanceOf(TypeError);
    expect(seen).toMatchObject({ name: 'HttpError', code: 'E_HTTP', message: '404' });
    expect(Object.keys(seen)).toEqual(['code']);
  });

  test('with a chain of causes, down to one that is no error', () => {
    const root = new RangeError('root', { cause: { reason: 'full' } });
    const seen = arrived(new Error('top', { cause: new TypeError('middle', { cause: root }) }));
    expect(seen.cause).toBeInstanceOf(TypeError);
    expect(seen.cause.cause).toBeInstanceOf(RangeError);
    expect(seen.cause.cause.cause).toEqual({ reason: 'full' });
    expect(Object.keys(seen)).toEqual([]);
  });

  test('with a cause that is undefined, and without one when it has none', () => {
    expect('cause' in arrived(new Error('why', { cause: undefined }))).toBe(true);
    expect('cause' in arrived(new Error('why'))).toBe(false);
  });

  test('with the errors of an AggregateError', () => {
    const inner = [new TypeError('first'), 'second', new AggregateError([new RangeError('third')], 'nested')];
    const seen = arrived(new AggregateError(inner, 'all failed'));
    expect(seen).toBeInstanceOf(AggregateError);
    expect(seen.errors[0]).toBeInstanceOf(TypeError);
    expect(seen.errors[1]).toBe('second');
    expect(seen.errors[2].errors[0]).toMatchObject({ message: 'third' });
    expect(Object.keys(seen)).toEqual([]);
  });

  test('an AggregateError keeps its other fields, too', () => {
    const error = Object.assign(new AggregateError([new Error('inner')], 'all failed'), { code: 'E_ALL' });
    error.errors = [new RangeError('assigned')];
    const seen = arrived(error);
    expect({ ...seen }).toEqual({ code: 'E_ALL' });
    expect(seen.errors).toEqual([expect.any(RangeError)]);
  });

  test('a DOMException stays one, with its code', () => {
    const seen = arrived(new DOMException('no', 'DataCloneError'));
    expect(seen).toBeInstanceOf(DOMException);
    expect(seen).toMatchObject({ name: 'DataCloneError', message: 'no', code: 25 });
  });

  test('one that is its own cause arrives as such', () => {
    const error = new Error('round') as Error & { cause: unknown };
    error.cause = new Error('and', { cause: error });
    const seen = arrived(error);
    expect(seen.cause.cause).toBe(seen);
    expect(arrived(error, byProcess).cause.cause.message).toBe('round');
  });

  test('an error that stands twice arrives as one', () => {
    const twice = new Error('twice');
    const seen = arrived(new AggregateError([twice, twice]));
    expect(seen.errors[0]).toBe(seen.errors[1]);
  });

  test('an error of another realm is an error', async () => {
    const { runInNewContext } = await import('node:vm');
    const seen = arrived(runInNewContext('Object.assign(new RangeError("there"), { code: "X" })'));
    expect(seen).toBeInstanceOf(RangeError);
    expect(seen).toMatchObject({ name: 'RangeError', message: 'there', code: 'X' });
  });
});

describe('S29 a hostile error arrives with what could be read', () => {
  test('getters that throw cost only what they stand for', () => {
    const error = new TypeError('why');
    for (const key of ['stack', 'cause', 'code', 'details'])
      Object.defineProperty(error, key, { get: () => hostile() && throwing.trap, enumerable: true });
    Object.assign(error, { path: '/tmp' });
    const seen = arrived(error);
    expect(seen).toBeInstanceOf(TypeError);
    expect(seen).toMatchObject({ message: 'why', path: '/tmp' });
    expect(seen.code).toBeUndefined();
  });

  test('a name or message that is no text', () => {
    const error = Object.assign(new Error(), { name: Symbol('name'), message: { not: 'text' } });
    expect(arrived(error)).toMatchObject({ name: 'Error', message: '' });
  });

  test('a proxy around an error', () => {
    const traps = { get: () => throwing.trap, ownKeys: () => throwing.trap, has: () => throwing.trap };
    expect(arrived(new Proxy(new Error('inside'), traps))).toBeInstanceOf(Error);
  });

  test('inner errors that are no list', () => {
    const error = new AggregateError([], 'odd');
    Object.defineProperty(error, 'errors', { value: 5 });
    expect(arrived(error)).toMatchObject({ message: 'odd', errors: [] });
  });
});

describe('what travels of an error is bounded', () => {
  test('a chain of causes is cut', () => {
    let error = new Error('0');
    for (let depth = 1; depth < 10_000; depth++) error = new Error(String(depth), { cause: error });
    let seen = arrived(error);
    let length = 0;
    for (; seen !== undefined; seen = seen.cause) length++;
    expect(length).toBe(65);
  });

  test('a message and a stack are cut, and say how much is missing', () => {
    const seen = arrived(new Error('x'.repeat(100_123)));
    expect(seen.message).toMatch(/^x{100000}… \[123 characters cut\]$/);
    expect(seen.stack.length).toBeLessThan(101_000);
  });

  test('fields are cut in number and in size, and the code is among those that stay', () => {
    const fields = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`field${index}`, index]));
    const error = Object.assign(new Error('many'), { huge: 'x'.repeat(2_000_000) }, fields);
    expect(Object.keys(arrived(error))).toHaveLength(100);
    expect(arrived(error).huge).toBeUndefined();
    Object.defineProperty(error, 'code', { value: 'E', enumerable: false });
    expect(arrived(error).code).toBe('E');
  });

  test('inner errors are cut in number', () => {
    const inner = Array.from({ length: 3000 }, (_, index) => new Error(String(index)));
    expect(arrived(new AggregateError(inner)).errors).toHaveLength(1000);
  });
});

describe('what travels of errors within errors is bounded in all', () => {
  /** Of each error and of those within it. */
  const count = (error: any): number =>
    error instanceof Error
      ? 1 +
        count(error.cause) +
        [...((error as AggregateError).errors ?? [])].reduce((sum, each) => sum + count(each), 0)
      : 0;

  test('errors that grow two more at every look', () => {
    const grow = (): Error =>
      Object.defineProperty(new AggregateError([], 'grows'), 'errors', { get: () => [grow(), grow()] });
    expect(count(arrived(grow()))).toBe(1001);
  });

  test('a list of inner errors without an end to it', () => {
    const error = new AggregateError([]);
    error.errors = new Array(2 ** 32 - 1);
    expect(arrived(error).errors).toHaveLength(1000);
  });

  test('their fields and texts', () => {
    const inner = Array.from({ length: 1000 }, () =>
      Object.assign(new Error('x'.repeat(50_000)), { field: 'x'.repeat(500_000) }),
    );
    expect(toBytes(encodeThrow(new AggregateError(inner, 'outer'))).byteLength).toBeLessThan(11_000_000);
  });
});

describe("the library's own errors", () => {
  test.each([
    new own.TimeoutError('late', { phase: 'queue' }),
    new own.NotCloneableError('no', { path: 'args[0]' }),
    new own.WorkerCrashedError('crashed', { phase: 'running', exitCode: 1 }),
    new own.TaskReferenceError('ERR_LEASEPOOL_TASK_MODULE', 'no module', {
      taskName: 't',
      cause: new Error('why'),
    }),
    new own.NotStartedError('not started'),
  ])('arrive in their class: %o', (error) => {
    const seen = arrived(error);
    expect(seen).toBeInstanceOf(error.constructor);
    expect(Object.entries(seen as object)).toEqual(Object.entries(error));
    expect(seen).toMatchObject({ name: error.name, message: error.message });
  });

  test("a job's own AbortError does not look as if the caller had cancelled", () => {
    const seen = arrived(AbortSignal.abort().reason);
    expect(seen).not.toBeInstanceOf(own.CancelledError);
    expect(arrived(new own.CancelledError('of another grinder'))).not.toBeInstanceOf(own.CancelledError);
    expect(arrived(new own.CancelledError('of another grinder'))).toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
    });
  });

  test("a job's own error that is named like one of them stays its own", () => {
    const error = Object.assign(new Error('mine'), { name: 'TimeoutError', code: 'E_MINE' });
    expect(arrived(error)).not.toBeInstanceOf(own.TimeoutError);
    expect(arrived(error)).toMatchObject({ name: 'TimeoutError', code: 'E_MINE' });
  });
});
