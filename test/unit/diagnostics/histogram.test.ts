import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Histogram, windowSeconds } from '../../../src/diagnostics/histogram.ts';

const sliceMs = (windowSeconds * 1000) / 6;
const t0 = 1_000 * sliceMs;

const nothing = { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };

/** What a percentile is, by its definition. */
function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1];
}

describe('a histogram', () => {
  test('is all zero while nothing was recorded', () => {
    expect(new Histogram().read(t0)).toEqual(nothing);
  });

  test('knows count, mean and the largest value exactly, and percentiles within 4 % (property)', () => {
    const value = fc.double({ min: 1e-8, max: 100_000, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, fc.integer({ min: 1, max: 5 })), { minLength: 1 }), (entries) => {
        const histogram = new Histogram();
        for (const [each, times] of entries) histogram.record(each, times, t0);
        const values = entries.flatMap(([each, times]) => new Array<number>(times).fill(each));
        const stats = histogram.read(t0);
        expect(stats.count).toBe(values.length);
        expect(stats.max).toBe(Math.max(...values));
        expect(stats.mean).toBeCloseTo(values.reduce((sum, each) => sum + each) / values.length, 6);
        for (const [name, share] of [
          ['p50', 0.5],
          ['p90', 0.9],
          ['p99', 0.99],
        ] as const) {
          const exact = percentile(values, share);
          expect(Math.abs(stats[name] - exact)).toBeLessThanOrEqual(0.04 * exact);
          expect(stats[name]).toBeLessThanOrEqual(stats.max);
        }
      }),
    );
  });

  test.each([1, 2, 17, 20, 31])('gives a whole number such as %i as it is', (size) => {
    const histogram = new Histogram({ isWhole: true });
    histogram.record(size, 10, t0);
    histogram.record(1000, 1, t0);
    expect(histogram.read(t0)).toMatchObject({ p50: size, p90: size, max: 1000 });
  });

  test('takes values that are too small or too large to tell apart', () => {
    const histogram = new Histogram();
    histogram.record(0, 3, t0);
    histogram.record(1e9, 1, t0);
    const { count, p50, max } = histogram.read(t0);
    expect([count, max]).toEqual([4, 1e9]);
    expect(p50).toBeLessThan(1e-8);
  });
});

describe('the window of a histogram', () => {
  test('moves on in slices: it forgets what is older than 60 s, and nothing of the last 50 s', () => {
    const histogram = new Histogram();
    for (let second = 0; second < 180; second++) {
      const now = t0 + second * 1000;
      histogram.record(second, 1, now);
      const { count, mean } = histogram.read(now);
      const oldest = 2 * mean - second; // Every second from it on is there once.
      expect(count).toBe(Math.round(second - oldest) + 1);
      expect(oldest).toBeLessThanOrEqual(Math.max(0, second - 49));
      expect(oldest).toBeGreaterThan(second - 60);
    }
  });

  test('empties by itself when nothing is recorded any more', () => {
    const histogram = new Histogram();
    histogram.record(5, 2, t0);
    expect(histogram.read(t0 + 49_999).count).toBe(2);
    expect(histogram.read(t0 + 60_000)).toEqual(nothing);
    histogram.record(7, 1, t0 + 600_000);
    expect(histogram.read(t0 + 600_000)).toEqual({ count: 1, mean: 7, p50: 7, p90: 7, p99: 7, max: 7 });
  });

  test('holds what was recorded in it and nothing else, whenever it is read (property)', () => {
    const event = fc.record({
      afterMs: fc.nat(40_000),
      value: fc.integer({ min: 1, max: 15 }),
      isRead: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const histogram = new Histogram({ isWhole: true });
        const recorded: { at: number; value: number }[] = [];
        let now = t0;
        for (const { afterMs, value, isRead } of events) {
          now += afterMs;
          histogram.record(value, 1, now);
          recorded.push({ at: now, value });
          if (!isRead) continue;
          const slice = (at: number): number => Math.floor(at / sliceMs);
          const values = recorded.filter(({ at }) => slice(at) > slice(now) - 6).map((each) => each.value);
          expect(histogram.read(now)).toMatchObject({
            count: values.length,
            max: Math.max(...values),
            p50: percentile(values, 0.5),
            p99: percentile(values, 0.99),
          });
        }
      }),
    );
  });
});
