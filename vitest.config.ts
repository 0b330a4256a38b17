import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import SuiteOrder from './scripts/suite-order.mjs';

const fromRoot = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    // Forks: a test may then start, block and terminate threads of its own, and crash without taking the run along.
    pool: 'forks',
    sequence: { sequencer: SuiteOrder },
    // Many tests wait more than they work.
    maxWorkers: 3,
    setupFiles: process.env['NODE_V8_COVERAGE'] ? ['test/support/coverage.ts'] : [],
    // A machine that others use too may hold a test up beyond its patience; what was run twice is marked in the report.
    retry: process.env['CI'] === 'true' ? 2 : 0,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    // Whoever imports 'leasepool' gets the built package, loaded by Node itself: the one instance that the
    // task modules get as well, whose workers find their entry files next to it.
    alias: [{ find: /^leasepool$/, replacement: fromRoot('./dist/index.js') }],
    server: {
      deps: {
        external: ['dist', 'build', 'test/tasks'].map(
          (folder) => new RegExp(`^(file://)?${fromRoot(folder)}/`),
        ),
      },
    },
  },
});
