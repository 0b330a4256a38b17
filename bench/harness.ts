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

/** A ratio that has a target. */
export interface Goal {
  readonly case: string;
  /** leasepool's mode. */
  readonly mode: string;
  readonly against: string;
  readonly reached: Measured;
  readonly target: number;
  readonly atLeast: boolean;
}

/** Runs every contestant in turn, A B C A B C ..., so that a busy machine hurts all of them. */
export async function alternate<Name extends string, T = number>(
  rounds: number,
  contestants: Readonly<Record<Name, () => T | Promise<T>>>,
): Promise<Record<Name, T[]>> {
  const names = Object.keys(contestants) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Name, T[]>;
  // Round 0 warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const value = await contestants[name]();
      if (round > 0) values[name].push(value);
    }
  }
  return values;
}

export function summarize(values: readonly number[]): Measured {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { values, median, lowest: sorted[0], highest: sorted[sorted.length - 1] };
}

export function summarizeAll<Name extends string>(
  all: Readonly<Record<Name, readonly number[]>>,
): Record<Name, Measured> {
  const names = Object.keys(all) as Name[];
  return Object.fromEntries(names.map((name) => [name, summarize(all[name])])) as Record<Name, Measured>;
}

export const mediansOf = (all: Readonly<Record<string, Measured>>): Record<string, number> =>
  Object.fromEntries(Object.entries(all).map(([name, { median }]) => [name, median]));

/** How many times `b` is `a`: the ratio within each round, when both ran next to each other. */
export function compare(a: Measured, b: Measured): Measured {
  return summarize(a.values.map((value, round) => value / b.values[round]));
}

/** Each value as a multiple of one number. */
export const relativeTo = ({ values }: Measured, unit: number): Measured =>
  summarize(values.map((value) => value / unit));

export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('Run it with --expose-gc, as `npm run bench` does.');
  // The second collection takes what finalizers and weak references let go of in the first.
  globalThis.gc();
  globalThis.gc();
}

export const count = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });
export const ratio = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toPrecision(3)}x`;
export const range = ({ lowest, highest }: Measured, format = count): string =>
  `${format(lowest)} .. ${format(highest)}`;

export const isMet = ({ reached, target, atLeast }: Goal): boolean =>
  atLeast ? reached.median >= target : reached.median <= target;

/** Columns: the first to the left, the others to the right. */
export function printTable(table: readonly (readonly string[])[]): void {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('   ');
  console.log(table.map(line).join('\n'));
}

export function printGoals(goals: readonly Goal[]): void {
  const head = ['case', 'mode', 'against', 'reached', 'range', 'target', ''];
  const rows = goals.map((goal) => [
    goal.case,
    goal.mode,
    goal.against,
    ratio(goal.reached.median),
    range(goal.reached, ratio),
    `${goal.atLeast ? '>=' : '<='} ${goal.target}x`,
    isMet(goal) ? 'met' : 'missed',
  ]);
  printTable([head, ...rows]);
}

/** Prints a table (the first row is its head) and the goals, and writes what was measured to reports/bench/<name>.json. */
export function report(
  name: string,
  question: string,
  table: readonly (readonly string[])[],
  measured: unknown,
  goals: readonly Goal[] = [],
): void {
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
  };
  console.log(`\n${question}\n`);
  printTable(table);
  if (goals.length > 0) {
    console.log('');
    printGoals(goals);
  }
  console.log(`\n${machine.date}, Node ${machine.node}, ${machine.platform}, ${machine.cores} cores`);

  mkdirSync('reports/bench', { recursive: true });
  const record = JSON.stringify({ question, ...machine, table, measured, goals }, null, 2);
  writeFileSync(`reports/bench/${name}.json`, `${record}\n`);
}
