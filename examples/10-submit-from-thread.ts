/**
 * Submitting work to a WorkGrinder from another thread, whose code is not async: it blocks for the result.
 *
 * The thread gets a handle, which is plain data. This thread owns the grinder and must not block meanwhile.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';

const manager = new LeasedExecutorManager({
  backend: 'thread',
  maxPools: 1,
  minPools: 1,
  workersPerPool: 2,
});
const grinder = new WorkGrinder({
  executorManager: manager,
  batchSizeThreshold: 1,
  maxWaitSeconds: 1,
});

await manager.start();
await grinder.start();

try {
  const thread = new Worker(new URL('./threads/external-submitter.js', import.meta.url), {
    name: 'external-submitter',
    workerData: grinder.threadHandle(),
  });

  await once(thread, 'exit');
} finally {
  await grinder.stop({ cancelPending: true });
  await manager.stop();
}
