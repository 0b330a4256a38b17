/**
 * What is going on: snapshots of the manager, of its leases, and of the grinder.
 */
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { blockingSquare } from './tasks/blocking.ts';

await using manager = new LeasedExecutorManager({ maxPools: 2, minPools: 2, workersPerPool: 1 });
await using grinder = new WorkGrinder({ executorManager: manager, maxWaitSeconds: 0.1 });
await manager.start();
await grinder.start();

const lease = await manager.acquire({ owner: 'report', leaseSeconds: 60 });
const { desired, available, leased, total, leases } = manager.stats();
console.log('Manager:', { desired, available, leased, total });
for (const { owner, pending, draining } of leases) console.log('Lease:', { owner, pending, draining });

const jobs = [4, 5].map((value) => grinder.enqueue(blockingSquare, [value]));
console.log('Grinder: pending', grinder.stats().pending, 'in flight', grinder.stats().inFlight);

await Promise.all(jobs);
console.log('Grinder: pending', grinder.stats().pending, 'in flight', grinder.stats().inFlight);
console.log('Totals:', grinder.stats().totals);

await lease.release();
