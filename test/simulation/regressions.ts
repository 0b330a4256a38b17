import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Program } from './program.ts';
import { run } from './run.ts';
import type { Violation } from './scene.ts';

/** A program that once broke a promise, written down so that it stays what it was when the generator changes. */
export interface Regression {
  /** What was wrong then. */
  readonly name: string;
  /** The promise that it broke. */
  readonly law: string;
  readonly program: Program;
}

/** One a line. */
const file = fileURLToPath(new URL('regressions.jsonl', import.meta.url));

export function readRegressions(): Regression[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Regression);
}

/** In the place of one with that name, or behind the others. */
export function keepRegression(regression: Regression): void {
  const all = readRegressions();
  const place = all.findIndex(({ name }) => name === regression.name);
  all.splice(place < 0 ? all.length : place, place < 0 ? 0 : 1, regression);
  writeFileSync(file, all.map((each) => `${lineOf(each)}\n`).join(''));
}

/** As it stands in the file. */
export function lineOf(regression: Regression): string {
  return JSON.stringify(regression);
}

/** Runs them all. @returns those that break a promise */
export async function replayRegressions(): Promise<{ name: string; violation: Violation }[]> {
  const broken: { name: string; violation: Violation }[] = [];
  for (const { name, program } of readRegressions()) {
    const { violation } = await run(program);
    if (violation !== undefined) broken.push({ name, violation });
  }
  return broken;
}
