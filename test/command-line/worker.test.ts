import { expect, test } from 'vitest';
import { commandWith } from '../support/command.ts';

test('leasepool worker says what it takes, and refuses to run without it', async () => {
  const help = await commandWith('', ['worker', '--help']);
  expect(help.exitCode).toBe(0);
  expect(help.stdout).toContain('leasepool worker --redis URL --queue NAME --tasks MODULE');
  const misused = await commandWith('', ['worker', '--queue', 'grind']);
  expect(misused.exitCode).toBe(2);
  expect(misused.stderr).toContain('--redis, --queue and --tasks are required');
});
