/** npm run prove -- [--minutes 1] [--runs N] [--seed S [--path P]] [--whole] [--record] */

import { parseArgs } from 'node:util';
import { record } from '../support/record.ts';
import { type Coverage, enoughRuns, notSeen } from './coverage.ts';
import { readRegressions, replayRegressions } from './regressions.ts';
import { run } from './run.ts';
import { holdSession, type Session, tellFailure } from './session.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    runs: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
    whole: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
console.log(`npm run prove -- --seed ${seed}`);

function inOrder({ counts }: Coverage): [what: string, times: number][] {
  return [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function print(session: Session, seconds: number): void {
  const { runs, events, faults, deeds, items, digest, coverage } = session;
  console.log(
    `${runs} runs in ${seconds.toFixed(1)} s: ${deeds} commands, ${items} items, ${faults} faults, ${events} events`,
  );
  for (const [what, times] of inOrder(coverage)) console.log(`  ${String(times).padStart(9)} ${what}`);
  console.log(`digest ${digest >>> 0}`);
}

const begun = performance.now();
const broken = await replayRegressions();
for (const { name, violation } of broken) console.log(`AGAIN ${name}: ${violation.message}`);
console.log(`${readRegressions().length - broken.length} regressions replayed`);

const session = await holdSession({
  seed,
  shrinks: !values.whole,
  onFailure: (violation) => console.log(`BROKEN ${violation.message}`),
  ...(values.path === undefined ? {} : { path: values.path }),
  ...(values.runs === undefined
    ? { milliseconds: Number(values.minutes ?? 1) * 60_000 }
    : { runs: Number(values.runs) }),
});
const { runs, deeds, items, faults, events, coverage, failure } = session;
const seconds = Math.round((performance.now() - begun) / 1000);
print(session, seconds);
const missing = runs < enoughRuns ? [] : notSeen(coverage);
for (const what of missing) console.log(`NEVER SEEN: ${what}`);
if (failure !== undefined) {
  const { trace } = await run(failure.program, { keepsTrace: true });
  console.log(trace!.join('\n'));
  console.log(tellFailure(failure, seed));
}
const isGood = failure === undefined && missing.length === 0 && broken.length === 0;
if (values.record && isGood)
  record(`simulation ${seed}`, {
    seconds,
    programs: runs,
    commands: deeds,
    items,
    faults,
    events,
    promisesBroken: 0,
    coverage: Object.fromEntries(inOrder(coverage)),
  });
if (!isGood) process.exitCode = 1;
