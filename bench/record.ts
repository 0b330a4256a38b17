import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

interface Report {
  readonly question: string;
  readonly date: string;
  readonly table: readonly (readonly string[])[];
  readonly goals: readonly unknown[];
}

/** Puts the reports of these benchmarks into the results of this version of Node; those of others stay. */
export function record(names: readonly string[]): void {
  const file = `bench/results/node${process.versions.node.split('.')[0]}.json`;
  const reports = Object.fromEntries(
    names.map((name) => {
      const { question, date, table, goals } = JSON.parse(
        readFileSync(`reports/bench/${name}.json`, 'utf8'),
      ) as Report;
      return [name, { question, date, table, goals }];
    }),
  );
  const machine = {
    node: process.version,
    machine: `${process.platform} ${process.arch}, ${cpus().length} cores (${cpus()[0].model.trim()})`,
  };
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(
    file,
    `${JSON.stringify({ ...machine, reports: { ...earlier(file), ...reports } }, null, 2)}\n`,
  );
}

function earlier(file: string): Record<string, unknown> {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { reports: Record<string, unknown> }).reports;
  } catch {
    return {}; // The first.
  }
}
