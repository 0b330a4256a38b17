/**
 * The seam for time: everything else asks a {@link Clock}, so the same code runs under a simulated one.
 * The functions are taken once, at load, so that neither a job nor a test's fake timers can change them under us.
 * Where Node has a module for them, they are real even if the globals are fakes by then.
 */

import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { Math, Object, process, queueMicrotask } from './globals.ts';

const { performance } = globalThis;
const { nextTick } = process;
// A fake is the object's own; the real one is inherited.
const { now: realNow = performance.now } = Object.getPrototypeOf(performance) as Partial<typeof performance>;
const performanceNow: () => number = realNow.bind(performance);

/** A one-shot timer. It keeps the process alive until {@link Timer.unref} is called. */
export interface Timer {
  cancel(): void;
  ref(): void;
  unref(): void;
}

export interface Clock {
  /** Monotonic milliseconds on the clock of `performance.now()`. */
  now(): number;
  /** Calls back once, not before `delayMs`. Any delay is fine, also one above 2^31 ms. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** Calls back at the end of this turn: after the microtasks that are queued now and those they queue. */
  defer(callback: () => void): void;
  /** Calls back once whatever input was ready has been taken in. */
  afterPoll(callback: () => void): void;
}

/** The longest delay `setTimeout` honours; a longer one would fire at once. */
const longestTimeoutMs = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #callback: () => void;
  #remainingMs: number;
  #handle: NodeJS.Timeout;
  #isRef = true;

  constructor(callback: () => void, delayMs: number) {
    this.#callback = callback;
    this.#remainingMs = delayMs;
    this.#handle = this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  ref(): void {
    this.#isRef = true;
    this.#handle.ref();
  }

  unref(): void {
    this.#isRef = false;
    this.#handle.unref();
  }

  #arm(): NodeJS.Timeout {
    const delayMs = Math.min(this.#remainingMs, longestTimeoutMs);
    this.#remainingMs -= delayMs;
    const handle = setTimeout(() => this.#fire(), delayMs);
    if (!this.#isRef) handle.unref();
    return handle;
  }

  #fire(): void {
    if (this.#remainingMs > 0) this.#handle = this.#arm();
    else this.#callback();
  }
}

export const systemClock: Clock = {
  now: performanceNow,
  setTimer: (callback, delayMs) => new SystemTimer(callback, delayMs),
  defer: (callback) => queueMicrotask(() => nextTick(callback)),
  afterPoll: (callback) => void setImmediate(callback),
};

/**
 * Milliseconds on the clock of `process.hrtime()`, which all threads and processes of a machine share
 * (`performance.now()` starts at zero in each of them).
 */
export function sharedNow(): number {
  return performanceNow() + sharedOffsetMs;
}

const [seconds, nanoseconds] = process.hrtime();

/** Add it to a reading of `performance.now()` to get the shared clock's. */
export const sharedOffsetMs: number = seconds * 1e3 + nanoseconds / 1e6 - performanceNow();
