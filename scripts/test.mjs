// node scripts/test.mjs check | fast | slow
import { runGroup, runScript, runSuites } from './steps.mjs';
import { preparations, suites } from './suites.mjs';

const checks = [...preparations.fast, 'format:check', 'lint', 'types', 'unused', 'shape', 'subjects'];

const groups = {
  check: { scripts: checks, suites: ['unit'] },
  fast: { scripts: checks, suites: suites.fast },
  slow: { scripts: [...preparations.slow, 'types:newest', 'bench:guard'], suites: suites.slow },
};

const group = process.argv[2];
if (!(group in groups)) throw new Error(`Which group: ${Object.keys(groups).join(', ')}?`);
await runGroup(group, [
  ...groups[group].scripts.map((name) => () => runScript(name)),
  () => runSuites(groups[group].suites, group),
]);
