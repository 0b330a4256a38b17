import type { LeaseOption } from './lease-terms.ts';
import { readSignal, readDurationMs, readBoolean, readOptions, readString } from '../core/options.ts';

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

const optionKeys: readonly (keyof AcquireOptions)[] = [
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
  const given = readOptions<AcquireOptions>('acquire()', options, optionKeys);
  return {
    leaseMs: readDurationMs('leaseSeconds', given.leaseSeconds, { orZero: false }) ?? defaultLeaseMs,
    leaseOption:
      given.leaseSeconds === undefined
        ? ['defaultLeaseSeconds', 'the manager']
        : ['leaseSeconds', 'acquire()'],
    owner: readString('owner', given.owner),
    wait: readBoolean('wait', given.wait) ?? true,
    timeoutMs: readDurationMs('timeoutSeconds', given.timeoutSeconds, { orZero: true }),
    signal: readSignal('signal', given.signal),
  };
}
