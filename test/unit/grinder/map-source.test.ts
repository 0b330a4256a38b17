import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { checkMapSource, openMapSource, type OpenSource } from '../../../src/grinder/map-source.ts';
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

describe('a source that is read later than it was given', () => {
  async function read(source: OpenSource): Promise<unknown[]> {
    const elements: unknown[] = [];
    for (let step = await source.next(); step.done !== true; step = await source.next())
      elements.push(step.value);
    return elements;
  }
  const many = Array.from({ length: 5000 }, (_, line) => `line ${line}`);

  test('loses no line of an interface of readline, which may have closed meanwhile', async () => {
    for (const lines of [['one', 'two'], many]) {
      const input = Readable.from([lines.join('\n')]);
      const lineReader = createInterface({ input });
      const source = openMapSource(lineReader);
      await once(input, 'end');
      await settled();
      expect(await read(source)).toEqual(lines);
    }
  });

  test('loses no line of one that had closed before, and whose iterator has some', async () => {
    const lineReader = createInterface({ input: Readable.from(['one\ntwo']) });
    lineReader[Symbol.asyncIterator]();
    await once(lineReader, 'close');
    expect(await read(openMapSource(lineReader))).toEqual(['one', 'two']);
  });

  test('ends when it is an interface of readline that had closed before', async () => {
    const lineReader = createInterface({ input: Readable.from(['one\ntwo']) });
    await once(lineReader, 'close');
    expect(await read(openMapSource(lineReader))).toEqual([]);
    lineReader.close();
    expect(await read(openMapSource(lineReader))).toEqual([]);
  });

  test('loses nothing that an iterable emits as events', async () => {
    const emitter = new EventEmitter();
    const kept: number[] = [];
    const subscribing = openMapSource({
      [Symbol.asyncIterator]: () => {
        emitter.on('number', (number: number) => kept.push(number));
        return {
          next: async () =>
            kept.length > 0 ? { done: false, value: kept.shift() } : { done: true, value: undefined },
        };
      },
    });
    for (const number of [1, 2, 3]) emitter.emit('number', number);
    await settled();
    expect(await read(subscribing)).toEqual([1, 2, 3]);
  });

  test('tells its reader of an error that it had before, and nobody else', async () => {
    const stream = new Readable({ read() {} });
    const source = openMapSource(stream);
    stream.destroy(new Error('gone'));
    await settled();
    await expect(source.next()).rejects.toThrow('gone');
    const input = new Readable({ read() {} });
    const lines = openMapSource(createInterface({ input }));
    input.push('one\n');
    await settled();
    input.destroy(new Error('gone too'));
    await settled();
    expect(await lines.next()).toEqual({ done: false, value: 'one' });
    await expect(lines.next()).rejects.toThrow('gone too');
  });

  test('takes no element before that', async () => {
    let taken = 0;
    const count = function* (): Generator<number> {
      for (;;) yield taken++;
    };
    const stream = Readable.from(count(), { highWaterMark: 1 });
    const sources = [count(), stream, new ReadableStream({ pull: () => void taken++ }, { highWaterMark: 0 })];
    for (const source of sources) openMapSource(source);
    await settled();
    expect(taken).toBe(0);
  });
});

test('a web stream that has ended is not locked any more', async () => {
  const stream = new ReadableStream({ start: (controller) => controller.close() });
  const source = openMapSource(stream);
  expect(stream.locked).toBe(true);
  expect(await source.next()).toEqual({ done: true, value: undefined });
  expect(stream.locked).toBe(false);
});
