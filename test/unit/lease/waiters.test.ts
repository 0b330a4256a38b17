import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Waiter, Waiters } from '../../../src/lease/waiters.ts';

const step = fc.oneof(
  fc.constant({ kind: 'join' as const }),
  fc.constant({ kind: 'shift' as const }),
  fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }),
);

describe('M2 those who wait for a lease', () => {
  test('are served first come, first served, whoever leaves the line (model)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const waiters = new Waiters<number>();
        const line: number[] = [];
        const all: Waiter<number>[] = [];
        for (const each of steps) {
          if (each.kind === 'join') {
            line.push(all.length);
            all.push(waiters.join(all.length));
          } else if (each.kind === 'shift') expect(waiters.shift()).toBe(line.shift());
          else if (all.length > 0) {
            const waiter = all[each.which % all.length];
            const place = line.indexOf(waiter.request);
            expect(waiters.leave(waiter)).toBe(place >= 0);
            if (place >= 0) line.splice(place, 1);
          }
          expect(waiters.size).toBe(line.length);
        }
      }),
    );
  });

  test('have left the line in the step that serves them', () => {
    const waiters = new Waiters<string>();
    const waiter = waiters.join('me');
    expect(waiters.shift()).toBe('me');
    expect(waiters.leave(waiter)).toBe(false);
    expect(waiters.shift()).toBeUndefined();
  });
});
