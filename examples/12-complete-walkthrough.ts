/** All of it together: a manager with data for its workers, a grinder with a bounded queue, cancelling, shutting down. */
import { LeasedExecutorManager, LeasepoolError, WorkGrinder } from 'leasepool';
import { countWords } from './tasks/words.ts';

await using manager = new LeasedExecutorManager({
  maxPools: 2,
  workersPerPool: 2,
  workerData: { ignored: ['the', 'a'] },
});
// Declared later, and so stopped first: it drains, then the manager stops.
await using grinder = new WorkGrinder({ executorManager: manager, dispatch: 'natural', maxQueueSize: 50 });
await manager.start();
await grinder.start();

// A reader that is faster than the workers waits while too much is queued.
const counts = [];
for (let line = 0; line < 1000; line++) {
  await grinder.waitForRoom();
  counts.push(grinder.enqueue(countWords, [`the line ${line} of a text`], { owner: `line ${line}` }));
}
const words = (await Promise.all(counts)).reduce((sum, counted) => sum + counted, 0);
console.log('Words:', words);

// One that nobody wants any more.
const future = grinder.enqueue(countWords, ['never mind']);
future.cancel('the client has gone');
await future.catch((error: unknown) => {
  if (error instanceof LeasepoolError) console.log('Cancelled:', error.code, 'because', error.cause);
});

const { submitted, fulfilled, cancelled } = grinder.stats().totals;
console.log('Totals:', { submitted, fulfilled, cancelled });
