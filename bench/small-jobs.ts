// How many times the throughput of piscina and poolifier do small jobs reach (one number in, one out, 10,000 in flight, batchSizeThreshold: 20, two workers)?
import { fileURLToPath } from 'node:url';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { Piscina } from 'piscina';
import { FixedThreadPool } from 'poolifier';
import { alternate, compare, count, range, ratio, report } from './harness.ts';
import { increment } from './workers/increment.ts';

const question =
  'How many times the throughput of piscina and poolifier do small jobs reach?\n' +
  '(one number in, one out, 10,000 in flight, batchSizeThreshold: 20, two workers)';
const workers = 2;
const batchSizeThreshold = 20;
const inFlight = 10_000;
const seconds = 2;
const rounds = 5;

interface Contestant {
  /** Sends the values from `first` on, and gives the sum of what comes back. */
  readonly call: (first: number) => Promise<number>;
  readonly jobsPerCall?: number;
}

/** Jobs per second of callers who each await one call after the other until the time is up. */
async function throughput({ call, jobsPerCall = 1 }: Contestant): Promise<number> {
  let jobs = 0;
  let sum = 0;
  let isOver = false;
  const began = performance.now();
  const caller = async (): Promise<void> => {
    while (!isOver) {
      const first = jobs;
      jobs += jobsPerCall;
      // Asking for the time costs as much as half a job.
      if (first % 1000 === 0) isOver = performance.now() - began > seconds * 1000;
      const result = await call(first);
      sum += result;
    }
  };
  await Promise.all(Array.from({ length: inFlight / jobsPerCall }, caller));
  const elapsed = (performance.now() - began) / 1000;
  const expected = (jobs * (jobs + 1)) / 2;
  if (sum !== expected) throw new Error(`Wrong results: they add up to ${sum}, not ${expected}`);
  return jobs / elapsed;
}

const workerFile = (name: string): string => fileURLToPath(new URL(`workers/${name}.js`, import.meta.url));

const manager = new LeasedExecutorManager({ workersPerPool: workers });
const grinder = new WorkGrinder({ executorManager: manager, batchSizeThreshold });
await manager.start();
await grinder.start();
const piscina = new Piscina<number | number[], number | number[]>({
  filename: workerFile('piscina'),
  minThreads: workers,
  maxThreads: workers,
});
const poolifier = new FixedThreadPool<number, number>(workers, workerFile('poolifier'));

const contestants = {
  leasepool: { call: (value) => grinder.submit(increment, [value]) },
  piscina: { call: (value) => piscina.run(value) as Promise<number> },
  poolifier: { call: (value) => poolifier.execute(value) },
  'piscina, arrays of 20 by hand': {
    jobsPerCall: 20,
    async call(first) {
      const values = Array.from({ length: 20 }, (_, i) => first + i);
      const results = (await piscina.run(values, { name: 'each' })) as number[];
      return results.reduce((sum, result) => sum + result, 0);
    },
  },
  'in the main thread': { call: async (value) => increment(value) },
} satisfies Record<string, Contestant>;
type Name = keyof typeof contestants;
const names = Object.keys(contestants) as Name[];

const measured = await alternate(
  rounds,
  Object.fromEntries(names.map((name) => [name, () => throughput(contestants[name])])) as Record<
    Name,
    () => Promise<number>
  >,
);

await grinder.stop();
await manager.stop();
await piscina.destroy();
await poolifier.destroy();

const targets: Partial<Record<Name, string>> = { piscina: '>= 20x' };
const table = [['', 'jobs/s', 'range', 'leasepool is', 'range', 'target']];
for (const name of names) {
  const times = compare(measured.leasepool, measured[name]);
  const comparison =
    name === 'leasepool' ? ['', '', ''] : [ratio(times.median), range(times, ratio), targets[name] ?? ''];
  table.push([name, count(measured[name].median), range(measured[name]), ...comparison]);
}
report('small-jobs', question, table, measured);
