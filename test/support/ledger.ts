import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'leasepool-test-'));
}

/** A file to which jobs append what they do, one line each. It says what happened even when its worker cannot any more. */
export class Ledger {
  readonly path: string;

  constructor() {
    const folder = newFolder();
    this.path = join(folder, 'ledger');
    writeFileSync(this.path, '');
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  }

  get lines(): string[] {
    return readFileSync(this.path, 'utf8').split('\n').slice(0, -1);
  }

  /** Lines that are numbers. */
  get entries(): number[] {
    return this.lines.map(Number).filter((entry) => !Number.isNaN(entry));
  }

  /** In the order of their value, whichever worker was first. */
  get sorted(): number[] {
    return this.entries.toSorted((a, b) => a - b);
  }

  untilHas(...lines: readonly (string | number)[]): Promise<void> {
    return until(
      () => {
        const there = new Set(this.lines);
        return lines.every((line) => there.has(String(line)));
      },
      `the ledger has ${lines.join(', ')}`,
    );
  }

  untilLines(count: number): Promise<void> {
    return until(() => this.lines.length >= count, `the ledger has ${count} lines`);
  }
}

/** Where jobs wait until it is opened, in whatever thread or process they run. */
export class FileGate {
  readonly path: string;

  constructor() {
    const folder = newFolder();
    this.path = join(folder, 'open');
    onTestFinished(() => {
      this.open(); // Should a test fail, nothing waits for ever.
      rmSync(folder, { recursive: true, force: true });
    });
  }

  open(): void {
    writeFileSync(this.path, '');
  }

  close(): void {
    rmSync(this.path, { force: true });
  }
}
