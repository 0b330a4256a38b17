import { Atomics, Int32Array, SharedArrayBuffer } from '../core/globals.ts';
import {
  type CallState,
  elapsedSince,
  type HostProgress,
  inFlightLimit,
  timeMark,
  type WorkerProgress,
} from './progress.ts';

const queued = 0;
const begun = 1;
const finished = 2;
const takenBack = 3;

const stateNames: readonly CallState[] = ['queued', 'begun', 'finished', 'taken back'];
const mask = inFlightLimit - 1;

/** For threads: a word per call in memory that both sides share, changed by compare-and-swap. */
export class ProgressWords implements HostProgress, WorkerProgress {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** When the call in work began. */
  readonly #beganAt: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4 * (inFlightLimit + 1))) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 4);
    this.#beganAt = new Int32Array(memory, 0, 1);
  }

  queue(index: number): void {
    Atomics.store(this.#words, index & mask, queued);
  }

  takeBack(index: number): boolean {
    return Atomics.compareExchange(this.#words, index & mask, queued, takenBack) === queued;
  }

  stateOf(index: number): CallState {
    return stateNames[Atomics.load(this.#words, index & mask)];
  }

  runningMs(sharedNowMs: number): number {
    return elapsedSince(Atomics.load(this.#beganAt, 0), sharedNowMs);
  }

  begin(index: number, sharedNowMs: number | undefined): boolean {
    if (sharedNowMs !== undefined) Atomics.store(this.#beganAt, 0, timeMark(sharedNowMs));
    return Atomics.compareExchange(this.#words, index & mask, queued, begun) === queued;
  }

  finish(index: number): void {
    Atomics.store(this.#words, index & mask, finished);
  }
}
