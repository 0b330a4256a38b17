import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { desiredPools, isDemand, unitsOf } from '../../../src/lease/sizing.ts';

describe('M5 the desired number of pools', () => {
  test('is enough for the demand within the limits, and no more (property)', () => {
    fc.assert(
      fc.property(
        fc.nat(1e9).map((thousandths) => thousandths / 1000),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 0, max: 10 }),
        fc.integer({ min: 0, max: 10 }),
        (units, unitsPerPool, minPools, more) => {
          const maxPools = Math.max(1, minPools + more);
          const desired = desiredPools(units, { minPools, maxPools, unitsPerPool });
          expect(Number.isInteger(desired)).toBe(true);
          expect(desired).toBeGreaterThanOrEqual(minPools);
          expect(desired).toBeLessThanOrEqual(maxPools);
          if (desired < maxPools) expect(desired * unitsPerPool).toBeGreaterThanOrEqual(units);
          if (desired > minPools) expect((desired - 1) * unitsPerPool).toBeLessThan(units);
        },
      ),
    );
  });

  test.each([
    [0, 0],
    [0.5, 1],
    [10, 1],
    [10.001, 2],
    [1000, 4],
  ])('for %d units of 10 a pool, at most 4, is %d', (units, pools) => {
    expect(desiredPools(units, { minPools: 0, maxPools: 4, unitsPerPool: 10 })).toBe(pools);
  });

  test('counts what is no demand as none', () => {
    for (const given of [NaN, Infinity, -Infinity, -1, '5', 5n, null, undefined, {}, [5], true]) {
      expect(isDemand(given)).toBe(false);
      expect(unitsOf(given)).toBe(0);
    }
    for (const given of [0, -0, 0.5, 7]) {
      expect(isDemand(given)).toBe(true);
      expect(unitsOf(given)).toBe(given);
    }
  });
});
