import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BatchingLimits,
  batchesWorth,
  batchSize,
  dueInMs,
  joinCapacity,
  type Queue,
  rebalanceDelayMs,
} from '../../../src/grinder/policy.ts';

const limits: fc.Arbitrary<BatchingLimits> = fc
  .record({
    batchSizeThreshold: fc.integer({ min: 1, max: 100 }),
    more: fc.nat(100),
    maxWaitMs: fc.double({ min: 0.001, max: 1e6, noNaN: true }),
    dispatch: fc.constantFrom('threshold' as const, 'natural' as const),
  })
  .map(({ more, ...rest }) => ({ ...rest, maxBatchSize: rest.batchSizeThreshold + more }));

const queue: fc.Arbitrary<Queue> = fc.record({
  size: fc.nat(300),
  oldestAgeMs: fc.double({ min: 0, max: 2e6, noNaN: true }),
  hasRequeued: fc.boolean(),
  draining: fc.boolean(),
});

const byThreshold: BatchingLimits = {
  batchSizeThreshold: 20,
  maxWaitMs: 10,
  maxBatchSize: 1000,
  dispatch: 'threshold',
};
const waiting: Queue = { size: 1, oldestAgeMs: 0, hasRequeued: false, draining: false };

describe('S1 when a batch is due', () => {
  test('is by count or by age, never earlier (property)', () => {
    fc.assert(
      fc.property(queue, limits, (now, by) => {
        const ms = dueInMs(now, by);
        const isDue =
          now.size > 0 &&
          (now.size >= by.batchSizeThreshold ||
            now.oldestAgeMs >= by.maxWaitMs ||
            now.hasRequeued ||
            now.draining ||
            by.dispatch === 'natural');
        expect(ms === 0).toBe(isDue);
        if (now.size === 0) expect(ms).toBe(Infinity);
        else expect(ms).toBeLessThanOrEqual(by.maxWaitMs);
      }),
    );
  });

  test('is then, and not before, when nothing else happens (property)', () => {
    fc.assert(
      fc.property(queue, limits, fc.double({ min: 0, max: 0.99, noNaN: true }), (now, by, part) => {
        const ms = dueInMs(now, by);
        fc.pre(ms > 0.001 && ms < Infinity);
        expect(dueInMs({ ...now, oldestAgeMs: now.oldestAgeMs + ms * part }, by)).toBeGreaterThan(0);
        expect(dueInMs({ ...now, oldestAgeMs: now.oldestAgeMs + ms + 1e-6 }, by)).toBe(0);
      }),
    );
  });

  test('is when the threshold is reached, not one below', () => {
    expect(dueInMs({ ...waiting, size: 20 }, byThreshold)).toBe(0);
    expect(dueInMs({ ...waiting, size: 19 }, byThreshold)).toBe(10);
  });

  test('is when the oldest has waited long enough, of one item too', () => {
    expect(dueInMs({ ...waiting, oldestAgeMs: 4 }, byThreshold)).toBe(6);
    expect(dueInMs({ ...waiting, oldestAgeMs: 10 }, byThreshold)).toBe(0);
    expect(dueInMs({ ...waiting, oldestAgeMs: 99 }, byThreshold)).toBe(0);
  });

  test('S4 S19 S6 is at once with items given back, while draining, and in natural dispatch', () => {
    expect(dueInMs({ ...waiting, hasRequeued: true }, byThreshold)).toBe(0);
    expect(dueInMs({ ...waiting, draining: true }, byThreshold)).toBe(0);
    expect(dueInMs(waiting, { ...byThreshold, dispatch: 'natural' })).toBe(0);
  });

  test('is never without items', () => {
    expect(
      dueInMs(
        { ...waiting, size: 0, hasRequeued: true, draining: true },
        { ...byThreshold, dispatch: 'natural' },
      ),
    ).toBe(Infinity);
  });
});

describe('S4 what a batch takes', () => {
  test('is something, not more than waits, and not more than maxBatchSize (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(10), limits, (items, batches, by) => {
        const size = batchSize(items, batches, by);
        expect(Number.isInteger(size)).toBe(true);
        expect(size).toBeGreaterThanOrEqual(1);
        expect(size).toBeLessThanOrEqual(Math.min(items, by.maxBatchSize));
      }),
    );
  });

  test('is all that waits when no other batch can begin, up to maxBatchSize (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(1), limits, (items, batches, by) => {
        expect(batchSize(items, batches, by)).toBe(Math.min(items, by.maxBatchSize));
      }),
    );
  });

  test('leaves enough for the others that can begin, or is what made it due (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 10 }),
        limits,
        (items, batches, by) => {
          const size = batchSize(items, batches, by);
          if (by.dispatch === 'threshold' && size < items) {
            expect(size).toBeGreaterThanOrEqual(Math.min(by.batchSizeThreshold, by.maxBatchSize));
          }
          // As many batches as can begin are enough, unless they are too small for all.
          expect(size * batches).toBeGreaterThanOrEqual(Math.min(items, by.maxBatchSize * batches));
        },
      ),
    );
  });

  test('is a fair share', () => {
    expect(batchSize(90, 3, byThreshold)).toBe(30);
    expect(batchSize(30, 3, byThreshold)).toBe(20);
    expect(batchSize(30, 3, { ...byThreshold, dispatch: 'natural' })).toBe(10);
    expect(batchSize(5000, 1, byThreshold)).toBe(1000);
  });
});

describe('S33 what joins an open batch', () => {
  const open = fc
    .record({
      taken: fc.nat(200),
      idle: fc.integer({ min: 1, max: 16 }),
      others: fc.nat(48),
      worthMessage: fc.integer({ min: 1, max: 200 }),
    })
    .map(({ others, ...batch }) => ({ ...batch, idleOfAll: batch.idle + others }));

  test('is something, not more than waits, and not more than the batch may take (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), open, limits, (items, batch, by) => {
        const size = joinCapacity(items, batch, by);
        expect(Number.isInteger(size)).toBe(true);
        expect(size).toBeLessThanOrEqual(items);
        expect(batch.taken + size).toBeLessThanOrEqual(Math.max(by.maxBatchSize, batch.taken));
        if (batch.taken < by.maxBatchSize) expect(size).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  test('is a fair share for each worker without work, and what a message is worth if so much waits (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), open, limits, (items, batch, by) => {
        const size = joinCapacity(items, batch, by);
        fc.pre(batch.taken + size < by.maxBatchSize);
        expect(size * batch.idleOfAll).toBeGreaterThanOrEqual(items * batch.idle);
        expect(size).toBeGreaterThanOrEqual(Math.min(items, batch.worthMessage));
        if (size > batch.worthMessage) expect((size - 1) * batch.idleOfAll).toBeLessThan(items * batch.idle);
      }),
    );
  });

  test('leaves nothing behind when all have taken their share, unless they may take no more (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.array(open, { minLength: 1 }),
        limits,
        (items, batches, by) => {
          let idleOfAll = batches.reduce((sum, { idle }) => sum + idle, 0);
          let waiting = items;
          for (const batch of batches) {
            waiting -= joinCapacity(
              waiting,
              { ...batch, taken: 0, idleOfAll },
              { ...by, maxBatchSize: Infinity },
            );
            idleOfAll -= batch.idle;
          }
          expect(waiting).toBe(0);
        },
      ),
    );
  });

  test('is never one by one while more wait', () => {
    const one = { taken: 20, idle: 1, idleOfAll: 1, worthMessage: 1 };
    expect(joinCapacity(25, one, byThreshold)).toBe(25);
    expect(joinCapacity(25, { ...one, idleOfAll: 5 }, byThreshold)).toBe(5);
    expect(joinCapacity(25, { ...one, idleOfAll: 5, worthMessage: 12 }, byThreshold)).toBe(12);
    expect(joinCapacity(25, { ...one, taken: 990 }, byThreshold)).toBe(10);
    expect(joinCapacity(25, { ...one, taken: 1000 }, byThreshold)).toBe(0);
  });
});

describe('how many pools what waits is enough for', () => {
  test('is one for each batch that it would make, at least one, and no more than may be (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 16 }),
        limits,
        (items, most, by) => {
          const batches = batchesWorth(items, most, by);
          expect(batches).toBeGreaterThanOrEqual(1);
          expect(batches).toBeLessThanOrEqual(most);
          if (by.dispatch === 'natural') expect(batches).toBe(Math.min(items, most));
          else if (batches > 1) expect(batches * by.batchSizeThreshold).toBeLessThanOrEqual(items);
        },
      ),
    );
  });
});

describe('S6 when a free pool takes over a part', () => {
  test('is at once in natural dispatch and when it is due anyway, else once the newest item has waited long enough (property)', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 2e6, noNaN: true }),
        fc.boolean(),
        limits,
        (newestAgeMs, isDue, by) => {
          const ms = rebalanceDelayMs(newestAgeMs, isDue, by);
          expect(ms === 0).toBe(isDue || by.dispatch === 'natural' || newestAgeMs >= by.maxWaitMs);
          expect(ms).toBeGreaterThanOrEqual(0);
          expect(ms).toBeLessThanOrEqual(by.maxWaitMs);
        },
      ),
    );
  });

  test('is counted from its acceptance', () => {
    expect(rebalanceDelayMs(4, false, byThreshold)).toBe(6);
    expect(rebalanceDelayMs(10, false, byThreshold)).toBe(0);
  });
});
