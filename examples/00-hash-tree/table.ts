import type { Run } from './measure.ts';

const count = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });
const decimal = (value: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

function missed({ tally }: Run): string {
  const total = [...tally.missed.values()].reduce((sum, n) => sum + n, 0);
  return total === 0 ? '0' : `${count(total)} (${[...tally.missed.keys()].join(', ')})`;
}

function meanBatchSize({ fulfilled, rejected, batches }: NonNullable<Run['totals']>): number {
  return (fulfilled + rejected) / batches;
}

const rows: readonly (readonly [label: string, cell: (run: Run) => string])[] = [
  ['', (run) => run.label],
  ['files', (run) => count(run.tally.files)],
  ['not readable', missed],
  ['bytes', (run) => count(run.tally.bytes)],
  ['bytes gzipped', (run) => count(run.tally.gzipBytes)],
  ['distinct contents', (run) => count(run.tally.contents.size)],
  ['batches', ({ totals }) => (totals ? count(totals.batches) : '-')],
  ['mean batch size', ({ totals }) => (totals?.batches ? decimal(meanBatchSize(totals)) : '-')],
  ['seconds', (run) => decimal(run.seconds)],
  ['jobs/s', (run) => count(run.tally.files / run.seconds)],
  ['event loop delay p99, ms', (run) => decimal(run.delayP99)],
  ['event loop delay max, ms', (run) => decimal(run.delayMax)],
];

/** One column for each run. */
export function formatTable(runs: readonly Run[]): string {
  const lines = rows.map(([label, cell]) => [label, ...runs.map(cell)]);
  const widths = ['', ...runs].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map(([label, ...cells]) =>
      [label.padEnd(widths[0]), ...cells.map((cell, i) => cell.padStart(widths[i + 1]))].join('   '),
    )
    .join('\n');
}
