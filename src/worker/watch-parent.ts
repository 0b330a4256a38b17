import { Worker } from 'node:worker_threads';
import { keepListening } from './keep-listening.ts';

/** Not a file of its own: it has to be running before anything else is looked up. */
const watch = `
  const { workerData: parent } = require('node:worker_threads');
  const look = () => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); };
  look();
  setInterval(look, 1000);
`;

/**
 * Sees to it that this process does not outlive its parent. An idle one notices the closed channel. A busy one
 * cannot, so a thread of its own looks whose child it is.
 */
export function endWithParent(parent: number): void {
  keepListening('disconnect', () => process.exit());
  const watchdog = new Worker(watch, {
    eval: true,
    execArgv: [],
    name: 'leasepool-watchdog',
    workerData: parent,
  });
  watchdog.on('error', () => {});
  watchdog.unref();
}
