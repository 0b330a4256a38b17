import { describe, expect, test } from 'vitest';
import { cloneValue, ownMemory } from '../../../src/wire/own-memory.ts';

const memory = (bytes = 64): ArrayBuffer => Uint8Array.from({ length: bytes }, (_, index) => index).buffer;

const ways: Record<string, (view: unknown) => unknown> = {
  'by itself': (view) => view,
  'in an object': (view) => ({ view }),
  'in an array': (view) => [[view]],
  'as a value of a Map': (view) => new Map([['view', view]]),
  'as a key of a Map': (view) => new Map([[view, 1]]),
  'in a Set': (view) => new Set([view]),
  'in an object of a class': (view) => {
    class Message {
      readonly body = view;
    }
    return new Message();
  },
  'behind a getter': (view) => ({
    get body() {
      return view;
    },
  }),
};

/** The view in any of them. */
function viewIn(value: any): any {
  if (ArrayBuffer.isView(value)) return value;
  if (value instanceof Map) return [...value].flat().map(viewIn).find(Boolean);
  return typeof value === 'object'
    ? Object.values(value instanceof Set ? [...value] : value).map(viewIn)[0]
    : undefined;
}

describe('S38 a clone', () => {
  const views = {
    'a small Buffer': Buffer.from('abc'),
    'a large Buffer': Buffer.alloc(5_000, 7),
    'a part of a Buffer': Buffer.alloc(5_000, 7).subarray(10, 20),
    'an empty Buffer': Buffer.from('pool').subarray(2, 2),
    'a part of an array': new Uint32Array(memory()).subarray(2, 4),
    'a DataView': new DataView(memory(), 8, 8),
  };
  for (const [what, view] of Object.entries(views)) {
    test.each(Object.entries(ways))(`of ${what} has its class and its own bytes only: %s`, (_way, put) => {
      const clone = viewIn(cloneValue(put(view)));
      expect(Object.getPrototypeOf(clone)).toBe(Object.getPrototypeOf(view));
      expect(clone).toEqual(view);
      expect([clone.byteOffset, clone.buffer.byteLength]).toEqual([0, view.byteLength]);
    });
  }

  test('of what cannot be cloned fails as structured clone does', () => {
    const gone = new Uint8Array(8);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    for (const value of [{ gone, window: Buffer.from('a') }, [Buffer.from('a'), () => {}], new Proxy({}, {})])
      expect(() => cloneValue(value)).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
  });

  test('keeps what is the same the same', () => {
    const view = Buffer.from('abc');
    const shared = { view };
    const clone = cloneValue({ shared, again: [shared, view] });
    expect(clone.again[0]).toBe(clone.shared);
    expect(clone.again[1]).toBe(clone.shared.view);
  });

  test('keeps the memory of views common when they show all of it', () => {
    const whole = memory();
    const clone = cloneValue({ whole, bytes: new Uint8Array(whole), words: new Uint16Array(whole) });
    expect(clone.bytes.buffer).toBe(clone.whole);
    expect(clone.words.buffer).toBe(clone.whole);
  });

  test('shares what is shared between threads, also as a Buffer', () => {
    const shared = new SharedArrayBuffer(8);
    const clone = cloneValue({ part: Buffer.from(shared, 2, 4) });
    new Uint8Array(shared)[2] = 9;
    expect(clone.part.toString('hex')).toBe('09000000');
    expect(clone.part.byteOffset).toBe(2);
  });

  test('calls a getter once', () => {
    let calls = 0;
    const value = {
      get count() {
        return ++calls;
      },
      bytes: Buffer.from('a'),
    };
    expect(cloneValue(value)).toEqual({ count: 1, bytes: Buffer.from('a') });
  });
});

describe('S38 values to be posted', () => {
  test('are the same ones when there is nothing to replace', () => {
    for (const values of [[1, 'text', null], [{ deep: [new Date(0)] }], [Buffer.alloc(10_000)], []]) {
      expect(ownMemory(values).values).toBe(values);
    }
  });

  test('are not changed themselves', () => {
    const bytes = Buffer.from('abc');
    const value = Object.freeze({ list: Object.freeze([bytes]) });
    const { values } = ownMemory([value, bytes]);
    expect(value.list[0]).toBe(bytes);
    expect(values[0]).not.toBe(value);
    expect((values[0] as typeof value).list[0]).toBe(values[1]);
  });

  test('keep the views of what moves', () => {
    const moved = memory();
    const view = new Uint8Array(moved, 8, 8);
    const values = [{ view }];
    expect(ownMemory(values, [moved]).values).toBe(values);
  });
});
