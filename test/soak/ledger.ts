/** The files in which jobs say what they do: evidence that outlives their workers. */

import {
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a job's lines say. */
export interface Evidence {
  readonly begun: number;
  readonly finished: number;
  /** When it began first, as `Date.now()` tells; `undefined` when it did not. */
  readonly begunAtMs: number | undefined;
}

const nothing: Evidence = { begun: 0, finished: 0, begunAtMs: undefined };

export class Ledgers {
  readonly #folder = mkdtempSync(join(tmpdir(), 'leasepool-soak-'));

  path(round: number): string {
    return join(this.#folder, `round-${round}`);
  }

  read(round: number): LedgerOfRound {
    const path = this.path(round);
    return new LedgerOfRound(existsSync(path) ? readFileSync(path, 'utf8') : '');
  }

  remove(round: number): void {
    rmSync(this.path(round), { force: true });
  }

  removeAll(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The workers of the jobs that began last, the last one first: thread ids, or process ids. */
  lastWorkers(round: number): number[] {
    const path = this.path(round);
    if (!existsSync(path)) return [];
    const file = openSync(path, 'r');
    try {
      const tail = Buffer.alloc(4096);
      const { size } = fstatSync(file);
      const length = readSync(file, tail, 0, tail.length, Math.max(0, size - tail.length));
      const begins = tail.toString('latin1', 0, length).split('\n').slice(1, -1).filter(isBegin).toReversed();
      return [...new Set(begins.map((line) => Number(line.split(' ')[2])))];
    } finally {
      closeSync(file);
    }
  }
}

const isBegin = (line: string): boolean => line.startsWith('begin ');

export class LedgerOfRound {
  readonly #evidence = new Map<number, { begun: number; finished: number; begunAtMs: number | undefined }>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const [what, id, , at] = line.split(' ');
      const key = Number(id);
      const evidence = this.#evidence.get(key) ?? { ...nothing };
      this.#evidence.set(key, evidence);
      if (what === 'begin') {
        evidence.begun++;
        evidence.begunAtMs ??= Number(at);
      } else evidence.finished++;
    }
  }

  of(id: number): Evidence {
    return this.#evidence.get(id) ?? nothing;
  }

  get begunTwice(): number[] {
    return [...this.#evidence].filter(([, { begun }]) => begun > 1).map(([id]) => id);
  }
}
