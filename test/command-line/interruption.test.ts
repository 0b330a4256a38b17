import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Command, newFolder, tasks } from '../support/command.ts';
import { until } from '../support/until.ts';

/** Three lines that wait for a file, the beginning of a fourth, and an input that stays open. */
async function interrupted(signal: NodeJS.Signals, ...args: string[]) {
  const gate = join(newFolder(), 'gate');
  const command = new Command(['run', `${tasks}#untilThere`, '-w', '1', ...args]);
  command.child.stdin.write(`${JSON.stringify(gate)}\n`.repeat(3) + JSON.stringify(gate).slice(0, 5));
  await until(() => existsSync(`${gate}.begun`), 'a first job');
  command.child.kill(signal);
  await command.untilSaid('finishing');
  return { command, openGate: () => writeFileSync(gate, '') };
}

describe.skipIf(process.platform === 'win32')('an interrupted run', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('finishes the jobs under way, and no half line (%s)', async (signal, code) => {
    const { command, openGate } = await interrupted(signal);
    openGate();
    const { exitCode, stdout, stderr } = await command.ended();
    expect([exitCode, stdout]).toEqual([code, '"there"\n'.repeat(3)]);
    expect(stderr).toBe('leasepool: finishing the jobs under way; again to stop at once\n');
  });

  test('takes no more of the lines that were read with those under way', async () => {
    const folder = newFolder();
    const gate = join(folder, 'gate');
    const input = join(folder, 'in');
    writeFileSync(input, `${JSON.stringify(gate)}\n`.repeat(1000)); // In one piece.
    const command = new Command(['run', `${tasks}#untilThere`, '-w', '1', '-b', '2', '-c', '5', '-i', input]);
    await until(() => existsSync(`${gate}.begun`), 'a first job');
    command.child.kill('SIGINT');
    await command.untilSaid('finishing');
    writeFileSync(gate, '');
    expect(await command.ended()).toMatchObject({ exitCode: 130, stdout: '"there"\n'.repeat(5) });
  });

  test('writes what is done into its output file', async () => {
    const output = join(newFolder(), 'out');
    const { command, openGate } = await interrupted('SIGINT', '--output', output);
    openGate();
    expect((await command.ended()).exitCode).toBe(130);
    expect(readFileSync(output, 'utf8')).toBe('"there"\n'.repeat(3));
  });

  test.each(['thread', 'process'])('ends at once the second time (%s)', async (backend) => {
    const { command } = await interrupted('SIGINT', '--backend', backend);
    command.child.kill('SIGINT');
    expect(await command.ended()).toMatchObject({ exitCode: 130, stdout: '' });
  });
});
