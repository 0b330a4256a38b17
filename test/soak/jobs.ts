/** What the workers of a soak run. Each job says in the ledger that it has begun and that it has finished. */

import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { defineTasks, move } from 'leasepool';
import { answer, bytes } from './answer.ts';

/** Where, and under which number. */
export interface Entry {
  readonly ledger: string;
  readonly id: number;
}

// The main thread of a process is 0.
const worker = threadId || process.pid;

function begin({ ledger, id }: Entry): void {
  appendFileSync(ledger, `begin ${id} ${worker} ${Date.now()}\n`);
}

function finish({ ledger, id }: Entry): void {
  appendFileSync(ledger, `finish ${id}\n`);
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A chain of objects, too deep to be cloned from some length on. */
export function nested(depth: number): object {
  let inner = {};
  for (let level = 0; level < depth; level++) inner = { inner };
  return inner;
}

export const jobs = defineTasks(import.meta.url, {
  computes(entry: Entry, input: number): number {
    begin(entry);
    const result = answer(input);
    finish(entry);
    return result;
  },
  async awaits(entry: Entry, input: number): Promise<number> {
    begin(entry);
    await later(2);
    const result = answer(input);
    finish(entry);
    return result;
  },
  moves(entry: Entry, given: Uint8Array<ArrayBuffer>): Uint8Array {
    begin(entry);
    given.reverse();
    finish(entry);
    return move(given, [given.buffer]);
  },
  carries(entry: Entry, given: Uint8Array, input: number): Uint8Array {
    begin(entry);
    const result = bytes(given.length, input + given[0]);
    finish(entry);
    return result;
  },
  blocksNatively(entry: Entry, input: number): number {
    begin(entry);
    execFileSync('sleep', ['0.1']);
    finish(entry);
    return answer(input);
  },
  throws(entry: Entry): never {
    begin(entry);
    finish(entry);
    throw Object.assign(new RangeError(`job ${entry.id}`), { code: 'ERR_SOAK', id: entry.id });
  },
  throwsValue(entry: Entry): never {
    begin(entry);
    finish(entry);
    throw entry.id;
  },
  returnsFunction(entry: Entry): unknown {
    begin(entry);
    finish(entry);
    return { callback: () => entry.id };
  },
  returnsDeep(entry: Entry, depth: number): object {
    begin(entry);
    const result = nested(depth);
    finish(entry);
    return result;
  },
  exits(entry: Entry, code: number): void {
    begin(entry);
    process.exit(code);
  },
  async throwsUncaught(entry: Entry): Promise<void> {
    begin(entry);
    setTimeout(() => {
      throw new Error(`job ${entry.id}, uncaught`);
    }, 1);
    await later(60_000);
  },
  async rejectsUnhandled(entry: Entry): Promise<void> {
    begin(entry);
    void Promise.reject(new Error(`job ${entry.id}, unhandled`));
    await later(60_000);
  },
  throwsLate(entry: Entry, input: number): number {
    begin(entry);
    setTimeout(() => {
      throw new Error(`job ${entry.id}, late`);
    }, 2);
    finish(entry);
    return answer(input);
  },
  runsOutOfMemory(entry: Entry): number {
    begin(entry);
    const kept: object[] = [];
    // Many small ones: a single large allocation would end the whole process.
    for (;;) kept.push({ at: kept.length, text: String(kept.length) });
  },
  loops(entry: Entry): void {
    begin(entry);
    for (;;);
  },
  killsItself(entry: Entry): void {
    begin(entry);
    process.kill(process.pid, 'SIGKILL');
    for (;;);
  },
});
