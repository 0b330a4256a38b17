import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StructureCopy } from '../../../src/wire/structure.ts';

const copyOf = (value: unknown): unknown => new StructureCopy(() => undefined).of(value);

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
});

describe('S39 a copy of a structure', () => {
  test('has the same structured clone (property)', () => {
    fc.assert(
      fc.property(anything, (value) => {
        expect(structuredClone(copyOf(value))).toStrictEqual(structuredClone(value));
      }),
    );
  });

  test('keeps what is the same the same, and what meets itself', () => {
    const shared = { at: new Date(0) };
    const round: Record<string, unknown> = { shared, list: [shared, new Map([[shared, shared]])] };
    round['set'] = new Set([round]);
    const copy = copyOf(round) as any;
    expect(copy).not.toBe(round);
    expect(copy.list[0]).toBe(copy.shared);
    expect([...copy.list[1].entries()][0]).toEqual([copy.shared, copy.shared]);
    expect([...copy.set][0]).toBe(copy);
    expect(copy.shared.at).toBe(shared.at);
  });

  test('calls each getter once, and copies what is there after it', () => {
    const makes: (() => unknown)[] = [
      () => {
        let calls = 0;
        return {
          get a() {
            return ++calls;
          },
          b: {
            get c() {
              return ++calls;
            },
          },
          get d() {
            return ++calls;
          },
        };
      },
      () => {
        const removing: Record<string, unknown> = {
          get a() {
            return delete removing['b'];
          },
          b: 2,
          c: 3,
        };
        return removing;
      },
      () => {
        const adding: Record<string, unknown> = {
          get a() {
            return (adding['z'] = 9);
          },
          b: 2,
        };
        return adding;
      },
      () => {
        const shrinking = [1, 2, 3];
        const get = (): number => (shrinking.length = 2);
        return Object.defineProperty(shrinking, 0, { get, enumerable: true });
      },
      () => {
        const growing = [1, 2, 3];
        const get = (): number => growing.push(4);
        return Object.defineProperty(growing, 0, { get, enumerable: true });
      },
    ];
    for (const make of makes) expect(structuredClone(copyOf(make()))).toStrictEqual(structuredClone(make()));
  });

  test('defines properties, whatever prototypes make of an assignment', () => {
    const value = {
      ...JSON.parse('{"__proto__": 1, "constructor": 2}'),
      list: Object.assign([1], { name: 2 }),
    };
    const refuse = (): never => {
      throw new Error('this must not be called');
    };
    Object.defineProperty(Object.prototype, 'list', { set: refuse, get: () => 1, configurable: true });
    Object.defineProperty(Object.prototype, 'get', { value: refuse, configurable: true });
    let copy: unknown;
    try {
      copy = copyOf(value);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'list');
      Reflect.deleteProperty(Object.prototype, 'get');
    }
    expect(Object.entries(copy as object)).toEqual(Object.entries(value));
  });

  test('leaves alone what is not cloned by its keys, and what cannot be cloned', () => {
    const values = [
      Object.assign(new Error('it'), { code: 1 }),
      Object.assign(new Date(0), { extra: 1 }),
      Object.assign(Promise.resolve(), { extra: 1 }),
      Object.assign(new Blob([]), { extra: 1 }),
      new Proxy({}, {}),
      new (class {
        #hidden = 1;
        get hidden(): number {
          return this.#hidden;
        }
      })(),
    ];
    for (const value of values) expect((copyOf({ value }) as { value: unknown }).value).toBe(value);
  });

  test('has replacements where they are given', () => {
    const old = new Date(1);
    const copy = new StructureCopy((object) => (object === old ? new Date(2) : undefined));
    expect(copy.of({ list: [old], map: new Map([[1, old]]), set: new Set([old]) })).toEqual({
      list: [new Date(2)],
      map: new Map([[1, new Date(2)]]),
      set: new Set([new Date(2)]),
    });
  });
});
