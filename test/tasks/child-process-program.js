// A program that stops while child processes of a job live, tells which, and ends.
import { LeasedExecutorManager } from 'leasepool';
import { tasks } from './child-process-tasks.js';

const manager = new LeasedExecutorManager({ workersPerPool: 1 });
await manager.start();
const pids = new Int32Array(new SharedArrayBuffer(12));
await manager.withLease((lease) => lease.run(tasks.startChildren, [pids, 1000, 'returns']));
await manager.stop();
console.log(JSON.stringify([...pids]));
