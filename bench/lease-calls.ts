// Are calls on a lease as fast as jobs of a grinder (one number in, one out, 10,000 at once, two workers)?
import { modes, openGrinder } from './grinders.ts';
import { alternate, compare, count, type Goal, range, ratio, report, summarizeAll } from './harness.ts';
import { jobs } from './workers/jobs.ts';

const question =
  'Are calls on a lease as fast as jobs of a grinder?\n' +
  '(one number in, one out, 10,000 at once, again and again for half a second, two workers)';
const atOnce = 10_000;
const seconds = 0.5;
const rounds = 7;

const { grinder, stop: stopGrinder } = await modes['threshold 20']();
const { manager, stop: stopManager } = await openGrinder({ workersPerPool: 2 });
const lease = await manager.acquire({ leaseSeconds: 600 });
const values = Array.from({ length: atOnce }, (_, i) => i);

async function rate(once: () => Promise<readonly number[]>): Promise<number> {
  let done = 0;
  const began = performance.now();
  while (performance.now() - began < seconds * 1000) {
    const results = await once();
    if (results.length !== atOnce || results[atOnce - 1] !== atOnce) throw new Error('Wrong results');
    done += atOnce;
  }
  return (done / (performance.now() - began)) * 1000;
}

const runs = summarizeAll(
  await alternate(rounds, {
    'grinder.submit': () =>
      rate(() => Promise.all(values.map((value) => grinder.submit(jobs.increment, [value])))),
    'lease.run': () => rate(() => Promise.all(values.map((value) => lease.run(jobs.increment, [value])))),
    'lease.runBatch': () =>
      rate(async () => {
        const calls = values.map((value) => [value] as const);
        const outcomes = await lease.runBatch(jobs.increment, calls);
        return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<number>).value);
      }),
  }),
);
await lease.release();
await stopGrinder();
await stopManager();

const table = [['', 'jobs/s', 'range', 'grinder.submit is']];
const goals: Goal[] = [];
for (const [name, measured] of Object.entries(runs)) {
  const times = compare(runs['grinder.submit'], measured);
  table.push([name, count(measured.median), range(measured), ratio(times.median)]);
  if (name !== 'grinder.submit')
    goals.push({
      case: name,
      mode: '',
      against: 'grinder.submit',
      reached: times,
      target: 1.2,
      atLeast: false,
    });
}
report('lease-calls', question, table, runs, goals);
