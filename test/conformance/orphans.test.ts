import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { tasksUrl } from '../support/tasks-url.ts';
import { until } from '../support/until.ts';

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A program with child processes, whose ids it prints. */
function start(scenario: string) {
  const program = spawn(process.execPath, [fileURLToPath(tasksUrl('conformance-orphans.js')), scenario], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  program.stdout.on('data', (text: Buffer) => (printed += String(text)));
  const lines = (): string[] => printed.split('\n').slice(0, -1);
  const children = (): number[] =>
    lines()
      .map(Number)
      .filter((pid) => pid > 0);
  onTestFinished(() => {
    for (const pid of [program.pid!, ...children()]) if (isThere(pid)) process.kill(pid, 'SIGKILL');
  });
  return { program, lines, children };
}

test.each([
  ['idle', 3],
  ['busy', 2],
  ['starting', 3],
] as const)('N5 children end when their parent is killed: %s', async (scenario, expected) => {
  const { program, lines, children } = start(scenario);
  await until(() => lines().length >= expected, 'the children are there');
  program.kill('SIGKILL');
  await once(program, 'exit');
  expect(children()).toHaveLength(2);
  await until(() => !children().some(isThere), 'no child is left');
});

test('N5 a child ends whose parent was killed when its first job began', async () => {
  const { program, lines, children } = start('busy at once');
  await once(program, 'exit');
  await until(() => lines().length === 1, 'the job has begun');
  await until(() => !children().some(isThere), 'no child is left');
});
