// The main thread blocks for a result while the owner of the grinder ends in the way that is named.
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { connectGrinder, TimeoutError } from 'leasepool';
import { hold } from './grinder-tasks.js';

const way = process.argv[2];
const thread = new Worker(new URL('threads-owner.js', import.meta.url), { workerData: {}, stderr: true });
thread.on('error', () => {});
const handle = await new Promise((resolve) => thread.once('message', ([, value]) => resolve(value)));
const gate = new Int32Array(new SharedArrayBuffer(12));
const future = connectGrinder(handle).submitFromThread(hold, [gate]);
const isUnderWay = future.exception({ timeoutSeconds: 0 }) instanceof TimeoutError;
while (Atomics.load(gate, 1) === 0) await setTimeout(1); // The job runs.
if (way === 'terminate') void thread.terminate();
else thread.postMessage(way);
const begun = performance.now();
const error = future.exception();
console.log(JSON.stringify({ isUnderWay, code: error.code, ms: performance.now() - begun }));
