/** Which outcomes a job of a soak may have. */

import type { Evidence } from './ledger.ts';
import type { JobKind } from './plan.ts';

export interface Outcome {
  /** `undefined` when it failed. */
  readonly isRight?: boolean;
  readonly code?: string | undefined;
  readonly phase?: string | undefined;
  readonly causeCode?: string | undefined;
  readonly message?: string;
  /** As `Date.now()` tells. */
  readonly atMs: number;
  /** Submitted through a lease of its own, which may expire before a worker is there for it. */
  readonly isDirect?: boolean;
}

/** What happened around it, in the same round. */
export interface Weather {
  grinderStops: number;
  cancellingStops: number;
  managerStops: number;
  /** Workers ended from outside. */
  kills: number;
  lateThrows: number;
  outOfMemory: number;
}

export const fairWeather = (): Weather => ({
  grinderStops: 0,
  cancellingStops: 0,
  managerStops: 0,
  kills: 0,
  lateThrows: 0,
  outOfMemory: 0,
});

/** A job that runs this long may find its lease revoked: its lease and its grace are over then. */
const revocableAfterMs = 5000;

const dying: ReadonlySet<JobKind> = new Set([
  'exits',
  'throws uncaught',
  'rejects unhandled',
  'runs out of memory',
  'kills itself',
]);

/** Kinds that must not succeed. */
const failing: ReadonlySet<JobKind> = new Set([
  ...dying,
  'throws',
  'throws a value',
  'cannot be sent',
  'cannot be returned',
  'is too deep to send',
  'loops past its limit',
  'overstays its lease',
]);

const own: Partial<Record<JobKind, string>> = {
  throws: 'ERR_SOAK',
  'throws a value': 'a value',
  'cannot be sent': 'ERR_LEASEPOOL_NOT_CLONEABLE',
  'cannot be returned': 'ERR_LEASEPOOL_NOT_CLONEABLE',
  'is too deep to send': 'ERR_LEASEPOOL_NOT_CLONEABLE',
  'is too deep to return': 'ERR_LEASEPOOL_NOT_CLONEABLE',
  'is cancelled': 'ABORT_ERR',
  'is aborted': 'ABORT_ERR',
};

/** An innocent job that its worker's death took along. */
export function isVictim(kind: JobKind, { code, phase, causeCode }: Outcome): boolean {
  return (
    code === 'ERR_LEASEPOOL_WORKER_CRASHED' &&
    phase === 'running' &&
    causeCode !== 'ERR_LEASEPOOL_NOT_STARTED' &&
    !dying.has(kind)
  );
}

/** Nothing when the outcome is allowed, otherwise what is wrong with it. */
export function judge(
  kind: JobKind,
  outcome: Outcome,
  evidence: Evidence,
  weather: Weather,
): string | undefined {
  if (evidence.begun > 1) return `it began ${evidence.begun} times`;
  if (outcome.isRight !== undefined) return judgeSuccess(kind, outcome.isRight, evidence);
  const { code } = outcome;
  if (code !== undefined && code === own[kind]) return judgeOwn(kind, evidence);
  const rule = rules[code ?? ''];
  const isAllowed = rule?.(kind, outcome, evidence, weather) ?? false;
  return isAllowed ? undefined : 'it failed with what nobody caused';
}

function judgeSuccess(kind: JobKind, isRight: boolean, { begun, finished }: Evidence): string | undefined {
  if (failing.has(kind)) return 'it succeeded';
  if (!isRight) return 'its result is wrong';
  if (begun !== 1 || finished !== 1) return 'it has a result and did not run';
  return undefined;
}

function judgeOwn(kind: JobKind, { begun }: Evidence): string | undefined {
  const isSent = kind !== 'cannot be sent' && kind !== 'is too deep to send';
  if (!isSent && begun > 0) return 'it ran';
  if (isSent && begun === 0 && !kind.startsWith('is ')) return 'it did not run';
  return undefined;
}

type Rule = (kind: JobKind, outcome: Outcome, evidence: Evidence, weather: Weather) => boolean;

const rules: Record<string, Rule> = {
  ABORT_ERR: (_kind, _outcome, _evidence, { cancellingStops }) => cancellingStops > 0,
  ERR_LEASEPOOL_STOPPING: (_kind, _outcome, { begun }, { grinderStops }) => begun === 0 && grinderStops > 0,
  ERR_LEASEPOOL_NOT_STARTED: (_kind, _outcome, { begun }, { grinderStops, managerStops }) =>
    begun === 0 && grinderStops + managerStops > 0,
  ERR_LEASEPOOL_TIMEOUT: (kind, { phase }, { begun }) =>
    phase === 'queue' ? kind === 'may be too late' && begun === 0 : kind === 'loops past its limit',
  ERR_LEASEPOOL_LEASE_EXPIRED: (kind, { atMs, isDirect }, { begunAtMs }) =>
    kind === 'overstays its lease' ||
    (isDirect === true && begunAtMs === undefined) ||
    (begunAtMs !== undefined && atMs - begunAtMs > revocableAfterMs),
  ERR_LEASEPOOL_WORKER_CRASHED: (kind, { phase, causeCode }, { begun }, weather) => {
    const isResentLate = phase === 'finished' && kind === 'is too deep to return';
    if (causeCode === 'ERR_LEASEPOOL_NOT_STARTED')
      return weather.managerStops > 0 && (phase === 'running' || isResentLate);
    if (phase === 'queued') return kind === 'moves' && begun === 0;
    // Without a last word; or, its answer could not be read, before it had sent that once more.
    if (phase === 'finished')
      return (
        begun === 1 && (weather.kills + weather.outOfMemory > 0 || (isResentLate && weather.lateThrows > 0))
      );
    // Whether there are more victims than workers that died is judged for all of them together.
    return dying.has(kind) || weather.kills + weather.lateThrows > 0;
  },
};

/** Most innocent jobs that deaths may have taken along: one for each. */
export const mostVictims = ({ kills, lateThrows }: Weather): number => kills + lateThrows;
