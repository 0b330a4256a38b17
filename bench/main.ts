// npm run bench [-- [--record] name ...]: each benchmark in a process of its own, then the ratios that have a target.
// With --record all of it is kept in bench/results/, from which the documentation quotes.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Goal, printGoals } from './harness.ts';
import { record } from './record.ts';

const benchmarks = [
  'small-jobs',
  'objects',
  'strings',
  'job-cost',
  'uneven-jobs',
  'one-at-a-time',
  'open-loop',
  'lease-calls',
  'processes',
  'heap-per-job',
  'cancel',
  'from-thread',
  'steps',
];

/** These need a server. */
const onRequest = ['fleet'];

const names = process.argv.slice(2).filter((name) => name !== '--record');
const wanted = names.length > 0 ? names : benchmarks;
for (const name of wanted) {
  if (![...benchmarks, ...onRequest].includes(name)) {
    console.error(`No benchmark is called ${name}. There are: ${[...benchmarks, ...onRequest].join(', ')}.`);
    process.exit(2);
  }
}
const goals: Goal[] = [];
for (const name of wanted) {
  const file = fileURLToPath(new URL(`${name}.js`, import.meta.url));
  const { status } = spawnSync(process.execPath, ['--expose-gc', file], { stdio: 'inherit' });
  if (status === 0)
    goals.push(
      ...(JSON.parse(readFileSync(`reports/bench/${name}.json`, 'utf8')) as { goals: Goal[] }).goals,
    );
  else process.exitCode = 1;
}
if (wanted.length > 1) {
  console.log('\n');
  printGoals(goals);
}
if (process.argv.includes('--record')) record(wanted);
