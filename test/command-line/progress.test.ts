import { execFileSync, spawn } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newFolder, tasks } from '../support/command.ts';

/** Runs a program whose stderr is a terminal, and prints what appears there. */
const onTerminal = `
import os, pty, subprocess, sys
ours, theirs = pty.openpty()
program = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=theirs)
os.close(theirs)
while True:
    try:
        seen = os.read(ours, 65536)
    except OSError:
        break
    if not seen:
        break
    sys.stdout.buffer.write(seen)
sys.exit(program.wait())
`;

function hasPython(): boolean {
  try {
    execFileSync('python3', ['-c', 'import pty']);
    return true;
  } catch {
    return false;
  }
}

async function terminal(args: readonly string[], program = 'dist/cli/main.js', input = '1\n2\n3\n') {
  const child = spawn('python3', ['-c', onTerminal, process.execPath, resolve(program), 'run', ...args]);
  child.stdin.end(input);
  const closed = new Promise<number | null>((done) => child.on('close', done));
  const seen = await text(child.stdout);
  return { seen, exitCode: await closed };
}

describe.skipIf(!hasPython())('on a terminal (needs python3)', () => {
  test('a bar shows how far it is, when the size of the input is known', async () => {
    const input = join(newFolder(), 'in');
    writeFileSync(input, '2\n'.repeat(50));
    const { seen, exitCode } = await terminal([tasks, '-i', input]);
    expect(exitCode).toBe(0);
    expect(seen).toMatch(/█+ 100% \| 50 lines, 0 failed, \d+s/);
    expect(seen.endsWith('\r\n')).toBe(true);
  });

  test('counts show how far it is, when it is not', async () => {
    const { seen } = await terminal([tasks]);
    expect(seen).toContain('3 lines, 0 failed');
    expect(seen).not.toContain('%');
  });

  test('reports of failed lines stand on lines of their own', async () => {
    const { seen, exitCode } = await terminal([`${tasks}#failOdd`]);
    expect(exitCode).toBe(3);
    for (const line of [1, 3])
      expect(seen).toContain(`\r\u001B[K{"line":${line},"code":"RangeError","message":"${line} is odd"}\r\n`);
  });

  test('there is no bar when none is wanted', async () => {
    expect((await terminal([tasks, '--no-progress'])).seen).toBe('');
  });

  test('a note says what to install when the library for it is not there', async () => {
    const folder = newFolder();
    cpSync('dist', join(folder, 'dist'), { recursive: true });
    cpSync('package.json', join(folder, 'package.json'));
    const module = join(folder, 'tasks.mjs');
    writeFileSync(module, 'export default (value) => value;');
    const { seen, exitCode } = await terminal([module], join(folder, 'dist/cli/main.js'));
    expect([exitCode, seen]).toEqual([
      0,
      'leasepool: npm install cli-progress for a progress bar, or --no-progress\r\n',
    ]);
  });
});
