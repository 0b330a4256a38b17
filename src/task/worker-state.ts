import * as threads from 'node:worker_threads';
import { process } from '../core/globals.ts';
import { perThread } from './per-thread.ts';

/**
 * Whether this thread is a worker, and runs a job. A worker runs what the flags of the program name, such as
 * `--import`, as the program does: a manager started there would start workers that start it in turn, without end.
 */
const worker = perThread('worker/1', () => ({ runsJob: undefined as (() => boolean) | undefined }));

/** A child process has this in its environment until it begins to work: the number of its parent, because it is inherited. */
const variable = 'LEASEPOOL_STARTED_BY';

/** A thread has this in its data until it begins to work. */
export const threadMark = { isStartedByLeasepool: true };

/** Marks the environment of a child process. */
export function markEnvironment(env: NodeJS.ProcessEnv): void {
  env[variable] = `${process.pid}`;
}

/** The flags have been followed: what comes now is of the worker itself. */
export function beginsToWork(): void {
  if (process.env[variable] !== undefined) delete process.env[variable];
  worker.runsJob = () => false;
}

/** @param runsJob whether a job is being run */
export function worksWith(runsJob: () => boolean): void {
  worker.runsJob = runsJob;
}

/** Whether this thread is a worker that is not running a job, or is about to become one. */
export function isWorkerOutsideJobs(): boolean {
  if (worker.runsJob !== undefined) return !worker.runsJob();
  if (process.env[variable] === `${process.ppid}`) return true;
  return (threads.workerData as Partial<typeof threadMark> | null)?.isStartedByLeasepool === true;
}
