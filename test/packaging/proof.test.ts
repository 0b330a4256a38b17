import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** The cells of each row of the tables in a page, without the rows that head them. */
function rowsOf(page: string): string[][] {
  const lines = readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  const isHead = (index: number): boolean =>
    /^\|[ :-]+\|/.test(lines[index]) || /^\|[ :-]+\|/.test(lines[index + 1] ?? '');
  return lines
    .filter((_, index) => !isHead(index))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** `file: title` in code marks, as the proofs are written. */
function proofsOf(cell: string): { file: string; title: string }[] {
  return [...cell.matchAll(/`([a-z/.-]+\.ts): ([^`]+)`/g)].map(([, file, title]) => ({ file, title }));
}

/** What stands where a test is named, in a file of tests. */
const titles = new Map<string, string>();
function titlesOf(file: string): string {
  let known = titles.get(file);
  if (known === undefined) {
    known = readFileSync(`test/${file}`, 'utf8')
      .split('\n')
      .filter(
        (line) =>
          /^\s*(?:(?:test|it|describe|subject\.row|row)\b.*?)?['"`]/.test(line) || /\)\(\s*['"`]/.test(line),
      )
      .join('\n')
      .replaceAll("\\'", "'");
    titles.set(file, known);
  }
  return known;
}

function expectProofs(id: string, cell: string): void {
  for (const { file, title } of proofsOf(cell)) {
    expect(title.length, id).toBeGreaterThan(8);
    expect(titlesOf(file), `${id}: ${file}`).toContain(title);
  }
}

describe('docs/proof/scenarios.md', () => {
  const page = 'docs/proof/scenarios.md';
  const rows = rowsOf(page);

  test('has each scenario once, with a test that there is or a reason', () => {
    expect(rows.length).toBe(252);
    expect(new Set(rows.map(([id]) => id)).size).toBe(252);
    for (const [id, situation, proof] of rows) {
      expect(situation, id).not.toBe('');
      if (proofsOf(proof).length === 0) expect(proof.length, id).toBeGreaterThan(40);
      expectProofs(id, proof);
    }
  });

  test('counts them right', () => {
    const proven = rows.filter(([, , proof]) => proofsOf(proof).length > 0).length;
    const counts = `${proven} of 252 have a test, ${252 - proven} a reason.`;
    expect(readFileSync(page, 'utf8')).toContain(counts);
  });
});

describe('docs/proof/parity.md', () => {
  const page = 'docs/proof/parity.md';
  const rows = rowsOf(page);

  test('has each of the 101 test functions, with a test of ours that there is or a reason', () => {
    expect(rows.length).toBe(101);
    for (const [name, how, proof, remark] of rows) {
      expect(['same', 'stricter', 'not applicable'], name).toContain(how);
      if (how === 'not applicable') expect(remark, name).not.toBe('');
      else expect(proofsOf(proof).length, name).toBeGreaterThan(0);
      if (how === 'stricter') expect(remark, name).not.toBe('');
      expectProofs(name, proof);
    }
  });

  test('counts them right', () => {
    const count = (what: string): number => rows.filter(([, how]) => how === what).length;
    const said = readFileSync(page, 'utf8').replaceAll('\n', ' ');
    expect(said).toContain(`${count('same')} are the same here, ${count('stricter')} are stricter`);
    expect(said).toContain(`${count('not applicable')} are not applicable`);
  });
});

test('the figures of README.md are those of docs/proof/reliability.json', () => {
  expect(
    execFileSync(process.execPath, ['scripts/readme-figures.mjs', '--check'], { encoding: 'utf8' }),
  ).toBe('');
});

test.each(
  ['README.md', ...readdirSync('docs').map((file) => `docs/${file}`)].filter((file) => file.endsWith('.md')),
)('every table of %s has a head', (file) => {
  const text = readFileSync(file, 'utf8');
  const heads = [...text.matchAll(/^\|(.*)\|\n\|(?: ?:?-+:? ?\|)+$/gm)].map(([, cells]) =>
    cells.split('|').map((cell) => cell.trim()),
  );
  // Rows may be named by what stands first in them, where columns are compared.
  const isBlank = ([, ...columns]: readonly string[]): boolean => columns.some((cell) => cell === '');
  expect(heads.filter(isBlank)).toEqual([]);
});

test('the figures of speed in README.md and docs/ are those of bench/results', () => {
  execFileSync(process.execPath, ['scripts/bench-docs.mjs', '--check'], { stdio: 'pipe' });
});
