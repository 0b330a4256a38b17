import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { consumerWith, installed, writeBlocks } from './installed.ts';

// A test runner takes seconds, and many times that on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const run = promisify(execFile);

let root: string;

/** What a test sees of results and errors that come from another thread, in a realm that the runner made. */
const kinds = `
import { LeasedExecutorManager, QueueFullError, WorkGrinder } from 'leasepool';
import { list, refuse } from './src/more-tasks.js';

test('results and errors are of the kinds that the test knows', async () => {
  const manager = new LeasedExecutorManager({ workersPerPool: 1 });
  const grinder = new WorkGrinder({ executorManager: manager, maxQueueSize: 2 });
  await manager.start();
  await grinder.start();
  expect(await grinder.submit(list, [2])).toEqual([{ index: 0 }, { index: 1 }]);
  await expect(grinder.submit(refuse, ['no'])).rejects.toThrow(new RangeError('no'));
  await expect(grinder.submit(refuse, ['no'])).rejects.toBeInstanceOf(RangeError);
  expect(await grinder.submit((value) => value * 2, [4])).toBe(8);
  const queued = [grinder.submit(list, [0]), grinder.submit(list, [0])];
  await expect(grinder.submit(list, [0])).rejects.toBeInstanceOf(QueueFullError);
  await Promise.all(queued);
  await grinder.stop();
  await manager.stop();
});
`;

const moreTasks = `
import { defineTasks } from 'leasepool';

export const { list, refuse } = defineTasks(import.meta.url, {
  list: (length) => Array.from({ length }, (_, index) => ({ index })),
  refuse: (message) => {
    throw new RangeError(message);
  },
});
`;

const common = `
test('a test in CommonJS imports it', async () => {
  const { LeasedExecutorManager } = await import('leasepool');
  const { square } = await import('./src/tasks.js');
  const manager = new LeasedExecutorManager({ workersPerPool: 1 });
  await manager.start();
  expect(await manager.withLease((lease) => lease.run(square, [5]))).toBe(25);
  await manager.stop();
});
`;

beforeAll(async () => {
  root = await consumerWith('jest', 'vitest');
  writeBlocks('docs/bundlers.md', root);
  writeFileSync(join(root, 'src/more-tasks.js'), moreTasks);
  writeFileSync(join(root, 'kinds.test.js'), kinds);
  writeFileSync(join(root, 'common.test.cjs'), common);
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly message: string }[];
}

/** Both report alike. */
async function reported(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Report> {
  // Nothing of the runner that runs this.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|JEST|NODE_V8|TEST|VITE)/.test(name),
  );
  const { stdout } = await run(process.execPath, args, {
    cwd: root,
    env: { ...Object.fromEntries(inherited), NODE_ENV: 'test', ...env },
  }).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(error.stdout + error.stderr);
  });
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as Report;
}

test('tests that use the package pass under Vitest, in processes and in threads', async () => {
  const projects = ['forks', 'threads'].map((pool) => ({ test: { name: pool, pool, globals: true } }));
  writeFileSync(join(root, 'both.config.js'), `export default ${JSON.stringify({ test: { projects } })}`);
  const args = ['run', '--config=both.config.js', '--reporter=json'];
  const report = await reported([join(installed, 'vitest/vitest.mjs'), ...args], {});
  expect(report).toMatchObject({ numPassedTests: 6, numFailedTests: 0 });
});

test('tests that use the package pass under Jest, in ES modules and in CommonJS', async () => {
  const runner = join(installed, 'jest/bin/jest.js');
  const args = ['--json', '--runInBand', '--watchman=false', `--cacheDirectory=${join(root, 'cache')}`];
  const report = await reported([runner, ...args], { NODE_OPTIONS: '--experimental-vm-modules' });
  expect(report).toMatchObject({ numPassedTests: 3, numFailedTests: 0 });
});
