import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elapsedSince, timeMark } from '../../../src/wire/progress.ts';

describe('a time mark', () => {
  test('N3 never makes a run look longer than it is (property)', () => {
    const time = fc.double({ min: 0, max: 1e13, noNaN: true });
    const run = fc.double({ min: 0, max: 2 ** 30, noNaN: true });
    fc.assert(
      fc.property(time, run, (began, ran) => {
        const now = began + ran;
        const elapsed = elapsedSince(timeMark(began), now);
        expect(elapsed).toBeLessThanOrEqual(now - began);
        expect(elapsed).toBeGreaterThan(now - began - 2.01);
      }),
    );
  });

  test('fits into 32 bits, and the difference is right across their end', () => {
    for (const began of [2 ** 31 - 5, 2 ** 32 - 5, 2 ** 40 - 5]) {
      expect(timeMark(began)).toBe(timeMark(began) | 0);
      expect(elapsedSince(timeMark(began), began + 10)).toBe(10);
    }
  });

  test('of a call that begins this very moment is not a long run', () => {
    expect(elapsedSince(timeMark(100.5), 100.5)).toBeLessThanOrEqual(0);
  });
});
