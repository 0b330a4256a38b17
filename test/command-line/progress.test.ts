import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newFolder, tasks } from '../support/command.ts';
import { noTerminal, Terminal, type TerminalSetup } from '../support/terminal.ts';

interface Setup extends TerminalSetup {
  readonly program?: string;
  readonly input?: string;
  /** Where results go; they are seen when it is empty. */
  readonly output?: string;
  /** A pipe has no size. */
  readonly isPiped?: boolean;
}

/** `leasepool run`, whose errors are seen. */
function running(
  args: readonly string[],
  {
    program = 'dist/cli/main.js',
    input = '1\n2\n3\n',
    output = '> /dev/null',
    isPiped = false,
    ...setup
  }: Setup = {},
): Terminal {
  const file = join(newFolder(), 'in');
  writeFileSync(file, input);
  const command = `'${process.execPath}' '${resolve(program)}' run '${args.join("' '")}' ${output}`;
  return new Terminal(isPiped ? `cat ${file} | ${command}` : `exec ${command} -i ${file}`, setup);
}

/** The lines that were drawn one over the other: the library goes to the first column before each. */
const drawn = (seen: string): string[] =>
  // oxlint-disable-next-line no-control-regex
  [...seen.matchAll(/\u001B\[1G([^\u001B\r\n]*)/g)].map(([, text]) => text);

/** Columns that a text takes; the signs of a bar may take two each. */
const widthOf = (text: string, ofSign = 1): number =>
  text.length + (ofSign - 1) * (text.match(/[█░]/g)?.length ?? 0);

/** Lines of which the first waits for a file, until when the bar is drawn again and again. */
function held(setup: Setup = {}) {
  const gate = join(newFolder(), 'gate');
  const terminal = running([`${tasks}#untilThere`, '-w', '1'], {
    input: `${JSON.stringify(gate)}\n`.repeat(3),
    ...setup,
  });
  return { terminal, openGate: () => writeFileSync(gate, '') };
}

describe.skipIf(noTerminal !== undefined)('on a terminal', () => {
  test('a bar shows how far it is, when the size of the input is known', async () => {
    const { seen, exitCode } = await running([tasks], { input: '2\n'.repeat(50) }).ended();
    expect(exitCode).toBe(0);
    expect(seen).toMatch(/█+ 100% \| 50 lines, 0 failed, \d+s/);
    expect(seen.endsWith('\r\n')).toBe(true);
  });

  test('counts show how far it is, when it is not', async () => {
    const { seen } = await running([tasks], { isPiped: true }).ended();
    expect(seen).toContain('3 lines, 0 failed');
    expect(seen).not.toContain('%');
  });

  test('there is no bar among the results when they go there too', async () => {
    expect(await running([tasks], { output: '' }).ended()).toEqual({ exitCode: 0, seen: '2\r\n4\r\n6\r\n' });
    expect(await running([tasks, '-o', '-'], { output: '' }).ended()).toMatchObject({
      seen: '2\r\n4\r\n6\r\n',
    });
  });

  test('there is one when they go to a file', async () => {
    const file = join(newFolder(), 'out');
    const { seen } = await running([tasks, '--output', file], { output: '' }).ended();
    expect(seen).toMatch(/█+ 100% \| 3 lines/);
    expect(readFileSync(file, 'utf8')).toBe('2\n4\n6\n');
  });

  test.each([
    [8, 'C', true],
    [20, 'C', false],
    [60, 'C', false],
    [60, 'ja_JP.UTF-8', false],
    [25, 'zh_CN.UTF-8', true],
  ])('the bar fits %d columns (%s, of a pipe: %s)', async (columns, locale, isPiped) => {
    const env = { LC_ALL: locale };
    const { seen } = await running([tasks], { columns, isPiped, env, input: '2\n'.repeat(2000) }).ended();
    const widths = drawn(seen).map((text) => widthOf(text, locale === 'C' ? 1 : 2));
    expect(Math.max(...widths)).toBeLessThan(columns);
    expect(widths.at(-1)).toBeGreaterThan(0);
  });

  test('the bar fits a terminal that has become narrower meanwhile', async () => {
    const { terminal, openGate } = held({ columns: 90 });
    await terminal.untilSeen(/░{40} 0% \| 0 lines/);
    terminal.resize(30);
    // oxlint-disable-next-line no-control-regex
    await terminal.untilSeen(/\u001B\[1G░{5,20} 0% \| 0 lines/);
    const before = terminal.seen.length;
    openGate();
    const { seen, exitCode } = await terminal.ended();
    expect(exitCode).toBe(0);
    for (const text of drawn(seen.slice(before))) expect(widthOf(text)).toBeLessThan(30);
  });

  test('reports of failed lines stand on lines of their own, and nothing is written over them', async () => {
    const { seen, exitCode } = await running([`${tasks}#failOdd`]).ended();
    expect(exitCode).toBe(3);
    for (const line of [1, 3])
      expect(seen).toContain(`\r\u001B[K{"line":${line},"code":"RangeError","message":"${line} is odd"}\r\n`);
    expect(seen).not.toContain('\u001B8'); // To where the cursor was before.
  });

  test('Ctrl-C is answered on a line of its own, and a second one leaves the terminal as it was', async () => {
    const { terminal } = held();
    await terminal.untilSeen('0 lines');
    terminal.type('\u0003');
    await terminal.untilSeen('\r\u001B[Kleasepool: finishing the jobs under way; again to stop at once\r\n');
    terminal.type('\u0003');
    const { seen, exitCode } = await terminal.ended();
    expect(exitCode).toBe(130);
    expect(seen.endsWith('\r\n\u001B[?25h\u001B[?7h')).toBe(true);
  });

  test('there is no bar when none is wanted', async () => {
    expect((await running([tasks, '--no-progress']).ended()).seen).toBe('');
  });

  test('a note says what to install when the library for it is not there', async () => {
    const folder = newFolder();
    cpSync('dist', join(folder, 'dist'), { recursive: true });
    cpSync('package.json', join(folder, 'package.json'));
    const module = join(folder, 'tasks.mjs');
    writeFileSync(module, 'export default (value) => value;');
    const program = join(folder, 'dist/cli/main.js');
    const note = 'leasepool: npm install cli-progress for a progress bar, or --no-progress\r\n';
    expect(await running([module], { program }).ended()).toEqual({ exitCode: 0, seen: note });
    // Nobody wants a bar among results.
    expect(await running([module], { program, output: '' }).ended()).toMatchObject({
      seen: '1\r\n2\r\n3\r\n',
    });
  });
});
