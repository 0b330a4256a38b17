import { execFileSync } from 'node:child_process';
import { connectGrinder, defineTasks } from 'leasepool';
import { square } from './grinder-tasks.js';

export const { submitNested, sleepNatively } = defineTasks(import.meta.url, {
  /** A job that hands work to the grinder it runs in, and blocks for it. */
  submitNested(handle, timeoutSeconds) {
    const remote = connectGrinder(handle);
    try {
      return remote.submitFromThread(square, [5]).result({ timeoutSeconds });
    } finally {
      remote.close();
    }
  },

  /** Not even terminate() ends it. */
  sleepNatively(gate, seconds) {
    Atomics.add(gate, 1, 1);
    execFileSync(process.execPath, ['-e', `setTimeout(() => {}, ${seconds * 1000})`]);
  },
});
