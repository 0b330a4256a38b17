/**
 * Hashes and gzips every file below a directory: `npm start`, or `npm start -- PATH`.
 *
 * Each file has an async caller of its own, which submits one small synchronous job and awaits it; the
 * grinder gathers the jobs of all callers into batches for worker threads. Then the main thread does the
 * same work by itself, for comparison.
 */
import { opendirSync } from 'node:fs';
import { constants } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { hashFile } from './00-hash-tree-tasks.ts';
import { measure, type Run } from './00-hash-tree/measure.ts';
import { formatTable } from './00-hash-tree/table.ts';
import { Tally } from './00-hash-tree/tally.ts';
import { walk } from './00-hash-tree/walk.ts';

const installed = new URL('node_modules', import.meta.resolve('leasepool/package.json'));
const root = process.argv[2] ?? fileURLToPath(installed);
const stopping = new AbortController();
const { signal } = stopping;

async function main(): Promise<void> {
  const unlisted = new Tally();
  const files: string[] = [];
  console.error(`Listing ${root}`);
  for await (const path of walk(root, (error) => unlisted.miss(error))) {
    if (signal.aborted) break;
    files.push(path);
  }
  const runs: Run[] = [];
  if (!signal.aborted) runs.push(await grind(files));
  if (!signal.aborted) runs.push(await doInline(files));

  for (const [code, folders] of unlisted.missed) console.log(`${folders} folders not listed (${code})`);
  if (runs.length > 0) console.log(formatTable(runs));
}

async function grind(files: readonly string[]): Promise<Run> {
  const manager = new LeasedExecutorManager();
  // The callers of a huge tree are many, but not all at once.
  const grinder = new WorkGrinder({ executorManager: manager, maxQueueSize: 10_000 });
  await manager.start();
  await grinder.start();
  try {
    const run = await measure('grinder', files.length, async (tally, step) => {
      const hashOne = async (path: string): Promise<void> => {
        try {
          tally.add(await grinder.submit(hashFile, [path], { owner: path, signal }));
        } catch (error) {
          tally.miss(error);
        }
        step();
      };
      const callers = new Set<Promise<void>>();
      for (const path of files) {
        await grinder.waitForRoom();
        if (signal.aborted) break;
        const caller = hashOne(path)
          .catch((error: unknown) => stopping.abort(error))
          .finally(() => callers.delete(caller));
        callers.add(caller);
      }
      await Promise.all(callers);
    });
    return { ...run, totals: grinder.stats().totals };
  } finally {
    await grinder.stop({ cancelPending: true });
    await manager.stop({ timeoutSeconds: 5 });
  }
}

function doInline(files: readonly string[]): Promise<Run> {
  return measure('inline', files.length, async (tally, step) => {
    for (const path of files) {
      // Each in a turn of its own, as if its caller had come alone.
      await setImmediate();
      if (signal.aborted) break;
      try {
        tally.add(hashFile(path));
      } catch (error) {
        tally.miss(error);
      }
      step();
    }
  });
}

function isListable(folder: string): boolean {
  try {
    opendirSync(folder).closeSync();
    return true;
  } catch (error) {
    console.error(`Cannot list ${folder}: ${String(error)}\nUsage: npm start [-- PATH]`);
    return false;
  }
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort(name));

if (isListable(root)) await main();
else process.exitCode = 2;

if (signal.aborted) {
  const by: unknown = signal.reason;
  if (by !== 'SIGINT' && by !== 'SIGTERM') throw by;
  console.log('Interrupted: these are the files done so far.');
  process.exitCode = 128 + constants.signals[by];
}
