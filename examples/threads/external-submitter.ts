/**
 * What the other thread of example 10 runs. It exits by itself: a connection does not keep it alive.
 */
import { workerData } from 'node:worker_threads';
import { connectGrinder, type GrinderThreadHandle } from 'leasepool';
import { blockingAdd } from '../tasks/blocking.ts';

const grinder = connectGrinder(workerData as GrinderThreadHandle);

const future = grinder.submitFromThread(blockingAdd, [20, 22], { owner: 'external-thread' });

console.log('Worker thread got result:', future.result({ timeoutSeconds: 5 }));
console.log('Fulfilled so far:', grinder.statsFromThread({ timeoutSeconds: 5 }).totals.fulfilled);
