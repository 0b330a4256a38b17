import { parentPort, workerData } from 'node:worker_threads';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';

// Owns a grinder until it is told how to end.
const { workersPerPool = 1, ...options } = workerData;
const manager = new LeasedExecutorManager({ workersPerPool });
const grinder = new WorkGrinder({ executorManager: manager, ...options });
await manager.start();
await grinder.start();

const ways = {
  async cancel() {
    await grinder.stop({ cancelPending: true });
    process.exit();
  },
  exit: () => process.exit(3),
  throw() {
    throw new Error('on purpose');
  },
};
parentPort.on('message', (way) => ways[way]());
parentPort.postMessage(['handle', grinder.threadHandle()]);
