// node scripts/test-matrix.mjs [--all] [node22 node24 ... others]
import { resolve } from 'node:path';
import { run, runGroup, runSuites } from './steps.mjs';
import { runtimes, suites } from './suites.mjs';

const all = process.argv.includes('--all');
const named = process.argv.slice(2).filter((name) => name !== '--all');
const wanted = named.length > 0 ? named : [...runtimes, 'others'];
const wantedSuites = all ? [...suites.fast, ...suites.slow] : suites.matrix;
const cwd = resolve('test/runtimes');

// A package of its own: in the root, their `node` commands would stand before everybody's.
const installed = await run('npm', ['ci'], { cwd, limitSeconds: 300 });
if (!installed) throw new Error('The runtimes could not be installed (they are for Linux on x64).');

for (const script of ['build', 'build:examples']) {
  const built = await run('npm', ['run', '--silent', script], { limitSeconds: 120 });
  if (!built) throw new Error(`npm run ${script} failed.`);
}

for (const runtime of wanted) {
  const isNode = runtime !== 'others';
  const names = isNode ? wantedSuites : suites.others;
  const execPath = isNode ? resolve(cwd, 'node_modules', runtime, 'bin/node') : process.execPath;
  await runGroup(runtime, [() => runSuites(names, runtime, { execPath, limitSeconds: all ? 1500 : 600 })]);
}
