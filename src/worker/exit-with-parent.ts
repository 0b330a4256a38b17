import { Worker } from 'node:worker_threads';
import { withoutPrototype } from '../core/without-prototype.ts';
import { addPermanentListener } from './permanent-listener.ts';
import { process } from '../core/globals.ts';

const { exit } = process; // A job may put a spy in its place.

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
export function exitWithParent(parent: number): void {
  addPermanentListener('disconnect', () => exit());
  const options = { eval: true, execArgv: [], name: 'leasepool-watchdog', workerData: parent };
  const watchdog = new Worker(watch, withoutPrototype(options));
  watchdog.on('error', () => {});
  watchdog.unref();
}
