import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { checkMapSource, openMapSource } from '../../../src/grinder/map-source.ts';
import { settled } from '../../support/mapping.ts';

describe('the source of a mapping', () => {
  test.each([
    ['an array', [1]],
    ['a string', 'text'],
    ['a generator', (function* () {})()],
    ['an async generator', (async function* () {})()],
    ["one of Node's streams", Readable.from([])],
    ['a web stream', new ReadableStream()],
  ])('may be %s', (_, source) => {
    expect(() => checkMapSource(source)).not.toThrow();
  });

  test.each([undefined, null, 7, {}, Promise.resolve([]), () => []])('may not be %s', (source) => {
    expect(() => checkMapSource(source)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });
});

describe('closing a source', () => {
  const cases: Record<string, (onClosed: () => void) => Iterable<number> | AsyncIterable<number>> = {
    'a generator': function* (onClosed) {
      try {
        yield* [1, 2, 3];
      } finally {
        onClosed();
      }
    },
    'an async generator': async function* (onClosed) {
      try {
        yield* [1, 2, 3];
      } finally {
        onClosed();
      }
    },
    "one of Node's streams": (onClosed) => Readable.from([1, 2, 3]).on('close', onClosed),
    'a web stream': (onClosed) =>
      new ReadableStream<number>({ pull: (controller) => controller.enqueue(1), cancel: onClosed }),
  };

  test.each(Object.keys(cases))('%s ends it', async (name) => {
    let closed = 0;
    const source = openMapSource(cases[name]!(() => closed++));
    expect(await source.next()).toEqual({ done: false, value: 1 });
    expect(closed).toBe(0);
    await source.close('enough');
    await settled();
    expect(closed).toBe(1);
  });

  test.each(["one of Node's streams", 'a web stream'])(
    '%s ends it even while it waits for an element, and before it has begun',
    async (name) => {
      for (const isAtWork of [true, false]) {
        let reason: unknown;
        const stream =
          name === 'a web stream'
            ? new ReadableStream({ cancel: (given) => void (reason = given) })
            : new Readable({ read() {}, destroy: (error, done) => ((reason = 'enough'), done(error)) });
        const source = openMapSource(stream);
        const element = isAtWork ? source.next().catch(() => 'torn off') : undefined;
        await settled();
        await source.close('enough');
        await settled();
        expect(reason).toBe('enough');
        await element;
      }
    },
  );

  test('that has ended by itself calls nothing', async () => {
    let returns = 0;
    const iterator = { next: () => ({ done: true as const, value: undefined }), return: () => returns++ };
    const source = openMapSource({ [Symbol.iterator]: () => iterator });
    expect(await source.next()).toEqual({ done: true, value: undefined });
    await source.close('late');
    expect(returns).toBe(0);
  });

  test('whose element has rejected calls return(), as for await does', async () => {
    let returns = 0;
    const iterator = { next: () => ({ value: Promise.reject(new Error('bad')) }), return: () => returns++ };
    const source = openMapSource({ [Symbol.iterator]: () => iterator });
    await expect(source.next()).rejects.toThrow('bad');
    await source.close('bad');
    expect(returns).toBe(1);
  });

  test('that throws in return() rejects, and is let alone after that', async () => {
    const iterator = {
      next: () => ({ value: 1 }),
      return: () => {
        throw new Error('still open');
      },
    };
    const source = openMapSource({ [Symbol.iterator]: () => iterator });
    await expect(source.close('enough')).rejects.toThrow('still open');
    await source.close('again');
  });
});

test('a web stream that has ended is not locked any more', async () => {
  const stream = new ReadableStream({ start: (controller) => controller.close() });
  const source = openMapSource(stream);
  expect(stream.locked).toBe(true);
  expect(await source.next()).toEqual({ done: true, value: undefined });
  expect(stream.locked).toBe(false);
});
