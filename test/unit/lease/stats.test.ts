import { describe, expect, test } from 'vitest';
import { Lease } from '../../../src/lease/lease.ts';
import { leaseStats } from '../../../src/lease/stats.ts';
import { FakeExecutor } from '../../support/fake-executor.ts';
import { newJobs } from '../../support/test-jobs.ts';

function setup() {
  const executor = new FakeExecutor();
  const terms = {
    id: 'pool-1-lease-1',
    owner: 'me',
    leaseMs: 10_000,
    graceMs: 5_000,
    leasedAtMs: 1_000,
    softExpiresAtMs: 11_000,
    hardExpiresAtMs: 16_000,
  };
  const loan = new Lease(terms, executor, { leaseEnded: () => {} });
  loan.holder = {
    jobOutcome() {},
    jobCancelled() {},
    workerFreed() {},
    leaseIdle() {},
    leaseExpired() {},
    leaseInvalidated() {},
  };
  return { loan, executor };
}

describe('the stats of a lease', () => {
  test('S11 say whose it is, and how long it lasts, never less than nothing', () => {
    const { loan } = setup();
    expect(leaseStats(loan, 3_500)).toEqual({
      leaseId: 'pool-1-lease-1',
      owner: 'me',
      secondsUntilSoftExpiry: 7.5,
      secondsUntilHardExpiry: 12.5,
      pending: 0,
      draining: false,
    });
    expect(leaseStats(loan, 12_000)).toMatchObject({ secondsUntilSoftExpiry: 0, secondsUntilHardExpiry: 4 });
    expect(leaseStats(loan, 99_000)).toMatchObject({ secondsUntilSoftExpiry: 0, secondsUntilHardExpiry: 0 });
  });

  test('M3 say how much work is in flight, and whether it drains', () => {
    const { loan, executor } = setup();
    loan.submit(newJobs(3));
    executor.finish(1);
    expect(leaseStats(loan, 0)).toMatchObject({ pending: 2, draining: false });
    loan.release();
    expect(leaseStats(loan, 0)).toMatchObject({ pending: 2, draining: true });
    executor.finish();
    expect(leaseStats(loan, 0)).toMatchObject({ pending: 0, draining: false });
  });
});
