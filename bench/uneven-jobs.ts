// How close to the ideal are 1,000 jobs done when 1% of them take 5 ms and the rest 10 us (two workers)?
import { alternate, range, report, summarize } from './harness.ts';
import { openPools, type PoolName } from './pools.ts';

const question =
  'How close to the ideal are 1,000 jobs done when 1% of them take 5 ms and the rest 10 us?\n' +
  '(two workers, submitted in one loop; makespan as a multiple of the ideal, and when the median short job settles)';
const workers = 2;
const jobs = 1_000;
const long = 5;
const short = 0.01;
const rounds = 7;

const layouts = {
  spread: (index: number) => index % 100 === 50,
  adjacent: (index: number) => index >= 500 && index < 510,
};
const idealMs = (10 * long + (jobs - 10) * short) / workers;

const pools = await openPools(workers);
const names = Object.keys(pools.spin) as PoolName[];
const table = [['', 'makespan / ideal', 'range', 'median short / makespan', 'target']];
const measured: Record<string, unknown> = {};

for (const [layout, isLong] of Object.entries(layouts)) {
  const medians: Record<string, number[]> = {};
  const makespan = async (name: PoolName): Promise<number> => {
    const settledAt: number[] = [];
    const began = performance.now();
    const one = async (index: number): Promise<void> => {
      await pools.spin[name](isLong(index) ? long : short);
      if (!isLong(index)) settledAt.push(performance.now() - began);
    };
    await Promise.all(Array.from({ length: jobs }, (_, index) => one(index)));
    const ms = performance.now() - began;
    (medians[name] ??= []).push(summarize(settledAt).median / ms);
    return ms / idealMs;
  };
  const results = await alternate(
    rounds,
    Object.fromEntries(names.map((name) => [name, () => makespan(name)])) as Record<
      PoolName,
      () => Promise<number>
    >,
  );
  measured[layout] = { results, medians };
  const target = layout === 'spread' ? '<= 1.2' : '<= 1.3';
  for (const name of names) {
    const ours = name === 'natural' || name === 'threshold 20';
    const two = (value: number): string => value.toFixed(2);
    const median = two(summarize(medians[name].slice(1)).median);
    table.push([
      `${layout}: ${name}`,
      two(results[name].median),
      range(results[name], two),
      median,
      ours ? target : '',
    ]);
  }
}
await pools.stop();
report('uneven-jobs', question, table, measured);
