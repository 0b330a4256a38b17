import { describe, expect, test } from 'vitest';
import { readGrinderOptions } from '../../../src/grinder/grinder-options.ts';
import { LeasedExecutorManager } from '../../../src/lease/manager.ts';

const executorManager = new LeasedExecutorManager({ maxPools: 3 });
const read = (options: object) => readGrinderOptions({ executorManager, ...options });

const wrongType = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const wrongValue = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

/** What reading the options throws. */
function refusal(options: unknown): any {
  try {
    readGrinderOptions(options);
  } catch (error) {
    return error;
  }
  throw new Error('the options were accepted');
}

describe('the options of a grinder', () => {
  test('are these by default', () => {
    expect(read({})).toEqual({
      manager: executorManager,
      batchSizeThreshold: 20,
      maxWaitSeconds: 0.01,
      maxWaitMs: 10,
      leaseSeconds: 60,
      leaseMs: 60_000,
      ownerPrefix: 'work-grinder',
      maxBatchSize: 1000,
      maxConcurrentBatches: 3,
      dispatch: 'threshold',
      maxQueueSize: Infinity,
      logger: expect.any(Object),
    });
  });

  test('are read', () => {
    expect(
      read({
        batchSizeThreshold: 2,
        maxWaitSeconds: 1.5,
        leaseSeconds: 0.25,
        ownerPrefix: 'thumbs',
        maxBatchSize: 4,
        maxConcurrentBatches: 9,
        dispatch: 'natural',
        maxQueueSize: 5,
      }),
    ).toMatchObject({
      batchSizeThreshold: 2,
      maxWaitSeconds: 1.5,
      maxWaitMs: 1500,
      leaseSeconds: 0.25,
      leaseMs: 250,
      ownerPrefix: 'thumbs',
      maxBatchSize: 4,
      maxConcurrentBatches: 9,
      dispatch: 'natural',
      maxQueueSize: 5,
    });
  });

  test('S24 need a manager', () => {
    for (const options of [
      undefined,
      {},
      { executorManager: null },
      { executorManager: {} },
      { executorManager: 'thread' },
    ]) {
      const error = refusal(options);
      expect(error).toMatchObject(wrongType);
      expect(error.message).toContain('"executorManager"');
    }
  });

  test('S24 maxBatchSize is not below batchSizeThreshold, and grows with it by default', () => {
    expect(read({ batchSizeThreshold: 5000 }).maxBatchSize).toBe(5000);
    expect(read({ batchSizeThreshold: 7, maxBatchSize: 7 }).maxBatchSize).toBe(7);
    const error = refusal({ executorManager, batchSizeThreshold: 8, maxBatchSize: 7 });
    expect(error).toMatchObject(wrongValue);
    expect(error.message).toContain('"batchSizeThreshold" (8)');
    expect(refusal({ executorManager, maxBatchSize: 19 })).toMatchObject(wrongValue);
  });

  test.each(['batchSizeThreshold', 'maxBatchSize', 'maxConcurrentBatches', 'maxQueueSize'])(
    'S24 %s is a count',
    (key) => {
      for (const value of [0, -1, 1.5, NaN, -Infinity, 2 ** 53])
        expect(refusal({ executorManager, [key]: value })).toMatchObject(wrongValue);
      for (const value of ['20', true, null, 2n, [], { valueOf: () => 5 }])
        expect(refusal({ executorManager, [key]: value })).toMatchObject(wrongType);
      if (key !== 'maxQueueSize')
        expect(refusal({ executorManager, [key]: Infinity })).toMatchObject(wrongValue);
    },
  );

  test.each(['maxWaitSeconds', 'leaseSeconds'])('S24 %s is a duration above 0', (key) => {
    for (const value of [0, -1, NaN, Infinity])
      expect(refusal({ executorManager, [key]: value })).toMatchObject(wrongValue);
    for (const value of ['5', false, null, new Date(), Object(5)])
      expect(refusal({ executorManager, [key]: value })).toMatchObject(wrongType);
  });

  test.each([
    ['no options', undefined],
    ['the manager itself', executorManager],
    ['something else', { executorManager: { acquire() {} } }],
    ['null', { executorManager: null }],
  ])('S24 %s in place of a manager is refused, with what to write', (_what, options) => {
    const error = refusal(options);
    expect(error).toMatchObject(wrongType);
    if (!(options !== undefined && 'acquire' in options))
      expect(error.message).toContain('new WorkGrinder({ executorManager: manager }); received ');
    expect(error.message).not.toContain('undefined (undefined)');
  });

  test('S24 other options of a wrong type or value', () => {
    expect(refusal({ executorManager, dispatch: 'eager' })).toMatchObject(wrongValue);
    expect(refusal({ executorManager, dispatch: true })).toMatchObject(wrongType);
    expect(refusal({ executorManager, ownerPrefix: 5 })).toMatchObject(wrongType);
    expect(refusal({ executorManager, logger: 'console' })).toMatchObject(wrongType);
    expect(refusal({ executorManager, maxWiatSeconds: 1 }).message).toContain(
      'did you mean "maxWaitSeconds"',
    );
  });

  test('S25 maxQueueSize may be Infinity, and durations beyond 2^31 ms', () => {
    expect(read({ maxQueueSize: Infinity, maxWaitSeconds: 1e10 })).toMatchObject({
      maxQueueSize: Infinity,
      maxWaitMs: 1e13,
    });
  });
});
