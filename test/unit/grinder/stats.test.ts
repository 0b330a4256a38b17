import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GrinderSettings } from '../../../src/grinder/grinder-options.ts';
import { grinderStats, Totals } from '../../../src/grinder/stats.ts';

const settings = {
  batchSizeThreshold: 20,
  maxWaitSeconds: 0.01,
  leaseSeconds: 60,
  ownerPrefix: 'hashes',
} as GrinderSettings;

const queueWaits = { count: 3, mean: 2, p50: 2, p90: 3, p99: 3, max: 3 };
const batchSizes = { ...queueWaits, count: 1 };
const now = {
  started: true,
  stopping: false,
  pending: 0,
  oldestAgeMs: 0,
  batchesInFlight: 0,
  queueWaits,
  batchSizes,
};

describe('S32 the stats of a grinder', () => {
  test("have the page's seven fields, and more", () => {
    const totals = new Totals();
    totals.submitted = 5;
    totals.batches = 2;
    totals.countSettled('fulfilled');
    expect(
      grinderStats(settings, { ...now, pending: 3, oldestAgeMs: 250, batchesInFlight: 1 }, totals),
    ).toEqual({
      started: true,
      stopping: false,
      ownerPrefix: 'hashes',
      pending: 3,
      batchSizeThreshold: 20,
      maxWaitSeconds: 0.01,
      leaseSeconds: 60,
      oldestWaitSeconds: 0.25,
      inFlight: 1,
      batchesInFlight: 1,
      totals: { submitted: 5, fulfilled: 1, rejected: 0, cancelled: 0, batches: 2 },
      histograms: { windowSeconds: 60, queueWaitSeconds: queueWaits, batchSize: batchSizes },
    });
  });

  test('always balance (property)', () => {
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.array(fc.constantFrom('fulfilled' as const, 'rejected' as const, 'cancelled' as const), {
          maxLength: 50,
        }),
        fc.nat(50),
        (open, settled, waiting) => {
          const totals = new Totals();
          totals.submitted = open + settled.length;
          for (const state of settled) totals.countSettled(state);
          const pending = Math.min(open, waiting);
          const { inFlight, totals: counts } = grinderStats(settings, { ...now, pending }, totals);
          const { submitted, fulfilled, rejected, cancelled } = counts;
          expect(submitted).toBe(pending + inFlight + fulfilled + rejected + cancelled);
          expect(inFlight).toBe(open - pending);
          for (const state of ['fulfilled', 'rejected', 'cancelled'] as const)
            expect(counts[state]).toBe(settled.filter((each) => each === state).length);
        },
      ),
    );
  });

  test('are a snapshot', () => {
    const totals = new Totals();
    const before = grinderStats(settings, now, totals);
    totals.submitted = 1;
    expect(before.totals.submitted).toBe(0);
  });
});
