import vm from 'node:vm';
import * as namespace from 'node:vm';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { noSnapshot, packTrees, snapshot, unpackTrees } from '../../../src/wire/trees.ts';

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

  test('is its own, whatever a getter takes a snapshot of meanwhile', () => {
    const nosy = {
      get a() {
        snapshot({ other: [1, 2, 3] });
        return 'a';
      },
    };
    snapshot({ a: 'before' });
    expect(snapshot(nosy)).toEqual({ a: 'a' });
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

  test('whose getters look at other values meanwhile are not confused by it', () => {
    const nosy = {
      get a() {
        travel([1, 2, 3, 4].map(item));
        return 'a';
      },
      b: { c: 'c' },
    };
    expect(travel([nosy, nosy, nosy, item(1)])).toEqual([
      ...new Array(3).fill({ a: 'a', b: { c: 'c' } }),
      item(1),
    ]);
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
});
