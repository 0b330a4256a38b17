import { beforeEach, describe, expect, test, vi } from 'vitest';
import { RunLimits } from '../../../src/executor/run-limits.ts';
import type * as Clock from '../../../src/ground/clock.ts';
import { Deadlines } from '../../../src/ground/deadline.ts';
import { ProgressWords } from '../../../src/wire/progress-words.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { TestCall } from '../../support/fake-workers.ts';

/** The clock that threads share; here the test's. */
const shared = vi.hoisted(() => ({ now: (): number => 0 }));

vi.mock('../../../src/ground/clock.ts', async (original) => {
  return { ...(await original<typeof Clock>()), sharedNow: () => shared.now(), sharedOffsetMs: 0 };
});

function setup() {
  const clock = new FakeClock();
  shared.now = () => clock.now();
  const deadlines = new Deadlines(clock);
  const progress = new ProgressWords();
  const ended: [call: TestCall, atMs: number][] = [];
  const running = new Set<TestCall>();
  const startedAtMs = clock.now();
  const limits = new RunLimits(
    deadlines,
    progress,
    (call) => running.has(call as TestCall),
    (call, reason) => {
      expect(reason).toMatchObject({ name: 'TimeoutError', phase: 'run' });
      limits.forget(call);
      ended.push([call as TestCall, clock.now() - startedAtMs]);
    },
  );
  const send = (timeoutSeconds: number | undefined): TestCall => {
    const call = new TestCall([], { timeoutSeconds });
    limits.watch(call, clock.now());
    return call;
  };
  const begin = (call: TestCall): void => {
    progress.queue(0);
    progress.begin(0, clock.now());
    running.add(call);
  };
  return { clock, deadlines, limits, ended, running, send, begin };
}

beforeEach(() => void (shared.now = () => 0));

describe('N3 a longest run', () => {
  test.each([0, 1, 400, 999, 1000, 1500, 7777.5])(
    'is counted from the moment the call begins, %d ms after it was sent',
    async (laterMs) => {
      const { clock, ended, send, begin } = setup();
      const call = send(1);
      await clock.advance(laterMs);
      begin(call);
      await clock.advance(999);
      expect(ended).toEqual([]);
      await clock.advance(2);
      expect(ended.map(([each]) => each)).toEqual([call]);
      expect(ended[0][1]).toBeGreaterThanOrEqual(laterMs + 1000);
    },
  );

  test('of a call that never begins, or has finished, ends nothing', async () => {
    const { clock, ended, running, send, begin } = setup();
    send(1);
    const finished = send(1);
    begin(finished);
    running.delete(finished);
    await clock.advance(60_000);
    expect(ended).toEqual([]);
  });

  test('is watched no more once the call is gone', async () => {
    const { clock, deadlines, limits, ended, send, begin } = setup();
    const call = send(1);
    begin(call);
    limits.forget(call);
    limits.forget(call);
    expect(deadlines.size).toBe(0);
    await clock.advance(60_000);
    expect(ended).toEqual([]);
  });

  test('is no matter for a call without one', () => {
    const { deadlines, limits, send } = setup();
    limits.forget(send(undefined));
    expect(deadlines.size).toBe(0);
  });

  test('N5 keeps no process alive: the worker does', () => {
    const { clock, send } = setup();
    send(1);
    expect([clock.timers, clock.keepsAlive]).toEqual([1, false]);
  });

  test('S25 of more than 2^31 ms ends nothing at once', async () => {
    const { clock, ended, send, begin } = setup();
    begin(send(1e7));
    await clock.advance(2 ** 30);
    expect(ended).toEqual([]);
  });
});
