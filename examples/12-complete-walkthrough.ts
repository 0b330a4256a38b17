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

// Many callers. Each waits while too much is queued.
async function count(line: number): Promise<number> {
  await grinder.waitForRoom();
  return grinder.submit(countWords, [`the line ${line} of a text`], { owner: `line ${line}` });
}
let words = 0;
for (let line = 0; line < 1000; line += 50)
  for (const counted of await Promise.all(Array.from({ length: 50 }, (_, i) => count(line + i))))
    words += counted;
console.log('Words:', words);

// One that nobody wants any more.
const future = grinder.enqueue(countWords, ['never mind']);
future.cancel('the client has gone');
await future.catch((error: unknown) => {
  if (error instanceof LeasepoolError) console.log('Cancelled:', error.code, 'because', error.cause);
});

const { submitted, fulfilled, cancelled } = grinder.stats().totals;
console.log('Totals:', { submitted, fulfilled, cancelled });
