import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  readSignal,
  readFunction,
  readInteger,
  readDurationMs,
  readBoolean,
  readList,
  readOneOf,
  readOptions,
  readString,
  readObjectWith,
} from '../../../src/core/options.ts';

interface Options {
  readonly maxPools?: number;
  readonly minPools?: number;
  readonly logger?: object;
}

const read = (options: unknown) =>
  readOptions<Options>('a pool', options, ['maxPools', 'minPools', 'logger']);

/** What the call throws. */
function thrown(call: () => unknown): any {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const wrongType = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const wrongValue = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

describe('reading options', () => {
  test('S24 undefined is no option, whatever is not an object is refused', () => {
    expect({ ...read(undefined) }).toEqual({});
    for (const value of [null, 5, 'x', true, [], () => {}, Symbol('x'), 1n])
      expect(thrown(() => read(value))).toMatchObject(wrongType);
  });

  test('S24 an unknown key is refused by the name of the nearest known one', () => {
    expect(thrown(() => read({ maxPool: 1 }))).toMatchObject({
      ...wrongType,
      message: 'a pool has no option "maxPool"; did you mean "maxPools"?',
    });
    expect(thrown(() => read({ MINPOOLS: 1 })).message).toContain('"minPools"');
    expect(thrown(() => read({ loger: 1 })).message).toContain('"logger"');
  });

  test.each([
    ['timeout', 'timeoutSeconds'],
    ['queueTimeout', 'queueTimeoutSeconds'],
    ['workers', 'workersPerPool'],
    ['owners', 'owner'],
    ['max_pools', 'maxPools'],
    ['timeutSeconds', 'timeoutSeconds'],
  ])('S24 "%s" is nearer to "%s" than to a shorter name', (key, nearest) => {
    const known = ['owner', 'maxPools', 'logger', 'workersPerPool', 'timeoutSeconds', 'queueTimeoutSeconds'];
    const error = thrown(() => readOptions('a pool', { [key]: 1 }, known as never));
    expect(error.message).toBe(`a pool has no option "${key}"; did you mean "${nearest}"?`);
  });

  test('S24 an unknown key is refused also when its value is undefined', () => {
    expect(thrown(() => read({ maxPool: undefined }))).toMatchObject(wrongType);
  });

  test('S24 keys that every object has are no options', () => {
    for (const key of ['toString', 'constructor', '__proto__', 'hasOwnProperty'])
      expect(thrown(() => read(JSON.parse(`{"${key}": 1}`)))).toMatchObject(wrongType);
  });

  test('S25 each option is read once', () => {
    let reads = 0;
    const options = {
      get maxPools() {
        return ++reads;
      },
    };
    expect(read(options).maxPools).toBe(1);
    expect(reads).toBe(1);
  });

  test('S25 a later change of the object has no effect', () => {
    const options = { maxPools: 1 };
    const given = read(options);
    options.maxPools = 2;
    expect(given.maxPools).toBe(1);
  });

  test('S25 options of a prototype are not options of the object', () => {
    class Configured {
      get maxPools(): number {
        return 7;
      }
    }
    expect(read(Object.create({ maxPools: 7 })).maxPools).toBeUndefined();
    expect(read(new Configured()).maxPools).toBeUndefined();
  });

  test('S25 what somebody put on Object.prototype is no option', () => {
    Object.defineProperty(Object.prototype, 'maxPools', { value: 7, configurable: true });
    onTestFinished(() => void Reflect.deleteProperty(Object.prototype, 'maxPools'));
    expect(read({}).maxPools).toBeUndefined();
    expect(read(undefined).maxPools).toBeUndefined();
  });

  test('an error of a getter comes through', () => {
    const error = new Error('mine');
    const options = {
      get maxPools(): number {
        throw error;
      },
    };
    expect(thrown(() => read(options))).toBe(error);
  });

  test('a frozen object and one without a prototype do', () => {
    const bare = Object.assign(Object.create(null) as object, { maxPools: 3 });
    expect(read(Object.freeze({ maxPools: 2 })).maxPools).toBe(2);
    expect(read(bare).maxPools).toBe(3);
  });
});

const numbersByName = { NaN, Infinity, '-Infinity': -Infinity };
const notNumbers = ['5', '', true, false, null, 5n, [5], {}, Symbol('5'), () => 5, Object(5), new Date(5)];

describe('S24 counts', () => {
  test('take whole numbers from the least on, unchanged', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), fc.integer(), (min, value) => {
        if (value >= min) expect(readInteger('n', value, { min })).toBe(value);
        else expect(thrown(() => readInteger('n', value, { min }))).toMatchObject(wrongValue);
      }),
    );
  });

  test('refuse every other number as out of range', () => {
    for (const value of [...Object.values(numbersByName), 0.5, 1.9, 2 ** 53, -1, 0, -0])
      expect(thrown(() => readInteger('n', value, { min: 1 }))).toMatchObject(wrongValue);
  });

  test.each(notNumbers)('refuse %o as of the wrong type', (value) => {
    expect(thrown(() => readInteger('n', value, { min: 0 }))).toMatchObject(wrongType);
  });

  test('take Infinity only where it is meant', () => {
    expect(readInteger('n', Infinity, { min: 1, orInfinity: true })).toBe(Infinity);
    expect(thrown(() => readInteger('n', -Infinity, { min: 1, orInfinity: true }))).toMatchObject(wrongValue);
    expect(thrown(() => readInteger('n', NaN, { min: 1, orInfinity: true }))).toMatchObject(wrongValue);
  });

  test('absent stays absent', () => {
    expect(readInteger('n', undefined, { min: 1 })).toBeUndefined();
  });
});

describe('S24 durations', () => {
  test('are seconds outside and milliseconds inside', () => {
    expect(readDurationMs('d', 0.25, { orZero: false })).toBe(250);
    expect(readDurationMs('d', 3600, { orZero: false })).toBe(3_600_000);
  });

  test('S25 may be as long as a number can say, and stay finite', () => {
    for (const seconds of [2 ** 31 / 1000, 1e15, 1e306, Number.MAX_VALUE]) {
      const ms = readDurationMs('d', seconds, { orZero: false })!;
      expect(Number.isFinite(ms)).toBe(true);
      expect(ms).toBeGreaterThanOrEqual(2 ** 31);
    }
  });

  test('are never shortened by the unit (property)', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e12, noNaN: true }), (seconds) => {
        const ms = readDurationMs('d', seconds, { orZero: false })!;
        expect(ms).toBeGreaterThan(0);
        expect(ms).toBe(seconds * 1000);
      }),
    );
  });

  test('0 only where it is meant', () => {
    expect(readDurationMs('d', 0, { orZero: true })).toBe(0);
    expect(thrown(() => readDurationMs('d', 0, { orZero: false }))).toMatchObject(wrongValue);
    expect(thrown(() => readDurationMs('d', -0, { orZero: false }))).toMatchObject(wrongValue);
  });

  test('refuse negative and unbounded numbers as out of range', () => {
    for (const value of [...Object.values(numbersByName), -1, -1e-9])
      for (const orZero of [true, false])
        expect(thrown(() => readDurationMs('d', value, { orZero }))).toMatchObject(wrongValue);
  });

  test.each(notNumbers)('refuse %o as of the wrong type', (value) => {
    expect(thrown(() => readDurationMs('d', value, { orZero: true }))).toMatchObject(wrongType);
  });
});

describe('S24 other options', () => {
  test('a wrong word is out of range, and no string is of the wrong type', () => {
    expect(readOneOf('w', 'a', ['a', 'b'])).toBe('a');
    expect(readOneOf('w', undefined, ['a', 'b'])).toBeUndefined();
    expect(thrown(() => readOneOf('w', 'A', ['a', 'b']))).toMatchObject({
      ...wrongValue,
      message: `"w" must be "a" or "b"; received 'A' (string)`,
    });
    expect(thrown(() => readOneOf('w', 1, ['a', 'b']))).toMatchObject(wrongType);
  });

  test('texts, flags, lists and functions are taken as they are, and nothing else is', () => {
    const array = [1];
    const f = (): void => {};
    expect(readString('t', '')).toBe('');
    expect(readBoolean('f', false)).toBe(false);
    expect(readList('l', array)).toBe(array);
    expect(readFunction('c', f)).toBe(f);
    for (const check of [readString, readBoolean, readList, readFunction]) {
      expect(check('k', undefined)).toBeUndefined();
      for (const value of [null, 0, {}, new String('x')])
        expect(thrown(() => check('k', value))).toMatchObject(wrongType);
    }
    expect(thrown(() => readList('l', { length: 1, 0: 1 }))).toMatchObject(wrongType);
    expect(thrown(() => readBoolean('f', 'true'))).toMatchObject(wrongType);
  });

  test('an object with methods needs all of them', () => {
    interface Service {
      start(): void;
      stop(): void;
    }
    const complete: Service = { start() {}, stop() {} };
    const check = (value: unknown) => readObjectWith<Service>('m', value, ['start', 'stop']);
    expect(check(complete)).toBe(complete);
    expect(check(undefined)).toBeUndefined();
    for (const value of [null, {}, { start() {} }, { start: 1, stop: 2 }, 'x', () => {}])
      expect(thrown(() => check(value))).toMatchObject({
        ...wrongType,
        message: expect.stringContaining('the methods start, stop'),
      });
  });

  test('S28 a signal is known by what it does, of whatever realm it is', () => {
    const { signal } = new AbortController();
    const foreign = { aborted: false, addEventListener() {}, removeEventListener() {} };
    expect(readSignal('s', signal)).toBe(signal);
    expect(readSignal('s', foreign)).toBe(foreign);
    expect(readSignal('s', undefined)).toBeUndefined();
    for (const value of [null, {}, new AbortController(), { aborted: false }, 'abort', true])
      expect(thrown(() => readSignal('s', value))).toMatchObject(wrongType);
  });
});

describe('S24 messages', () => {
  test('name the option and show the value', () => {
    expect(thrown(() => readInteger('maxPools', 0, { min: 1 })).message).toBe(
      '"maxPools" must be a whole number, at least 1; received 0 (number)',
    );
    expect(thrown(() => readDurationMs('leaseSeconds', '5', { orZero: false })).message).toBe(
      `"leaseSeconds" must be a finite number of seconds, above 0; received '5' (string)`,
    );
    expect(thrown(() => readDurationMs('timeoutSeconds', -1, { orZero: true })).message).toContain(
      '0 or more',
    );
    expect(thrown(() => readInteger('n', { a: { b: 1 } }, { min: 1 })).message).toContain('{ a: [Object] }');
  });

  test('stay short whatever the value is', () => {
    expect(thrown(() => readInteger('n', 'x'.repeat(1e6), { min: 1 })).message.length).toBeLessThan(300);
  });
});
