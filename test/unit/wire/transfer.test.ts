import { describe, expect, test } from 'vitest';
import { refuseDetached } from '../../../src/wire/transfer.ts';

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
