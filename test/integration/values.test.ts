import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { company } from '../support/odd-values.ts';
import { tasksUrl } from '../support/tasks-url.ts';

interface Report {
  readonly outcomes: number;
  readonly differences: readonly unknown[];
}

/** A program of its own: what has been done to its prototypes cannot be undone. */
async function compare(backend: string, here: string, there: string): Promise<Report> {
  const program = fileURLToPath(tasksUrl('odd-program.js'));
  const child = spawn(process.execPath, [program, backend, here, there], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(JSON.stringify(fc.sample(company, 15)));
  const [report, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (complaints !== '') throw new Error(complaints);
  return JSON.parse(report) as Report;
}

describe.each(['thread', 'process', 'inline'])(
  'S39 S30 odd values arrive as structured clones, alone and in company, as arguments and results: %s',
  (backend) => {
    test.each([
      ['nothing', 'nothing'],
      ['frozen', 'nothing'],
      ['nothing', 'frozen'],
      ['setters', 'setters'],
      ['keys', 'keys'],
      ['descriptors', 'nothing'],
    ])(
      'after %s has been done to the prototypes of the program, and %s to those of workers (property)',
      async (here, there) => {
        const { outcomes, differences } = await compare(backend, here, there);
        expect(differences).toEqual([]);
        expect(outcomes).toBeGreaterThan(100);
      },
    );
  },
);
