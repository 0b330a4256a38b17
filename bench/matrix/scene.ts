import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Contestant, Pool, PoolOptions } from './pool.ts';
import { Fault } from './verdict.ts';

/** How long a promise may take to settle before it counts as hung. */
const patienceMs = 15_000;

/** One situation with one pool, in a process that has nothing else. */
export class Scene {
  readonly contestant: Contestant;
  /** Where jobs write what they do. */
  readonly file: string;
  readonly #pools: Pool[] = [];

  constructor(contestant: Contestant) {
    this.contestant = contestant;
    const folder = mkdtempSync(join(tmpdir(), 'leasepool-matrix-'));
    this.file = join(folder, 'notes');
    writeFileSync(this.file, '');
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  }

  /** A pool that has run something on each worker, unless its workers cannot come up. */
  async open(options: PoolOptions = { workers: 1 }): Promise<Pool> {
    const pool = await this.contestant.open(options);
    this.#pools.push(pool);
    if (options.fails === true) return pool;
    await settledAll(Array.from({ length: options.workers }, (_, index) => start(pool, 'echoLater', index)));
    return pool;
  }

  /** Ends what it opened. */
  async end(): Promise<void> {
    await settledAll(this.#pools.map((pool) => pool.destroy()));
  }

  get notes(): number[] {
    return readFileSync(this.file, 'utf8').split('\n').slice(0, -1).map(Number);
  }

  async untilNotes(count: number): Promise<void> {
    await within(
      (async () => {
        while (this.notes.length < count) await rest(5);
      })(),
      'tasks never begin',
    );
  }
}

export type Outcome = PromiseSettledResult<unknown>;

/** Calls run(), which is to give a promise whatever is wrong. */
export function start(pool: Pool, job: string, arg?: unknown): Promise<unknown> {
  try {
    return pool.run(job, arg);
  } catch (error) {
    throw new Fault('wrong', `run() throws synchronously: ${said(error)}`);
  }
}

/** What became of a promise. */
export function settled(promise: Promise<unknown>, what = 'the task'): Promise<Outcome> {
  const outcome = new Promise<Outcome>((resolve) => {
    promise.then(
      (value) => resolve({ status: 'fulfilled', value }),
      (reason) => resolve({ status: 'rejected', reason }),
    );
  });
  return within(outcome, `${what} never settles`);
}

/** What became of several. The note counts those that never settle. */
export async function settledAll(promises: readonly Promise<unknown>[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let waiting = promises.length;
  const all = promises.map((promise, index) =>
    promise.then(
      (value) => void ((outcomes[index] = { status: 'fulfilled', value }), waiting--),
      (reason) => void ((outcomes[index] = { status: 'rejected', reason }), waiting--),
    ),
  );
  await within(Promise.all(all), () => `${waiting} of ${promises.length} tasks never settle`);
  return outcomes;
}

/** The reason of a task that is to fail. */
export function reasonOf(outcome: Outcome): unknown {
  if (outcome.status === 'rejected') return outcome.reason;
  throw new Fault('wrong', `resolves with ${said(outcome.value)}`);
}

export function errorOf(outcome: Outcome): Error & Record<string, unknown> {
  const reason = reasonOf(outcome);
  if (!(reason instanceof Error)) throw new Fault('wrong', `rejects with ${said(reason)}, which is no Error`);
  return reason as Error & Record<string, unknown>;
}

/** An error about which something can be said. */
export function telling(outcome: Outcome): Error & Record<string, unknown> {
  const error = errorOf(outcome);
  if (error.message === '') throw new Fault('wrong', `rejects with an empty ${error.name}`);
  return error;
}

export function expectValue(outcome: Outcome, value: unknown, what = 'the task'): void {
  if (outcome.status === 'rejected') throw new Fault('lost', `${what} is rejected: ${said(outcome.reason)}`);
  if (outcome.value !== value) throw new Fault('wrong', `${what} resolves with ${said(outcome.value)}`);
}

/** The next tasks run as if nothing had been. */
export async function worksOn(pool: Pool): Promise<void> {
  for (const value of [1, 2, 3])
    expectValue(await settled(start(pool, 'echo', value), 'the next task'), value, 'the next task');
}

export async function within<T>(promise: Promise<T>, what: string | (() => string)): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Fault('hung', typeof what === 'string' ? what : what())), patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A value in few words. */
export function said(value: unknown): string {
  const text = value instanceof Error ? `${value.name}: ${value.message}` : inspect(value, { depth: 0 });
  const line = text.replace(/\s+/g, ' ').replaceAll('|', '/').trim();
  return line.length <= 70 ? line : `${line.slice(0, 69)}…`;
}
