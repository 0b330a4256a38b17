import { WorkerCrashedError } from '../ground/errors.ts';
import type { CallState } from '../wire/progress.ts';

/** How a worker ended. */
export interface WorkerExit {
  readonly pool: string;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** What ended it, where that is known: an error nobody caught, a stop. */
  readonly cause: unknown;
}

export function describeExit({ pool, exitCode, signal }: WorkerExit): string {
  if (signal !== undefined) return `a worker of ${pool} was ended by ${signal}`;
  if (exitCode !== undefined) return `a worker of ${pool} exited with code ${exitCode}`;
  return `a worker of ${pool} cannot be ended`;
}

const whatBecameOfIt = {
  queued: 'had not begun, but its transferred memory is gone',
  running: 'was running',
  finished: 'had finished, but its result is lost',
} as const;

/** What a call gets whose worker has died. */
export function crashOf(exit: WorkerExit, state: CallState): WorkerCrashedError {
  const phase = state === 'begun' ? 'running' : state === 'finished' ? 'finished' : 'queued';
  const { exitCode, signal, cause } = exit;
  const details = { phase, exitCode, signal, ...(cause === undefined ? {} : { cause }) } as const;
  return new WorkerCrashedError(`${describeExit(exit)}; the job ${whatBecameOfIt[phase]}`, details);
}
