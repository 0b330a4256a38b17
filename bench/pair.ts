// What has a change cost? Two builds of leasepool, in processes of their own and in turn: node build/bench/pair.js BEFORE/dist/index.js [AFTER]
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { alternate, compare, count, printTable, ratio, summarizeAll } from './harness.ts';
import type { PairedJob } from './workers/closed-loop.ts';

const rounds = 5;
const cases: readonly [job: PairedJob, callers: number, pools: number, workers: number][] = [
  ['nothing', 10, 1, 2],
  ['nothing', 50, 1, 2],
  ['nothing', 100, 1, 2],
  ['nothing', 300, 1, 2],
  ['10 us', 50, 1, 2],
  ['rows', 50, 1, 2],
  ['10 us', 10, 2, 1],
];

const [before, after = fileURLToPath(new URL('../../dist/index.js', import.meta.url))] =
  process.argv.slice(2);
if (before === undefined) throw new Error('Which build is it compared with? npm run bench:pair -- FILE');
const side = fileURLToPath(new URL('workers/closed-loop.js', import.meta.url));

async function jobsPerSecond(build: string, args: readonly (string | number)[]): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [side, build, ...args.map(String)]);
  return Number(stdout);
}

const table = [['job, callers, pools x workers', 'before, jobs/s', 'after', 'after / before', 'range']];
for (const [job, callers, pools, workers] of cases) {
  const run = (build: string) => (): Promise<number> => jobsPerSecond(build, [callers, job, pools, workers]);
  const rates = summarizeAll(await alternate(rounds, { before: run(before), after: run(after) }));
  const { median, lowest, highest } = compare(rates.after, rates.before);
  table.push([
    `${job}, ${callers}, ${pools} x ${workers}`,
    count(rates.before.median),
    count(rates.after.median),
    ratio(median),
    `${ratio(lowest)} to ${ratio(highest)}`,
  ]);
}
printTable(table);
