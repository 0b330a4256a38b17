/** The same grinder as on one machine; only the backend is another. */
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { bullmqBackend } from 'leasepool/bullmq';
import { stretch } from './tasks.ts';

const backend = bullmqBackend({
  connection: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379',
  queue: 'grind',
});
const manager = new LeasedExecutorManager({ backend, maxPools: 4 });
const grinder = new WorkGrinder({ executorManager: manager, batchSizeThreshold: 100, maxBatchSize: 100 });
await manager.start();
await grinder.start();

const passwords = Array.from({ length: 2_000 }, (_, index) => `password ${index}`);
const keys = await Promise.all(passwords.map((password) => grinder.submit(stretch, [password])));
console.log('Keys:', new Set(keys.map(({ key }) => key)).size);
console.log('Hosts:', new Set(keys.map(({ host }) => host)).size);

await grinder.stop();
await manager.stop();
