/** How many calls one message carries, and how many a worker without work takes from another. Pure. */

import { Math } from '../core/globals.ts';
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
  const longest = Math.max(1, Math.floor(maxChunkMs / costMs));
  return Math.min(queued, maxChunk, longest, Math.max(share, worthMessage(costMs)));
}

/** How many calls of so much each are worth a message; of a task not seen yet it is one. */
export function worthMessage(costMs: number | undefined): number {
  return costMs === undefined ? 1 : Math.ceil(messageMs / costMs);
}

/** Calls that no worker has begun. */
export interface Backlog {
  readonly calls: number;
  /** What they will take, about; `Infinity` when that is not known. */
  readonly workMs: number;
  /** For how long the oldest of them have been with their worker. */
  readonly ageMs: number;
}

/** An estimate may be wrong: what has been with a worker for so long is worth a message, whatever it is taken to cost. */
export const longestBacklogMs = 1;

/**
 * How many calls of a backlog go to workers that idle, by work stealing: their share, when that is worth a message. A chunk
 * that was sent as one message is so not halved at once, and yet no worker idles for long beside calls not begun.
 * @param idle workers without work
 * @param busy workers that would make the calls otherwise; when there are none, all of them go
 */
export function stealSize({ calls, workMs, ageMs }: Backlog, idle: number, busy: number): number {
  const share = Math.ceil((calls * idle) / (idle + busy));
  const isWorthMessage = workMs * share >= messageMs * calls;
  return isWorthMessage || busy === 0 || ageMs >= longestBacklogMs ? share : 0;
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
