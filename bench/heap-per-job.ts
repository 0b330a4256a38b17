// How many bytes of heap does a queued job take, and do they all come back when it is cancelled?
import { LeasedExecutorManager, WorkGrinder, type WorkFuture } from 'leasepool';
import {
  collectGarbage,
  count,
  type Goal,
  type Measured,
  range,
  relativeTo,
  report,
  summarize,
} from './harness.ts';
import { jobs } from './workers/jobs.ts';

const question =
  'How many bytes of heap does a queued job take, and do they all come back when it is cancelled?\n' +
  '(one number as argument; its promise and the place where the caller keeps that are counted)';
const rounds = 3;

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const ways = {
  submit: {
    queue: (grinder: WorkGrinder, value: number) => grinder.submit(jobs.increment, [value]),
    cancel: (grinder: WorkGrinder) => grinder.stop({ cancelPending: true }),
  },
  enqueue: {
    queue: (grinder: WorkGrinder, value: number) => grinder.enqueue(jobs.increment, [value]),
    cancel: (_: WorkGrinder, futures: readonly Promise<number>[]) =>
      futures.forEach((future) => (future as WorkFuture<number>).cancel()),
  },
};
type Way = keyof typeof ways;

const manager = new LeasedExecutorManager({ workersPerPool: 1 });
await manager.start();

async function cancelAll(way: Way, grinder: WorkGrinder, promises: Promise<number>[]): Promise<void> {
  const settled = Promise.allSettled(promises);
  await ways[way].cancel(grinder, promises);
  const cancelled = (await settled).filter(({ status }) => status === 'rejected').length;
  if (cancelled !== promises.length)
    throw new Error(`Only ${cancelled} of ${promises.length} were cancelled`);
}

/** Heap of a grinder that sends nothing, in bytes per job: the jobs queued, and the jobs cancelled. */
async function bytesPerJob(way: Way, jobs: number): Promise<{ queued: number; left: number }> {
  const grinder = new WorkGrinder({ executorManager: manager, batchSizeThreshold: 1e9, maxWaitSeconds: 1e6 });
  await grinder.start();
  const before = heapBytes();
  const promises = new Array<Promise<number>>(jobs);
  for (let i = 0; i < jobs; i++) promises[i] = ways[way].queue(grinder, i);
  const full = heapBytes();
  await cancelAll(way, grinder, promises);
  promises.length = 0;
  const after = heapBytes();
  await grinder.stop();
  return { queued: (full - before) / jobs, left: (after - before) / jobs };
}

const table = [['', 'queued, bytes per job', 'range', 'cancelled, bytes per job', 'range']];
const measured: Record<string, { queued: Measured; left: Measured }> = {};
const goals: Goal[] = [];
const targets: Record<Way, number> = { submit: 350, enqueue: 450 };
for (const jobs of [100_000, 1_000_000]) {
  for (const way of Object.keys(ways) as Way[]) {
    await bytesPerJob(way, jobs);
    const values: { queued: number; left: number }[] = [];
    for (let round = 0; round < rounds; round++) values.push(await bytesPerJob(way, jobs));
    const queued = summarize(values.map((value) => value.queued));
    const left = summarize(values.map((value) => value.left));
    const name = `${way}, ${count(jobs)} jobs`;
    measured[name] = { queued, left };
    if (jobs === 1_000_000) {
      const against = `${targets[way]} bytes`;
      const reached = relativeTo(queued, targets[way]);
      goals.push({ case: 'heap per queued job', mode: way, against, reached, target: 1, atLeast: false });
    }
    table.push([name, count(queued.median), range(queued), count(left.median), range(left)]);
  }
}
await manager.stop();

report('heap-per-job', question, table, measured, goals);
