import vm from 'node:vm';
import * as namespace from 'node:vm';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { company } from '../../support/odd-values.ts';
import { cloneOf, describeValue, make } from '../../tasks/odd-values.js';
import { noSnapshot, packTrees, snapshot, unpackTrees } from '../../../src/wire/shape-encoding.ts';

function refuse(): never {
  throw new Error('a setter');
}

function argumentsOfThis(): unknown {
  return arguments;
}

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
    ['the arguments of a function', argumentsOfThis()],
    ['the namespace of a module', namespace],
    ['a date that has lost its prototype', Object.setPrototypeOf(new Date(), null)],
    ['an array that has lost its prototype', Object.setPrototypeOf([1], null)],
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

  test('S39 is not made of what has a getter, which has not run then', () => {
    let reads = 0;
    const counting = {
      get a() {
        return ++reads;
      },
      b: 1,
    };
    snapshot({ a: 0, b: 1 });
    expect(snapshot(counting)).toBe(noSnapshot);
    expect(snapshot([counting])).toBe(noSnapshot);
    expect(snapshot(Object.defineProperty([1, 2], 0, { get: () => ++reads }))).toBe(noSnapshot);
    expect(reads).toBe(0);
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

/** As it arrives. */
const travel = (values: readonly unknown[], group?: number | readonly number[]): readonly unknown[] =>
  unpackTrees(structuredClone(packTrees(values, group)));

const item = (id: number): object => ({ id, tags: ['a', 'b'], nested: { unit: 'mm' } });

describe('values in a message', () => {
  test('that are trees of one shape travel as their leaves, and their keys once', () => {
    const packed = packTrees([1, 2, 3, 4].map(item));
    expect(packed.values).toEqual([1, 2, 3, 4].flatMap((id) => [id, 'a', 'b', 'mm']));
    expect(packed.trees).toMatchObject({ count: 4, shapeOf: 1 });
    expect(packed.trees!.shapes).toHaveLength(1);
    expect(unpackTrees(structuredClone(packed))).toEqual([1, 2, 3, 4].map(item));
  });

  test('that are few, or no trees, travel as they are', () => {
    for (const values of [
      [item(1), item(2), item(3)],
      [1, 2, 3, 4, 5],
      Array.from('dates', () => new Date()),
    ])
      expect(packTrees(values)).toEqual({ values, trees: undefined });
  });

  test('may differ: trees of some shapes, what is no tree, and trees without a leaf', () => {
    const values = [1, {}, item(2), [], new Map([[1, item(3)]]), { id: 4 }, undefined, item(5), []];
    expect(travel(values)).toStrictEqual(values);
  });

  test('of more shapes than are worth it travel, the last of them as they are', () => {
    const values = Array.from({ length: 12 }, (_, i) => ({ [`key${i}`]: i }));
    const packed = packTrees(values);
    expect(packed.trees!.shapes).toHaveLength(8);
    expect(packed.values.slice(8)).toEqual(values.slice(8));
    expect(travel(values)).toStrictEqual(values);
  });

  test('of one group keep what they share, those of others do not share it', () => {
    const shared = { count: 0 };
    const [a, b, c, d] = travel([shared, [shared], shared, { of: shared }], 2) as unknown[];
    expect((b as unknown[])[0]).toBe(a);
    expect((d as { of: unknown }).of).toBe(c);
    const apart = travel([shared, shared, shared, shared]);
    expect(new Set(apart).size).toBe(4);
  });

  test('of one group travel as they are when one of them is no tree, and could hold another', () => {
    const inner = { x: 1 };
    const [a, map, other] = travel([inner, new Map([['inner', inner]]), { x: 2 }, 3], [2, 2]);
    expect((map as Map<string, unknown>).get('inner')).toBe(a);
    expect(other).toEqual({ x: 2 });
  });

  test('of many parts that are no trees are not looked through: bytes would have a key for each', () => {
    const keys = vi.spyOn(Object, 'keys');
    onTestFinished(() => keys.mockRestore());
    const values = [new Uint8Array(100), Buffer.alloc(100), new Array(100).fill(0), new Date()];
    packTrees(values);
    expect(keys.mock.calls.filter(([value]) => values.includes(value as never))).toEqual([]);
  });

  test('S39 whose getters count are read once, each in its turn', () => {
    const counting = (): object => {
      let reads = 0;
      return {
        get a() {
          return ++reads;
        },
        get b() {
          return { read: ++reads };
        },
      };
    };
    const usual = { a: 0, b: { read: 0 } };
    expect(travel([usual, counting(), usual, counting(), counting()])).toEqual(
      [0, 1, 0, 1, 1].map((first) => (first === 0 ? usual : { a: 1, b: { read: 2 } })),
    );
  });

  test('arrive as structured clones do (property)', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
    });
    const alike = fc.record({ id: fc.integer(), name: fc.string(), more: fc.option(fc.array(fc.boolean())) });
    const groups = fc.array(fc.array(fc.oneof(anything, alike, fc.constant(item(1))), { maxLength: 3 }), {
      minLength: 2,
      maxLength: 12,
    });
    fc.assert(
      fc.property(groups, (each) => {
        const values = each.flat();
        const sizes = each.map(({ length }) => length);
        expect(travel(values, sizes)).toStrictEqual(each.flatMap((group) => structuredClone(group)));
      }),
      { numRuns: 300 },
    );
  });

  test.each<[string, PropertyDescriptor]>([
    ['a setter', { get: () => 'of the prototype', set: () => {} }],
    ['a setter that throws', { set: refuse }],
    ['a value that cannot be changed', { value: 'of the prototype', writable: false }],
  ])('S39 arrive whatever prototypes have at their keys: %s', (_, descriptor) => {
    const values = [1, 2, 3, 4].map((a) => ({ a, toString: 'x', list: [a, { a }] }));
    const packed = packTrees(values);
    expect(packed.trees!.shapeOf).toBe(1);
    const arrived = structuredClone(packed);
    for (const prototype of [Object.prototype, Array.prototype])
      for (const key of ['a', 'list', 'blank', 'parts'])
        Object.defineProperty(prototype, key, { ...descriptor, configurable: true });
    let unpacked: readonly unknown[];
    let copy: unknown;
    try {
      unpacked = unpackTrees(arrived);
      copy = snapshot(values[0]);
    } finally {
      for (const prototype of [Object.prototype, Array.prototype])
        for (const key of ['a', 'list', 'blank', 'parts']) Reflect.deleteProperty(prototype, key);
    }
    expect(unpacked).toStrictEqual(values);
    expect(copy).toStrictEqual(values[0]);
  });

  test('S39 are, alone and in company, what structured clone makes of them, odd as they may be (property)', () => {
    fc.assert(
      fc.property(company, (recipes) => {
        const cloneable = recipes.filter((recipe) => cloneOf(recipe) !== undefined);
        const arrived = travel(cloneable.map((recipe) => make(recipe)));
        expect(arrived.map(describeValue)).toEqual(cloneable.map(cloneOf));
        for (const recipe of recipes) {
          const copy = snapshot(make(recipe));
          if (copy !== noSnapshot) expect(describeValue(copy)).toBe(cloneOf(recipe));
        }
      }),
      { numRuns: 250 },
    );
  });
});
