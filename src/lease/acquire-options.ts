import type { LeaseOption } from './loan-terms.ts';
import { abortSignal, durationMs, flag, readOptions, text } from '../ground/options.ts';

export interface AcquireOptions {
  /** Length of the lease, counted from the grant. Above 0. @defaultValue the manager's `defaultLeaseSeconds` */
  readonly leaseSeconds?: number | undefined;
  /** Free text shown in stats and logs. */
  readonly owner?: string | undefined;
  /** `false`: fail at once with `LeaseUnavailableError` when all pools are leased and no more may be opened. @defaultValue `true` */
  readonly wait?: boolean | undefined;
  /** Longest wait; then `TimeoutError`, phase `"acquire"`. `0` tries once. No limit unless given. */
  readonly timeoutSeconds?: number | undefined;
  /** Ends the wait with `CancelledError`. */
  readonly signal?: AbortSignal | undefined;
}

const known: readonly (keyof AcquireOptions)[] = [
  'leaseSeconds',
  'owner',
  'wait',
  'timeoutSeconds',
  'signal',
];

export interface AcquireSettings {
  readonly leaseMs: number;
  readonly leaseOption: LeaseOption;
  readonly owner: string | undefined;
  readonly wait: boolean;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE`, RangeError `ERR_OUT_OF_RANGE` */
export function readAcquireOptions(options: unknown, defaultLeaseMs: number): AcquireSettings {
  const given = readOptions<AcquireOptions>('acquire()', options, known);
  return {
    leaseMs: durationMs('leaseSeconds', given.leaseSeconds, { orZero: false }) ?? defaultLeaseMs,
    leaseOption:
      given.leaseSeconds === undefined
        ? ['defaultLeaseSeconds', 'the manager']
        : ['leaseSeconds', 'acquire()'],
    owner: text('owner', given.owner),
    wait: flag('wait', given.wait) ?? true,
    timeoutMs: durationMs('timeoutSeconds', given.timeoutSeconds, { orZero: true }),
    signal: abortSignal('signal', given.signal),
  };
}
