/**
 * A lease: workers for a series of calls of one's own. `await using` gives them back at the end of the block.
 */
import { LeasedExecutorManager } from 'leasepool';
import { blockingSquare } from './tasks/blocking.ts';

await using manager = new LeasedExecutorManager({ workersPerPool: 2 });
await manager.start();

{
  await using lease = await manager.acquire({ owner: 'example', leaseSeconds: 30 });
  console.log('Pools leased:', manager.leasedCount, 'to', lease.owner);

  console.log('One result:', await lease.run(blockingSquare, [7]));

  const outcomes = await lease.runBatch(blockingSquare, [[1], [2], [3]]);
  console.log('Outcomes:', outcomes);
}

console.log('Pools leased afterwards:', manager.leasedCount);

// The same in one call.
const result = await manager.withLease((lease) => lease.run(blockingSquare, [8]));
console.log('Result:', result);
