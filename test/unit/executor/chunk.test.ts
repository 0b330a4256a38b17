import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Backlog,
  type CallCost,
  chunkSize,
  chunksPerWorker,
  longestBacklogMs,
  nextCost,
  stealSize,
  worthMessage,
} from '../../../src/executor/chunk.ts';
import { inFlightLimit } from '../../../src/wire/progress.ts';

const queued = fc.integer({ min: 1, max: 100_000 });
const workers = fc.integer({ min: 1, max: 64 });
const cost = fc.double({ min: 1e-5, max: 1e4, noNaN: true });

describe('the size of a chunk', () => {
  test('is at least one call and at most those queued, and all chunks of a worker fit into its memory (property)', () => {
    fc.assert(
      fc.property(queued, workers, fc.option(cost, { nil: undefined }), (calls, width, costMs) => {
        const size = chunkSize(calls, width, costMs);
        expect(Number.isInteger(size)).toBe(true);
        expect(size).toBeGreaterThanOrEqual(1);
        expect(size).toBeLessThanOrEqual(calls);
        expect(size * chunksPerWorker).toBeLessThanOrEqual(inFlightLimit);
      }),
    );
  });

  test('sums up to what is queued, and shrinks towards the end (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), workers, cost, (calls, width, costMs) => {
        const sizes: number[] = [];
        for (let left = calls; left > 0; left -= sizes.at(-1)!) sizes.push(chunkSize(left, width, costMs));
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(calls);
        expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
      }),
    );
  });

  test('S3 of a function not seen before is one call', () => {
    expect(chunkSize(1000, 1, undefined)).toBe(1);
  });

  test('holds no more than a millisecond of work, if more than one call (property)', () => {
    fc.assert(
      fc.property(queued, workers, cost, (calls, width, costMs) => {
        const size = chunkSize(calls, width, costMs);
        if (size > 1) expect(size * costMs).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });

  test('is the same share for all workers, twice over', () => {
    expect(chunkSize(80, 2, 0.04)).toBe(20);
    expect(chunkSize(80, 4, 0.04)).toBe(10);
  });

  test('is worth its message when there is enough to do', () => {
    expect(chunkSize(1000, 50, 0.001)).toBe(100);
    expect(chunkSize(10, 50, 0.001)).toBe(10);
  });

  test('of slow calls is one', () => {
    for (const costMs of [0.6, 1, 5, 1000]) expect(chunkSize(1000, 1, costMs)).toBe(1);
  });
});

describe('S33 what a worker without work takes of the calls of another', () => {
  const backlog: fc.Arbitrary<Backlog> = fc.record({
    calls: fc.nat(2000),
    workMs: fc.oneof(fc.double({ min: 0, max: 100, noNaN: true }), fc.constant(Infinity)),
    ageMs: fc.double({ min: 0, max: 3, noNaN: true }),
  });
  const idle = fc.integer({ min: 1, max: 16 });

  test('is a fair share, or nothing (property)', () => {
    fc.assert(
      fc.property(backlog, idle, fc.nat(16), (left, takers, busy) => {
        const size = stealSize(left, takers, busy);
        expect([0, Math.ceil((left.calls * takers) / (takers + busy))]).toContain(size);
        expect(size).toBeLessThanOrEqual(left.calls);
      }),
    );
  });

  test('is worth a message, unless it has not been begun for long or nobody else would begin it (property)', () => {
    fc.assert(
      fc.property(backlog, idle, fc.nat(16), (left, takers, busy) => {
        fc.pre(left.calls > 0);
        const size = stealSize(left, takers, busy);
        const isUrgent = left.ageMs >= longestBacklogMs || busy === 0;
        if (size === 0) expect(isUrgent).toBe(false);
        else if (!isUrgent) expect(size * left.workMs).toBeGreaterThanOrEqual(0.1 * left.calls * (1 - 1e-9));
      }),
    );
  });

  test('is something of whatever is not begun for longer than a millisecond, however short (property)', () => {
    fc.assert(
      fc.property(backlog, idle, fc.nat(16), (left, takers, busy) => {
        fc.pre(left.calls > 0);
        expect(stealSize({ ...left, ageMs: longestBacklogMs }, takers, busy)).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  test('is nothing at once of a chunk that is worth one message (property)', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-5, max: 0.1, noNaN: true }), (costMs) => {
        const calls = worthMessage(costMs) - 1;
        expect(stealSize({ calls, workMs: calls * costMs, ageMs: 0 }, 1, 1)).toBe(0);
      }),
    );
  });

  test('is half between two workers, all when no other is up, and at once when it is not known how long it takes', () => {
    expect(stealSize({ calls: 20, workMs: 0.2, ageMs: 0 }, 1, 1)).toBe(10);
    expect(stealSize({ calls: 20, workMs: 0.19, ageMs: 0 }, 1, 1)).toBe(0);
    expect(stealSize({ calls: 20, workMs: 0.1, ageMs: 0 }, 1, 0)).toBe(20);
    expect(stealSize({ calls: 1, workMs: Infinity, ageMs: 0 }, 1, 1)).toBe(1);
    expect(stealSize({ calls: 0, workMs: 0, ageMs: 5 }, 1, 1)).toBe(0);
  });
});

test('so many calls are worth a message, and one of a task not seen yet', () => {
  expect([worthMessage(0.003), worthMessage(0.1), worthMessage(7), worthMessage(undefined)]).toEqual([
    34, 1, 1, 1,
  ]);
});

describe('what a call is taken to cost', () => {
  const taken = (ms: number, isDoubted = false): CallCost => ({ ms, isDoubted });

  test('is at first what the first ones did', () => {
    expect(nextCost(undefined, 2, 6)).toEqual(taken(3));
  });

  test('hardly changes with one long call', () => {
    const { ms, isDoubted } = nextCost(taken(0.01), 1, 5);
    expect(ms).toBeLessThan(0.25);
    expect(isDoubted).toBe(true);
  });

  test('is at once what two long ones in a row took', () => {
    const once = nextCost(taken(0.01), 1, 5);
    expect(nextCost(once, 1, 5)).toEqual(taken(5, true));
    const between = nextCost(once, 1, 0.01);
    expect(between.isDoubted).toBe(false);
    expect(nextCost(between, 1, 5).ms).toBeLessThan(1);
  });

  test('goes towards what is seen, the faster the more calls that were (property)', () => {
    fc.assert(
      fc.property(cost, cost, fc.integer({ min: 1, max: 512 }), (estimate, observed, calls) => {
        const { ms } = nextCost(taken(estimate), calls, calls * observed);
        const [low, high] = [Math.min(estimate, observed), Math.max(estimate, observed)];
        expect(ms).toBeGreaterThanOrEqual(low * (1 - 1e-9));
        expect(ms).toBeLessThanOrEqual(high * (1 + 1e-9));
        const more = nextCost(taken(estimate), calls + 1, (calls + 1) * observed).ms;
        expect(Math.abs(more - observed)).toBeLessThanOrEqual(Math.abs(ms - observed) + 1e-9 * high);
      }),
    );
  });

  test('is never nothing', () => {
    expect(nextCost(undefined, 1, 0).ms).toBeGreaterThan(0);
    expect(nextCost(taken(1e-5), 512, 0).ms).toBeGreaterThan(0);
  });
});
