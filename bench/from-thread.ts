// What does a result cost that another thread blocks for, one by one and in groups of 100?
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { alternate, compare, range, ratio, report, summarizeAll } from './harness.ts';
import { jobs } from './workers/jobs.ts';

const question =
  'What does a result cost that another thread blocks for, one by one and in groups of 100?\n' +
  '(microseconds per job: one number in, one out, one worker, sent at once)';
const rounds = 7;
const calls = 10_000;

const manager = new LeasedExecutorManager({ workersPerPool: 1 });
// Nothing waits for company: what is measured is the way.
const grinder = new WorkGrinder({ executorManager: manager, dispatch: 'natural' });
await manager.start();
await grinder.start();
const thread = new Worker(new URL('./workers/submitter.js', import.meta.url), {
  workerData: grinder.threadHandle(),
});

/** Microseconds per job. */
async function fromThread(group: number): Promise<number> {
  thread.postMessage({ calls, group });
  const [elapsedMs] = (await once(thread, 'message')) as [number];
  return (elapsedMs * 1000) / calls;
}

async function fromOwner(group: number): Promise<number> {
  const began = performance.now();
  for (let first = 0; first < calls; first += group) {
    const sent = Array.from({ length: group }, (_, i) => grinder.submit(jobs.increment, [first + i]));
    await Promise.all(sent);
  }
  return ((performance.now() - began) * 1000) / calls;
}

const runs = await alternate(rounds, {
  'thread blocks, one by one': () => fromThread(1),
  'owner awaits, one by one': () => fromOwner(1),
  'thread blocks, groups of 100': () => fromThread(100),
  'owner awaits, groups of 100': () => fromOwner(100),
});
const measured = summarizeAll(runs);
await thread.terminate();
await grinder.stop();
await manager.stop();

const microseconds = (value: number): string => value.toFixed(1);
const table = [['', 'µs', 'range', 'thread / owner', 'range']];
for (const way of ['one by one', 'groups of 100'] as const) {
  const [inThread, inOwner] = [measured[`thread blocks, ${way}`], measured[`owner awaits, ${way}`]];
  const times = compare(inThread, inOwner);
  const rest = [ratio(times.median), range(times, ratio)];
  table.push([
    `thread blocks, ${way}`,
    microseconds(inThread.median),
    range(inThread, microseconds),
    ...rest,
  ]);
  table.push([`owner awaits, ${way}`, microseconds(inOwner.median), range(inOwner, microseconds), '', '']);
}
report('from-thread', question, table, measured);
