import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readCommand } from '../../../src/cli/command.ts';
import { exitCode } from '../../../src/cli/exit-code.ts';
import { helpText, misuseText } from '../../../src/cli/help.ts';

/** As they are given to the parser. */
const options = [
  ...readFileSync('src/cli/command.ts', 'utf8').matchAll(/^ {4}'?([a-z-]+)'?: (?:\{|flag|text)/gm),
];

describe('the help', () => {
  test.each(options.map(([, name]) => name))('of run tells of --%s', (name) => {
    expect(helpText('run')).toMatch(new RegExp(`--${name}\\b`));
  });

  test('tells of no option that there is not', () => {
    expect(options.length).toBeGreaterThan(8);
    for (const about of ['run', 'doctor'] as const) {
      for (const [, name] of helpText(about).matchAll(/--([a-z-]+)/g)) {
        const { problem = '' } = readCommand([about, `--${name}`]) as { problem?: string };
        expect(problem).not.toContain('unknown');
      }
    }
  });

  test('tells of every exit code, and fits into a terminal', () => {
    for (const code of Object.values(exitCode)) expect(helpText('run')).toMatch(new RegExp(`\\b${code}\\b`));
    for (const about of [undefined, 'run', 'doctor'] as const)
      for (const line of helpText(about).split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  test('is pointed to after wrong usage', () => {
    expect(misuseText('no such thing', 'run')).toBe(
      "leasepool: no such thing\nTry 'leasepool run --help'.\n",
    );
    expect(misuseText('what?', undefined)).toContain("'leasepool help'");
  });
});
