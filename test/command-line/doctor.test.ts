import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandWith, newFolder, tasks } from '../support/command.ts';

const doctor = (task: string, cwd?: string) =>
  commandWith('', ['doctor', task], cwd === undefined ? {} : { cwd });

describe('leasepool doctor', () => {
  test.each(['thread', 'process'])('says that a task can run, and which there are (%s)', async (backend) => {
    const { exitCode, stdout, stderr } = await commandWith('', [
      'doctor',
      `${tasks}#hash`,
      '--backend',
      backend,
    ]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^✔ .*#hash can run in a worker\n/);
    expect(stdout).toContain('tasks   add, big, default, exit, failOdd, forever, hash, untilThere, where');
  });

  test('T2 finds the other spelling of a module', async () => {
    const { exitCode, stdout } = await doctor(`${tasks.replace(/js$/, 'ts')}#hash`);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('command-line-tasks.js\n')]);
  });

  test('finds a package from the working directory', async () => {
    const { exitCode, stdout } = await doctor('leasepool#taskRef');
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('module  leasepool\n')]);
  });

  test.each([
    ['a name that is not there', '', '#hash', /has no task 'hash'[^]*fix +export the function/],
    ['a name in other letters', 'export const Hash = () => 1;', '#hash', /fix +it is called 'Hash'/],
    [
      'a module that throws',
      'throw new TypeError("at once")',
      '#x',
      /cause +TypeError: at once[^]*load by itself/,
    ],
    ['a missing import', 'import "./nowhere.js"', '#x', /ERR_MODULE_NOT_FOUND[^]*fix +install/],
    ['wrong syntax', 'export const = 1', '#x', /SyntaxError/],
    [
      'a module that starts a manager',
      `import { LeasedExecutorManager } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url))};
       await new LeasedExecutorManager().start();`,
      '#x',
      /ERR_LEASEPOOL_IMPORT_REENTRY[^]*fix +put the tasks into a module of their own/,
    ],
  ])('tells what is wrong with %s', async (_, source, name, words) => {
    const folder = newFolder();
    writeFileSync(join(folder, 'tasks.mjs'), source);
    const { exitCode, stdout, stderr } = await doctor(`./tasks.mjs${name}`, folder);
    expect([exitCode, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^✘ .* cannot run in a worker/);
    expect(stdout).toMatch(words);
  });

  test('tells of a file that is not there', async () => {
    const { exitCode, stdout } = await doctor('./none.js#x', newFolder());
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/there is no task module file:.*none\.js[^]*working directory/);
  });

  test('runs nothing of it', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'tasks.mjs'), 'export function loud() { console.log("I ran"); }');
    expect((await doctor('./tasks.mjs#loud', folder)).stdout).not.toContain('I ran');
  });
});

describe('leasepool', () => {
  test('tells its version, its commands and their options', async () => {
    expect((await commandWith('', ['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { exitCode, stdout } = await commandWith('', []);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('leasepool doctor')]);
    expect((await commandWith('', ['run', '--help'])).stdout).toContain('--unordered');
  });

  test('refuses wrong usage with exit code 2 and a hint', async () => {
    const { exitCode, stdout, stderr } = await commandWith('', ['run', tasks, '--worker', '3']);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      "leasepool: unknown option '--worker'; did you mean --workers?\nTry 'leasepool run --help'.\n",
    );
  });
});
