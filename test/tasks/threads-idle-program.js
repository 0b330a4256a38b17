import { Worker } from 'node:worker_threads';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';

// A connection with nothing to do is all there is: the process must end by itself.
const manager = new LeasedExecutorManager({ workersPerPool: 1 });
const grinder = new WorkGrinder({ executorManager: manager });
await manager.start();
await grinder.start();

const workerData = { scenario: 'stayConnected', handle: grinder.threadHandle() };
const worker = new Worker(new URL('./threads-client.js', import.meta.url), { workerData });
worker.on('message', ([step]) => {
  if (step !== 'connected') return;
  console.log(step);
  worker.unref();
});
