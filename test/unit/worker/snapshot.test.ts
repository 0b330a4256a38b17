import vm from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noSnapshot, snapshot } from '../../../src/worker/snapshot.ts';

const frozenNested = Object.freeze({ list: Object.freeze([1, Object.freeze({ deep: null })]) });

describe('S3 a snapshot of a result', () => {
  test.each<[string, unknown]>([
    ['a primitive', 1],
    ['undefined', undefined],
    ['a negative zero', { value: -0 }],
    ['a bigint', { value: 1n }],
    ['an empty object', {}],
    ['an empty array', []],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    ['a frozen tree', frozenNested],
    ['keys in their order, undefined among the values', { b: undefined, a: [null, 'x', NaN], 1: true }],
    ['an array of arrays', [[1], [[2]], []]],
  ])('of %s is what a structured clone is', (_, value) => {
    const copy = snapshot(value);
    expect(copy).toStrictEqual(structuredClone(value));
    if (typeof value === 'object') expect(copy).not.toBe(value);
  });

  test.each<[string, unknown]>([
    ['a class instance', new (class Point {})()],
    ['a date', { at: new Date() }],
    ['a map', new Map()],
    ['bytes', { bytes: new Uint8Array(1) }],
    ['an error', [new Error('no')]],
    ['a function', { f: () => {} }],
    ['a symbol', [Symbol('s')]],
    ['a proxy', { p: new Proxy({}, {}) }],
    ['a proxy of an array', new Proxy([], {})],
    ['an array with a gap', new Array(3)],
    ['an array with a gap and another key', Object.assign([1, undefined], { length: 3, key: 1 })],
    ['an array with a key of its own', Object.assign([1], { key: 1 })],
    ['an array of another class', new (class List extends Array {})()],
    ['an object of another realm', vm.runInNewContext('({ a: 1 })')],
    ['a key that would set the prototype', JSON.parse('{"__proto__": 1}')],
    [
      'a getter that throws',
      {
        get broken(): never {
          throw new Error('no');
        },
      },
    ],
    ['more values than it is worth', new Array(65).fill(0)],
    ['more objects than it is worth', Array.from({ length: 16 }, () => ({}))],
  ])('is not made of %s', (_, value) => {
    expect(snapshot(value)).toBe(noSnapshot);
  });

  test('is not made of what meets itself again: an identity would be lost', () => {
    const shared = {};
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(snapshot([shared, shared])).toBe(noSnapshot);
    expect(snapshot(circle)).toBe(noSnapshot);
    expect(snapshot([shared])).toEqual([{}]);
  });

  test('is either not made, or what a structured clone is (property)', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
        (value) => {
          const copy = snapshot(value);
          fc.pre(copy !== noSnapshot);
          expect(copy).toStrictEqual(structuredClone(value));
        },
      ),
      { numRuns: 300 },
    );
  });
});
