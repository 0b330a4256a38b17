import { describe, expect, test } from 'vitest';
import { TimerQueue } from '../../../src/core/timer-queue.ts';
import { QueueTimeouts } from '../../../src/job/queue-timeout.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { newJob, rejectionOf, TestKeeper } from '../../support/test-jobs.ts';

function setup() {
  const clock = new FakeClock();
  const timers = new TimerQueue(clock);
  const timeouts = new QueueTimeouts(clock, timers);
  const keeper = new TestKeeper();
  const accept = (queueTimeoutSeconds?: number) => {
    const made = newJob({
      options: { queueTimeoutSeconds, owner: 'me' },
      account: { settled: (job) => timeouts.forget(job) },
      acceptedAtMs: Math.ceil(clock.now()),
    });
    keeper.list.push(made.job);
    timeouts.watch(made.job);
    return made;
  };
  return { clock, timers, timeouts, keeper, accept };
}

describe('N3 a job with queueTimeoutSeconds', () => {
  test('that is still waiting after that long fails, and is out of its list', async () => {
    const { clock, keeper, accept, timers } = setup();
    const { job, promise } = accept(2);
    await clock.advance(1999);
    expect(job.hasSettled).toBe(false);
    await clock.advance(1);
    expect(await rejectionOf(promise)).toMatchObject({
      name: 'TimeoutError',
      phase: 'queue',
      owner: 'me',
      taskName: 'resize',
      message: 'no worker began the job within 2 s',
    });
    expect([keeper.list.size, timers.size]).toEqual([0, 0]);
  });

  test('counts from its acceptance, and is never ended early', async () => {
    const { clock, accept } = setup();
    await clock.advance(0.25);
    const { job } = accept(0.0105);
    await clock.advance(10.5);
    expect(job.hasSettled).toBe(false);
    await clock.advance(2);
    expect(job.state).toBe('rejected');
  });

  test('that a worker has begun was in time, however long it runs', async () => {
    const { clock, keeper, accept, timers } = setup();
    const { job, promise } = accept(1);
    keeper.isWilling = false;
    await clock.advance(5000);
    expect(job.hasSettled).toBe(false);
    job.fulfil('in time');
    expect(await promise).toBe('in time');
    expect(timers.size).toBe(0);
  });

  test('that was with an executor when that was over, and comes back, fails at once', async () => {
    const { clock, timeouts, keeper, accept } = setup();
    const { job, promise } = accept(1);
    timeouts.requeued(job);
    expect(job.hasSettled).toBe(false);
    keeper.isWilling = false;
    await clock.advance(1000);
    keeper.isWilling = true;
    timeouts.requeued(job);
    expect(await rejectionOf(promise)).toMatchObject({ name: 'TimeoutError', phase: 'queue' });
    expect(keeper.list.size).toBe(0);
  });

  test('that has settled before leaves no deadline', async () => {
    const { clock, accept } = setup();
    const { job } = accept(1);
    job.fulfil(1);
    expect(clock.timers).toBe(0);
    await clock.advance(5000);
    expect(job.state).toBe('fulfilled');
  });

  test('N5 keeps the process alive while it waits', () => {
    const { clock, accept } = setup();
    accept(1);
    expect(clock.keepsAlive).toBe(true);
  });

  test('S25 of more than 2^31 ms is not ended at once', async () => {
    const { clock, accept } = setup();
    const { job } = accept(1e9);
    await clock.advance(2 ** 31);
    expect(job.hasSettled).toBe(false);
  });

  test('is nobody without one', () => {
    const { timers, timeouts, accept } = setup();
    const { job } = accept();
    expect(timers.size).toBe(0);
    expect(() => timeouts.forget(job)).not.toThrow();
  });
});
