// npm run matrix [-- --write] [-- --only TEXT]: what pools do when things go wrong.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { contestants } from './contestants.ts';
import { notes, page, type Table, table } from './page.ts';
import { runCases } from './run.ts';
import { situations } from './situations.ts';
import type { Cell } from './verdict.ts';

const file = fileURLToPath(new URL('case.js', import.meta.url));

const { values } = parseArgs({
  options: {
    /** Writes docs/behaviour-matrix.md. */
    write: { type: 'boolean', default: false },
    /** Only pools or situations with this in their name. */
    only: { type: 'string', default: '' },
  },
});

function versionOf(name: string): string {
  const manifest = name === 'leasepool' ? 'package.json' : `node_modules/${name}/package.json`;
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

const indexed = <T>(all: readonly T[], nameOf: (each: T) => string) => {
  const some = all.map((each, index) => ({ each, index }));
  const wanted = some.filter(({ each }) => nameOf(each).includes(values.only));
  return wanted.length > 0 ? wanted : some;
};
const columns = indexed(contestants, ({ name }) => name);
const rows = indexed(situations, ({ title }) => title);

const cells = new Map<string, Cell>();
const waiting = rows.flatMap((row) => columns.map((column) => ({ row: row.index, column: column.index })));

async function work(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [cell] = await runCases(file, next.column, [next.row]);
    cells.set(`${next.row} ${next.column}`, cell);
    process.stderr.write('.');
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
process.stderr.write('\n');

const seen: Table = {
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  versions: Object.fromEntries(columns.map(({ each: { from } }) => [from, versionOf(from)])),
  columns: columns.map(({ each }) => each.name),
  rows: rows.map(({ each: { title, right }, index }) => ({
    title,
    right,
    cells: columns.map((column) => cells.get(`${index} ${column.index}`)!),
  })),
};
console.log([...table(seen), '', ...notes(seen)].join('\n'));
console.log(`${seen.date}, Node ${seen.node}`, seen.versions);
if (values.write) writeFileSync('docs/behaviour-matrix.md', page(seen));

const isOurs = columns.map(({ each: { from } }) => from === 'leasepool');
const bad = seen.rows.filter((row) =>
  row.cells.some(({ verdict }, column) => isOurs[column] && verdict !== 'right'),
);
if (bad.length > 0) process.exitCode = 1;
