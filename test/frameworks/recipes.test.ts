import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { until } from '../support/until.ts';

// A compiler takes seconds, and many times that on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const run = promisify(execFile);
const folder = resolve('build/pages/frameworks');
const installed = resolve('test/frameworks/packages/node_modules');

/** By the path that the first line of each names. */
const files = [
  ...readFileSync('docs/frameworks.md', 'utf8').matchAll(/^```[tj]s\n\/\/ (\S+)\n([^]*?)^```$/gm),
];

beforeAll(async () => {
  if (!existsSync(installed)) throw new Error('Run "npm run install:frameworks" first.');
  rmSync(folder, { recursive: true, force: true });
  for (const [, path, code] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), code);
  }
  // Inside the package, so that 'leasepool' is the package itself.
  symlinkSync(installed, join(folder, 'node_modules'), 'junction');
  const compilerOptions = {
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: true,
    module: 'nodenext',
  };
  const project = {
    extends: resolve('tsconfig.base.json'),
    compilerOptions,
    // Next.js resolves as bundlers do.
    files: files.map(([, path]) => path).filter((path) => /^[\w.]+\.ts$/.test(path)),
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project));
  const compiler = resolve('node_modules/typescript/bin/tsc');
  await run(process.execPath, [compiler, '-p', folder]).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
});

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

describe.each(['fastify', 'express', 'nest'])('the recipe for %s', (name) => {
  test('serves a job, and exits by itself once it is told to stop', async () => {
    const child = spawn(process.execPath, [join(folder, `${name}.js`)], {
      env: { ...process.env, PORT: '0' },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const closed = once(child, 'close');
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until(() => child.exitCode !== null || said.includes('listening on'), 'a server');
    const [, address] = /listening on (\S+)/.exec(said) ?? [undefined, said];
    const answer = await fetch(`${address}/hash`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: '{"a": 1}',
    });
    expect(await answer.text()).toMatch(hashOf('{"a":1}'));
    child.kill('SIGTERM');
    const [code, signal] = (await closed) as [number | null, string | null];
    // Nest ends itself by the signal, after its hooks.
    expect(name === 'nest' ? signal : code).toBe(name === 'nest' ? 'SIGTERM' : 0);
    expect(said).toMatch(/^listening on \S+\n$/);
  });
});
