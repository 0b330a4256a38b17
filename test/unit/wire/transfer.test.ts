import { markAsUntransferable } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { movableOf, refuseDetached } from '../../../src/wire/transfer.ts';

function detached(bytes: number): ArrayBuffer {
  const buffer = new ArrayBuffer(bytes);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

describe('S30 a transfer list', () => {
  test('with a buffer that has moved away is refused as the newer versions of Node refuse it', () => {
    for (const bytes of [0, 8]) {
      expect(() => refuseDetached([new ArrayBuffer(8), detached(bytes)])).toThrow(
        expect.objectContaining({ name: 'DataCloneError', code: 25 }),
      );
    }
  });

  test('with buffers that are there is not, empty ones included', () => {
    expect(() => refuseDetached([])).not.toThrow();
    expect(() => refuseDetached([new ArrayBuffer(0), new ArrayBuffer(8)])).not.toThrow();
  });

  test('may hold what is no buffer', () => {
    const { port1, port2 } = new MessageChannel();
    expect(() => refuseDetached([port1, new ReadableStream()])).not.toThrow();
    port1.close();
    port2.close();
  });

  test('is left as it is', () => {
    const buffer = new ArrayBuffer(8);
    refuseDetached([buffer]);
    expect(buffer.byteLength).toBe(8);
  });
});

test('S30 a transfer list with a view whose memory has moved away is refused as well', () => {
  expect(() => refuseDetached([new Uint8Array(detached(8))])).toThrow('detached');
  expect(() => refuseDetached([new Uint8Array(8), Buffer.from('it')])).not.toThrow();
});

describe('T3 of a transfer list', () => {
  const marked = new ArrayBuffer(8);
  markAsUntransferable(marked);
  const { WebAssembly } = globalThis as any;

  test('what can be moved stays, and nothing of it has moved', () => {
    const { port1, port2 } = new MessageChannel();
    const movable = [new ArrayBuffer(8), new ArrayBuffer(65_536), new ArrayBuffer(0), port1];
    expect(movableOf(movable)).toEqual(movable);
    expect((movable[1] as ArrayBuffer).byteLength).toBe(65_536);
    port1.close();
    port2.close();
  });

  test('what is refused stays, for Node to refuse', () => {
    const twice = new ArrayBuffer(8);
    expect(movableOf([twice, twice, {}])).toEqual([twice, twice, {}]);
  });

  test.each([
    ['of a pool', Buffer.from('pool').buffer],
    ['that is marked', marked],
    ['of WebAssembly', new WebAssembly.Memory({ initial: 1 }).buffer],
    ['that is shared between threads', new SharedArrayBuffer(8)],
  ])('memory %s is left out', (_what, memory) => {
    const movable = new ArrayBuffer(8);
    expect(movableOf([memory, movable, new Uint8Array(memory)])).toEqual([movable]);
  });

  test('a view stands for its memory, unless it shows a part of it', () => {
    const { buffer } = new Uint8Array(8);
    expect(movableOf([new Uint8Array(buffer)])).toEqual([buffer]);
    expect(movableOf([buffer, new Uint16Array(buffer)])).toEqual([buffer]);
    expect(movableOf([new Uint8Array(buffer, 0, 4), Buffer.from('pool')])).toEqual([]);
  });
});
