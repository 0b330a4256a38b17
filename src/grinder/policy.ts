/** When a batch is due and how much it takes. Pure. */

import { Math } from '../core/globals.ts';

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
  readonly hasRequeued: boolean;
  /** The grinder is stopping: nothing more will come. */
  readonly draining: boolean;
}

/** Milliseconds until a batch is due: 0 when it is, `Infinity` when nothing waits. */
export function dueInMs(queue: Queue, { batchSizeThreshold, maxWaitMs, dispatch }: BatchingLimits): number {
  if (queue.size === 0) return Infinity;
  if (queue.size >= batchSizeThreshold || queue.hasRequeued || queue.draining || dispatch === 'natural')
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

/** How many batches what waits is enough for, and so how many pools. */
export function batchesWorth(
  waiting: number,
  most: number,
  { batchSizeThreshold, dispatch }: BatchingLimits,
): number {
  const batches = dispatch === 'natural' ? waiting : Math.floor(waiting / batchSizeThreshold);
  return Math.min(most, Math.max(1, batches));
}

/** An open batch that due items may join. */
export interface OpenBatch {
  readonly taken: number;
  /** Its workers without work; at least one. */
  readonly idle: number;
  /** Without work, of all open batches that items may join, those of this one included. */
  readonly idleOfAll: number;
  /** So many items are worth a message to a worker. */
  readonly worthMessage: number;
}

/** How many due items join it: a fair share for its workers without work, but not less than a message is worth. */
export function joinCapacity(
  waiting: number,
  { taken, idle, idleOfAll, worthMessage }: OpenBatch,
  { maxBatchSize }: BatchingLimits,
): number {
  const share = Math.ceil((waiting * idle) / idleOfAll);
  return Math.max(0, Math.min(waiting, maxBatchSize - taken, Math.max(share, worthMessage)));
}

/**
 * How long until a free pool takes over a part of what a batch has not begun: at once in natural dispatch; by threshold
 * once its newest item has waited as long as items may, unless it is due for another reason.
 */
export function rebalanceDelayMs(
  newestAgeMs: number,
  isDue: boolean,
  { maxWaitMs, dispatch }: BatchingLimits,
): number {
  return isDue || dispatch === 'natural' ? 0 : Math.max(0, maxWaitMs - newestAgeMs);
}
