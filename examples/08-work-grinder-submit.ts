/**
 * WorkGrinder with `submit()`, which queues work and waits for the result.
 *
 * A batch starts when `batchSizeThreshold` items wait, or when the oldest has waited `maxWaitSeconds`.
 */
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { blockingSquare } from './tasks/blocking.ts';

const manager = new LeasedExecutorManager({
  backend: 'thread',
  maxPools: 1,
  minPools: 1,
  workersPerPool: 4,
});
const grinder = new WorkGrinder({
  executorManager: manager,
  batchSizeThreshold: 10,
  maxWaitSeconds: 1,
  leaseSeconds: 30,
  ownerPrefix: 'square-grinder',
});

await manager.start();
await grinder.start();

try {
  const values = Array.from({ length: 20 }, (_, i) => i);
  const results = await Promise.all(
    values.map((value) => grinder.submit(blockingSquare, [value], { owner: `item-${value}` })),
  );

  console.log('Results:', results.join(' '));
  console.log('Grinder stats:', grinder.stats());
} finally {
  await grinder.stop({ cancelPending: true });
  await manager.stop();
}
