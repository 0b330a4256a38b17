import { fork } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hunt } from './hunt.ts';
import type { Mutant } from './table.ts';

/** Of one hunt. One that makes its program smaller takes longer. */
const limitMs = 120_000;

/** What became of a mutant. */
export type Fate =
  | { readonly is: 'caught'; readonly by: string; readonly runs: number; readonly hunt: Hunt | undefined }
  | { readonly is: 'survived'; readonly runs: number }
  | { readonly is: 'not applicable'; readonly because: string };

export interface HuntOptions {
  readonly seed: number;
  readonly runs: number;
  readonly shrinks: boolean;
}

/** Copies the sources and the simulation: the checkout itself is never changed. @returns where to */
export function makeCopy(): string {
  // In the checkout, so that packages are found; nothing else looks there.
  mkdirSync('build', { recursive: true });
  const copy = mkdtempSync(join('build', 'mutants-'));
  for (const folder of ['src', 'test/simulation']) cpSync(folder, join(copy, folder), { recursive: true });
  return copy;
}

export function removeCopy(copy: string): void {
  rmSync(copy, { recursive: true, force: true });
}

/** Plants the bug in the copy, hunts it there, and mends the copy. */
export async function hunt(
  copy: string,
  { file, find, replace }: Mutant,
  options: HuntOptions,
): Promise<Fate> {
  const path = join(copy, 'src', file);
  const sound = readFileSync(path, 'utf8');
  const places = sound.split(find).length - 1;
  if (places !== 1) return { is: 'not applicable', because: `its text stands ${places} times in ${file}` };
  writeFileSync(
    path,
    sound.replace(find, () => replace),
  );
  try {
    return await huntInChild(copy, options);
  } finally {
    writeFileSync(path, sound);
  }
}

function huntInChild(copy: string, { seed, runs, shrinks }: HuntOptions): Promise<Fate> {
  const program = join(copy, 'test/simulation/mutants/hunt.ts');
  const child = fork(program, [String(seed), String(runs), String(shrinks)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let hasLoaded = false;
  let isLate = false;
  let result: Hunt | undefined;
  let errors = '';
  child.stderr!.on('data', (data: Buffer) => (errors += data.toString()));
  child.on('message', (message: Hunt | string) => {
    if (typeof message === 'string') hasLoaded = true;
    else result = message;
  });
  const limit = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, limitMs);
  return new Promise((resolve) => {
    child.on('close', (exitCode, signal) => {
      clearTimeout(limit);
      if (!hasLoaded) resolve({ is: 'not applicable', because: `it does not load: ${errors.trim()}` });
      else if (isLate) resolve({ is: 'caught', by: 'the simulation comes to an end', runs, hunt: undefined });
      else if (result === undefined)
        resolve({ is: 'caught', by: `the process lives (${exitCode ?? signal})`, runs, hunt: undefined });
      else if (result.catch === undefined) resolve({ is: 'survived', runs: result.runs });
      else resolve({ is: 'caught', by: result.catch.law, runs: result.runs, hunt: result });
    });
  });
}
