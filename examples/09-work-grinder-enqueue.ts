/**
 * WorkGrinder with `enqueue()`, which queues work and hands back a future at once: queue first, await later.
 */
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { blockingFormat } from './tasks/blocking.ts';

const manager = new LeasedExecutorManager({
  backend: 'thread',
  maxPools: 1,
  minPools: 1,
  workersPerPool: 4,
});
const grinder = new WorkGrinder({
  executorManager: manager,
  batchSizeThreshold: 5,
  maxWaitSeconds: 1,
  leaseSeconds: 30,
});

await manager.start();
await grinder.start();

try {
  const values = [0, 1, 2, 3, 4];
  // Not awaited: awaiting a future gives its result.
  const futures = values.map((value) =>
    grinder.enqueue(blockingFormat, [value], { owner: `format-${value}` }),
  );

  console.log('Queued futures:', futures.length);
  console.log('Stats after enqueue:', grinder.stats());

  console.log('Results:', await Promise.all(futures));
  console.log('Stats after completion:', grinder.stats());
} finally {
  await grinder.stop({ cancelPending: true });
  await manager.stop();
}
