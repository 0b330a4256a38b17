import { describe, expect, test } from 'vitest';
import { refusePlatformObjects } from '../../../src/wire/platform-objects.ts';
import { toBytes } from '../../../src/wire/serialize.ts';

const platformObjects = {
  Blob: new Blob(['text']),
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
  test.each(Object.entries(platformObjects))('is refused wherever it stands: %s', (name, value) => {
    for (const whole of [value, [value], { inside: value }, new Map([[value, 1]]), new Set([{ value }])]) {
      expect(() => refusePlatformObjects(whole)).toThrow(`${name} object could not be cloned.`);
    }
  });

  test('of a class of its own is one, too', () => {
    class Named extends Blob {}
    expect(() => refusePlatformObjects({ it: new Named([]) })).toThrow('Named object could not be cloned.');
  });

  test('is none because it says it is one', () => {
    expect(() =>
      refusePlatformObjects({
        it: new (class {
          readonly [Symbol.toStringTag] = 'Blob';
        })(),
      }),
    ).not.toThrow();
  });

  test('that Node asks about, or serialises as an empty object, is refused as bytes', () => {
    for (const whole of [new Blob([]), { inside: new Blob([]) }, [new ReadableStream()]]) {
      expect(() => toBytes(whole)).toThrow('could not be cloned.');
    }
  });
});

test('everything else passes, what meets itself included', () => {
  const round: Record<string, unknown> = { text: 'a', bytes: new Uint8Array(8), at: new Date(0), none: null };
  round['self'] = [round, new Map([[round, round]]), new Set([round])];
  for (const value of [1, undefined, 'text', round, new Array(3), Object.create(null), new Error('it')]) {
    expect(() => refusePlatformObjects(value)).not.toThrow();
  }
});
