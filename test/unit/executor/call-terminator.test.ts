import { beforeEach, describe, expect, test, vi } from 'vitest';
import { CallTerminator } from '../../../src/executor/call-terminator.ts';
import { InFlightCalls } from '../../../src/executor/in-flight-calls.ts';
import type * as Clock from '../../../src/core/clock.ts';
import { TimerQueue } from '../../../src/core/timer-queue.ts';
import { ProgressWords } from '../../../src/wire/progress-words.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { TestCall } from '../../support/fake-workers.ts';

/** The clock that threads share; here the test's. */
const shared = vi.hoisted(() => ({ now: (): number => 0 }));

vi.mock('../../../src/core/clock.ts', async (original) => {
  return { ...(await original<typeof Clock>()), sharedNow: () => shared.now(), sharedOffsetMs: 0 };
});

function setup() {
  const clock = new FakeClock();
  shared.now = () => clock.now();
  const timers = new TimerQueue(clock);
  const progress = new ProgressWords();
  const ended: [call: unknown, reason: unknown, atMs: number][] = [];
  const givenBack: unknown[] = [];
  const startedAtMs = clock.now();
  const inFlight = new InFlightCalls(0, progress, (call) => ender.forget(call));
  const ender = new CallTerminator(timers, progress, inFlight, {
    terminate(call, reason) {
      inFlight.remove(call);
      ended.push([call, reason, clock.now() - startedAtMs]);
    },
    requeue: (calls) => givenBack.push(...calls),
  });
  const send = (timeoutSeconds?: number): TestCall => {
    const call = new TestCall([], { timeoutSeconds });
    inFlight.markQueued(1);
    inFlight.append([call], undefined, [], clock.now());
    ender.watch(call, clock.now());
    return call;
  };
  const begin = (call: TestCall): void => void progress.begin(call.location!, clock.now());
  const finish = (call: TestCall): void => progress.finish(call.location!);
  return { clock, timers, ender, inFlight, ended, givenBack, send, begin, finish };
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
      expect(ended[0][1]).toMatchObject({ name: 'TimeoutError', phase: 'run' });
      expect(ended[0][2]).toBeGreaterThanOrEqual(laterMs + 1000);
    },
  );

  test('of a call that never begins ends nothing', async () => {
    const { clock, ended, send } = setup();
    send(1);
    await clock.advance(60_000);
    expect(ended).toEqual([]);
  });

  test('ends a call that has finished in time, when its answer does not come within a second', async () => {
    const { clock, ended, send, begin, finish } = setup();
    const call = send(1);
    begin(call);
    finish(call);
    await clock.advance(1999);
    expect(ended).toEqual([]);
    await clock.advance(1);
    expect(ended).toEqual([[call, expect.objectContaining({ phase: 'run' }), 2000]]);
  });

  test('is watched no more once the call is gone', async () => {
    const { clock, timers, ender, ended, send, begin } = setup();
    const call = send(1);
    begin(call);
    ender.forget(call);
    ender.forget(call);
    expect(timers.size).toBe(0);
    await clock.advance(60_000);
    expect(ended).toEqual([]);
  });

  test('is no matter for a call without one', () => {
    const { timers, ender, send } = setup();
    ender.forget(send());
    expect(timers.size).toBe(0);
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

describe('the end of a call', () => {
  const reason = new Error('over');

  test('that runs is at once, and what was not begun is given back first', () => {
    const { ender, ended, givenBack, send, begin } = setup();
    const [call, next] = [send(), send()];
    begin(call);
    ender.end(call, reason);
    expect(ended).toEqual([[call, reason, 0]]);
    expect(givenBack).toEqual([next]);
  });

  test('that waits, or has been answered, is none', async () => {
    const { clock, ender, inFlight, ended, givenBack, send, begin, finish } = setup();
    const [answered, waiting] = [send(), send()];
    begin(answered);
    finish(answered);
    inFlight.shift();
    for (const call of [answered, waiting]) ender.end(call, reason);
    await clock.advance(60_000);
    expect([ended, givenBack]).toEqual([[], []]);
  });

  test('that has ended by itself leaves its answer a second to come', async () => {
    const { clock, ender, ended, givenBack, send, begin, finish } = setup();
    const [call, next] = [send(), send()];
    begin(call);
    finish(call);
    ender.end(call, reason);
    await clock.advance(999);
    expect([ended, givenBack]).toEqual([[], []]);
    await clock.advance(1);
    expect(ended).toEqual([[call, reason, 1000]]);
    expect(givenBack).toEqual([next]);
  });

  test('is none once the answer has come', async () => {
    const { clock, timers, ender, inFlight, ended, send, begin, finish } = setup();
    const call = send();
    begin(call);
    finish(call);
    ender.end(call, reason);
    inFlight.shift();
    expect(timers.size).toBe(0);
    await clock.advance(60_000);
    expect(ended).toEqual([]);
  });

  test('does not come while another call runs, which may be why there is no answer', async () => {
    const { clock, ender, ended, givenBack, send, begin, finish } = setup();
    const [call, running, next] = [send(), send(), send()];
    begin(call);
    finish(call);
    begin(running);
    ender.end(call, reason);
    await clock.advance(60_000);
    expect([ended, givenBack]).toEqual([[], [next]]);
    finish(running);
    await clock.advance(1000);
    expect(ended).toEqual([[call, reason, 61_000]]);
  });

  test('asked for twice has the later reason', async () => {
    const { clock, ender, ended, send, begin, finish } = setup();
    const call = send();
    begin(call);
    finish(call);
    ender.end(call, new Error('before'));
    await clock.advance(500);
    ender.end(call, reason);
    await clock.advance(60_000);
    expect(ended).toEqual([[call, reason, 1500]]);
  });
});
