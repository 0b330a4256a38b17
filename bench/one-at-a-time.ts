// How long does a caller wait who awaits one job after the other (two workers)?
import { openField } from './field.ts';
import { openEcho } from './floor.ts';
import { alternate, compare, type Goal, quantile, range, report, summarizeAll } from './harness.ts';

const question =
  'How long does a caller wait who awaits one job after the other?\n' +
  '(one number in, one out, two workers, nobody else there)';
const calls = 2_000;
const rounds = 7;

interface Wait {
  readonly p50: number;
  readonly p99: number;
}

const field = await openField();
// In the other modes a single caller waits for company: that is what they are for.
const { 'threshold 20': _threshold, 'batches of 20': _batches, ...immediate } = field.calls;
const echo = openEcho();
const contestants: Record<string, (value: number) => Promise<unknown>> = {
  'a message there and back': echo.call,
};
for (const [name, call] of Object.entries(immediate)) contestants[name] = (value) => call('increment', value);
const names = Object.keys(contestants);

/** Microseconds. */
async function waits(name: string): Promise<Wait> {
  const times: number[] = [];
  for (let i = 0; i < calls; i++) {
    const began = performance.now();
    if ((await contestants[name](i)) !== i + 1) throw new Error('A wrong result');
    times.push((performance.now() - began) * 1000);
  }
  times.sort((a, b) => a - b);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

const runs = await alternate<string, Wait>(
  rounds,
  Object.fromEntries(names.map((name) => [name, () => waits(name)])),
);
await field.stop();
await echo.stop();

const of = (what: keyof Wait) =>
  summarizeAll(Object.fromEntries(names.map((name) => [name, runs[name].map((wait) => wait[what])])));
const [p50, p99] = [of('p50'), of('p99')];
const table = [['', 'p50, us', 'range', 'p99, us', 'range']];
for (const name of names) {
  table.push([
    name,
    p50[name].median.toFixed(0),
    range(p50[name]),
    p99[name].median.toFixed(0),
    range(p99[name]),
  ]);
}
const what = 'one at a time, awaited';
const goals: Goal[] = [
  {
    case: `${what}, p50`,
    mode: 'natural',
    against: 'piscina',
    reached: compare(p50['natural'], p50['piscina']),
    target: 0.8,
    atLeast: false,
  },
];
report('one-at-a-time', question, table, runs, goals);
