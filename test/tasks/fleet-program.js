// A program: `node fleet-program.js <redis> <queue>`. It runs one job and is then idle.
import { LeasedExecutorManager } from 'leasepool';
import { bullmqBackend } from 'leasepool/bullmq';
import { tasks } from './fleet-tasks.js';

const [connection, queue] = process.argv.slice(2);
const manager = new LeasedExecutorManager({ backend: bullmqBackend({ connection, queue }) });
await manager.start();
console.log(await manager.withLease((lease) => lease.run(tasks.lengthOf, ['four'])));
