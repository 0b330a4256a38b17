// How many times the throughput of other pools do small jobs reach in child processes (one number in, one out, 10,000 in flight, two workers)?
import { openGrinder } from './grinders.ts';
import { alternate, compare, count, type Goal, range, ratio, report, summarizeAll } from './harness.ts';
import { openProcessRivals } from './rivals.ts';
import type { Call } from './rivals.ts';
import { throughput } from './throughput.ts';

const question =
  'How many times the throughput of other pools do small jobs reach in child processes?\n' +
  '(one number in, one out, 10,000 in flight, two workers)';
const rounds = 5;

const { call, stop } = await openGrinder(
  { backend: 'process', workersPerPool: 2 },
  { batchSizeThreshold: 20 },
);
const rivals = openProcessRivals(2);
const calls: Record<string, Call> = {
  'threshold 20': call,
  tinypool: rivals.tinypool.call,
  workerpool: rivals.workerpool.call,
};

const load = {
  inFlight: 10_000,
  seconds: 1,
  isRight: (result: unknown, first: number) => result === first + 1,
};
const rates = summarizeAll(
  await alternate<string>(
    rounds,
    Object.fromEntries(
      Object.entries(calls).map(([name, each]) => [
        name,
        async () => (await throughput({ call: (first) => each('increment', first) }, load)).jobsPerSecond,
      ]),
    ),
  ),
);
await stop();
await Promise.all([rivals.tinypool.stop(), rivals.workerpool.stop()]);

const table = [['', 'jobs/s', 'range', 'threshold 20 is']];
const goals: Goal[] = [];
for (const [name, measured] of Object.entries(rates)) {
  const times = compare(rates['threshold 20'], measured);
  table.push([name, count(measured.median), range(measured), ratio(times.median)]);
  if (name === 'threshold 20') continue;
  const what = 'child processes, one number in, one out';
  goals.push({ case: what, mode: 'threshold 20', against: name, reached: times, target: 10, atLeast: true });
}
report('processes', question, table, rates, goals);
