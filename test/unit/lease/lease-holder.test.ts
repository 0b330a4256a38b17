import { describe, expect, test } from 'vitest';
import { TimerQueue } from '../../../src/core/timer-queue.ts';
import { LeaseExpiredError } from '../../../src/core/errors.ts';
import { QueueTimeouts } from '../../../src/job/queue-timeout.ts';
import { AcquiredAt } from '../../../src/lease/acquired-at.ts';
import { ExecutorLease } from '../../../src/lease/executor-lease.ts';
import { Lease } from '../../../src/lease/lease.ts';
import { untilAfterCollection } from '../../support/collected.ts';
import { keepingLogger } from '../../support/executor-options.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeExecutor } from '../../support/fake-executor.ts';

const expired = 'a lease has reached the end of its time and was not released';
const collected = 'a lease was garbage collected without having been released';

function setup() {
  const clock = new FakeClock();
  const timers = new TimerQueue(clock);
  const { logger, entries } = keepingLogger();
  const executor = new FakeExecutor();
  let ended = 0;
  const leasedAtMs = clock.now();
  const terms = {
    id: 'pool-1-lease-1',
    owner: 'me',
    leaseMs: 60_000,
    graceMs: 0,
    leasedAtMs,
    softExpiresAtMs: leasedAtMs + 60_000,
    hardExpiresAtMs: leasedAtMs + 60_000,
  };
  const loan = new Lease(terms, executor, { leaseEnded: () => void ended++ });
  const tools = { clock, timers, logger, queueTimeouts: new QueueTimeouts(clock, timers) };
  const acquire = (): ExecutorLease => ExecutorLease.over(loan, tools, new AcquiredAt(acquire));
  return { clock, timers, entries, loan, acquire, ended: () => ended };
}

const fields = {
  lease: 'pool-1-lease-1',
  owner: 'me',
  leaseSeconds: 60,
  acquiredAt: expect.stringContaining('lease-holder.test.ts'),
};

describe('M4 a lease that is not released', () => {
  test('is logged once when it reaches soft expiry, with its owner and the place that acquired it', () => {
    const { loan, acquire, entries } = setup();
    const lease = acquire();
    loan.expireSoftly();
    loan.expireSoftly();
    expect(entries).toEqual([['warn', expired, fields]]);
    loan.revoke();
    expect([lease.active, entries.length]).toEqual([false, 1]);
  });

  test('and is garbage collected is logged, and its pool comes back', async () => {
    const { clock, timers, acquire, entries, ended } = setup();
    acquire();
    await clock.advance(1_000);
    await untilAfterCollection(() => entries.length > 0, 'the forgotten lease is noticed');
    expect(entries).toEqual([['warn', collected, fields]]);
    expect([ended(), timers.size]).toEqual([1, 0]);
  });

  test('and is garbage collected aborts its signal, which somebody may still have', async () => {
    const { clock, acquire } = setup();
    const { signal } = acquire();
    await clock.advance(1_000);
    await untilAfterCollection(() => signal.aborted, 'the signal aborts');
    expect(signal.reason).toBeInstanceOf(LeaseExpiredError);
    expect(signal.reason.message).toBe(
      'lease pool-1-lease-1 was garbage collected without having been released',
    );
  });

  test('and is garbage collected after soft expiry is logged once', async () => {
    const { clock, loan, acquire, entries, ended } = setup();
    acquire();
    await clock.advance(1_000);
    loan.expireSoftly();
    await untilAfterCollection(() => ended() > 0, 'the pool comes back');
    expect(entries).toEqual([['warn', expired, fields]]);
  });

  test('is noticed although what acquired it holds it: the stack is let go', async () => {
    const { clock, acquire, entries } = setup();
    class Holder {
      lease: ExecutorLease | undefined;
      take(): void {
        this.lease = acquire();
      }
    }
    new Holder().take();
    await clock.advance(1_000);
    await untilAfterCollection(() => entries.length > 0, 'the forgotten lease is noticed');
  });

  test('is not collected while somebody can reach it, and loses its signal and what it had not sent with the loan', async () => {
    const { clock, loan, acquire, entries } = setup();
    const lease = acquire();
    await clock.advance(1_000);
    await untilAfterCollection(() => true, '');
    const job = lease.run({ module: 'file:///tasks.js', name: 'task' }).catch((error: unknown) => error);
    loan.invalidate(new LeaseExpiredError('revoked'));
    expect([lease.signal.aborted, await job]).toEqual([true, expect.any(LeaseExpiredError)]);
    expect(entries).toEqual([]);
  });

  test('keeps its signal for whoever listens to that only', async () => {
    const { clock, loan, acquire } = setup();
    const { signal } = acquire();
    loan.revoke();
    await clock.flush();
    expect(signal.aborted).toBe(true);
  });
});

test('M4 a lease that is released in time is not logged, and leaves no timer', async () => {
  const { clock, timers, loan, acquire, entries, ended } = setup();
  const lease = acquire();
  expect(clock.keepsAlive).toBe(false);
  await lease.release();
  loan.expireSoftly();
  await clock.advance(60_000);
  expect([entries, ended(), timers.size]).toEqual([[], 1, 0]);
});
