import { describe, expect, test } from 'vitest';
import { readAcquireOptions } from '../../../src/lease/acquire-options.ts';

const read = (options?: unknown) => readAcquireOptions(options, 300_000);

describe('the options of acquire()', () => {
  test('are these by default', () => {
    expect(read()).toEqual({
      leaseMs: 300_000,
      leaseOption: ['defaultLeaseSeconds', 'the manager'],
      owner: undefined,
      wait: true,
      timeoutMs: undefined,
      signal: undefined,
    });
  });

  test('are read, durations in milliseconds', () => {
    const { signal } = new AbortController();
    expect(read({ leaseSeconds: 0.5, owner: 'me', wait: false, timeoutSeconds: 0, signal })).toEqual({
      leaseMs: 500,
      leaseOption: ['leaseSeconds', 'acquire()'],
      owner: 'me',
      wait: false,
      timeoutMs: 0,
      signal,
    });
  });

  test.each([
    [{ leaseSeconds: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ leaseSeconds: NaN }, 'ERR_OUT_OF_RANGE'],
    [{ leaseSeconds: '60' }, 'ERR_INVALID_ARG_TYPE'],
    [{ timeoutSeconds: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ timeoutSeconds: NaN }, 'ERR_OUT_OF_RANGE'],
    [{ timeoutSeconds: true }, 'ERR_INVALID_ARG_TYPE'],
    [{ wait: 0 }, 'ERR_INVALID_ARG_TYPE'],
    [{ owner: Symbol('me') }, 'ERR_INVALID_ARG_TYPE'],
    [{ signal: 'abort' }, 'ERR_INVALID_ARG_TYPE'],
    [{ timeout: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('S24 %o is refused', (options, code) => {
    expect(() => read(options)).toThrow(expect.objectContaining({ code }));
  });
});
