import { parentPort, workerData } from 'node:worker_threads';
import { connectGrinder } from 'leasepool';
import { square } from './grinder-tasks.js';

const { handle, go, done } = workerData;

// Everything begins after the main thread has blocked, and it goes on only when everything is over.
parentPort.postMessage(['ready']);
Atomics.wait(go, 0, 0);
const remote = connectGrinder(handle);
const results = [
  remote.submitFromThread(square, [5]).result({ timeoutSeconds: 4 }),
  remote.statsFromThread().started,
];
remote.close();
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);
parentPort.postMessage(['result', results]);
