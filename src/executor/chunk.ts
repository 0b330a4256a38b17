/** How many calls one message carries. Pure. */

import { inFlightLimit } from '../wire/progress.ts';

/** Chunks a worker has at once: the next is there when one ends. */
export const chunksPerWorker = 2;

const maxChunk = inFlightLimit / chunksPerWorker;
/** What a message costs, about, most of it to wake the thread it goes to; a chunk should be worth it. */
const messageMs = 0.1;
/** Longest work one chunk should hold: beyond it a larger one saves next to nothing. */
const maxChunkMs = 1;

/**
 * Size of the next chunk of calls that take `costMs` each. Guided self-scheduling (Polychronopoulos and Kuck,
 * 1987): a share of what is left, so that chunks get smaller towards the end and all workers finish together.
 * Of a task not seen yet one call is sent.
 */
export function chunkSize(queued: number, workers: number, costMs: number | undefined): number {
  if (costMs === undefined) return 1;
  const share = Math.ceil(queued / (2 * workers));
  const worthwhile = Math.ceil(messageMs / costMs);
  const longest = Math.max(1, Math.floor(maxChunkMs / costMs));
  return Math.min(queued, maxChunk, longest, Math.max(share, worthwhile));
}

/** What a call of one task is taken to cost. */
export interface CallCost {
  readonly ms: number;
  /** The last calls took far longer. */
  readonly isDoubted: boolean;
}

/** Calls after which half of the estimate is theirs. */
const halfLife = 16;
const farAbove = 4;

/**
 * A running average over calls. One long call may be chance, and hardly changes it: what waits behind the next such
 * call is taken back by a worker that would idle. Two in a row are news, and what they cost is believed at once.
 */
export function nextCost(cost: CallCost | undefined, calls: number, workMs: number): CallCost {
  const observedMs = Math.max(workMs / calls, 1e-5);
  if (cost === undefined) return { ms: observedMs, isDoubted: false };
  const isFarAbove = observedMs > farAbove * cost.ms;
  if (isFarAbove && cost.isDoubted) return { ms: observedMs, isDoubted: true };
  const weight = 1 - 2 ** (-calls / halfLife);
  return { ms: cost.ms + weight * (observedMs - cost.ms), isDoubted: isFarAbove };
}
