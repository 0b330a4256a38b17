import { Array } from '../core/globals.ts';
import {
  readSignal,
  readDurationMs,
  invalidType,
  readList,
  readOptions,
  readString,
} from '../core/options.ts';
import type { Transferable } from '../task/reference.ts';

/** Options of one submission. */
export interface SubmitOptions {
  /** Free text shown in logs, in stats and on errors. */
  readonly owner?: string | undefined;
  /** Cancels the submission: removed if not begun, otherwise only the wait for it ends. */
  readonly signal?: AbortSignal | undefined;
  /** Objects inside `args` to move instead of copy. They must not be used afterwards. */
  readonly transfer?: readonly Transferable[] | undefined;
  /**
   * Longest run, counted from the call of the function, not from the import of its module. Then its worker is
   * terminated and replaced, and the job fails with `TimeoutError`, phase `"run"`. Above 0. No limit unless given.
   */
  readonly timeoutSeconds?: number | undefined;
  /** Longest wait before a worker calls the function. Then it fails with `TimeoutError`, phase `"queue"`, and never runs. Above 0. */
  readonly queueTimeoutSeconds?: number | undefined;
}

/** `[]` may be left out for a function that can be called with no arguments. */
export type SubmitRest<A extends readonly unknown[], O = SubmitOptions> = [] extends A
  ? [args?: readonly [...A], options?: O]
  : [args: readonly [...A], options?: O];

/** Options as read and checked. */
export interface SubmitSettings {
  readonly owner: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly transfer: readonly Transferable[];
  readonly timeoutSeconds: number | undefined;
  readonly queueTimeoutMs: number | undefined;
}

const noTransfer: readonly Transferable[] = [];

/** What most submissions have. */
const plain: SubmitSettings = {
  owner: undefined,
  signal: undefined,
  transfer: noTransfer,
  timeoutSeconds: undefined,
  queueTimeoutMs: undefined,
};

const optionKeys: readonly (keyof SubmitOptions)[] = [
  'owner',
  'signal',
  'transfer',
  'timeoutSeconds',
  'queueTimeoutSeconds',
];

/** @throws TypeError `ERR_INVALID_ARG_TYPE`, RangeError `ERR_OUT_OF_RANGE` */
export function readSubmitOptions(what: string, options: unknown): SubmitSettings {
  if (options === undefined) return plain;
  const given = readOptions<SubmitOptions>(what, options, optionKeys);
  const timeoutMs = readDurationMs('timeoutSeconds', given.timeoutSeconds, { orZero: false });
  return {
    owner: readString('owner', given.owner),
    signal: readSignal('signal', given.signal),
    transfer:
      (readList('transfer', given.transfer) as readonly Transferable[] | undefined)?.slice() ?? noTransfer,
    timeoutSeconds: timeoutMs === undefined ? undefined : timeoutMs / 1000,
    queueTimeoutMs: readDurationMs('queueTimeoutSeconds', given.queueTimeoutSeconds, { orZero: false }),
  };
}

const noArgs: readonly unknown[] = [];

/** @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function readArgs(args: unknown): readonly unknown[] {
  if (args === undefined) return noArgs;
  if (Array.isArray(args)) return args;
  throw invalidType('"args" must be an array of the arguments, before any options: [1, 2]', args);
}
