/**
 * A lease ends: `leaseGraceSeconds` after it has expired it is revoked, and the workers of what still runs are ended.
 */
import { LeasedExecutorManager, LeaseExpiredError } from 'leasepool';
import { stuck } from './tasks/faulty.ts';
import { square } from './tasks/square.ts';

await using manager = new LeasedExecutorManager({ workersPerPool: 1, leaseGraceSeconds: 0.1 });
await manager.start();

const lease = await manager.acquire({ owner: 'forgetful', leaseSeconds: 0.2 });
lease.signal.addEventListener('abort', () => console.log('The lease was revoked.'));

try {
  await lease.run(stuck);
} catch (error) {
  if (!(error instanceof LeaseExpiredError)) throw error;
  console.log('The job failed:', error.code);
}

console.log('Active:', lease.active);
console.log('The pool works on:', await manager.withLease((next) => next.run(square, [7])));

// A grinder's batches are not cut off: it goes on with a new lease for what has not begun.
