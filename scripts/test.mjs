// node scripts/test.mjs check | fast | slow
import { runGroup, scriptStep, suiteStep } from './steps.mjs';
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
    limitSeconds: 600,
  },
};

const group = process.argv[2];
if (!(group in groups)) throw new Error(`Which group: ${Object.keys(groups).join(', ')}?`);
await runGroup(group, [
  ...groups[group].scripts.map((name) => () => scriptStep(name)),
  ...groups[group].suites.map(
    (name) => () => suiteStep(name, group, { limitSeconds: groups[group].limitSeconds }),
  ),
]);
