import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainOf } from '../../../src/bullmq/plain.ts';

test('S29 what is called plain arrives through JSON as it was', () => {
  const value = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSparseArray: true,
    withTypedArray: true,
    withNullPrototype: true,
  });
  fc.assert(
    fc.property(value, (each) => {
      const plain = plainOf(each);
      if (plain !== undefined) expect(JSON.parse(JSON.stringify(plain.value))).toEqual(structuredClone(each));
    }),
  );
});

test.each([
  ['-0', -0],
  ['NaN', NaN],
  ['undefined', undefined],
  ['undefined inside', { value: undefined }],
  ['a bigint', 1n],
  ['a Date', new Date(0)],
  ['a Map', new Map()],
  ['an array with holes', new Array<number>(2)],
  ['bytes', new Uint8Array(1)],
  ['a function', () => {}],
  [
    'an object that meets itself',
    (() => {
      const shared = {};
      return [shared, shared];
    })(),
  ],
])('S29 what JSON would change is not plain: %s', (_what, value) => {
  expect(plainOf(value)).toBeUndefined();
  expect(plainOf([value])).toBeUndefined();
});

test('M8 the size of plain values is about that of their JSON, and never less than their text', () => {
  const value = { text: 'ü'.repeat(1000), list: [1, 2, 3] };
  const bytes = Buffer.byteLength(JSON.stringify(value));
  expect(plainOf(value)!.bytes).toBeGreaterThan(2000);
  expect(plainOf(value)!.bytes).toBeLessThan(2 * bytes);
});
