import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { ItemQueue } from '../../../src/grinder/item-queue.ts';
import type { Job } from '../../../src/job/job.ts';
import { newJob, newJobs } from '../../support/test-jobs.ts';

function setup(count = 0) {
  const onLeave = vi.fn();
  const pending = new ItemQueue(onLeave);
  const jobs = newJobs(count);
  for (const job of jobs) pending.push(job);
  return { pending, jobs, onLeave };
}

const orders = (jobs: readonly Job[]): number[] => jobs.map(({ order }) => order);

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('push' as const), count: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('take' as const), count: fc.integer({ min: 1, max: 8 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('putBack' as const),
      which: fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }) },
);

describe('S4 pending items', () => {
  test('stand in the order of their acceptance, whatever leaves, is taken, and is given back (model)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { pending, onLeave } = setup();
        const all: Job[] = [];
        let waiting: number[] = [];
        const away = new Set<number>();
        const givenBack = new Set<number>();
        let cancelled = 0;
        for (const each of steps) {
          if (each.kind === 'push') {
            const jobs = newJobs(each.count, undefined, all.length);
            all.push(...jobs);
            for (const job of jobs) pending.push(job);
            waiting.push(...orders(jobs));
          } else if (each.kind === 'take') {
            const expected = waiting.splice(0, each.count);
            expect(orders(pending.dequeue(each.count))).toEqual(expected);
            for (const order of expected) {
              away.add(order);
              givenBack.delete(order);
              all[order].state = 'sent';
            }
          } else if (each.kind === 'putBack' && away.size > 0) {
            const returning = [...new Set(each.which.map((which) => [...away][which % away.size]))].sort(
              (a, b) => a - b,
            );
            pending.requeue(returning.map((order) => all[order]));
            for (const order of returning) {
              away.delete(order);
              givenBack.add(order);
              waiting.push(order);
            }
            waiting.sort((a, b) => a - b);
          } else if (each.kind === 'cancel' && waiting.length > 0) {
            const order = waiting[each.which % waiting.length];
            expect(all[order].cancel(undefined)).toBe(true);
            waiting = waiting.filter((other) => other !== order);
            givenBack.delete(order);
            cancelled++;
          }
          expect(pending.size).toBe(waiting.length);
          expect(orders(pending.all())).toEqual(waiting);
          expect(pending.hasRequeued).toBe(givenBack.size > 0);
          for (const order of waiting) expect(all[order].state).toBe('pending');
          expect(onLeave).toHaveBeenCalledTimes(cancelled);
        }
      }),
    );
  });

  test('given back one by one, or in another order, stand as they stood', () => {
    const { pending, jobs } = setup(6);
    const taken = pending.dequeue(5);
    for (const index of [3, 0, 4, 1, 2]) pending.requeue([taken[index]]);
    expect(pending.all()).toEqual(jobs);
    expect(pending.dequeue(4)).toEqual(jobs.slice(0, 4));
    pending.requeue([jobs[3], jobs[0], jobs[2], jobs[1]]);
    expect(pending.all()).toEqual(jobs);
  });

  test('are taken from the front, as many as there are', () => {
    const { pending, jobs } = setup(3);
    expect(pending.dequeue(2)).toEqual(jobs.slice(0, 2));
    expect(pending.dequeue(Infinity)).toEqual(jobs.slice(2));
    expect(pending.dequeue(1)).toEqual([]);
  });

  test('are due at once while one that was given back is among them', () => {
    const { pending } = setup(3);
    const [first] = pending.dequeue(1);
    expect(pending.hasRequeued).toBe(false);
    pending.requeue([first]);
    expect(pending.hasRequeued).toBe(true);
    pending.dequeue(1);
    expect(pending.hasRequeued).toBe(false);
  });

  test('S26 that are cancelled are gone before cancel() returns, and that is told', () => {
    const { pending, jobs, onLeave } = setup(3);
    pending.requeue(pending.dequeue(1));
    jobs[0].cancel(undefined);
    expect([pending.size, pending.hasRequeued, onLeave.mock.calls.length]).toEqual([2, false, 1]);
    expect(pending.cancelQueued(jobs[0])).toBe(false);
    expect(onLeave).toHaveBeenCalledTimes(1);
  });

  test('that are taken are not told to have left', () => {
    const { pending, onLeave } = setup(3);
    pending.dequeue(3);
    expect(onLeave).not.toHaveBeenCalled();
  });

  test('have no outcome: they are with no executor', () => {
    const { pending, jobs } = setup(1);
    jobs[0].settle({ status: 'fulfilled', value: 'from a pool of before' });
    expect([jobs[0].hasSettled, pending.size]).toEqual([false, 1]);
  });
});

describe('S1 the age of the oldest', () => {
  test('is that of the first, and 0 without any', () => {
    const { pending } = setup();
    expect(pending.oldestAgeMs(500)).toBe(0);
    for (const acceptedAtMs of [100, 200]) pending.push(newJob({ acceptedAtMs, order: acceptedAtMs }).job);
    expect(pending.oldestAgeMs(500)).toBe(400);
    pending.dequeue(1);
    expect(pending.oldestAgeMs(500)).toBe(300);
  });

  test('is never negative, though acceptance is rounded up', () => {
    const { pending } = setup();
    pending.push(newJob({ acceptedAtMs: 101 }).job);
    expect(pending.oldestAgeMs(100.5)).toBe(0);
  });
});
