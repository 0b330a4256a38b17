import fc from 'fast-check';
import { addAbortSignal, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type Line, readLines } from '../../../src/cli/lines.ts';

const { signal } = new AbortController();

async function read(chunks: readonly Uint8Array[], mostBytes = 1000): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(Readable.from(chunks), { mostBytes, signal })) lines.push(line);
  return lines;
}

const texts = (lines: readonly Line[]): unknown[] => lines.map(({ text }) => text);

describe('lines', () => {
  test('are numbered from 1, and the last one needs no end', async () => {
    expect(await read([Buffer.from('a\nb')])).toEqual([
      { number: 1, text: 'a\n', bytes: 2 },
      { number: 2, text: 'b', bytes: 1 },
    ]);
    expect(texts(await read([Buffer.from('a\n\n')]))).toEqual(['a\n', '\n']);
    expect(await read([])).toEqual([]);
  });

  test('are those of the text, however it is cut into chunks (property)', async () => {
    const text = fc
      .array(fc.constantFrom('\n', '\r\n', 'a', 'ä', '🙂', '"', ' '))
      .map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(20)), async (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const chunks: Buffer[] = [];
        let from = 0;
        for (const size of cuts) chunks.push(bytes.subarray(from, (from += size)));
        chunks.push(bytes.subarray(from));
        const lines = await read(chunks);
        expect(lines.map((line) => line.text).join('')).toBe(whole);
        for (const [index, { text: one }] of lines.entries())
          expect(one).toMatch(index < lines.length - 1 ? /^[^\n]*\n$/ : /^[^\n]+$|^[^\n]*\n$/);
        expect(lines.reduce((sum, line) => sum + line.bytes, 0)).toBe(bytes.length);
        expect(lines.map(({ number }) => number)).toEqual([...lines.keys()].map((index) => index + 1));
      }),
    );
  });

  test('that are too long are passed over without being kept', async () => {
    const long = Array.from({ length: 10 }, () => Buffer.alloc(100, 'x'));
    const lines = await read([Buffer.from('a\n'), ...long, Buffer.from('\nb\n')], 500);
    expect(lines).toEqual([
      { number: 1, text: 'a\n', bytes: 2 },
      { number: 2, text: undefined, bytes: 1001 },
      { number: 3, text: 'b\n', bytes: 2 },
    ]);
  });

  test('are read only as fast as they are asked for', async () => {
    let given = 0;
    function* chunks(): Generator<Buffer> {
      for (; ; given++) yield Buffer.from('line\n'.repeat(10));
    }
    const lines = readLines(Readable.from(chunks(), { highWaterMark: 1 }), { mostBytes: 100, signal });
    for (let count = 0; count < 15; count++) await lines.next();
    expect(given).toBeLessThan(6);
    await lines.return();
  });

  test('fail as their input does', async () => {
    const input = new Readable({ read: () => void input.destroy(new Error('torn')) });
    await expect(readLines(input, { mostBytes: 100, signal }).next()).rejects.toThrow('torn');
  });

  test('end when the signal aborts, also those of a chunk that has been read', async () => {
    const controller = new AbortController();
    const input = Readable.from([Buffer.from('a\nb\nc\nd')]);
    const lines = readLines(input, { mostBytes: 100, signal: controller.signal });
    expect((await lines.next()).value).toMatchObject({ text: 'a\n' });
    controller.abort();
    expect(await lines.next()).toEqual({ done: true, value: undefined });
  });

  test('end without the one that has been cut when the signal aborts', async () => {
    const controller = new AbortController();
    const input = addAbortSignal(controller.signal, new Readable({ read() {} }));
    input.push('whole\nand a ha');
    const lines = readLines(input, { mostBytes: 100, signal: controller.signal });
    expect((await lines.next()).value).toMatchObject({ text: 'whole\n' });
    const next = lines.next();
    controller.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});
