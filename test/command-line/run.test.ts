import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Command, commandWith, newFolder, tasks } from '../support/command.ts';
import { turns, until } from '../support/until.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const ndjson = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');
const parsed = (text: string): any[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('leasepool run', () => {
  test('writes the result of each line, in their order', async () => {
    const { exitCode, stdout, stderr } = await commandWith(ndjson(range(500)), [
      'run',
      tasks,
      '--workers',
      '2',
    ]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(parsed(stdout)).toEqual(range(500).map((value) => value * 2));
  });

  test('unordered and numbered, writes them as they are known, each with its line', async () => {
    const args = ['run', `${tasks}#failOdd`, '-un', '-w', '2', '--batch', '3', '--concurrency', '9'];
    const { exitCode, stdout, stderr } = await commandWith(ndjson(range(100)), args);
    expect(exitCode).toBe(3);
    const results = parsed(stdout).sort((a: { line: number }, b: { line: number }) => a.line - b.line);
    expect(results).toEqual(range(50).map((index) => ({ line: 2 * index + 1, value: 2 * index })));
    expect(parsed(stderr)).toHaveLength(50);
  });

  test('reads and writes files, and reports the lines that failed in one of their own', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'in'), '1\nnonsense\n\n2\n3');
    const args = ['run', `${relative(folder, tasks)}#failOdd`, '-i', 'in', '-o', 'out', '-e', 'bad'];
    const { exitCode, stdout, stderr } = await commandWith('', args, { cwd: folder });
    expect([exitCode, stdout, stderr]).toEqual([3, '', 'leasepool: 3 of 4 lines failed: see bad\n']);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('2\n');
    const bad = parsed(readFileSync(join(folder, 'bad'), 'utf8'));
    expect(bad.sort((a: { line: number }, b: { line: number }) => a.line - b.line)).toEqual([
      { line: 1, code: 'RangeError', message: '1 is odd' },
      { line: 2, code: 'INVALID_JSON', message: expect.any(String) },
      { line: 5, code: 'RangeError', message: '3 is odd' },
    ]);
  });

  test('takes arrays of arguments', async () => {
    const { exitCode, stdout } = await commandWith('[1,2]\n["a","b"]\n', ['run', `${tasks}#add`, '--spread']);
    expect([exitCode, stdout]).toEqual([0, '3\n"ab"\n']);
  });

  test('of an empty input succeeds', async () => {
    expect(await commandWith('', ['run', tasks])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('fails a line whose result is no JSON', async () => {
    const { exitCode, stderr } = await commandWith('1\n', ['run', `${tasks}#big`]);
    expect([exitCode, parsed(stderr)]).toEqual([
      3,
      [expect.objectContaining({ line: 1, code: 'RESULT_NOT_JSON' })],
    ]);
  });

  test('N3 ends a line that takes too long, and goes on', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'there'), '');
    const input = ndjson([join(folder, 'never'), join(folder, 'there')]);
    const args = ['run', `${tasks}#untilThere`, '--timeout', '5', '--workers', '1', '-n'];
    const { exitCode, stdout, stderr } = await commandWith(input, args);
    expect([exitCode, stdout]).toEqual([3, '{"line":2,"value":"there"}\n']);
    expect(parsed(stderr)).toEqual([expect.objectContaining({ line: 1, code: 'ERR_LEASEPOOL_TIMEOUT' })]);
  });

  test('N2 survives a line that ends its worker', async () => {
    const { exitCode, stderr } = await commandWith('7\n', ['run', `${tasks}#exit`]);
    expect(exitCode).toBe(3);
    expect(parsed(stderr)).toEqual([expect.objectContaining({ code: 'ERR_LEASEPOOL_WORKER_CRASHED' })]);
  });

  test('S29 a line whose job throws an error of leasepool itself fails alone', async () => {
    const tasks = resolve('test/tasks/own-errors.js');
    const input = ndjson([1, 'BrokenExecutorError', 'NotStartedError', 2]);
    const { exitCode, stdout, stderr } = await commandWith(input, ['run', tasks]);
    expect([exitCode, stdout]).toEqual([3, '1\n2\n']);
    expect(parsed(stderr).map(({ line, code }) => [line, code])).toEqual([
      [2, 'ERR_LEASEPOOL_BROKEN_EXECUTOR'],
      [3, 'ERR_LEASEPOOL_NOT_STARTED'],
    ]);
  });

  test.each(['thread', 'process', 'inline'])('runs lines where it is told to (%s)', async (backend) => {
    const command = new Command(['run', `${tasks}#where`, '--backend', backend, '-w', '1']);
    command.child.stdin.end('0\n');
    const { stdout } = await command.ended();
    const [pid, threadId] = parsed(stdout)[0] as [number, number];
    expect(pid === command.child.pid).toBe(backend !== 'process');
    expect(threadId > 0).toBe(backend === 'thread');
  });
});

describe('leasepool run breaks off', () => {
  test('before it reads anything, when there is no such task', async () => {
    const command = new Command(['run', `${tasks}#hush`]);
    const { exitCode, stdout, stderr } = await command.ended(); // Its input stays open.
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain("no task 'hush'");
    expect(stderr).toContain('hash');
  });

  test('when the input cannot be read, without touching the output', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'out'), 'old');
    const args = ['run', tasks, '-i', 'none', '-o', 'out'];
    const { exitCode, stderr } = await commandWith('', args, { cwd: folder });
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^leasepool: ENOENT.*none/)]);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('old');
  });

  test('when the output cannot be written', async () => {
    const { exitCode, stderr } = await commandWith('1\n', ['run', tasks, '-o', join(newFolder(), 'no/out')]);
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^leasepool: ENOENT/)]);
  });

  test.each(['--output', '--errors'])('instead of writing over its input (%s)', async (option) => {
    const folder = newFolder();
    writeFileSync(join(folder, 'in'), '1\n');
    const { exitCode, stderr } = await commandWith('', ['run', tasks, '-i', 'in', option, './in'], {
      cwd: folder,
    });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`${option} is the input`)]);
    expect(readFileSync(join(folder, 'in'), 'utf8')).toBe('1\n');
  });

  test('when nobody reads the results any more, though its input stays open', async () => {
    const command = new Command(['run', tasks]);
    const feed = setInterval(() => command.child.stdin.write(ndjson(range(100))), 1);
    await until(() => command.stdout !== '', 'a first result');
    command.child.stdout.destroy();
    const { exitCode, stderr } = await command.ended();
    clearInterval(feed);
    expect([exitCode, stderr]).toEqual([141, '']);
  });
});

test.skipIf(process.platform === 'win32')(
  'a reader that pauses stops the input, and loses nothing',
  async () => {
    const command = new Command(['run', tasks]);
    command.child.stdout.pause();
    const line = `${JSON.stringify(7)}${' '.repeat(1000)}\n`;
    let accepted = 0;
    let isStopped = false;
    const feeding = (async () => {
      for (; !isStopped && accepted < 200_000; accepted++) {
        const isFull = !command.child.stdin.write(line);
        if (isFull) await new Promise((resolve) => command.child.stdin.once('drain', resolve));
      }
    })();
    let before = -1;
    await until(() => accepted > 0, 'a first line');
    while (accepted !== before) {
      before = accepted;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    // Results of 3 bytes fill a pipe of 64 KiB after some 20,000 lines.
    expect(accepted).toBeLessThan(100_000);
    isStopped = true;
    command.child.stdout.resume();
    await feeding;
    command.child.stdin.end();
    const { exitCode, stdout } = await command.ended();
    await turns();
    expect([exitCode, stdout.length]).toEqual([0, 3 * accepted]);
  },
);
