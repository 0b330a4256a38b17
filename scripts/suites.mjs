import { readdirSync } from 'node:fs';

/**
 * The suites are the folders of test/, in the order in which they begin: those with the longest files first. Each is
 * required: one that does not run counts as a failure.
 */
export const suites = {
  fast: ['simulation', 'unit', 'integration', 'examples', 'packaging'],
  slow: [
    'simulation-long',
    'conformance',
    'soak',
    'leaks',
    'consumers',
    'fleet',
    'command-line',
    'robustness',
    'scenarios',
    'frameworks',
    'documentation',
  ],
  /** What a runtime other than Node has of it. */
  others: ['runtimes'],
  /** What is most likely to differ between versions of Node; with `--all`, as in ci.yml, the fast and the slow ones. */
  matrix: ['integration/tasks', 'examples/examples'],
};

/** What must have been done before. */
export const preparations = {
  fast: ['build', 'build:examples', 'build:bench', 'build:proof'],
  slow: ['build', 'build:examples', 'build:bench', 'build:proof', 'install:consumers', 'install:frameworks'],
  matrix: ['build', 'build:examples'],
};

/** The Node versions of test/runtimes, by their names there. */
export const runtimes = ['node22', 'node24', 'node26'];

const named = new Set(Object.values(suites).flat());
const forgotten = readdirSync('test', { recursive: true })
  .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
  .filter((path) => !named.has(path.split(/[\\/]/)[0]));
if (forgotten.length > 0) {
  throw new Error(`No suite runs ${forgotten.join(', ')}: name the folder in scripts/suites.mjs.`);
}
