/** npm run mutants -- [part of a name or file ...] [--seed 1] [--runs 1500] [--sample N] [--record] */

import { parseArgs } from 'node:util';
import { keepRegression } from '../regressions.ts';
import { type Fate, hunt, makeCopy, removeCopy } from './copy.ts';
import { type Mutant, mutants } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1500' },
    sample: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const named = mutants.filter(
  ({ name, file }) =>
    positionals.length === 0 || positionals.some((part) => name.includes(part) || file.includes(part)),
);
const chosen = values.sample === undefined ? named : someOf(named, Number(values.sample));

function someOf(all: readonly Mutant[], count: number): Mutant[] {
  const left = [...all];
  const some: Mutant[] = [];
  while (some.length < count && left.length > 0)
    some.push(...left.splice(Math.floor(Math.random() * left.length), 1));
  return some;
}

function lineOf({ name }: Mutant, fate: Fate, seconds: number): string {
  const what =
    fate.is === 'caught'
      ? `${fate.by} (run ${fate.runs})`
      : fate.is === 'survived'
        ? `SURVIVED ${fate.runs} runs`
        : `DOES NOT APPLY: ${fate.because}`;
  return `${name.padEnd(66)} ${seconds.toFixed(1).padStart(5)} s  ${what}`;
}

const copy = makeCopy();
let caught = 0;
for (const mutant of chosen) {
  const begun = performance.now();
  const fate = await hunt(copy, mutant, { seed, runs: Number(values.runs), shrinks: values.record });
  console.log(lineOf(mutant, fate, (performance.now() - begun) / 1000));
  if (fate.is !== 'caught') continue;
  caught++;
  if (values.record && fate.hunt?.catch !== undefined)
    keepRegression({ name: mutant.name, ...fate.hunt.catch });
}
removeCopy(copy);
console.log(`seed ${seed}: ${caught} of ${chosen.length} caught`);
if (caught < chosen.length || chosen.length === 0) process.exitCode = 1;
