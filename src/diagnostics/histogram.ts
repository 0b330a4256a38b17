/**
 * How values are distributed, over the last while. Buckets grow with the values, sixteen to a doubling, as in
 * HdrHistogram (Gil Tene) but cut from the bits of a float; time is cut into slices, the oldest of which is used
 * again.
 */

import { Array, Float32Array, Math, Uint32Array } from '../core/globals.ts';

/** The window of the histograms in the stats, in seconds. */
export const windowSeconds = 60;
const sliceCount = 6;
const sliceMs = (windowSeconds * 1000) / sliceCount;

/** A float of 32 bits has a sign, 8 bits of exponent and 23 of mantissa, the first 4 of which choose the bucket. */
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);
const bitsBelow = 19;

/** Values below the first limit, or above the last, count in the outermost bucket. */
const firstBucket = bitsOf(2 ** -27) >>> bitsBelow;
const buckets = (bitsOf(2 ** 17) >>> bitsBelow) - firstBucket;

function bitsOf(value: number): number {
  float[0] = value;
  return bits[0];
}

function bucketOf(value: number): number {
  const bucket = (bitsOf(value) >>> bitsBelow) - firstBucket;
  return bucket < 0 ? 0 : bucket < buckets ? bucket : buckets - 1;
}

function lowerLimit(bucket: number): number {
  bits[0] = (bucket + firstBucket) << bitsBelow;
  return float[0];
}

/** What was recorded in the last 60 s. All zero when nothing was. */
export interface HistogramStats {
  readonly count: number;
  readonly mean: number;
  /** The median. This and the other percentiles are within 4 % of a recorded value. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What was recorded in one stretch of the window. */
class Slice {
  /** Its place in the count of slices since the clock's zero. */
  number = -1;
  readonly counts: Uint32Array = new Uint32Array(buckets);
  count = 0;
  sum = 0;
  max = 0;
}

/** Values of the last {@link windowSeconds}: all of the last 50 s, none older than 60 s. Recording allocates nothing. */
export class Histogram {
  readonly #slices: readonly Slice[] = Array.from({ length: sliceCount }, () => new Slice());
  /** Of all slices together. */
  readonly #counts: Uint32Array = new Uint32Array(buckets);
  readonly #isWhole: boolean;

  /** @param isWhole whether values are whole numbers */
  constructor({ isWhole = false }: { readonly isWhole?: boolean } = {}) {
    this.#isWhole = isWhole;
  }

  /** @param value 0 or more @param times how often it occurred */
  record(value: number, times: number, nowMs: number): void {
    const number = Math.floor(nowMs / sliceMs);
    const slice = this.#slices[number % sliceCount];
    if (slice.number !== number) {
      this.#empty(slice);
      slice.number = number;
    }
    const bucket = bucketOf(value);
    this.#counts[bucket] += times;
    slice.counts[bucket] += times;
    slice.count += times;
    slice.sum += value * times;
    if (value > slice.max) slice.max = value;
  }

  read(nowMs: number): HistogramStats {
    const oldest = Math.floor(nowMs / sliceMs) - sliceCount;
    let count = 0;
    let sum = 0;
    let max = 0;
    for (const slice of this.#slices) {
      if (slice.number <= oldest) this.#empty(slice);
      count += slice.count;
      sum += slice.sum;
      max = Math.max(max, slice.max);
    }
    if (count === 0) return { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
    const [p50, p90, p99] = this.#percentiles(count).map((value) =>
      Math.min(max, this.#isWhole ? Math.floor(value) : value),
    );
    return { count, mean: sum / count, p50, p90, p99, max };
  }

  /** The middles of the buckets in which the 50th, 90th and 99th of a hundred values lie. */
  #percentiles(count: number): number[] {
    const ranks = [0.5, 0.9, 0.99].map((share) => Math.ceil(share * count));
    const found: number[] = [];
    let passed = 0;
    for (let bucket = 0; found.length < ranks.length; bucket++) {
      passed += this.#counts[bucket];
      while (found.length < ranks.length && passed >= ranks[found.length])
        found.push((lowerLimit(bucket) + lowerLimit(bucket + 1)) / 2);
    }
    return found;
  }

  #empty(slice: Slice): void {
    if (slice.count === 0) return;
    for (let bucket = 0; bucket < buckets; bucket++) this.#counts[bucket] -= slice.counts[bucket];
    slice.counts.fill(0);
    slice.count = 0;
    slice.sum = 0;
    slice.max = 0;
  }
}
