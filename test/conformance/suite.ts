/** What every backend promises, tried at the seam: the rows of the semantics that an executor has to keep. */

import type { ExecutorBackend } from 'leasepool';
import { describe } from 'vitest';
import { byteRows } from './bytes.ts';
import { callRows } from './calls.ts';
import { copyRows } from './copies.ts';
import { crashRows } from './crashes.ts';
import { endRows } from './ends.ts';
import { limitRows } from './limits.ts';
import { startRows } from './starts.ts';
import { type Skips, Subject } from './subject.ts';
import { throwRows } from './throws.ts';

export interface Conformance {
  readonly backend: ExecutorBackend;
  /** What the backend cannot have, with the reason; the rows that need it are skipped. */
  readonly skips?: Skips;
}

export function executorConformance(name: string, { backend, skips = {} }: Conformance): void {
  const subject = new Subject(name, backend, skips);
  describe(name, () => {
    describe('calls', () => callRows(subject));
    describe('ending calls and time limits', () => limitRows(subject));
    describe('starting', () => startRows(subject));
    describe('what a job throws', () => throwRows(subject));
    describe('what can be copied, moved and shared', () => copyRows(subject));
    describe('views of memory', () => byteRows(subject));
    describe('workers that die', () => crashRows(subject));
    describe('shutdown and breaking', () => endRows(subject));
  });
}
