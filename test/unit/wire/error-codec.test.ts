import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as own from '../../../src/core/errors.ts';
import { cloneWithErrors, decodeThrow, encodeErrors, encodeThrow } from '../../../src/wire/error-codec.ts';
import { type EncodedThrow, reviveErrors } from '../../../src/wire/error-envelope.ts';
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
    expect(encodeThrow(value)).toEqual({ value });
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

  test('S39 it has nothing that somebody has given all objects', () => {
    const polluted = { value: 'of all objects', configurable: true };
    Object.defineProperties(Object.prototype, { code: polluted, cause: polluted });
    try {
      class Coded extends Error {
        get code(): string {
          return 'E_OWN';
        }
      }
      const [seen, coded] = [arrived(new Error('bare')), arrived(new Coded('of a class'))];
      expect([Object.hasOwn(seen, 'code'), Object.hasOwn(seen, 'cause')]).toEqual([false, false]);
      expect([coded.code, Object.hasOwn(coded, 'cause')]).toEqual(['E_OWN', false]);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'code');
      Reflect.deleteProperty(Object.prototype, 'cause');
    }
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

describe('what travels of a field is bounded', () => {
  test.each<[string, () => unknown]>([
    ['a list without an end to it', () => new Array(2 ** 32 - 1)],
    [
      'an object that has another one at every look',
      () => {
        const endless = (): object =>
          Object.defineProperty({}, 'next', { enumerable: true, get: () => endless() });
        return endless();
      },
    ],
    [
      'an object that branches at every look',
      () => {
        const branching = (): object => {
          const get = (): object => [branching(), branching()];
          return Object.defineProperty({}, 'next', { enumerable: true, get });
        };
        return branching();
      },
    ],
    ['a long list', () => Array.from({ length: 3_000_000 }, () => ({ a: 1 }))],
    ['a huge buffer', () => ({ bytes: Buffer.alloc(50_000_000), beside: 1 })],
  ])('%s', (_, make) => {
    const error = Object.assign(new Error('why'), { first: 1, endless: make(), last: 2 });
    expect(toBytes(encodeThrow(error)).byteLength).toBeLessThan(5_000_000);
    expect(arrived(error)).toMatchObject({ first: 1, last: 2 });
  });

  test('errors in fields that have another one in a field at every look', () => {
    const grow = (): Error =>
      Object.defineProperty(new Error('grows'), 'field', { enumerable: true, get: () => [grow(), grow()] });
    expect(encodeThrow(grow()).errors).toHaveLength(1001);
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

/** What arrives of values. */
function arrivedValues(values: readonly unknown[], travel: (value: any) => any = structuredClone): any[] {
  const encoded = travel(encodeErrors(values)) as ReturnType<typeof encodeErrors>;
  reviveErrors(encoded.errors);
  return encoded.values as any[];
}

describe.each([
  ['threads', byThread],
  ['processes', byProcess],
])('S29 an error in a field, between %s', (_, travel) => {
  test('arrives with its class, code and fields, wherever it stands', () => {
    const inner = Object.assign(new RangeError('inner'), { code: 'E_INNER', at: { line: 3 } });
    const outer = Object.assign(new Error('outer'), {
      original: inner,
      list: [inner, { deep: inner }],
      map: new Map<unknown, unknown>([['key', inner]]),
      set: new Set([inner]),
    });
    const seen = arrived(outer, travel);
    expect(seen.original).toBeInstanceOf(RangeError);
    expect({ ...seen.original }).toEqual({ code: 'E_INNER', at: { line: 3 } });
    for (const same of [seen.list[0], seen.list[1].deep, seen.map.get('key'), [...seen.set][0]])
      expect(same).toBe(seen.original);
  });

  test('may be the error itself, or lead back to it', () => {
    const error = new Error('round') as any;
    error.self = error;
    error.context = { errors: [new TypeError('inner', { cause: error })] };
    const seen = arrived(error, travel);
    expect(seen.self).toBe(seen);
    expect(seen.context.errors[0]).toBeInstanceOf(TypeError);
    expect(seen.context.errors[0].cause).toBe(seen);
  });

  test('own fields arrive, enumerable or not, as they were', () => {
    const error = new Error('invalid');
    Object.defineProperty(error, 'issues', {
      value: [{ path: ['a'], message: 'required' }],
      enumerable: false,
    });
    Object.defineProperty(error, 'format', { get: () => 'text', enumerable: true });
    const seen = arrived(error, travel);
    expect(seen.issues).toEqual([{ path: ['a'], message: 'required' }]);
    expect(Object.keys(seen)).toEqual(['format']);
  });

  test('of a field that cannot be copied as a whole, what can be arrives', () => {
    class Response {
      status = 500;
      #secret = () => {};
      retry = () => this.#secret;
      headers = new Map<string, unknown>([
        ['a', 1],
        ['b', () => {}],
      ]);
      request = { on() {}, method: 'GET', url: new URL('http://host/') };
      tags = new Set([1, Symbol('2'), 3]);
      list = ['first', () => {}, 'third'];
      when = new Date(5);
      pattern = /x/g;
      get broken(): never {
        throw new Error('not read: it is of the prototype');
      }
    }
    const response = Object.defineProperty(new Response(), 'trap', {
      enumerable: true,
      get: () => throwing.trap,
    });
    const seen = arrived(Object.assign(new Error('failed'), { response, retry: () => {} }), travel);
    expect(Object.keys(seen)).toEqual(['response']);
    expect(seen.response).toEqual({
      status: 500,
      headers: new Map([['a', 1]]),
      request: { method: 'GET' },
      tags: new Set([1, 3]),
      list: ['first', undefined, 'third'],
      when: new Date(5),
      pattern: /x/g,
    });
  });

  test('a Buffer in a field is one, with nothing of the memory around it', () => {
    const bytes = Buffer.from('some bytes');
    const seen = arrived(Object.assign(new Error('failed'), { body: bytes, other: [bytes] }), travel);
    expect(Buffer.isBuffer(seen.body)).toBe(true);
    expect(String(seen.body)).toBe('some bytes');
    expect(seen.body.buffer.byteLength).toBe(bytes.byteLength);
    expect(seen.other[0]).toBe(seen.body);
  });

  test('what was shared in a field is shared', () => {
    const part = { of: new Date(1) };
    const seen = arrived(Object.assign(new Error('failed'), { a: [part, part], b: part }), travel);
    expect(seen.a[0]).toBe(seen.a[1]);
    expect(seen.b).toBe(seen.a[0]);
  });

  test('both errors of a SuppressedError arrive, also where the class is not known', () => {
    const known = (globalThis as any).SuppressedError;
    const there = Object.assign(new RangeError('the real reason'), { code: 'E_REAL' });
    const fallback = Object.assign(new Error('both'), { name: 'SuppressedError' });
    const error =
      known === undefined
        ? Object.assign(fallback, { error: new Error('closing failed'), suppressed: there })
        : new known(new Error('closing failed'), there, 'both');
    const seen = arrived(error, travel);
    expect(seen).toMatchObject({ name: 'SuppressedError', message: 'both' });
    if (known !== undefined) expect(Object.getPrototypeOf(seen)).toBe(known.prototype);
    expect(seen.error).toMatchObject({ message: 'closing failed' });
    expect(seen.suppressed).toBeInstanceOf(RangeError);
    expect(seen.suppressed.code).toBe('E_REAL');
  });

  test('what an error suppresses, and its cause, tell what they were when they cannot be copied', () => {
    const error = new AggregateError([() => {}, new Error('second')], 'several', { cause: Symbol('why') });
    const seen = arrived(error, travel);
    expect(seen.errors[0]).toBeInstanceOf(own.NotCloneableError);
    expect(seen.errors[1].message).toBe('second');
    expect(seen.cause).toBeInstanceOf(own.NotCloneableError);
  });

  test('a subclass of another realm is known by the class it comes from', async () => {
    const { runInNewContext } = await import('node:vm');
    const seen = arrived(
      runInNewContext(`
        class Odd extends RangeError { get name() { return 'Odd'; } }
        Object.assign(new AggregateError([Object.assign(new Odd('there'), { code: 'X' })]), { list: [new Map()] })`),
      travel,
    );
    expect(seen).toBeInstanceOf(AggregateError);
    expect(seen.errors[0]).toBeInstanceOf(RangeError);
    expect(seen.errors[0]).toMatchObject({ name: 'Odd', message: 'there', code: 'X' });
  });
});

describe.each([
  ['threads', byThread],
  ['processes', byProcess],
])('S29 an error in a value, between %s', (_, travel) => {
  const failing = (message: string): Error => Object.assign(new TypeError(message), { code: 'E', line: 3 });
  const whole = { code: 'E', line: 3 };

  test('arrives as it is when it is thrown', async () => {
    const settled = await Promise.allSettled([Promise.reject(failing('x')), Promise.resolve(1)]);
    class Report {
      errors = [failing('of a class')];
    }
    const [list, bare, map, report] = arrivedValues(
      [settled, failing('bare'), new Map([[failing('key'), new Set([failing('element')])]]), new Report()],
      travel,
    );
    expect(list[1]).toEqual({ status: 'fulfilled', value: 1 });
    const [[key, set]] = map;
    for (const seen of [list[0].reason, bare, key, [...set][0], report.errors[0]]) {
      expect(seen).toBeInstanceOf(TypeError);
      expect({ ...seen }).toEqual(whole);
    }
    expect(report).toEqual({ errors: [report.errors[0]] });
  });

  test('is one where it was one, and shares what it shared with the value', () => {
    const config = { retries: 3 };
    const error = Object.assign(new Error('failed'), { config, result: undefined as unknown });
    const value: any = { config, error, again: [error], 'key with space': 1 };
    error.result = value;
    value.self = value;
    const [seen] = arrivedValues([value], travel);
    expect(seen.self).toBe(seen);
    expect(seen.again[0]).toBe(seen.error);
    expect(seen.error.result).toBe(seen);
    expect(seen.error.config).toBe(seen.config);
    expect(Object.keys(seen)).toEqual(['config', 'error', 'again', 'key with space', 'self']);
  });

  test('arrives with what can be copied of it, and does not keep the rest', () => {
    const error = Object.assign(new Error('failed', { cause: () => {} }), { retry: () => {}, kept: 1 });
    const [seen] = arrivedValues([{ error }], travel);
    expect({ ...seen.error }).toEqual({ kept: 1 });
    expect(seen.error.cause).toBeInstanceOf(own.NotCloneableError);
  });

  test('what is no error is as structured clone makes it', () => {
    const array: any = [1, , failing('x')]; // oxlint-disable-line no-sparse-arrays
    array.extra = 'kept';
    const value = Object.defineProperty({ array, when: new Date(1), ['__proto__']: 5 }, 'hidden', {
      value: 1,
    });
    const [seen] = arrivedValues([value], travel);
    expect(seen.array).toHaveLength(3);
    expect(1 in seen.array).toBe(false);
    expect(seen.array.extra).toBe('kept');
    expect(seen.when).toEqual(new Date(1));
    expect('hidden' in seen).toBe(false);
    expect(Object.getPrototypeOf(seen)).toBe(Object.prototype);
  });

  test('a getter beside it is asked once', () => {
    let asked = 0;
    const value = {
      error: failing('x'),
      get count() {
        return ++asked;
      },
    };
    const [seen] = arrivedValues([value], travel);
    expect(seen.count).toBe(1);
    expect(asked).toBe(1);
  });

  test('of an error that a getter gives, all arrives', () => {
    const value = {
      get error() {
        return failing('given');
      },
    };
    const [seen] = arrivedValues([value], travel);
    expect(seen.error).toBeInstanceOf(TypeError);
    expect(seen.error.code).toBe('E');
  });

  test('beside fields that structured clone drops, the object stays what it is', () => {
    const when = Object.assign(new Date(5), { error: failing('x') });
    const [seen] = arrivedValues([{ when, error: failing('y') }], travel);
    expect(seen.when).toEqual(new Date(5));
    expect(seen.error.code).toBe('E');
    const promise = Object.assign(Promise.resolve(1), { error: failing('x') });
    expect(() => arrivedValues([promise], travel)).toThrow('could not be cloned');
  });

  test('where a getter throws, the values stay as they are', () => {
    const values = [{ error: failing('x') }, throwing];
    expect(encodeErrors(values)).toEqual({ values, errors: undefined, isPlain: false });
    expect(encodeErrors(values).values).toBe(values);
  });

  test('as many as there are, and however deep', () => {
    const [many] = arrivedValues(
      [Array.from({ length: 3000 }, (_, index) => failing(String(index)))],
      travel,
    );
    expect(many).toHaveLength(3000);
    expect(many[2999]).toMatchObject({ message: '2999', code: 'E' });
    let deep: any = failing('deep');
    for (let level = 0; level < 300; level++) deep = { deep };
    let [seen] = arrivedValues([deep], travel);
    for (let level = 0; level < 300; level++) seen = seen.deep;
    expect(seen.code).toBe('E');
  });

  test('one made in the old way is an error', () => {
    function Old(this: any, message: string): void {
      this.message = message;
      this.code = 'E_OLD';
    }
    Object.setPrototypeOf(Old.prototype, RangeError.prototype);
    Old.prototype.name = 'Old';
    const [[seen]] = arrivedValues([[new (Old as any)('of old')]], travel);
    expect(seen).toBeInstanceOf(RangeError);
    expect(seen).toMatchObject({ name: 'Old', message: 'of old', code: 'E_OLD' });
  });

  test('a DOMException stays one', () => {
    const [{ error: seen }] = arrivedValues([{ error: new DOMException('no', 'AbortError') }], travel);
    expect(seen).toBeInstanceOf(DOMException);
    expect(seen).toMatchObject({ name: 'AbortError', message: 'no', code: 20 });
  });

  test('and so does one in a value that is thrown', () => {
    const seen = arrived({ problems: [failing('x')] }, travel);
    expect({ ...seen.problems[0] }).toEqual(whole);
  });
});

test('S29 a program that formats stacks itself, and fails at it, keeps errors travelling', () => {
  const before = Error.prepareStackTrace;
  Error.prepareStackTrace = () => {
    throw new Error('not this one');
  };
  try {
    const error = Object.assign(new RangeError('x'), { code: 'E' });
    expect(arrived(error)).toMatchObject({ message: 'x', code: 'E' });
    expect(arrivedValues([[error]])[0][0].code).toBe('E');
  } finally {
    Error.prepareStackTrace = before;
  }
});

test('values without errors travel as they are', () => {
  const values = [1, 'x', { a: [1] }, new Map([[{}, new Set([{}])]]), new Date(), Buffer.from('x')];
  const cycle: any = {};
  cycle.self = cycle;
  const encoded = encodeErrors([...values, cycle]);
  expect(encoded.errors).toBeUndefined();
  expect(encoded.values.every((value, index) => value === [...values, cycle][index])).toBe(true);
});

test('a copy made in this thread keeps what errors in it have', () => {
  const value = { error: Object.assign(new Error('x'), { code: 'E' }), part: {} };
  const copy = cloneWithErrors(value) as typeof value;
  expect(copy.error.code).toBe('E');
  expect(copy.error).not.toBe(value.error);
  expect(copy.part).not.toBe(value.part);
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
