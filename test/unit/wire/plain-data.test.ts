import * as namespace from 'node:vm';
import { beforeAll, describe, expect, test } from 'vitest';
import { isData, isSurelyData, looksPlain } from '../../../src/wire/plain-data.ts';

const isTaken = (value: object): boolean => looksPlain(value) && isData(value, Object.keys(value));

function argumentsOfThis(): object {
  return arguments;
}

const withPlainPrototype = (value: object): object =>
  Object.setPrototypeOf(value, Object.prototype) as object;

const odd: [string, () => object][] = [
  ['a class instance', () => new (class Point {})()],
  ['a proxy', () => new Proxy({}, {})],
  ['the namespace of a module', () => namespace],
  ['the arguments of a function', () => Reflect.apply(argumentsOfThis, undefined, [1])],
  ['no arguments of a function', () => argumentsOfThis()],
  ['a map with the prototype of a plain object', () => withPlainPrototype(new Map())],
  ['a WeakRef with the prototype of a plain object', () => withPlainPrototype(new WeakRef({}))],
  ['a formatter with the prototype of a plain object', () => withPlainPrototype(new Intl.NumberFormat('en'))],
  ['a date without a prototype', () => Object.setPrototypeOf(new Date(), null) as object],
  ['bytes with the prototype of a plain object', () => withPlainPrototype(new Uint8Array(2))],
];

describe('S39 data', () => {
  test('is a plain object or array, with a prototype or without', () => {
    for (const value of [{ a: 1 }, {}, [1], [], Object.create(null) as object, { __proto__: null, a: 1 }])
      expect(isTaken(value)).toBe(true);
  });

  test.each(odd)('is not %s', (_, make) => {
    expect(isTaken(make())).toBe(false);
  });

  test.each<[string, object]>([
    ['a getter', Object.defineProperty({}, 'a', { get: refuse, enumerable: true })],
    ['a setter', Object.defineProperty({}, 'a', { set: refuse, enumerable: true })],
    ['a getter in an array', Object.defineProperty([1], 0, { get: refuse, enumerable: true })],
  ])('is not what has %s, which does not run', (_, value) => {
    expect(isTaken(value)).toBe(false);
  });

  test('is not told by a tag, which is not even read', () => {
    const tagged = Object.defineProperty({ a: 1 }, Symbol.toStringTag, { get: refuse });
    expect(isTaken(tagged)).toBe(true);
    const error = Object.assign(new Error('no'), { code: 1, [Symbol.toStringTag]: 'Object' });
    expect(isTaken(withPlainPrototype(error))).toBe(false);
  });

  test('is told from the rest whatever descriptors inherit', () => {
    const getter = Object.defineProperty({}, 'a', { get: () => 1, enumerable: true, configurable: true });
    Object.defineProperty(Object.prototype, 'value', { value: 1, configurable: true, writable: true });
    const taken = isTaken(getter);
    Reflect.deleteProperty(Object.prototype, 'value');
    expect(taken).toBe(false);
  });
});

describe('S39 once many objects in a row were data', () => {
  beforeAll(() => {
    for (let i = 0; i < 2_000; i++) expect(isTaken({ a: i })).toBe(true);
  });

  test.each(odd)('what nobody has tampered with further is told from it all the same: %s', (_, make) => {
    for (let i = 0; i < 2_000; i++) isTaken({ a: i });
    expect(isTaken(make())).toBe(false);
  });

  test('one that is not is reason enough to look at all closely again', () => {
    const odd = Object.defineProperty({}, 'a', { get: () => 1, enumerable: true });
    expect(isSurelyData(odd, ['a'])).toBe(false);
    expect(isTaken(odd)).toBe(false);
  });
});

function refuse(): never {
  throw new Error('it ran');
}
