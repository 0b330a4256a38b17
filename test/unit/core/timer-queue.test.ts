import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Deadline, TimerQueue } from '../../../src/core/timer-queue.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function setup() {
  const clock = new FakeClock();
  const timers = new TimerQueue(clock);
  const due: string[] = [];
  const set = (name: string, inMs: number, keepsAlive = true): Deadline =>
    timers.set(clock.now() + inMs, () => void due.push(name), { keepsAlive });
  return { clock, timers, due, set };
}

/** The reference: deadlines by number, as they were set. */
type Step =
  | { readonly kind: 'set'; readonly inMs: number; readonly keepsAlive: boolean }
  | { readonly kind: 'clear'; readonly which: number }
  | { readonly kind: 'advance'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      inMs: fc.integer({ min: -5, max: 60 }),
      keepsAlive: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('clear' as const), which: fc.nat(60) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 40 }) }),
  },
);

describe('deadlines', () => {
  test('each is called once, in order of time, never early, and not after it was cleared (model)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = new FakeClock();
        const timers = new TimerQueue(clock);
        const called: { number: number; at: number }[] = [];
        const all: { deadline: Deadline; at: number; keepsAlive: boolean }[] = [];
        const model = new Set<number>();
        for (const each of steps) {
          if (each.kind === 'set') {
            const number = all.length;
            const at = clock.now() + each.inMs;
            const onDue = (now: number): void => void called.push({ number, at: now });
            all.push({ deadline: timers.set(at, onDue, each), at, keepsAlive: each.keepsAlive });
            model.add(number);
          } else if (each.kind === 'clear') {
            timers.clear(all[each.which]?.deadline);
            model.delete(each.which);
          } else {
            called.length = 0;
            await clock.advance(each.ms);
            const expected = [...model].filter((number) => all[number].at <= clock.now());
            expect(called.map(({ number }) => number).sort((a, b) => a - b)).toEqual(expected);
            const times = called.map(({ number }) => all[number].at);
            expect(times).toEqual([...times].sort((a, b) => a - b));
            for (const { number, at } of called) expect(at).toBeGreaterThanOrEqual(all[number].at);
            for (const number of expected) model.delete(number);
          }
          expect(timers.size).toBe(model.size);
          expect(clock.timers).toBe(model.size === 0 ? 0 : 1);
          expect(clock.keepsAlive).toBe([...model].some((number) => all[number].keepsAlive));
        }
      }),
    );
  });

  test('a thousand of them share one timer', () => {
    const { clock, set } = setup();
    for (let i = 0; i < 1000; i++) set(`${i}`, 1000 - i);
    expect(clock.timers).toBe(1);
  });

  test('a timer that fires early does not make a deadline early', async () => {
    const { clock, due, set } = setup();
    clock.earlyMs = 0.9;
    set('it', 10);
    await clock.advance(9.99);
    expect(due).toEqual([]);
    await clock.advance(1.5);
    expect(due).toEqual(['it']);
  });

  test('M4 input that is ready when the timer fires is taken in before anything is due', async () => {
    const { clock, due, set } = setup();
    set('deadline', 10);
    clock.elapse(10);
    clock.fireDue();
    due.push('input');
    await clock.flush();
    expect(due).toEqual(['input', 'deadline']);
  });

  test('input can clear the deadline it beats', async () => {
    const { clock, timers, due, set } = setup();
    const deadline = set('deadline', 10);
    clock.elapse(10);
    clock.fireDue();
    timers.clear(deadline);
    await clock.flush();
    expect(due).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  test('one that is due can clear another that is due', async () => {
    const { clock, timers, due, set } = setup();
    timers.set(clock.now() + 5, () => timers.clear(second), { keepsAlive: true });
    const second = set('second', 6);
    clock.elapse(10);
    clock.fireDue();
    await clock.flush();
    expect(due).toEqual([]);
  });

  test('one that is due can set another for the same moment', async () => {
    const { clock, due, set } = setup();
    const timers = new TimerQueue(clock);
    timers.set(clock.now() + 5, () => void set('later', 0), { keepsAlive: true });
    await clock.advance(5);
    expect(due).toEqual(['later']);
  });

  test('clearing one that is due, that was cleared, or that is not there does nothing', async () => {
    const { clock, timers, due, set } = setup();
    const first = set('first', 1);
    const second = set('second', 2);
    await clock.advance(1);
    timers.clear(first);
    timers.clear(undefined);
    expect(timers.size).toBe(1);
    timers.clear(second);
    timers.clear(second);
    await clock.advance(10);
    expect(due).toEqual(['first']);
  });

  test('an earlier one moves the timer forward', async () => {
    const { clock, due, set } = setup();
    set('late', 1000);
    set('early', 5);
    expect(clock.nextTimerInMs).toBe(5);
    await clock.advance(5);
    expect(due).toEqual(['early']);
  });

  test('N5 only those the process must live to see keep it alive', async () => {
    const { clock, timers, set } = setup();
    set('optional', 1000, false);
    expect(clock.keepsAlive).toBe(false);
    const needed = set('needed', 2000);
    expect(clock.keepsAlive).toBe(true);
    timers.clear(needed);
    expect(clock.keepsAlive).toBe(false);
    set('needed too', 10);
    await clock.advance(10);
    expect(clock.keepsAlive).toBe(false);
    expect(clock.timers).toBe(1);
  });

  test('S22 without deadlines there is no timer', async () => {
    const { clock, timers, set } = setup();
    timers.clear(set('cleared', 10));
    expect(clock.timers).toBe(0);
    set('due', 10);
    await clock.advance(10);
    expect(clock.timers).toBe(0);
    expect(timers.size).toBe(0);
  });
});
