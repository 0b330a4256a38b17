import { once } from 'node:events';
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Duplex, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream, TextDecoderStream, TransformStream, WritableStream } from 'node:stream/web';
import { GrinderStoppingError, LeasedExecutorManager, NotStartedError, WorkGrinder } from 'leasepool';
import { describe, expect, test } from 'vitest';
import { fakeGrinder, threadGrinder } from '../support/grinder.ts';
import { rejection } from '../support/manager-start.ts';
import { until } from '../support/until.ts';
import { echo, fail, hold, holdIf, square } from '../tasks/grinder-tasks.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const upperCase = (text: string): string => text.toUpperCase();

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const value of values) seen.push(value);
  return seen;
}

describe('map', () => {
  test.each([true, false])('gives the result of each element (ordered: %s)', async (ordered) => {
    const { grinder } = await threadGrinder();
    const squares = await all(grinder.map(range(500), square, { ordered }));
    if (!ordered) squares.sort((a, b) => a - b);
    expect(squares).toEqual(range(500).map((value) => value * value));
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 0, totals: { fulfilled: 500 } });
  });

  test('never has more elements between source and reader than it may, and still fills the workers', async () => {
    const { grinder } = await threadGrinder();
    let taken = 0;
    let yielded = 0;
    let most = 0;
    function* source(): Generator<number> {
      for (; taken < 300; most = Math.max(most, taken - yielded)) yield taken++;
    }
    for await (const value of grinder.map(source(), echo, { concurrency: 25 })) {
      expect(value).toBe(yielded++);
    }
    expect([yielded, most]).toEqual([300, 25]);
  });

  test('waits for room in the queue instead of being refused', async () => {
    const { grinder } = await threadGrinder({ maxQueueSize: 3, batchSizeThreshold: 2 });
    const mappings = [0, 1, 2].map(() => all(grinder.map(range(60), square, { concurrency: 50 })));
    for (const squares of await Promise.all(mappings))
      expect(squares).toEqual(range(60).map((value) => value * value));
    expect(grinder.stats().totals.rejected).toBe(0);
  });

  test('loses no line of a file when it is read only after the file has been', async () => {
    const { grinder } = await threadGrinder();
    const text = readFileSync(import.meta.filename, 'utf8');
    const lines = createInterface({ input: createReadStream(import.meta.filename) });
    const closed = once(lines, 'close');
    const lengths = grinder.map(lines, (line: string) => line.length);
    await closed;
    expect(await all(lengths)).toEqual(
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.length),
    );
    expect(await all(grinder.map(lines, (line: string) => line.length))).toEqual([]);
  });

  test('takes the arguments that are made of an element', async () => {
    const { grinder } = await threadGrinder();
    const args = (text: string, index: number): [string, number] => [text, index];
    const results = grinder.map(['a', 'b'], (text: string, times: number) => text.repeat(times + 1), {
      args,
    });
    expect(await all(results)).toEqual(['a', 'bb']);
  });

  test('ends with the error of a job, and cancels the rest', async () => {
    const { grinder } = await threadGrinder();
    let taken = 0;
    let isClosed = false;
    function* source(): Generator<number> {
      try {
        while (true) yield taken++;
      } finally {
        isClosed = true;
      }
    }
    const seen: unknown[] = [];
    const failing = (value: number): number => {
      if (value === 50) throw new RangeError('fifty');
      return value;
    };
    const error = await rejection(
      (async () => {
        for await (const value of grinder.map(source(), failing)) seen.push(value);
      })(),
    );
    expect(error).toMatchObject({ name: 'RangeError', message: 'fifty' });
    expect([seen, isClosed]).toEqual([range(50), true]);
    await until(() => grinder.stats().pending + grinder.stats().inFlight === 0);
  });

  test('goes on after an error when outcomes are asked for', async () => {
    const { grinder } = await threadGrinder();
    const outcomes = await all(grinder.map(['x', 'y'], fail, { settled: true }));
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { message: 'x' }, element: 'x', index: 0 },
      { status: 'rejected', reason: { message: 'y' }, element: 'y', index: 1 },
    ]);
  });

  test('refuses misuse at once', async () => {
    const { grinder } = await threadGrinder();
    const outer = 7;
    expect(() => grinder.map(undefined as never, square)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    expect(() => grinder.map([1], (value: number) => value * outer)).toThrow(
      expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE' }),
    );
    const idle = new WorkGrinder({ executorManager: new LeasedExecutorManager() });
    expect(() => idle.map([1], square)).toThrow(NotStartedError);
  });

  test('N5 one that was left half read does not keep the process or the grinder busy', async () => {
    const { grinder } = await threadGrinder();
    const mapping = grinder.map(range(1000), square);
    expect(await mapping.next()).toEqual({ done: false, value: 0 });
    await grinder.stop();
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 0 });
  });
});

describe('stopping during map', () => {
  test('S19 a draining stop: what was accepted is yielded, then GrinderStoppingError, though the source is silent', async () => {
    const { grinder, gate } = await threadGrinder({ batchSizeThreshold: 1 });
    let onTaken: () => void = () => {};
    const taken = new Promise<void>((resolve) => (onTaken = resolve));
    const isClosed = { value: false };
    const source = new ReadableStream<Int32Array>({
      start: (controller) => {
        controller.enqueue(gate.cells);
      },
      pull: () => onTaken(),
      cancel: () => void (isClosed.value = true),
    });
    const mapping = grinder.map(source, hold);
    const first = mapping.next();
    const second = mapping.next();
    await Promise.all([taken, gate.untilBegun()]);
    const stopped = grinder.stop();
    gate.open();
    expect(await first).toEqual({ done: false, value: undefined });
    expect(await rejection(second)).toBeInstanceOf(GrinderStoppingError);
    expect(await mapping.next()).toEqual({ done: true, value: undefined });
    expect(isClosed.value).toBe(true);
    await stopped;
  });

  test('S20 a cancelling stop ends it at once', async () => {
    const { grinder, gate } = await threadGrinder({ batchSizeThreshold: 1 });
    const mapping = grinder.map(Array<Int32Array>(9).fill(gate.cells), hold);
    const first = mapping.next();
    await gate.untilBegun();
    const stopped = grinder.stop({ cancelPending: true });
    expect(await rejection(first)).toMatchObject({ code: 'ABORT_ERR' });
    await stopped;
  });

  test('S23 of the manager: NotStartedError', async () => {
    const { manager, grinder } = await fakeGrinder({ batchSizeThreshold: 5 });
    const first = grinder.map(range(9), echo).next();
    await until(() => grinder.stats().inFlight > 0);
    await manager.stop();
    expect(await rejection(first)).toBeInstanceOf(NotStartedError);
  });

  test('a mapping that begins after the stop says so', async () => {
    const { grinder } = await threadGrinder();
    const mapping = grinder.map([1], square);
    await grinder.stop();
    expect(await rejection(mapping.next())).toBeInstanceOf(NotStartedError);
  });
});

describe('map and streams', () => {
  test("stands in pipeline() between Node's streams", async () => {
    const { grinder } = await threadGrinder();
    let written = '';
    await pipeline(
      createReadStream('package.json', { encoding: 'utf8', highWaterMark: 64 }),
      (chunks: AsyncIterable<string>) => grinder.map(chunks, upperCase),
      new Writable({
        decodeStrings: false,
        write: (chunk: string, _, done) => ((written += chunk), done()),
      }),
    );
    expect(written).toContain('"NAME": "LEASEPOOL"');
  });

  test('reads lines', async () => {
    const { grinder } = await threadGrinder();
    const lines = createInterface({ input: createReadStream('LICENSE'), crlfDelay: Infinity });
    expect((await all(grinder.map(lines, upperCase)))[0]).toBe('MIT LICENSE');
  });

  test('a pipeline whose end fails destroys its source and cancels the jobs', async () => {
    const { grinder, gate } = await threadGrinder({ batchSizeThreshold: 1 });
    const source = Readable.from([undefined, ...Array<Int32Array>(50).fill(gate.cells)]);
    const mapped = pipeline(
      source,
      (cells: AsyncIterable<Int32Array | undefined>, pipe?: { signal: AbortSignal }) =>
        grinder.map(cells, holdIf, { signal: pipe?.signal, settled: true }),
      async (outcomes) => {
        for await (const { status } of outcomes) {
          expect(status).toBe('fulfilled');
          await gate.untilBegun();
          throw new Error('disk full');
        }
      },
    );
    expect(await rejection(mapped)).toMatchObject({ message: 'disk full' });
    expect(source.destroyed).toBe(true);
    expect(grinder.stats()).toMatchObject({ pending: 0, totals: { fulfilled: 1 } });
  });

  test('a pipeline whose job fails destroys its source', async () => {
    const { grinder } = await threadGrinder();
    const source = new Readable({ objectMode: true, read() {} });
    source.push('first');
    const mapped = pipeline(
      source,
      (values: AsyncIterable<string>) => grinder.map(values, fail),
      new Writable({ objectMode: true }),
    );
    expect(await rejection(mapped)).toMatchObject({ message: 'first' });
    expect(source.destroyed).toBe(true);
  });

  test('S28 a pipeline that is aborted ends, whatever its source does', async () => {
    const { grinder, gate } = await threadGrinder({ batchSizeThreshold: 1 });
    const controller = new AbortController();
    const source = new Readable({ objectMode: true, read() {} });
    source.push(gate.cells);
    const { signal } = controller;
    const mapped = pipeline(
      source,
      (cells: AsyncIterable<Int32Array>) => grinder.map(cells, hold, { signal }),
      new Writable({ objectMode: true }),
      { signal },
    );
    await gate.untilBegun();
    controller.abort();
    expect(await rejection(mapped)).toMatchObject({ name: 'AbortError' });
    expect(source.destroyed).toBe(true);
  });

  test('stands between web streams', async () => {
    const { grinder } = await threadGrinder();
    const bytes = ReadableStream.from([Buffer.from('grüß'), Buffer.from(' gott')]);
    const doubled = new TransformStream<string, string>({
      transform: (chunk, controller) => controller.enqueue(chunk + chunk),
    });
    const mapped = ReadableStream.from(grinder.map(bytes.pipeThrough(new TextDecoderStream()), upperCase));
    let written = '';
    await mapped
      .pipeThrough(doubled)
      .pipeTo(new WritableStream<string>({ write: (chunk) => void (written += chunk) }));
    expect(written).toBe('GRÜSSGRÜSS GOTT GOTT');
  });

  test('cancelling a web stream of results cancels the jobs and the source', async () => {
    const { grinder, gate } = await threadGrinder({ batchSizeThreshold: 1 });
    let reason: unknown;
    const source = new ReadableStream<Int32Array>({
      pull: (controller) => controller.enqueue(gate.cells),
      cancel: (given) => void (reason = given),
    });
    const results = ReadableStream.from(grinder.map(source, hold, { concurrency: 4 })).getReader();
    const first = results.read();
    await gate.untilBegun();
    await results.cancel('enough');
    expect(await first).toEqual({ done: true, value: undefined });
    expect(reason).toMatchObject({ code: 'ABORT_ERR' });
    expect(grinder.stats().totals.cancelled).toBe(4);
  });

  test('is a duplex stream by Duplex.from(), and so a step of pipeThrough()', async () => {
    const { grinder } = await threadGrinder();
    const step = Duplex.from((values: AsyncIterable<number>) => grinder.map(values, square));
    expect(await Readable.from([1, 2, 3]).pipe(step).toArray()).toEqual([1, 4, 9]);
  });
});
