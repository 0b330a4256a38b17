/** How many calls one message carries. Pure. */

import { inFlightLimit } from '../wire/progress.ts';

/** Chunks a worker has at once: the next is there when one ends. */
export const chunksPerWorker = 2;

const maxChunk = inFlightLimit / chunksPerWorker;
/** What a message costs both sides, about; a chunk should be worth it. */
const messageMs = 0.025;
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

/** A running estimate of what one call costs: jumps up at once, comes down slowly. */
export function nextCost(estimateMs: number | undefined, observedMs: number): number {
  const observed = Math.max(observedMs, 1e-5);
  if (estimateMs === undefined || observed > 4 * estimateMs) return observed;
  return estimateMs + 0.2 * (observed - estimateMs);
}
