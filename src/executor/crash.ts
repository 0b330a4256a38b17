import { WorkerCrashedError } from '../core/errors.ts';
import type { LostCall } from './in-flight-calls.ts';

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
  loading: 'was loading its module',
  queued: 'had not begun, but its transferred memory is gone',
  running: 'was running',
  finished: 'had finished, but its result is lost',
  fatal: 'had not begun, as with the workers before that ended when they were sent it',
} as const;

/** What a call gets whose worker has died. @param state `"fatal"`: others have died before it was begun, too */
export function crashOf(exit: WorkerExit, state: LostCall['state'] | 'fatal'): WorkerCrashedError {
  const isRunning = state === 'begun' || state === 'loading';
  const phase = isRunning ? 'running' : state === 'finished' ? 'finished' : 'queued';
  const { exitCode, signal, cause } = exit;
  const details = { phase, exitCode, signal, ...(cause === undefined ? {} : { cause }) } as const;
  const what = state === 'loading' || state === 'fatal' ? state : phase;
  return new WorkerCrashedError(`${describeExit(exit)}; the job ${whatBecameOfIt[what]}`, details);
}
