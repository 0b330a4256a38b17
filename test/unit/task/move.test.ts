import { describe, expect, it, vi } from 'vitest';
import { asMoved, move } from '../../../src/task/move.ts';

describe('T3: move', () => {
  it('gives the value itself, so that a task may be called directly', () => {
    const pixels = new Uint8Array(4);
    expect(move(pixels, [pixels.buffer])).toBe(pixels);
  });

  it('is recognised in the result it was made for', () => {
    const pixels = { data: new Uint8Array(4) };
    const transfer = [pixels.data.buffer];
    expect(asMoved(move(pixels, transfer))).toEqual({ value: pixels, transfer });
    expect(asMoved(move(transfer[0], transfer))).toEqual({ value: transfer[0], transfer });
  });

  it('is recognised in no other', () => {
    const buffer = new ArrayBuffer(1);
    for (const value of [
      { inside: move({}, [buffer]) },
      {},
      null,
      undefined,
      1,
      'a',
      () => 1,
      move(7, [buffer]),
    ]) {
      expect(asMoved(value)).toBeUndefined();
    }
  });

  it('looks at results without running code of theirs', () => {
    const trap = (): never => {
      throw new Error('ran');
    };
    expect(
      asMoved(new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap })),
    ).toBeUndefined();
  });

  it.each([undefined, null, {}, 'buffer', new ArrayBuffer(1)])('refuses the transfer list %s', (transfer) => {
    expect(() => move(1, transfer as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });

  it('is recognised by every copy of the package in the thread', async () => {
    vi.resetModules();
    const other = await import('../../../src/task/move.ts');
    const value = { a: 1 };
    expect(other.asMoved(move(value, []))).toEqual({ value, transfer: [] });
  });
});
