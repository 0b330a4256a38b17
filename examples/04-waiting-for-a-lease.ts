/**
 * When every pool is leased: wait for one, for a while, not at all, or until something else happens.
 */
import { LeasedExecutorManager, type LeasepoolError } from 'leasepool';
import { square } from './tasks/square.ts';

await using manager = new LeasedExecutorManager({ maxPools: 1, workersPerPool: 1 });
await manager.start();

const first = await manager.acquire({ owner: 'first' });
const told = (error: LeasepoolError): string => `${error.name} ${error.code}`;

console.log('Not at all:', await manager.acquire({ wait: false }).catch(told));
console.log('For a while:', await manager.acquire({ timeoutSeconds: 0.05 }).catch(told));

const client = new AbortController();
const impatient = manager.acquire({ signal: client.signal }).catch(told);
client.abort();
console.log('Until the client has gone:', await impatient);

const second = manager.acquire({ owner: 'second' });
const third = manager.acquire({ owner: 'third' });
console.log('Waiting:', manager.stats().waiting);

// First come, first served.
await first.release();
for (const waiting of [second, third]) {
  await using lease = await waiting;
  console.log(lease.owner, 'has a lease:', await lease.run(square, [7]));
}
