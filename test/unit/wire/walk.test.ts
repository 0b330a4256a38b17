import { describe, expect, test } from 'vitest';
import { isPlain, Walk } from '../../../src/wire/walk.ts';

function walkThrough(...roots: object[]): { met: object[]; hasGetters: boolean } {
  const met: object[] = [];
  const walk = new Walk((object) => void met.push(object));
  for (const root of roots) walk.through(root);
  return { met, hasGetters: walk.hasGetters };
}

describe('a walk', () => {
  test('meets every object once, wherever it stands', () => {
    const part = new Date(0);
    class Holder {
      readonly held = part;
    }
    const long = Array.from({ length: 1000 }, () => 0 as unknown);
    long[999] = part;
    const named = Object.assign([1], { extra: part });
    const inKey = new Map([[part, 1]]);
    for (const root of [
      [part],
      { part },
      new Holder(),
      inKey,
      new Map([[1, part]]),
      new Set([part]),
      long,
      named,
    ])
      expect(walkThrough(root, root).met).toEqual([root, part]);
    const round: Record<string, unknown> = { part };
    round['self'] = round;
    expect(walkThrough(round).met).toEqual([round, part]);
  });

  test('goes deeper than any stack', () => {
    let root: object = {};
    for (let depth = 0; depth < 15_000; depth++) root = { root };
    expect(walkThrough(root).met).toHaveLength(15_001);
    for (let depth = 0; depth < 100_000; depth++) root = { root };
    expect(walkThrough(root).met, 'it ends where nothing can be cloned').toHaveLength(20_000);
  });

  test('S39 runs no code of what it meets, and says that there is some', () => {
    const never = (): never => {
      throw new Error('this must not be called');
    };
    const accessor = { get: never, enumerable: true };
    const inArray = Object.defineProperty([1, 2], 0, accessor);
    for (const root of [Object.defineProperty({}, 'a', accessor), { inside: inArray }]) {
      expect(walkThrough(root).hasGetters).toBe(true);
    }
    const traps = { ownKeys: never, get: never, getPrototypeOf: never, getOwnPropertyDescriptor: never };
    class Inherited {
      get inherited(): never {
        return never();
      }
    }
    expect(walkThrough({ proxy: new Proxy({}, traps) }, new Inherited()).hasGetters).toBe(false);
  });

  test('does not go through bytes', () => {
    expect(walkThrough([new Uint8Array(2 ** 27), Buffer.alloc(10), new ArrayBuffer(8)]).met).toHaveLength(4);
  });
});

describe('a plain value', () => {
  test('is a few plain objects and arrays of primitives', () => {
    for (const value of [{}, [1, 'text', null], { id: 1, tags: ['a', { deep: undefined }] }, new Array(99)])
      expect(isPlain(value)).toBe(true);
  });

  test('has nothing that a walk would find, and no getter', () => {
    const round: Record<string, unknown> = {};
    round['self'] = round;
    const never = (): never => {
      throw new Error('this must not be called');
    };
    const accessor = Object.defineProperty({}, 'a', { get: never, enumerable: true });
    const proxy = new Proxy({}, { getPrototypeOf: never, ownKeys: never });
    const bytes = Object.setPrototypeOf(new Uint8Array(2), Object.prototype) as object;
    for (const value of [
      round,
      accessor,
      proxy,
      bytes,
      new Date(),
      Buffer.from('a'),
      new Map(),
      new Array(1000).fill({ bytes: Buffer.from('a') }),
    ]) {
      expect(isPlain(value)).toBe(false);
      expect(isPlain({ inside: [value] })).toBe(false);
    }
  });
});
