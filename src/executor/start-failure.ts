import { BrokenExecutorError } from '../core/errors.ts';
import { Error, String } from '../core/globals.ts';

/** The error of a pool whose workers do not come up. */
export function noWorkerOf(pool: string, cause: unknown): BrokenExecutorError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BrokenExecutorError(`no worker of ${pool} comes up: ${why}${bundledHint(cause, why)}`, {
    cause,
  });
}

/** The error of a pool that has left behind as many workers as it may. */
export function unendableWorkersOf(pool: string, count: number, cause: unknown): BrokenExecutorError {
  return new BrokenExecutorError(
    `${count} workers of ${pool} were told to end and did not: they are in native calls that do not return`,
    cause === undefined ? undefined : { cause },
  );
}

/** A bundler takes this code out of its package, away from the files that workers run. */
function bundledHint(cause: unknown, why: string): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const isGone = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
  const hasNoPlace = code === 'ERR_INVALID_URL';
  if (!hasNoPlace && !(isGone && /worker.entry-\w+\.js/.test(why))) return '';
  return '. A bundler that takes leasepool in leaves its workers behind: mark leasepool as external.';
}
