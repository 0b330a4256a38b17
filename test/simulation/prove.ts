/** npm run prove -- [--minutes 1] [--runs N] [--seed S [--path P]] */

import { parseArgs } from 'node:util';
import { holdSession } from './session.ts';
import { run } from './run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    runs: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
    trace: { type: 'boolean' },
    small: { type: 'boolean' },
  },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const begun = performance.now();
const session = await holdSession({
  seed,
  ...(values.path === undefined ? {} : { path: values.path }),
  ...(values.runs === undefined
    ? { milliseconds: Number(values.minutes ?? 1) * 60_000 }
    : { runs: Number(values.runs) }),
});
const seconds = (performance.now() - begun) / 1000;
console.log(
  `seed ${seed}: ${session.runs} runs in ${seconds.toFixed(1)} s, ${session.events} events, ${session.deeds} commands, ${session.items} items`,
);
for (const [what, times] of [...session.coverage.counts].toSorted(([a], [b]) => a.localeCompare(b)))
  console.log(`  ${String(times).padStart(9)} ${what}`);
if (session.failure !== undefined) {
  const { program, violation, path } = session.failure;
  const again = await run(program, { keepsTrace: true });
  console.log(again.trace?.join('\n'));
  console.log(JSON.stringify(program));
  console.log(violation);
  console.log(`npm run prove -- --seed ${seed} --path ${path}`);
  process.exitCode = 1;
}
