import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { integrations } from '../../scripts/rooms.mjs';

const run = promisify(execFile);

let consumer: string;
let packed: { filename: string; files: { path: string }[] };

// Without its scripts, which would rebuild dist while other suites use it.
beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), 'leasepool-consumer-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', consumer]);
  [packed] = JSON.parse(stdout) as [typeof packed];
  await run('npm', ['install', '--offline', '--prefix', consumer, join(consumer, packed.filename)]);
});

afterAll(() => rm(consumer, { recursive: true, force: true }));

function evaluate(type: 'module' | 'commonjs', code: string): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, [`--input-type=${type}`, '-e', code], { cwd: consumer });
}

test('the package holds the compiled modules, their sources and nothing else', () => {
  const modules = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts'));
  const compiled = ['js', 'js.map', 'd.ts', 'd.ts.map'];
  const expected = [
    'package.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    ...modules.map((path) => `src/${path}`),
    ...modules.flatMap((path) => compiled.map((extension) => `dist/${path.replace(/ts$/, extension)}`)),
  ];
  const notes = /^src\/.*README\.md$/;
  expect(modules.length).toBeGreaterThan(0);
  expect(
    packed.files
      .map((file) => file.path)
      .filter((path) => !notes.test(path))
      .sort(),
  ).toEqual(expected.sort());
});

test('it has no run-time dependency', async () => {
  const manifest = JSON.parse(await readFile('package.json', 'utf8')) as Record<string, unknown>;
  expect(Object.keys(manifest)).not.toContain('dependencies');
  expect(Object.keys(manifest)).not.toContain('optionalDependencies');
  expect(readdirSync(join(consumer, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
    'leasepool',
  ]);
});

test('import and require give the same exports, without a warning, and the process exits by itself', async () => {
  const report = 'console.log(Object.keys(api).sort().join())';
  const imported = await evaluate('module', `import * as api from 'leasepool'; ${report}`);
  const required = await evaluate('commonjs', `const api = require('leasepool'); ${report}`);
  expect(imported.stderr).toBe('');
  expect(required.stderr).toBe('');
  expect(imported.stdout.length).toBeGreaterThan(1);
  expect(required.stdout.replace(/__esModule,?/, '')).toBe(imported.stdout);
});

test('an integration whose library is not installed says which it is, and the core does without', async () => {
  const needed = { fastify: 'fastify-plugin', otel: '@opentelemetry/api', prometheus: 'prom-client' };
  const { stdout } = await evaluate(
    'module',
    `await import('leasepool');
     for (const integration of ${JSON.stringify(Object.keys(needed))})
       await import('leasepool/' + integration).catch((error) => console.log(error.code, error.message));`,
  );
  const messages = stdout.trimEnd().split('\n');
  expect(messages).toHaveLength(3);
  for (const [index, library] of Object.values(needed).entries())
    expect(messages[index]).toMatch(new RegExp(`^ERR_MODULE_NOT_FOUND .*'${library}'`));
});

test('importing the core loads no integration, nor any other package', async () => {
  const hooks = `
    import { writeSync } from 'node:fs';
    export function load(url, context, next) {
      writeSync(1, url + ' ');
      return next(url, context);
    }`;
  const { stdout } = await evaluate(
    'module',
    `import { register } from 'node:module';
     register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});
     await import('leasepool');`,
  );
  const loaded = stdout.trimEnd().split(' ');
  const own = loaded.filter((url) => url.includes('/node_modules/leasepool/dist/'));
  expect(own.length).toBeGreaterThan(30);
  expect(loaded.filter((url) => !own.includes(url) && !url.startsWith('node:'))).toEqual([]);
  const rooms = own.map((url) => url.split('/dist/')[1].split('/')[0]);
  expect(rooms.filter((room) => integrations.includes(room))).toEqual([]);
});
