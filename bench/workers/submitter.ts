import { parentPort, workerData } from 'node:worker_threads';
import { connectGrinder, type GrinderThreadHandle } from 'leasepool';
import { jobs } from './jobs.ts';

/** A thread that makes calls in groups, blocks for the results of each, and tells how long that took. */
const grinder = connectGrinder(workerData as GrinderThreadHandle);

parentPort!.on('message', ({ calls, group }: { readonly calls: number; readonly group: number }) => {
  const began = performance.now();
  for (let first = 0; first < calls; first += group) {
    const futures = Array.from({ length: group }, (_, i) =>
      grinder.submitFromThread(jobs.increment, [first + i]),
    );
    futures.forEach((future, i) => {
      if (future.result() !== first + i + 1) throw new Error('A wrong result');
    });
  }
  parentPort!.postMessage(performance.now() - began);
});
