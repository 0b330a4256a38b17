/**
 * How far a worker has come, in memory that host and worker share: one word per call in flight.
 *
 * The worker begins a call by swapping its word from *queued* to *begun*; the host takes a call back by swapping
 * it from *queued* to *taken back*. Only one of the two swaps can succeed, so a call that was taken back never
 * runs, and after a worker's death the words tell what it had begun.
 */
export const inFlightLimit = 1024;

const queued = 0;
const begun = 1;
const finished = 2;
const takenBack = 3;

const mask = inFlightLimit - 1;

export type CallState = 'queued' | 'begun' | 'finished' | 'taken back';

const stateNames: readonly CallState[] = ['queued', 'begun', 'finished', 'taken back'];

export class Progress {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** When the call in work began, for calls with a longest run: milliseconds of the shared clock, modulo 2^32. */
  readonly #beganAt: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4 * (inFlightLimit + 1))) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 4);
    this.#beganAt = new Int32Array(memory, 0, 1);
  }

  /** Host: the call is about to be sent. */
  queue(index: number): void {
    Atomics.store(this.#words, index & mask, queued);
  }

  /** Host. @returns whether it will never run */
  takeBack(index: number): boolean {
    return Atomics.compareExchange(this.#words, index & mask, queued, takenBack) === queued;
  }

  /** Host. */
  stateOf(index: number): CallState {
    return stateNames[Atomics.load(this.#words, index & mask)];
  }

  /** Host: how long the call in work has been running. Only for calls the worker begins with {@link beginTimed}. */
  runningMs(sharedNowMs: number): number {
    return (Math.floor(sharedNowMs) - Atomics.load(this.#beganAt, 0)) | 0;
  }

  /** Worker. @returns `false` when the call was taken back */
  begin(index: number): boolean {
    return Atomics.compareExchange(this.#words, index & mask, queued, begun) === queued;
  }

  /** Worker: the same, and notes the time for {@link runningMs}. */
  beginTimed(index: number, sharedNowMs: number): boolean {
    Atomics.store(this.#beganAt, 0, Math.ceil(sharedNowMs) | 0); // Up, so that no call is ended early.
    return this.begin(index);
  }

  /** Worker. */
  finish(index: number): void {
    Atomics.store(this.#words, index & mask, finished);
  }
}
