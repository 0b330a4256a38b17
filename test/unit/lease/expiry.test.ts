import { expect, test } from 'vitest';
import { LeaseExpiredError, NotStartedError } from '../../../src/core/errors.ts';
import { endedByExpiry, expiryOf, notBegunBecause } from '../../../src/lease/expiry.ts';
import { newJob } from '../../support/test-jobs.ts';

const terms = {
  id: 'pool-1-lease-1',
  owner: 'me',
  leaseMs: 60_000,
  graceMs: 500,
  leasedAtMs: 0,
  softExpiresAtMs: 60_000,
  hardExpiresAtMs: 60_500,
  leaseOption: ['defaultLeaseSeconds', 'the manager'],
} as const;
const limit =
  'lease pool-1-lease-1 has expired and was revoked (defaultLeaseSeconds: 60 of the manager, leaseGraceSeconds: 0.5 of the manager)';

test('M4 a lease that was revoked says which options set its time', () => {
  expect(expiryOf(terms)).toBeInstanceOf(LeaseExpiredError);
  expect(expiryOf(terms).message).toBe(limit);
});

test('M4 a job that was ended for it hears how long it ran, where that is known', () => {
  const { job } = newJob();
  const { name } = job.task;
  const ended = endedByExpiry(expiryOf(terms), job);
  expect(ended).toMatchObject({ message: `'${name}' was ended while it ran: ${limit}`, taskName: name });
  job.ranMs = 1234.5678;
  expect(endedByExpiry(expiryOf(terms), job).message).toBe(
    `'${name}' was ended after it had run for 1.235 s: ${limit}`,
  );
});

test('M4 a job that had not begun hears that; other reasons stay as they are', () => {
  const { job } = newJob();
  expect(notBegunBecause(expiryOf(terms), job)).toMatchObject({
    code: 'ERR_LEASEPOOL_LEASE_EXPIRED',
    message: `'${job.task.name}' had not begun: ${limit}`,
  });
  const other = new NotStartedError('the manager was stopped');
  expect(notBegunBecause(other, job)).toBe(other);
});
