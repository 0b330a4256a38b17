import { createSecretKey } from 'node:crypto';
import { BlockList, createServer, SocketAddress } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isNativeClass, isOfPlatform } from '../../../src/wire/platform-objects.ts';

/** What structured clone makes of it in this version of Node is neither an empty object nor one of its keys. */
const platformObjects = {
  Blob: new Blob(['text']),
  File: new File(['text'], 'name'),
  BlockList: new BlockList(),
  SocketAddress: new SocketAddress({ address: '10.0.0.1' }),
  Histogram: createHistogram(),
  KeyObject: createSecretKey(Buffer.from('key')),
  MessagePort: new MessageChannel().port1,
  URL: new URL('https://example.org'),
  URLSearchParams: new URLSearchParams('a=1'),
  Headers: new Headers(),
  FormData: new FormData(),
  Request: new Request('https://example.org'),
  Response: new Response(),
  ReadableStream: new ReadableStream(),
  WritableStream: new WritableStream(),
  TransformStream: new TransformStream(),
};

describe('M8 an object of the platform', () => {
  test.each(Object.entries(platformObjects))('is known as one: %s', (_name, value) => {
    expect(isOfPlatform(value)).toBe(true);
  });

  test.each(['URL', 'Headers', 'ReadableStream'] as const)(
    'S39 is known when something else has its name by now: %s',
    (name) => {
      const real = Object.getOwnPropertyDescriptor(globalThis, name)!;
      class Fake {}
      Object.defineProperty(globalThis, name, { ...real, value: Fake, writable: true });
      onTestFinished(() => void Object.defineProperty(globalThis, name, real));
      expect(isOfPlatform(platformObjects[name])).toBe(true);
      expect(globalThis[name]).toBe(Fake);
    },
  );

  test('is known when it has keys that somebody has given it', () => {
    for (const value of [new BlockList(), new Blob([]), new URL('https://example.org')])
      expect(isOfPlatform(Object.assign(value, { extra: 1 }))).toBe(true);
  });

  test('is known when it is of a class of its own', () => {
    class Upload extends Blob {
      readonly path = 'upload.txt';
    }
    class List extends BlockList {}
    expect([new Upload([]), new List()].every(isOfPlatform)).toBe(true);
  });

  test('is none because it says it is one', () => {
    class Named {
      readonly size = 1;
      readonly [Symbol.toStringTag] = 'Blob';
    }
    expect(isOfPlatform(new Named())).toBe(false);
  });

  test('is none of what structured clone copies by the keys it has, if any', () => {
    class Empty {
      #hidden = 1;
      get hidden(): number {
        return this.#hidden;
      }
    }
    const values = [{}, [], Object.create(null), new Empty(), new EventTarget(), AbortSignal.abort()];
    expect(values.map(isOfPlatform)).toEqual(values.map(() => false));
  });

  test('is none of the objects of the language', () => {
    class OwnMap extends Map<number, number> {}
    class OwnArray extends Array {}
    const values = [
      new Date(0),
      /a/,
      new OwnMap([[1, 2]]),
      new Set(),
      new OwnArray(3),
      new Uint8Array(1),
      new ArrayBuffer(1),
      new TypeError('it'),
      Object(1),
    ];
    expect(values.map(isOfPlatform)).toEqual(values.map(() => false));
  });

  test('is what structured clone says it is, of a class whose objects may be moved', () => {
    const clones = (value: object): boolean => {
      try {
        return Object.getPrototypeOf(structuredClone(value)) === Object.prototype;
      } catch {
        return false;
      }
    };
    const values = [createServer(), Object.assign(AbortSignal.abort(), { extra: 1 })];
    expect(values.map(isOfPlatform)).toEqual(values.map((value) => !clones(value)));
  });
});

test('a class is native when it, or one that it extends, is made by native code', () => {
  class Own {}
  class OfMap extends Map<number, number> {}
  const own = [new Own(), {}, Object.create(null), runInNewContext('({})'), new URL('https://example.org')];
  const native = [new OfMap(), Promise.resolve(), new Intl.NumberFormat()];
  const answers = [...own, ...native].map((value) => isNativeClass(Object.getPrototypeOf(value)));
  expect(answers).toEqual([...own.map(() => false), ...native.map(() => true)]);
});
