import { spawn } from 'node:child_process';
import { defineTasks } from 'leasepool';

const never = () => new Promise(() => setInterval(() => {}, 1000));
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
const forever = () => {
  for (;;);
};

/** What a job does once it has started child processes. */
const ways = {
  returns() {},
  'ends them at exit': (pids) => {
    process.on('exit', () => pids.forEach((pid) => process.kill(pid)));
  },
  'computes for ever': forever,
  'computes for ever after a turn': () => turn().then(forever),
  'waits for ever': never,
  'blocks its thread': () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  exits: () => process.exit(3),
  'exits after a turn': () => turn().then(() => process.exit(3)),
  throws() {
    setTimeout(() => {
      throw new Error('from a timer');
    }, 1);
    return never();
  },
};

export const tasks = defineTasks(import.meta.url, {
  /** Starts as many as `pids` has room for, which end after so many seconds, and writes down who they are. */
  startChildren(pids, seconds, way) {
    for (let index = 0; index < pids.length; index++) {
      const child = spawn('sleep', [String(seconds)], { detached: index % 2 === 1, stdio: 'ignore' });
      child.unref();
      Atomics.store(pids, index, child.pid);
    }
    Atomics.notify(pids, pids.length - 1);
    return ways[way](pids);
  },
});
