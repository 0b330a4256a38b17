import { readSync, writeSync } from 'node:fs';
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
/**
 * The worker's part: index of the call it began last, when it began it, whether it has finished it, and index of the
 * last call that it cannot be made to leave out any more.
 */
const workerWords = 4;
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

  /** @param fd an empty file, open for reading and writing */
  constructor(fd: number) {
    this.#fd = fd;
    const words = new Int32Array(workerWords + inFlightLimit);
    words[0] = words[3] = -1;
    writeSync(fd, words);
  }

  queue(index: number): void {
    if (this.#takenBack[index & mask] === 1) this.#mark(index, 0);
  }

  takeBack(index: number): boolean {
    this.#mark(index, 1);
    this.#read();
    return !isReached(this.#words[3], index);
  }

  stateOf(index: number): CallState {
    this.#read();
    const [last, , isFinished, claimed] = this.#words;
    if (!isReached(last, index))
      return this.#takenBack[index & mask] === 1 && !isReached(claimed, index) ? 'taken back' : 'queued';
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
  /** What the host had taken back of the calls claimed last, the first of which is {@link #claimedFrom}. */
  readonly #takenBack = new Int32Array(inFlightLimit);
  #claimedFrom = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.#words[3] = -1;
  }

  begin(index: number, sharedNowMs: number | undefined, soon: number): boolean {
    const isClaimed = isReached(this.#words[3], index);
    this.#words[0] = index;
    this.#words[1] = sharedNowMs === undefined ? 0 : timeMark(sharedNowMs);
    this.#words[2] = 0;
    if (!isClaimed) {
      // Up to the end of the ring, so that what is read lies in one piece.
      const ahead = Math.min(soon, mask - (index & mask));
      this.#claimedFrom = index;
      this.#words[3] = index + ahead;
      writeSync(this.#fd, this.#words, 0, workerBytes, 0);
      readSync(this.#fd, this.#takenBack, 0, (ahead + 1) * wordBytes, takenBackAt(index));
    } else {
      writeSync(this.#fd, this.#words, 0, workerBytes, 0);
      // Its turn may have come later than it was claimed for: the host may have wanted it back meanwhile.
      const place = (index - this.#claimedFrom) * wordBytes;
      if (soon === 0) readSync(this.#fd, this.#takenBack, place, wordBytes, takenBackAt(index));
    }
    return this.#takenBack[index - this.#claimedFrom] === 0;
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
