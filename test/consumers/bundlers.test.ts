import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { consumerWith, writeBlocks } from './installed.ts';

// A bundler takes seconds, and many times that on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const run = promisify(execFile);

let root: string;
/** Where the program of docs/bundlers.md is. */
let app: string;

beforeAll(async () => {
  root = await consumerWith('esbuild', 'vite', 'webpack');
  app = join(root, 'app');
  writeBlocks('docs/bundlers.md', app);
  mkdirSync(join(root, 'deployed'));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs a build and takes what it made elsewhere, so that nothing in it can lean on its sources. */
async function built(name: string, args: readonly string[]): Promise<string> {
  await run(process.execPath, args, { cwd: app });
  const place = join(root, 'deployed', name);
  renameSync(join(app, 'dist'), place);
  return place;
}

const script = (code: string): readonly string[] => ['--input-type=module', '-e', code];

const webpack = script(`
  import webpack from 'webpack';
  import config from './webpack.config.js';
  webpack({ ...config, context: process.cwd() }, (error, stats) => {
    if (error || stats.hasErrors()) throw error ?? new Error(stats.toString());
  });`);

const vite = script("import { build } from 'vite'; await build({ logLevel: 'error' });");

test.each([
  ['esbuild', ['esbuild.js']],
  ['vite', vite],
  ['webpack', webpack],
])('a program bundled by %s with its tasks as an entry of their own runs on threads', async (name, args) => {
  const place = await built(name, args);
  const ended = await run(process.execPath, [join(place, 'main.js')], { timeout: 20_000 });
  expect(ended).toEqual({ stdout: '1 4 9\n', stderr: '' });
});

test('a program bundled into one minified file runs on threads', async () => {
  const place = await built('one-file', ['esbuild-one-file.js']);
  expect(readdirSync(place)).toEqual(['one-file.js']);
  const ended = await run(process.execPath, [join(place, 'one-file.js')], { timeout: 20_000 });
  expect(ended).toEqual({ stdout: '1 4 9\n', stderr: '' });
});

const onlyMain = (options: string): readonly string[] =>
  script(`
    import { build } from 'esbuild';
    await build({ entryPoints: ['src/main.js'], outdir: 'dist', platform: 'node', format: 'esm', bundle: true, ${options} });
  `);

test.each([
  ['leasepool taken in', '', 'ERR_LEASEPOOL_BROKEN_EXECUTOR', 'mark leasepool as external'],
  [
    'the tasks in the file of the program',
    "external: ['leasepool']",
    'ERR_LEASEPOOL_IMPORT_REENTRY',
    'starts',
  ],
])('M6 a bundle with %s fails with an error that says what to do', async (name, options, code, advice) => {
  const place = await built(name, onlyMain(options));
  const failing = run(process.execPath, [join(place, 'main.js')], { timeout: 20_000 });
  const { stderr } = await failing.then(
    () => expect.fail('it ran'),
    (error: { stderr: string }) => error,
  );
  expect(stderr).toContain(code);
  expect(stderr).toContain(advice);
});
