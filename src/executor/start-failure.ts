import { BrokenExecutorError } from '../ground/errors.ts';

/** The error of a pool whose workers do not come up. */
export function noWorkerOf(pool: string, cause: unknown): BrokenExecutorError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BrokenExecutorError(`no worker of ${pool} comes up: ${why}${bundledHint(cause, why)}`, {
    cause,
  });
}

/** A bundler takes this code out of its package, away from the files that workers run. */
function bundledHint(cause: unknown, why: string): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const isGone = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
  const hasNoPlace = code === 'ERR_INVALID_URL';
  if (!hasNoPlace && !(isGone && /worker.entry-\w+\.js/.test(why))) return '';
  return '. A bundler that takes leasepool in leaves its workers behind: mark leasepool as external.';
}
