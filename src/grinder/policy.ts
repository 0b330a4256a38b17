/** When a batch is due and how much it takes. Pure. */

export interface BatchingLimits {
  readonly batchSizeThreshold: number;
  readonly maxWaitMs: number;
  readonly maxBatchSize: number;
  readonly dispatch: 'threshold' | 'natural';
}

export interface Queue {
  readonly size: number;
  /** How long the oldest item has waited. */
  readonly oldestAgeMs: number;
  /** Its first item was given back by an executor: it has been due before. */
  readonly hasGivenBack: boolean;
  /** The grinder is stopping: nothing more will come. */
  readonly draining: boolean;
}

/** Milliseconds until a batch is due: 0 when it is, `Infinity` when nothing waits. */
export function dueInMs(queue: Queue, { batchSizeThreshold, maxWaitMs, dispatch }: BatchingLimits): number {
  if (queue.size === 0) return Infinity;
  if (queue.size >= batchSizeThreshold || queue.hasGivenBack || queue.draining || dispatch === 'natural')
    return 0;
  return Math.max(0, maxWaitMs - queue.oldestAgeMs);
}

/**
 * How many items the next batch takes: all that wait, or a fair share when further batches can begin at once, but
 * not less than would have made it due.
 */
export function batchSize(
  waiting: number,
  batchesThatCanBegin: number,
  { batchSizeThreshold, maxBatchSize, dispatch }: BatchingLimits,
): number {
  const share = Math.ceil(waiting / Math.max(1, batchesThatCanBegin));
  const least = dispatch === 'natural' ? 1 : batchSizeThreshold;
  return Math.min(waiting, maxBatchSize, Math.max(share, least));
}

/** How many due items join a batch that is open: one for each worker that would otherwise be idle. */
export function joiners(
  workers: number,
  unsettled: number,
  taken: number,
  { maxBatchSize }: BatchingLimits,
): number {
  return Math.max(0, Math.min(workers - unsettled, maxBatchSize - taken));
}

/** What a batch holds beyond its workers: while others idle, it should be theirs. */
export function surplus(workers: number, unsettled: number): number {
  return Math.max(0, unsettled - workers);
}

/**
 * How long until a free pool takes over a part of a surplus: at once in natural dispatch; by threshold once its
 * newest item has waited as long as items may.
 */
export function spreadInMs(
  newestAgeMs: number,
  draining: boolean,
  { maxWaitMs, dispatch }: BatchingLimits,
): number {
  return draining || dispatch === 'natural' ? 0 : Math.max(0, maxWaitMs - newestAgeMs);
}
