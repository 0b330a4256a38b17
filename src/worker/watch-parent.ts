import { Worker } from 'node:worker_threads';

/**
 * Sees to it that this process does not outlive its parent. An idle one notices the closed channel. A busy one
 * cannot, so a thread of its own looks whose child it is.
 */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit());
  const watchdog = new Worker(
    `
    const parent = process.ppid;
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 1000);
  `,
    { eval: true, execArgv: [], name: 'leasepool-watchdog' },
  );
  watchdog.on('error', () => {});
  watchdog.unref();
}
