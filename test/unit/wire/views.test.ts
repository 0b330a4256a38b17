import { describe, expect, test } from 'vitest';
import {
  bytesOf,
  isBeyondMemory,
  isBuffer,
  isWindow,
  kindOf,
  makeBuffers,
  ownBytes,
  viewOf,
} from '../../../src/wire/views.ts';

const memory = Uint8Array.from({ length: 64 }, (_, index) => index).buffer;
const classes = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
];

/** A view whose memory has shrunk under it. */
function beyond(make: (memory: ArrayBuffer) => NodeJS.ArrayBufferView): NodeJS.ArrayBufferView {
  // Of a later library than the compiler is told of.
  const shrinking = Reflect.construct(ArrayBuffer, [8, { maxByteLength: 8 }]) as ArrayBuffer & {
    resize(bytes: number): void;
  };
  const view = make(shrinking);
  shrinking.resize(2);
  return view;
}

function detached(): Uint8Array {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

describe('S38 a view', () => {
  test.each(classes)('is made again on the bytes it shows: %o', (viewClass) => {
    const view = Reflect.construct(viewClass, [memory, 16, 2]) as NodeJS.ArrayBufferView;
    const again = viewOf(kindOf(view), ownBytes(view));
    expect(Object.getPrototypeOf(again)).toBe(viewClass.prototype);
    expect(again).toEqual(view);
    expect([again.byteOffset, again.byteLength]).toEqual([0, again.buffer.byteLength]);
  });

  test('that is a Buffer is made again as one, whatever its memory', () => {
    for (const buffer of [
      Buffer.from('pool'),
      Buffer.alloc(10_000),
      Buffer.from(memory, 3, 5),
      Buffer.of(),
    ]) {
      const again = viewOf(kindOf(buffer), ownBytes(buffer));
      expect(Buffer.isBuffer(again)).toBe(true);
      expect(again).toEqual(buffer);
      expect(again.buffer.byteLength).toBe(buffer.byteLength);
    }
  });

  test('is known by what it is, not by its prototype or what it says of itself', () => {
    const view = Object.setPrototypeOf(new Uint16Array(memory, 2, 2), Object.prototype);
    expect(isWindow(view)).toBe(true);
    expect(viewOf(kindOf(view), ownBytes(view))).toEqual(new Uint16Array(memory, 2, 2));
    const lying = Object.defineProperties(new Uint8Array(memory, 0, 4), {
      byteLength: { value: 64 },
      buffer: { value: new ArrayBuffer(0) },
    });
    expect(ownBytes(lying).byteLength).toBe(4);
  });

  test('is a window when its memory is larger, unless that is shared between threads', () => {
    expect(isWindow(new Uint8Array(memory))).toBe(false);
    expect(isWindow(new DataView(memory))).toBe(false);
    expect(isWindow(Buffer.alloc(10_000))).toBe(false);
    expect(isWindow(new Uint8Array(memory, 0, 63))).toBe(true);
    expect(isWindow(new DataView(memory, 1))).toBe(true);
    expect(isWindow(Buffer.from('pool'))).toBe(true);
    expect(isWindow(new Uint8Array(new SharedArrayBuffer(8), 2, 2))).toBe(false);
  });

  test('is beyond its memory when that has gone or shrunk', () => {
    const gone = [detached(), beyond((shrinking) => new Uint8Array(shrinking, 4, 4))];
    for (const view of [...gone, beyond((shrinking) => new DataView(shrinking, 4, 4))]) {
      expect(isBeyondMemory(view)).toBe(true);
      expect(isWindow(view)).toBe(false);
      expect(bytesOf(view)).toBe(0);
    }
    expect(isBeyondMemory(beyond((shrinking) => new Uint8Array(shrinking)))).toBe(false);
    expect(isBeyondMemory(new Uint8Array(0))).toBe(false);
  });
});

test('S38 arrays of bytes are made Buffers where they stand', () => {
  const array = new Uint8Array([1, 2]);
  makeBuffers([array]);
  expect(isBuffer(array)).toBe(true);
  expect((array as Buffer).toString('hex')).toBe('0102');
});

test('S38 a class that this runtime does not have is refused', () => {
  expect(() => viewOf(200, new ArrayBuffer(8))).toThrow(TypeError);
});
