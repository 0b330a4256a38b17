/** A host of the fleet: start one or more of them, on this machine or on others that have the same files. */
import { WorkerHost } from 'leasepool/bullmq';

const host = new WorkerHost({
  connection: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379',
  queue: 'grind',
  tasks: [new URL('./tasks.js', import.meta.url)],
});
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void host.stop());
await host.start();
console.log(`Host ${process.pid} takes chunks.`);
