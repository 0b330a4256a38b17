/**
 * Releasing a lease by hand: what is under way is still finished, and nothing new is taken.
 */
import { LeasedExecutorManager, LeaseExpiredError } from 'leasepool';
import { blockingFormat } from './tasks/blocking.ts';

const manager = new LeasedExecutorManager({ workersPerPool: 1 });
await manager.start();

const lease = await manager.acquire();
try {
  console.log('Before:', await lease.run(blockingFormat, [1]));
} finally {
  const lastJob = lease.enqueue(blockingFormat, [2]);
  const released = lease.release();

  console.log('Active:', lease.active);
  console.log('Draining:', manager.stats().leases[0]?.draining);
  await lease.run(blockingFormat, [3]).catch((error: unknown) => {
    if (error instanceof LeaseExpiredError) console.log('Refused:', error.code);
  });

  await released;
  console.log('The last job was done:', lastJob.done(), await lastJob);
  console.log('Pools available:', manager.availableCount);
  await manager.stop();
}
