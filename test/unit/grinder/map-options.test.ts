import { describe, expect, test } from 'vitest';
import { readGrinderOptions } from '../../../src/grinder/grinder-options.ts';
import { readMapOptions } from '../../../src/grinder/map-options.ts';
import { LeasedExecutorManager } from '../../../src/lease/manager.ts';

const grinderOf = (options: object, workersPerPool = 2, maxPools = 1) =>
  readGrinderOptions({
    executorManager: new LeasedExecutorManager({ workersPerPool, maxPools }),
    ...options,
  });
const read = (options: unknown) => readMapOptions(options, grinderOf({}));

describe('the options of map()', () => {
  test.each([undefined, {}])('are these by default (%j)', (options) => {
    const { argsOf, ...others } = read(options);
    expect(others).toEqual({
      concurrency: 80,
      isOrdered: true,
      isSettled: false,
      signal: undefined,
      submission: expect.objectContaining({ owner: undefined, signal: undefined, timeoutSeconds: undefined }),
    });
    expect(argsOf([1, 2], 0)).toEqual([[1, 2]]);
  });

  test('concurrency is enough for four rounds of batches by default', () => {
    const concurrency = (...of: Parameters<typeof grinderOf>) =>
      readMapOptions({}, grinderOf(...of)).concurrency;
    expect(concurrency({ batchSizeThreshold: 50 })).toBe(200);
    expect(concurrency({ batchSizeThreshold: 1 }, 8)).toBe(32);
    expect(concurrency({}, 2, 3)).toBe(240);
    expect(concurrency({ maxConcurrentBatches: 2 }, 2, 3)).toBe(160);
  });

  test('are read, and those of each job with them', () => {
    const { signal } = new AbortController();
    const args = (value: unknown): unknown[] => [value];
    const given = { concurrency: 1, ordered: false, settled: true, signal, args };
    const settings = read({ ...given, owner: 'me', timeoutSeconds: 2, queueTimeoutSeconds: 3 });
    expect(settings).toMatchObject({ concurrency: 1, isOrdered: false, isSettled: true, argsOf: args });
    expect(settings.signal).toBe(signal);
    expect(settings.submission).toMatchObject({ owner: 'me', timeoutSeconds: 2, queueTimeoutMs: 3000 });
    expect(settings.submission.signal).toBeUndefined();
  });

  test.each([
    [{ concurrency: 0 }, 'RangeError', 'concurrency'],
    [{ concurrency: Infinity }, 'RangeError', 'concurrency'],
    [{ concurrency: '4' }, 'TypeError', 'concurrency'],
    [{ ordered: 1 }, 'TypeError', 'ordered'],
    [{ settled: 'yes' }, 'TypeError', 'settled'],
    [{ signal: {} }, 'TypeError', 'signal'],
    [{ args: [] }, 'TypeError', 'args'],
    [{ owner: 7 }, 'TypeError', 'owner'],
    [{ timeoutSeconds: 0 }, 'RangeError', 'timeoutSeconds'],
    [{ transfer: [] }, 'TypeError', 'transfer'],
    [{ concurency: 4 }, 'TypeError', '"concurrency"'],
    [[], 'TypeError', 'map()'],
  ])('S24 refuse %j with a %s that names %s', (options, name, word) => {
    expect(() => read(options)).toThrow(
      expect.objectContaining({ name, message: expect.stringContaining(word) }),
    );
  });
});
