import { LeaseExpiredError } from '../core/errors.ts';
import type { Job } from '../job/job.ts';
import type { LeaseTerms } from './lease-terms.ts';
import { Math } from '../core/globals.ts';

/** Why a lease is taken away at hard expiry: which options have set its time. */
export function expiryOf({ id, leaseMs, graceMs, leaseOption }: LeaseTerms): LeaseExpiredError {
  const [option, of] = leaseOption ?? ['leaseSeconds', undefined];
  const length = `${option}: ${leaseMs / 1000}${of === undefined ? '' : ` of ${of}`}`;
  const grace = `leaseGraceSeconds: ${graceMs / 1000} of the manager`;
  return new LeaseExpiredError(`lease ${id} has expired and was revoked (${length}, ${grace})`);
}

/** The same, to a job that ran then. */
export function endedByExpiry(
  { message }: LeaseExpiredError,
  { task, ranMs, owner }: Job,
): LeaseExpiredError {
  const time = ranMs === undefined ? 'while it ran' : `after it had run for ${Math.round(ranMs) / 1000} s`;
  return new LeaseExpiredError(`'${task.name}' was ended ${time}: ${message}`, {
    owner,
    taskName: task.name,
  });
}

/** The same, to a job that had not begun; any other reason as it is. */
export function notBegunBecause(reason: unknown, { task, owner }: Job): unknown {
  if (!(reason instanceof LeaseExpiredError)) return reason;
  const message = `'${task.name}' had not begun: ${reason.message}`;
  return new LeaseExpiredError(message, { owner, taskName: task.name });
}
