import { syncBuiltinESMExports } from 'node:module';
import workerThreads from 'node:worker_threads';

const { BroadcastChannel, parentPort, workerData } = workerThreads;

// Runtimes as they are elsewhere.
const runtimes = {
  /** What it posts cannot be received by a blocked thread. */
  'receives nothing': () => (workerThreads.receiveMessageOnPort = () => undefined),
  'refuses to receive': () =>
    (workerThreads.receiveMessageOnPort = () => {
      throw new TypeError('not a MessagePort');
    }),
  'has other channels': () =>
    (workerThreads.BroadcastChannel = class {
      #channel = new BroadcastChannel('elsewhere');
      close() {
        this.#channel.close();
      }
    }),
  'must not wait': () =>
    (Atomics.wait = () => {
      throw new TypeError('Atomics.wait cannot be called in this context');
    }),
};
runtimes[workerData.runtime]();
syncBuiltinESMExports();
const { connectGrinder } = await import('leasepool');

try {
  connectGrinder(workerData.handle);
  parentPort.postMessage(['result', 'connected']);
} catch ({ name, code, cause }) {
  parentPort.postMessage(['result', { name, code, cause: cause?.message }]);
}
