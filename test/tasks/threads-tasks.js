import { execFileSync } from 'node:child_process';
import { BroadcastChannel, workerData } from 'node:worker_threads';
import { connectGrinder, defineTasks } from 'leasepool';
import { square } from './grinder-tasks.js';

export const { submitNested, postGarbage, sleepNatively } = defineTasks(import.meta.url, {
  /** A job that hands work to the grinder it runs in, and blocks for it. */
  submitNested(handle, timeoutSeconds) {
    const remote = connectGrinder(handle);
    try {
      return remote.submitFromThread(square, [5]).result({ timeoutSeconds });
    } finally {
      remote.close();
    }
  },

  /** @returns what the job finds of the data its thread was started with */
  postGarbage(channels) {
    for (const name of channels) {
      const channel = new BroadcastChannel(name);
      channel.postMessage({ any: 'thing' });
      channel.close();
    }
    return Object.keys(workerData ?? {});
  },

  /** Not even terminate() ends it. */
  sleepNatively(gate, seconds) {
    Atomics.add(gate, 1, 1);
    execFileSync(process.execPath, ['-e', `setTimeout(() => {}, ${seconds * 1000})`]);
  },
});
