/**
 * As many pools as the demand asks for, between `minPools` and `maxPools`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { LeasedExecutorManager } from 'leasepool';

let usersOnline = 0;

await using manager = new LeasedExecutorManager({
  minPools: 1,
  maxPools: 3,
  workersPerPool: 1,
  unitsPerPool: 10,
  sizeProvider: () => usersOnline,
});
await manager.start();

async function show(users: number): Promise<void> {
  usersOnline = users;
  // Without it, the demand is looked at every `checkIntervalSeconds`.
  manager.notifyScaleChanged();
  while (manager.availableCount !== manager.desiredExecutorCount()) await delay(5);
  console.log(`users: ${users}, pools: ${manager.availableCount}`);
}

await show(0);
await show(11);
await show(25);
await show(1000);
await show(3);
