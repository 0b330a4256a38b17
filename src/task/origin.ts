import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Error } from '../core/globals.ts';
import type { AnyFunction } from './reference.ts';

/** Where a table of tasks was defined, exactly enough to tell a second table from a second evaluation of the same module. */
export interface Origin {
  readonly module: string;
  /** File of the call, as stack traces name it; empty when there are none. */
  readonly file: string;
  /** Every position in that file on the way to the call. */
  readonly place: string;
  readonly modifiedMs: number;
}

/** The place from which `definer` was called. */
export function originOf(module: string, definer: AnyFunction): Origin {
  const holder: { stack?: unknown } = {};
  Error.captureStackTrace(holder, definer);
  const frames = typeof holder.stack === 'string' ? holder.stack.split('\n').slice(1) : [];
  const file = fileOf(frames[0] ?? '');
  return {
    module,
    file,
    place: frames.filter((frame) => frame.includes(file)).join('\n'),
    modifiedMs: modifiedMs(module),
  };
}

/** `at name (file:1:2)` and `at file:1:2`, where the file may have brackets in its name too. */
function fileOf(frame: string): string {
  return frame
    .trim()
    .replace(/^at (?:async )?(?:.*? \((?=.*\)$))?/, '')
    .replace(/:\d+:\d+\)?$/, '');
}

/**
 * Test runners, hot reloading and retried imports evaluate a module again; a bundler may put it into two chunks.
 * All of these define the same names anew, from the same place, from another file or URL, or after an edit.
 * What is left is a name taken twice by one evaluation.
 */
export function isSecondTable(earlier: Origin, later: Origin): boolean {
  return (
    earlier.file === later.file && earlier.modifiedMs === later.modifiedMs && earlier.place !== later.place
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
