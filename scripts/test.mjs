// node scripts/test.mjs check | fast | slow
import { runGroup, runScript, runSuites } from './steps.mjs';
import { suites } from './suites.mjs';

const checks = [
  'build',
  'build:examples',
  'build:bench',
  'build:proof',
  'format:check',
  'lint',
  'types',
  'unused',
  'shape',
];

const groups = {
  check: { scripts: checks, suites: ['unit'] },
  fast: { scripts: checks, suites: suites.fast },
  slow: {
    scripts: [
      'build',
      'build:examples',
      'build:bench',
      'build:proof',
      'install:consumers',
      'install:frameworks',
      'bench:guard',
    ],
    suites: suites.slow,
    limitSeconds: 1500,
  },
};

const group = process.argv[2];
if (!(group in groups)) throw new Error(`Which group: ${Object.keys(groups).join(', ')}?`);
const { scripts, suites: names, limitSeconds } = groups[group];
await runGroup(group, [
  ...scripts.map((name) => () => runScript(name)),
  () => runSuites(names, group, { limitSeconds }),
]);
