import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { declaredOptions } from '../support/declared-options.ts';

/** The text below a heading, up to the next one of its level. */
function section(page: string, heading: string): string {
  const [, text] = readFileSync(page, 'utf8').split(`\n## ${heading}\n`);
  if (text === undefined) throw new Error(`${page} has no section "${heading}"`);
  return text.split('\n## ')[0];
}

describe('docs/errors.md', () => {
  test('has one entry for each code of the declarations, and no other', () => {
    const declared = readFileSync('src/core/errors.ts', 'utf8');
    const codes = new Set([...declared.matchAll(/'(ERR_LEASEPOOL_\w+|ABORT_ERR)'/g)].map(([, code]) => code));
    expect(codes.size).toBeGreaterThan(15);
    const entries = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^### (.*)$/gm)];
    expect(entries.map(([, code]) => code).sort()).toEqual([...codes].sort());
  });

  test('names the class of each code', () => {
    const declared = readFileSync('src/core/errors.ts', 'utf8');
    const classOf = new Map<string, string>();
    for (const [, name, body] of declared.matchAll(/^export class (\w+) [^]*?\{([^]*?)^\}/gm)) {
      const code = /super\('(\w+)'/.exec(body)?.[1];
      if (code !== undefined) classOf.set(code, name);
    }
    expect(classOf.size).toBeGreaterThan(15);
    const page = readFileSync('docs/errors.md', 'utf8');
    for (const [code, name] of classOf) expect(page).toContain(`### ${code}\n\n\`${name}\``);
  });
});

describe('docs/configuration.md', () => {
  test.each([
    ['The manager', 'dist/lease/manager-options.d.ts', 'LeasedExecutorManagerOptions'],
    ['The grinder', 'dist/grinder/grinder-options.d.ts', 'WorkGrinderOptions'],
    ['A submission', 'dist/job/submit-options.d.ts', 'SubmitOptions'],
    ['A mapping', 'dist/grinder/map-options.d.ts', 'MapOptions'],
    ['acquire()', 'dist/lease/acquire-options.d.ts', 'AcquireOptions'],
    ['grinder.stop()', 'dist/grinder/grinder.d.ts', 'GrinderStopOptions'],
    ['manager.stop()', 'dist/lease/manager.d.ts', 'ManagerStopOptions'],
  ])('the table of "%s" says what the declarations say', (heading, file, type) => {
    const rows = [
      ...section('docs/configuration.md', heading).matchAll(/^\| `(\w+)` +\| (.*?) +\| (.*?) +\|$/gm),
    ];
    const declared = declaredOptions(file, type);
    expect(declared.length).toBeGreaterThan(0);
    expect(rows.map(([, name, byDefault, meaning]) => ({ name, byDefault, meaning }))).toEqual(
      declared.map(({ name, defaultValue, meaning }) => ({
        name,
        byDefault: defaultValue ?? 'none',
        meaning,
      })),
    );
  });
});
