import { parentPort, workerData } from 'node:worker_threads';
import { connectGrinder } from 'leasepool';
import { tasks } from './tasks.mjs';

try {
  const grinder = connectGrinder(workerData);
  parentPort.postMessage(grinder.submitFromThread(tasks.double, [21]).result({ timeoutSeconds: 5 }));
} catch (error) {
  parentPort.postMessage(`${error.code}: ${error.message}`);
}
