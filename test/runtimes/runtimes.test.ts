import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

// A runtime that does not answer is waited for, and a busy machine is slow.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const run = promisify(execFile);
const installed = join(import.meta.dirname, 'node_modules');

/** The columns of the table. */
const commands: Readonly<Record<string, readonly string[]>> = {
  'Node 20 to 26': [process.execPath],
  'Bun 1.4.5': [join(installed, 'bun/bin/bun')],
  'Deno 2.9.6': [join(installed, 'deno/deno'), 'run', '-A', '--no-lock'],
};

const [header, , ...rows] = readFileSync('docs/runtimes.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
const runtimes = header.slice(1);
const table = rows.map(([feature, ...cells]) => ({ feature, cells }));

let consumer: string;

beforeAll(async () => {
  if (!existsSync(installed)) throw new Error('Run "npm run install:runtimes" first.');
  consumer = mkdtempSync(join(tmpdir(), 'leasepool-runtimes-'));
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', consumer];
  const [{ filename }] = JSON.parse((await run('npm', packing)).stdout) as [{ filename: string }];
  await run('npm', ['install', '--offline', '--prefix', consumer, join(consumer, filename)]);
  cpSync(join(import.meta.dirname, 'programs'), consumer, { recursive: true });
});

afterAll(() => rmSync(consumer, { recursive: true, force: true }));

/** The first line that a program prints about a feature, and what it prints to stderr. */
async function tell(runtime: string, feature: string): Promise<string> {
  const [command, ...args] = commands[runtime];
  const program = spawn(command, [...args, 'features.mjs', feature], { cwd: consumer });
  const exited = once(program, 'exit');
  let printed = '';
  let failed = '';
  program.stderr.on('data', (text: Buffer) => (failed += String(text)));
  const told = new Promise<void>((told) => {
    program.stdout.on('data', (text: Buffer) => {
      printed += String(text);
      if (printed.includes('\n')) told();
    });
  });
  await Promise.race([told, exited]);
  // Whether it ends by itself is a feature of its own.
  if (!feature.startsWith('an idle pool')) program.kill('SIGKILL');
  await exited;
  return printed.split('\n')[0] || failed;
}

test('the table is about the runtimes that are installed, and about every feature', async () => {
  expect(runtimes).toEqual(Object.keys(commands));
  for (const [name, folder] of [
    ['Bun', 'bun'],
    ['Deno', 'deno'],
  ]) {
    const manifest = JSON.parse(readFileSync(join(installed, folder, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(runtimes).toContain(`${name} ${manifest.version}`);
  }
  const { stdout } = await run(process.execPath, [resolve(consumer, 'features.mjs')]);
  expect(table.map(({ feature }) => feature)).toEqual(JSON.parse(stdout));
});

describe.each(runtimes)('%s', (runtime) => {
  const column = runtimes.indexOf(runtime);
  test.concurrent.each(table.map(({ feature, cells }) => [feature, cells[column]]))(
    'N10 %s: %s',
    async (feature, cell) => {
      const told = await tell(runtime, feature);
      if (cell === 'works') expect(told).toBe('works');
      else expect(told).toContain(`${cell}:`);
    },
  );
});
