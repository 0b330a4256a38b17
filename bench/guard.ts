// Has something become slow (main ratios against the least a pool can be, under a minute)? Exits with 1 when one is below half of what it should be.
import { Baseline } from './baseline.ts';
import { modes, openGrinder } from './grinders.ts';
import { alternate, compare, count, type Goal, range, report, summarizeAll } from './harness.ts';
import { type Contestant, throughput } from './throughput.ts';

const question =
  'Has something become slow?\n' +
  '(one number in, one out, 5,000 in flight, two workers; ratios against a message per job and a message per result)';
const rounds = 5;

/** What the ratios are on a quiet machine. Less than half of it is no noise. */
const expected = { 'threshold 20': 8, natural: 8, 'batches of 20': 2.5, processes: 1 };

const baseline = new Baseline(2);
const grinders = {
  'threshold 20': await modes['threshold 20'](),
  natural: await modes.natural(),
  'batches of 20': await modes['batches of 20'](),
  processes: await openGrinder({ workersPerPool: 2, backend: 'process' }),
};

const load = {
  inFlight: 5_000,
  seconds: 0.4,
  isRight: (result: unknown, first: number) => result === first + 1,
};
const rate = async (call: Contestant['call']): Promise<number> =>
  (await throughput({ call }, load)).jobsPerSecond;

const contestants: Record<string, () => Promise<number>> = {
  baseline: () => rate((value) => baseline.increment(value)),
};
for (const [name, { call }] of Object.entries(grinders))
  contestants[name] = () => rate((value) => call('increment', value));
const rates = summarizeAll(await alternate(rounds, contestants));
await Promise.all(Object.values(grinders).map((grinder) => grinder.stop()));
await baseline.stop();

const table = [['', 'jobs/s', 'range']];
for (const [name, measured] of Object.entries(rates))
  table.push([name, count(measured.median), range(measured)]);
const goals = Object.entries(expected).map(([mode, target]): Goal => ({
  case: 'one number in, one out',
  mode,
  against: 'baseline',
  reached: compare(rates[mode], rates['baseline']),
  target,
  atLeast: true,
}));
report('guard', question, table, rates, goals);
for (const { mode, reached, target } of goals) {
  // The best round: a busy machine makes rounds worse, never better.
  if (reached.highest >= target / 2) continue;
  console.error(`${mode} is ${reached.highest.toFixed(1)}x the baseline at best; it should be ${target}x.`);
  process.exitCode = 1;
}
