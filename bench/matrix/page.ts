import { meanings, type Verdict } from './verdict.ts';

/** What was seen. */
export interface Table {
  readonly date: string;
  readonly node: string;
  /** Name and version of each package. */
  readonly versions: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export interface Row {
  readonly title: string;
  readonly right: string;
  readonly cells: readonly { readonly verdict: Verdict; readonly note: string }[];
}

const wordOf = (verdict: Verdict): string => (verdict === 'none' ? '-' : verdict);

/** Columns as wide as their widest cell. */
export function aligned(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0].map((_, column) => Math.max(3, ...lines.map((line) => line[column].length)));
  const row = (line: readonly string[]): string =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const [head, ...rest] = lines;
  return [row(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rest.map(row)];
}

export function table({ columns, rows }: Table): string[] {
  return aligned([
    ['Situation', ...columns],
    ...rows.map(({ title, cells }) => [title, ...cells.map(({ verdict }) => wordOf(verdict))]),
  ]);
}

/** What is behind the cells that are not right. */
export function notes({ columns, rows }: Table): string[] {
  return rows.flatMap(({ title, right, cells }) => {
    const said = cells.flatMap(({ verdict, note }, column) =>
      verdict === 'right' ? [] : [`- ${columns[column]}: ${verdict === 'none' ? '' : `${verdict}, `}${note}`],
    );
    return said.length === 0 ? [] : [`**${title}** (right: ${right})`, '', ...said, ''];
  });
}

/** docs/behaviour-matrix.md */
export function page(seen: Table): string {
  const versions = Object.entries(seen.versions).map(([name, version]) => `${name} ${version}`);
  const words = Object.entries(meanings) as [Verdict, string][];
  return [
    '# Behaviour matrix',
    '',
    'What worker pools do when things go wrong. `npm run matrix` runs every situation with every pool, each in a',
    'process of its own with a time limit, and prints this table; `npm run matrix -- --write` writes this page.',
    'The situations are in `bench/matrix/situations.ts`, a few lines each; the pools have their default options,',
    'as many workers as the situation says, and a listener for their `error` event if they have one: without it,',
    'several would end the program.',
    '',
    `Run on ${seen.date} with Node ${seen.node}: ${versions.join(', ')}.`,
    '',
    ...aligned([['Word', 'Meaning'], ...words.map(([verdict, meaning]) => [wordOf(verdict), meaning])]),
    '',
    '## The table',
    '',
    ...table(seen),
    '',
    '## What was seen',
    '',
    ...notes(seen),
  ].join('\n');
}
