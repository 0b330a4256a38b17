import { setImmediate } from 'node:timers/promises';
import type { Clock, Timer } from '../../src/core/clock.ts';

class FakeTimer implements Timer {
  readonly callback: () => void;
  readonly at: number;
  readonly #armed: Set<FakeTimer>;
  isRef = true;

  constructor(callback: () => void, at: number, armed: Set<FakeTimer>) {
    this.callback = callback;
    this.at = at;
    this.#armed = armed;
    armed.add(this);
  }

  cancel(): void {
    this.#armed.delete(this);
  }

  ref(): void {
    this.isRef = true;
  }

  unref(): void {
    this.isRef = false;
  }
}

/** A clock that stands still until the test advances it. It begins at a time that no code could take for 0. */
export class FakeClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<FakeTimer>();
  #soon: (() => void)[] = [];
  #afterInput: (() => void)[] = [];
  /** How much too early timers fire, as Node's may by up to a millisecond. */
  earlyMs = 0;
  /** Timers ever armed. */
  armed = 0;

  now(): number {
    return this.#now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    if (!(delayMs >= 0)) throw new RangeError(`a delay of ${delayMs} ms`);
    this.armed++;
    return new FakeTimer(callback, this.#now + Math.max(0, delayMs - this.earlyMs), this.#timers);
  }

  defer(callback: () => void): void {
    this.#soon.push(callback);
  }

  afterPoll(callback: () => void): void {
    this.#afterInput.push(callback);
  }

  /** Timers that are armed. */
  get timers(): number {
    return this.#timers.size;
  }

  /** When the next of them fires, in milliseconds from now; `Infinity` without one. */
  get nextTimerInMs(): number {
    return Math.min(...[...this.#timers].map((timer) => timer.at)) - this.#now;
  }

  /** Whether a timer keeps the process alive. */
  get keepsAlive(): boolean {
    return [...this.#timers].some((timer) => timer.isRef);
  }

  /** Time passes and no timer fires: the thread is busy. */
  elapse(ms: number): void {
    this.#now += ms;
  }

  /** Fires the timers that are due; what they leave for after the input waits for {@link flush}. */
  fireDue(): void {
    for (let timer = this.#firstDue(this.#now); timer !== undefined; timer = this.#firstDue(this.#now))
      this.#fire(timer);
  }

  /** Ends this turn: promise callbacks, then what was to happen soon, then what was to happen after the input; until nothing is left. */
  async flush(): Promise<void> {
    await setImmediate();
    while (this.#soon.length > 0 || this.#afterInput.length > 0) {
      const next = this.#soon.length > 0 ? this.#soon : this.#afterInput;
      next.shift()!();
      await setImmediate();
    }
  }

  /** Time passes; each timer that becomes due fires at its time. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await this.flush();
    for (let timer = this.#firstDue(until); timer !== undefined; timer = this.#firstDue(until)) {
      this.#now = Math.max(this.#now, timer.at);
      this.#fire(timer);
      await this.flush();
    }
    this.#now = until;
    await this.flush();
  }

  #firstDue(until: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers)
      if (timer.at <= until && timer.at < (first?.at ?? Infinity)) first = timer;
    return first;
  }

  #fire(timer: FakeTimer): void {
    this.#timers.delete(timer);
    timer.callback();
  }
}
