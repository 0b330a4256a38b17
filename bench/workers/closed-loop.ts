/**
 * One side of a pair: callers that each await one job after the other, on one build of leasepool.
 * Arguments: the file that the build is imported from, callers, the job, pools, workers of each. Prints jobs/s.
 */

import { pathToFileURL } from 'node:url';
import type * as leasepool from 'leasepool';

/** Self-contained: the build that runs them is not the one that this file was compiled with. */
const jobs = {
  nothing: { run: (value: unknown): unknown => value, input: 1 },
  rows: {
    run: (value: unknown): unknown => value,
    input: [
      { id: 1, name: 'x' },
      { id: 2, name: 'y' },
      { id: 3, name: 'z' },
    ],
  },
  '10 us': {
    run: (value: unknown): unknown => {
      const end = performance.now() + 0.01;
      while (performance.now() < end);
      return value;
    },
    input: 1,
  },
};
export type PairedJob = keyof typeof jobs;

const warmUpMs = 700;
const measureMs = 1_500;

const [build, callers, job, pools, workers] = process.argv.slice(2);
const { LeasedExecutorManager, WorkGrinder } = (await import(pathToFileURL(build).href)) as typeof leasepool;
const manager = new LeasedExecutorManager({
  maxPools: Number(pools),
  minPools: Number(pools),
  workersPerPool: Number(workers),
});
const grinder = new WorkGrinder({ executorManager: manager, dispatch: 'natural' });
await manager.start();
await grinder.start();

const { run, input } = jobs[job as PairedJob];
let done = 0;
let isOver = false;
const calling = Array.from({ length: Number(callers) }, async () => {
  for (; !isOver; done++) await grinder.submit(run, [input]);
});
const wait = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
await wait(warmUpMs);
const [doneBefore, begun] = [done, performance.now()];
await wait(measureMs);
const jobsPerSecond = (done - doneBefore) / ((performance.now() - begun) / 1000);
isOver = true;
await Promise.all(calling);
await grinder.stop();
await manager.stop();
console.log(jobsPerSecond);
