import { Math } from '../core/globals.ts';
import { readFunction, readInteger, readBoolean, readOptions } from '../core/options.ts';
import { readSubmitOptions, type SubmitSettings, type SubmitOptions } from '../job/submit-options.ts';
import type { GrinderSettings } from './grinder-options.ts';

/** Options of `grinder.map()`. `owner` and the timeouts are those of each job. */
export interface MapOptions<S extends boolean = boolean> extends Pick<
  SubmitOptions,
  'owner' | 'timeoutSeconds' | 'queueTimeoutSeconds'
> {
  /**
   * Most elements taken from the source and not yielded yet: those at work, and results that wait to be read. At
   * least 1. Below the grinder's `batchSizeThreshold`, every batch begins by age (`maxWaitSeconds`) only.
   * @defaultValue four batches for each that may run at once, of `batchSizeThreshold` items or one per worker,
   *   whichever is more: `80` for a grinder and a manager with default options
   */
  readonly concurrency?: number | undefined;
  /** Results in the order of the elements (`true`), or as they are known (`false`). @defaultValue `true` */
  readonly ordered?: boolean | undefined;
  /** Yields a {@link MapOutcome} for each element, so that a job that fails ends nothing. @defaultValue `false` */
  readonly settled?: S | undefined;
  /** Ends the mapping: jobs are cancelled, the source is closed, and reading on throws `CancelledError`, once. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of one element, with `settled: true`: the shape of `Promise.allSettled()`, and which element it was. */
export type MapOutcome<E, R> =
  | { readonly status: 'fulfilled'; readonly value: R; readonly element: E; readonly index: number }
  | { readonly status: 'rejected'; readonly reason: unknown; readonly element: E; readonly index: number };

/** How elements become the arguments of a task. */
export interface MapArgs<E, A extends readonly unknown[]> {
  /** The arguments of the job for an element, for a task that takes other than the element alone. */
  readonly args: (element: E, index: number) => readonly [...A];
}

/** Options as read and checked. */
export interface MapSettings {
  readonly concurrency: number;
  readonly isOrdered: boolean;
  readonly isSettled: boolean;
  readonly signal: AbortSignal | undefined;
  readonly argsOf: (element: unknown, index: number) => unknown;
  readonly submission: SubmitSettings;
  readonly taskName?: string | undefined;
}

const ofEachJob = ['owner', 'timeoutSeconds', 'queueTimeoutSeconds'] as const;

/** @throws TypeError `ERR_INVALID_ARG_TYPE`, RangeError `ERR_OUT_OF_RANGE` */
export function readMapOptions(options: unknown, grinder: GrinderSettings, taskName?: string): MapSettings {
  const given = readOptions<MapOptions & MapArgs<unknown, readonly unknown[]>>('map()', options, [
    'concurrency',
    'ordered',
    'settled',
    'signal',
    'args',
    ...ofEachJob,
  ]);
  const { owner, timeoutSeconds, queueTimeoutSeconds, signal } = given;
  const checked = readSubmitOptions('map()', { owner, timeoutSeconds, queueTimeoutSeconds, signal });
  return {
    concurrency: readInteger('concurrency', given.concurrency, { min: 1 }) ?? defaultConcurrency(grinder),
    isOrdered: readBoolean('ordered', given.ordered) ?? true,
    isSettled: readBoolean('settled', given.settled) ?? false,
    signal: checked.signal,
    argsOf: readFunction<MapSettings['argsOf']>('args', given.args) ?? ((element) => [element]),
    // The mapping hears the signal itself, once for all its jobs.
    submission: { ...checked, signal: undefined },
    taskName,
  };
}

function defaultConcurrency({ manager, batchSizeThreshold, maxConcurrentBatches }: GrinderSettings): number {
  return 4 * maxConcurrentBatches * Math.max(batchSizeThreshold, manager.stats().workersPerPool);
}
