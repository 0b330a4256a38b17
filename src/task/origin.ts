import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AnyFunction } from './reference.ts';

/** Where a table of tasks was defined, exactly enough to tell a second table from a second evaluation of the same module. */
export interface Origin {
  readonly module: string;
  /** File of the call, as stack traces name it; `undefined` when they do not. */
  readonly file: string | undefined;
  /** Every position in that file on the way to the call. */
  readonly place: string;
  readonly modifiedMs: number;
}

/** The place from which `definer` was called. */
export function originOf(module: string, definer: AnyFunction): Origin {
  const holder: { stack?: unknown } = {};
  Error.captureStackTrace(holder, definer);
  const frames = typeof holder.stack === 'string' ? holder.stack.split('\n').slice(1) : [];
  const file = frames[0] && /(?:\(|at (?:async )?)([^()]+):\d+:\d+\)?$/.exec(frames[0])?.[1];
  return {
    module,
    file: file || undefined,
    place: frames.filter((frame) => file && frame.includes(file)).join('\n'),
    modifiedMs: modifiedMs(module),
  };
}

/**
 * Test runners, hot reloading and retried imports evaluate a module again; a bundler may put it into two chunks.
 * All of these define the same names anew, from the same place, from another file or URL, or after an edit.
 * What is left is a name taken twice by one evaluation.
 */
export function isSecondTable(earlier: Origin, later: Origin): boolean {
  return (
    earlier.file === later.file &&
    earlier.modifiedMs === later.modifiedMs &&
    (earlier.place !== later.place || later.file === undefined)
  );
}

function modifiedMs(module: string): number {
  try {
    return statSync(fileURLToPath(module), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  } catch {
    // Not a file, or not ours to look at.
    return 0;
  }
}
