// node scripts/test-matrix.mjs [--all] [node22 node24 ... others]
import { resolve } from 'node:path';
import { run, runGroup, runScript, runSuites } from './steps.mjs';
import { preparations, runtimes, suites } from './suites.mjs';

const all = process.argv.includes('--all');
const named = process.argv.slice(2).filter((name) => name !== '--all');
const wanted = named.length > 0 ? named : [...runtimes, 'others'];
const cwd = resolve('test/runtimes');

// A package of its own: in the root, their `node` commands would stand before everybody's.
const installed = await run('npm', ['ci'], { cwd, limitSeconds: 300 });
if (!installed) throw new Error('The runtimes could not be installed (they are for Linux on x64).');

for (const script of all ? preparations.slow : preparations.matrix) {
  const { failures } = await runScript(script);
  if (failures.length > 0) throw new Error(`npm run ${script} failed.`);
}

for (const runtime of wanted) {
  const isNode = runtime !== 'others';
  const ofNode = all ? [...suites.slow, ...suites.fast] : suites.matrix;
  const execPath = isNode ? resolve(cwd, 'node_modules', runtime, 'bin/node') : process.execPath;
  await runGroup(runtime, [() => runSuites(isNode ? ofNode : suites.others, runtime, { execPath })]);
}
