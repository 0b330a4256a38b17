import { readSync, writeSync } from 'node:fs';
import { Int32Array, Uint8Array } from '../core/globals.ts';
import {
  type CallState,
  elapsedSince,
  type HostProgress,
  inFlightLimit,
  timeMark,
  type WorkerProgress,
} from './progress.ts';

const mask = inFlightLimit - 1;
const wordBytes = 4;
/** The worker's part: index of the call it began last, when it began it, and whether it has finished it. */
const workerWords = 3;
const workerBytes = workerWords * wordBytes;
/** The host's part follows: a word per call, set once the call is taken back. */
const takenBackAt = (index: number): number => workerBytes + (index & mask) * wordBytes;

/**
 * For processes, which share no memory: a small file, open in both, that outlives the worker. Each side writes what
 * it is about to do and then reads what the other has done (as in Dekker's algorithm), so at least one of them
 * notices the other: a call that the host takes back in time never runs.
 */
export class HostProgressFile implements HostProgress {
  readonly #fd: number;
  readonly #words = new Int32Array(workerWords);
  readonly #word = new Int32Array(1);
  /** Places whose word says that a call was taken back. */
  readonly #takenBack = new Uint8Array(inFlightLimit);

  /**
   * @param fd an empty file, open for reading and writing
   * @throws when there is no room for all of it
   */
  constructor(fd: number) {
    this.#fd = fd;
    const words = new Int32Array(workerWords + inFlightLimit);
    words[0] = -1;
    // A disk that is almost full takes a part first.
    for (let at = 0; at < words.byteLength;) at += writeSync(fd, words, at, words.byteLength - at, at);
  }

  queue(index: number): void {
    if (this.#takenBack[index & mask] === 1) this.#mark(index, 0);
  }

  takeBack(index: number): boolean {
    this.#mark(index, 1);
    this.#read();
    return !isReached(this.#words[0], index);
  }

  stateOf(index: number): CallState {
    this.#read();
    const [last, , isFinished] = this.#words;
    if (!isReached(last, index)) return this.#takenBack[index & mask] === 1 ? 'taken back' : 'queued';
    return last === (index | 0) && isFinished === 0 ? 'begun' : 'finished';
  }

  runningMs(sharedNowMs: number): number {
    this.#read();
    return elapsedSince(this.#words[1], sharedNowMs);
  }

  #read(): void {
    readSync(this.#fd, this.#words, 0, workerBytes, 0);
  }

  #mark(index: number, word: 0 | 1): void {
    this.#takenBack[index & mask] = word;
    this.#word[0] = word;
    writeSync(this.#fd, this.#word, 0, wordBytes, takenBackAt(index));
  }
}

/** The worker's side of {@link HostProgressFile}. */
export class WorkerProgressFile implements WorkerProgress {
  readonly #fd: number;
  readonly #words = new Int32Array(workerWords);
  readonly #word = new Int32Array(1);

  constructor(fd: number) {
    this.#fd = fd;
  }

  begin(index: number, sharedNowMs: number | undefined): boolean {
    this.#words[0] = index;
    this.#words[1] = sharedNowMs === undefined ? 0 : timeMark(sharedNowMs);
    this.#words[2] = 0;
    writeSync(this.#fd, this.#words, 0, workerBytes, 0);
    readSync(this.#fd, this.#word, 0, wordBytes, takenBackAt(index));
    return this.#word[0] === 0;
  }

  finish(_index: number, next: boolean): void {
    if (next) return;
    this.#words[2] = 1;
    writeSync(this.#fd, this.#words, 0, workerBytes, 0);
  }
}

/** Whether an index has come that far; indices go round. */
function isReached(reached: number, index: number): boolean {
  return ((reached - index) | 0) >= 0;
}
