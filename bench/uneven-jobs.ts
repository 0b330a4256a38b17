// How close to the ideal are 1,000 jobs done when 1% of them take 5 ms and the rest 10 us (two workers)?
import { type Entrant, openField } from './field.ts';
import { alternate, type Goal, range, report, summarize } from './harness.ts';

const question =
  'How close to the ideal are 1,000 jobs done when 1% of them take 5 ms and the rest 10 us?\n' +
  '(two workers, submitted in one loop; makespan as a multiple of the ideal, and when the median short job settles)';
const workers = 2;
const jobs = 1_000;
const long = 5;
const short = 0.01;
const rounds = 15;
/** One run is too short to warm anything up. */
const warmUps = 20;
const ours = ['threshold 20', 'natural'] as const;

const layouts = {
  spread: { isLong: (index: number) => index % 100 === 50, target: 1.2 },
  adjacent: { isLong: (index: number) => index >= 500 && index < 510, target: 1.3 },
};
const idealMs = (10 * long + (jobs - 10) * short) / workers;

interface Run {
  /** As a multiple of the ideal. */
  readonly makespan: number;
  /** When the median short job settles, as a share of the makespan. */
  readonly medianShort: number;
}

const field = await openField();
const names = Object.keys(field.calls) as Entrant[];
const two = (value: number): string => value.toFixed(2);
const table = [['', 'makespan / ideal', 'range', 'median short / makespan']];
const measured: Record<string, unknown> = {};
const goals: Goal[] = [];

async function run(name: Entrant, isLong: (index: number) => boolean): Promise<Run> {
  const settledAt: number[] = [];
  const began = performance.now();
  const one = async (index: number): Promise<void> => {
    await field.calls[name]('spin', isLong(index) ? long : short);
    if (!isLong(index)) settledAt.push(performance.now() - began);
  };
  await Promise.all(Array.from({ length: jobs }, (_, index) => one(index)));
  const ms = performance.now() - began;
  return { makespan: ms / idealMs, medianShort: summarize(settledAt).median / ms };
}

for (const name of names) {
  for (let time = 0; time < warmUps; time++) await run(name, layouts.spread.isLong);
}
for (const [layout, { isLong, target }] of Object.entries(layouts)) {
  const contestants = Object.fromEntries(names.map((name) => [name, () => run(name, isLong)]));
  const runs = await alternate<string, Run>(rounds, contestants);
  measured[layout] = runs;
  const of = (name: string, what: keyof Run) => summarize(runs[name].map((each) => each[what]));
  for (const name of names) {
    const makespan = of(name, 'makespan');
    table.push([
      `${layout}: ${name}`,
      two(makespan.median),
      range(makespan, two),
      two(of(name, 'medianShort').median),
    ]);
  }
  const what = `1,000 jobs, 1% of them 5 ms, ${layout}`;
  for (const mode of ours) {
    const goal = { mode, atLeast: false };
    goals.push({ ...goal, case: what, against: 'ideal makespan', reached: of(mode, 'makespan'), target });
    const reached = of(mode, 'medianShort');
    goals.push({ ...goal, case: `${what}: median short`, against: 'makespan', reached, target: 0.6 });
  }
}
await field.stop();
report('uneven-jobs', question, table, measured, goals);
