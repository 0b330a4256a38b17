/**
 * Releasing a lease by hand: what is under way is still finished, and nothing new is taken.
 */
import { LeasedExecutorManager, LeaseExpiredError } from 'leasepool';
import { blockingFormat } from './tasks/blocking.ts';

const manager = new LeasedExecutorManager({ workersPerPool: 1 });
await manager.start();

const first = await manager.acquire();
try {
  console.log('A job:', await first.run(blockingFormat, [1]));
} finally {
  await first.release();
}

// Released while a job runs, a lease drains before its pool is available again.
const second = await manager.acquire();
const lastJob = second.enqueue(blockingFormat, [2]);
const released = second.release();

console.log('Active:', second.active);
console.log('Draining:', manager.stats().leases[0]?.draining);
await second.run(blockingFormat, [3]).catch((error: unknown) => {
  if (error instanceof LeaseExpiredError) console.log('Refused:', error.code);
});

await released;
console.log('The last job was done:', lastJob.done(), await lastJob);
console.log('Pools available:', manager.availableCount);
await manager.stop();
