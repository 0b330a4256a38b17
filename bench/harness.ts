import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** What was measured: several values of one thing. */
export interface Measured {
  /** In the order of the rounds. */
  readonly values: readonly number[];
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Runs every contestant in turn, A B C A B C ..., so that a busy machine hurts all of them. */
export async function alternate<Name extends string>(
  rounds: number,
  contestants: Readonly<Record<Name, () => number | Promise<number>>>,
): Promise<Record<Name, Measured>> {
  const names = Object.keys(contestants) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  // Round 0 warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const value = await contestants[name]();
      if (round > 0) values[name].push(value);
    }
  }
  return Object.fromEntries(names.map((name) => [name, summarize(values[name])])) as Record<Name, Measured>;
}

export function summarize(values: readonly number[]): Measured {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { values, median, lowest: sorted[0], highest: sorted[sorted.length - 1] };
}

/** How many times `b` is `a`: the ratio within each round, when both ran next to each other. */
export function compare(a: Measured, b: Measured): Measured {
  return summarize(a.values.map((value, round) => value / b.values[round]));
}

export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('Run it with --expose-gc, as `npm run bench` does.');
  // The second collection takes what finalizers and weak references let go of in the first.
  globalThis.gc();
  globalThis.gc();
}

export const count = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });
export const ratio = (value: number): string => `${value.toPrecision(value < 10 ? 2 : 3)}x`;
export const range = ({ lowest, highest }: Measured, format = count): string =>
  `${format(lowest)} .. ${format(highest)}`;

/** Prints a table (the first row is its head) and writes what was measured to reports/bench/<name>.json. */
export function report(
  name: string,
  question: string,
  table: readonly (readonly string[])[],
  measured: unknown,
): void {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('   ');
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
  };
  console.log(`\n${question}\n\n${table.map(line).join('\n')}`);
  console.log(`\n${machine.date}, Node ${machine.node}, ${machine.platform}, ${machine.cores} cores`);

  mkdirSync('reports/bench', { recursive: true });
  const record = JSON.stringify({ question, ...machine, table, measured }, null, 2);
  writeFileSync(`reports/bench/${name}.json`, `${record}\n`);
}
