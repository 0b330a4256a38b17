import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { said } from './scene.ts';
import type { Cell } from './verdict.ts';

/** How long a process may take for its first cell, every patience in it included, and for each further one. */
const limitMs = 60_000;
const furtherMs = 4_000;

/**
 * Runs situations with a contestant (both by their place) in a process of its own, which leads a group: what it
 * started ends with it.
 * @param file the compiled `case.ts`
 * @returns a cell for each that was reached
 */
export async function runCases(
  file: string,
  contestant: number,
  situations: readonly number[],
): Promise<Cell[]> {
  const child = spawn(process.execPath, [file, ...[contestant, ...situations].map(String)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  let isLate = false;
  const limit = setTimeout(
    () => {
      isLate = true;
      endGroup(child.pid!);
    },
    limitMs + furtherMs * (situations.length - 1),
  );
  const told = text(child.stdio[3] as Readable);
  const complaints = text(child.stderr!);
  const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null];
  clearTimeout(limit);
  endGroup(child.pid!);
  const cells = (await told)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Cell);
  if (isLate) return [...cells.slice(0, -1), { verdict: 'hung', note: 'the process does not end' }];
  if (cells.length === situations.length) return cells;
  const note = lastWords(await complaints) ?? `it ends with ${signal ?? exitCode}`;
  return [...cells, { verdict: 'killed', note }];
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}

/** The line that names the error, of what Node prints when a program ends with one. */
function lastWords(complaints: string): string | undefined {
  const line = complaints.split('\n').find((each) => /^(?:\[?\w*(?:Error|Exception)\b|Uncaught)/.test(each));
  return line === undefined ? undefined : said(line.replace(/ \{$/, ''));
}
