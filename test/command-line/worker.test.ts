import { expect, test } from 'vitest';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { commandWith, newFolder } from '../support/command.ts';

test('leasepool worker says what it takes, and refuses to run without it', async () => {
  const help = await commandWith('', ['worker', '--help']);
  expect(help.exitCode).toBe(0);
  expect(help.stdout).toContain('leasepool worker --redis URL --queue NAME --tasks MODULE');
  const misused = await commandWith('', ['worker', '--queue', 'grind']);
  expect(misused.exitCode).toBe(2);
  expect(misused.stderr).toContain('--redis, --queue and --tasks are required');
});

test('every help works where no optional package is installed, and what needs one says which', async () => {
  const folder = newFolder();
  cpSync('dist', join(folder, 'dist'), { recursive: true });
  cpSync('package.json', join(folder, 'package.json'));
  const alone = { program: join(folder, 'dist/cli/main.js'), cwd: folder };
  const helps = [['--help'], ['-h'], ['help'], []].map((args): readonly [string[], string] => [
    args,
    'Usage: leasepool <command>',
  ]);
  for (const command of ['run', 'doctor', 'worker'])
    for (const args of [
      [command, '--help'],
      [command, '-h'],
      ['help', command],
    ])
      helps.push([args, `Usage: leasepool ${command}`]);
  for (const [args, usage] of helps) {
    const { exitCode, stdout, stderr } = await commandWith('', args, alone);
    expect([exitCode, stderr, stdout.split('\n')[0].slice(0, usage.length)]).toEqual([0, '', usage]);
  }
  const { exitCode, stderr } = await commandWith('', ['worker', '--queue', 'grind'], alone);
  expect([exitCode, stderr]).toEqual([
    1,
    'leasepool: leasepool worker needs two packages: npm install bullmq ioredis\n',
  ]);
});
