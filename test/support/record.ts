import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Where the figures of long runs are kept; the README's are copied from it. */
const recordPath = 'docs/proof/reliability.json';

/** Keeps what a run has counted, with when, of what and where. */
export function record(run: string, figures: object): void {
  const kept = existsSync(recordPath)
    ? (JSON.parse(readFileSync(recordPath, 'utf8')) as Record<string, unknown>)
    : {};
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const runtime = `Node ${process.versions.node}, ${process.platform} ${process.arch}`;
  kept[run] = { date: new Date().toISOString().slice(0, 10), commit, runtime, ...figures };
  const inOrder = Object.fromEntries(Object.entries(kept).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(recordPath, `${JSON.stringify(inOrder, undefined, 2)}\n`);
}
