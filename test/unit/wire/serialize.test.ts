import { BlockList } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { describe, expect, test } from 'vitest';
import { assertTravels, fromBytes, messageBytesLimit, toBytes } from '../../../src/wire/serialize.ts';

const roundTrip = <T>(value: T): T => fromBytes(toBytes(value)) as T;

type View = NodeJS.ArrayBufferView;

const views: readonly View[] = [
  Buffer.from('pool'),
  Buffer.alloc(100_000, 7).subarray(1, 99_000),
  new Float64Array([1.5, -0, NaN]),
  new BigUint64Array([1n, 2n ** 64n - 1n]),
  new Uint16Array([1, 2, 3]).subarray(1),
  new DataView(new ArrayBuffer(16), 3, 5),
  new Uint8ClampedArray(0),
  Object.setPrototypeOf(new Uint8Array([1]), Object.prototype),
];

/** Of a later library than the compiler is told of. */
function resizable(bytes: number): ArrayBuffer & { resize(bytes: number): void } {
  return Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: bytes }]) as ReturnType<typeof resizable>;
}

describe('S38 a view in bytes', () => {
  test('arrives with its class, in memory of its own, wherever in the bytes it stands', () => {
    for (let before = 0; before < 9; before++) {
      const arrived = roundTrip(['x'.repeat(before), new Map([[1, views]])])[1] as Map<number, View[]>;
      for (const [place, view] of arrived.get(1)!.entries()) {
        const clone = structuredClone(views[place]) as View;
        const { prototype } = Buffer.isBuffer(views[place]) ? Buffer : clone.constructor;
        expect(Object.getPrototypeOf(view)).toBe(prototype);
        expect(view.byteOffset).toBe(0);
        const shown = Buffer.from(clone.buffer, clone.byteOffset, clone.byteLength);
        expect(shown.equals(Buffer.from(view.buffer))).toBe(true);
      }
    }
  });

  test('shares its memory with views that show all of it, as a structured clone does', () => {
    const memory = new ArrayBuffer(8);
    const whole = roundTrip({ bytes: new Uint8Array(memory), memory, words: new Uint16Array(memory) });
    expect(whole.bytes.buffer).toBe(whole.memory);
    expect(whole.words.buffer).toBe(whole.memory);
    const [one, same, other] = [
      new Uint8Array(memory),
      new Uint8Array(memory, 0, 4),
      new Uint8Array(memory, 0, 4),
    ];
    const parts = roundTrip([one, same, same, other]);
    expect(parts[1]).toBe(parts[2]);
    expect(new Set(parts.map(({ buffer }) => buffer)).size).toBe(3);
  });

  test('that lies beyond its memory is refused', () => {
    const shrinking = resizable(8);
    const beyond = [new Uint8Array(shrinking, 4, 4), new DataView(shrinking, 4, 4), new Uint8Array(2)];
    shrinking.resize(4);
    structuredClone(beyond[2].buffer, { transfer: [beyond[2].buffer as ArrayBuffer] });
    for (const view of beyond) expect(() => toBytes({ view })).toThrow('could not be cloned');
  });
});

describe('S38 M8 an object of the platform in bytes', () => {
  test('is refused where structured clone makes more of it than an empty object', () => {
    const refused = { BlockList: new BlockList(), Histogram: createHistogram(), Blob: new Blob([]) };
    for (const [name, value] of Object.entries(refused)) {
      for (const whole of [value, [value], { value }, new Map([[value, 1]]), new Set([{ value }])])
        expect(() => toBytes(whole), name).toThrow('could not be cloned');
    }
    const behind = {
      get list() {
        return new BlockList();
      },
    };
    expect(() => toBytes(behind)).toThrow('could not be cloned');
  });

  test('is what structured clone makes of it otherwise', () => {
    for (const value of [new EventTarget(), AbortSignal.abort(), { env: process.env }])
      expect(roundTrip(value)).toEqual(structuredClone(value));
  });

  test('that is written and cannot be read is refused by those who look', () => {
    const { WebAssembly } = globalThis as any;
    const module = new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    expect(() => assertTravels({ module })).toThrow();
    expect(() => assertTravels({ text: 'it' })).not.toThrow();
  });

  test('S39 a getter is called once', () => {
    let calls = 0;
    expect(
      roundTrip({
        get calls() {
          return ++calls;
        },
      }),
    ).toEqual({ calls: 1 });
    expect(calls).toBe(1);
  });
});

describe('more bytes than one message may have', () => {
  test('are refused, in whatever they are', () => {
    const limit = 10_000;
    for (const value of [
      'x'.repeat(limit),
      [new Uint8Array(limit)],
      new Array(limit).fill('text'),
      Buffer.alloc(limit),
    ])
      expect(() => toBytes(value, limit)).toThrow(RangeError);
    expect(toBytes(Buffer.alloc(limit - 100), limit).byteLength).toBeLessThan(limit);
  });

  test('are refused before they are copied', () => {
    const view = new Uint8Array(2 ** 30); // Nothing of it is in use until it is read.
    const before = process.memoryUsage().rss;
    expect(() => toBytes({ view }, 2 ** 29)).toThrow(`${2 ** 29} bytes`);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
  });

  test('are more than Node takes to have a negative length', () => {
    expect(messageBytesLimit).toBeLessThan(2 ** 31);
  });
});
