/**
 * Quickstart: a manager owns the workers and lends them out; a grinder gathers many small jobs into batches
 * and borrows the workers for each batch.
 */
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { square } from './tasks/square.ts';

const manager = new LeasedExecutorManager();
const grinder = new WorkGrinder({ executorManager: manager });

await manager.start();
await grinder.start();

try {
  const values = Array.from({ length: 1000 }, (_, i) => i);
  const squares = await Promise.all(values.map((value) => grinder.submit(square, [value])));

  console.log('Last square:', squares.at(-1));
  console.log('Batches:', grinder.stats().totals.batches);
} finally {
  await grinder.stop();
  await manager.stop();
}
