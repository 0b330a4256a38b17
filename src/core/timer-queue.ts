import type { Clock, Timer } from './clock.ts';
import { Math } from './globals.ts';

/** Something that is to happen at a time. */
export class Deadline {
  readonly at: number;
  /** Whether the process must live to see it. */
  readonly keepsAlive: boolean;
  readonly onDue: (now: number) => void;
  /** Place in the heap; -1 when it is not in it. */
  place = -1;

  constructor(at: number, keepsAlive: boolean, onDue: (now: number) => void) {
    this.at = at;
    this.keepsAlive = keepsAlive;
    this.onDue = onDue;
  }
}

/**
 * Any number of deadlines on one armed timer (a binary heap by time).
 *
 * A deadline is never early. When the timer fires, input that is ready is taken in first: a result that is
 * already here wins over the deadline of the job it belongs to.
 */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #heap: Deadline[] = [];
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #timerKeepsAlive = true;
  /** Deadlines the process must live to see. */
  #keepAlive = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The time on its clock. */
  now(): number {
    return this.#clock.now();
  }

  get size(): number {
    return this.#heap.length;
  }

  /** @param at milliseconds on the clock given to the constructor */
  set(at: number, onDue: (now: number) => void, options: { readonly keepsAlive: boolean }): Deadline {
    const deadline = new Deadline(at, options.keepsAlive, onDue);
    if (deadline.keepsAlive) this.#keepAlive++;
    this.#heap.push(deadline);
    this.#rise(this.#heap.length - 1, deadline);
    this.#arm();
    return deadline;
  }

  /** Does nothing for one that is due already or was cleared before. */
  clear(deadline: Deadline | undefined): void {
    if (deadline === undefined || deadline.place < 0) return;
    this.#remove(deadline);
    this.#arm();
  }

  #arm(): void {
    const next = this.#heap[0];
    if (next === undefined) {
      this.#timer?.cancel();
      this.#timer = undefined;
      this.#timerAt = Infinity;
      return;
    }
    // A timer that is a little early finds nothing due and is armed again: cheaper than moving it at every change.
    if (this.#timer === undefined || next.at < this.#timerAt) {
      this.#timer?.cancel();
      this.#timerAt = next.at;
      this.#timer = this.#clock.setTimer(
        () => this.#fire(),
        Math.max(0, Math.ceil(next.at - this.#clock.now())),
      );
      this.#timerKeepsAlive = true;
    }
    const keepsAlive = this.#keepAlive > 0;
    if (keepsAlive === this.#timerKeepsAlive) return;
    this.#timerKeepsAlive = keepsAlive;
    if (keepsAlive) this.#timer.ref();
    else this.#timer.unref();
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.#clock.afterPoll(() => this.#runDue());
  }

  #runDue(): void {
    const now = this.#clock.now();
    for (let next = this.#heap[0]; next !== undefined && next.at <= now; next = this.#heap[0]) {
      this.#remove(next);
      next.onDue(now);
    }
    this.#arm();
  }

  #remove(deadline: Deadline): void {
    if (deadline.keepsAlive) this.#keepAlive--;
    const place = deadline.place;
    deadline.place = -1;
    const last = this.#heap.pop()!;
    if (last === deadline) return;
    this.#rise(place, last);
    if (last.place === place) this.#sink(place, last);
  }

  #rise(place: number, deadline: Deadline): void {
    const heap = this.#heap;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent]!.at <= deadline.at) break;
      this.#placeAt(place, heap[parent]!);
      place = parent;
    }
    this.#placeAt(place, deadline);
  }

  #sink(place: number, deadline: Deadline): void {
    const heap = this.#heap;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= deadline.at) break;
      this.#placeAt(place, heap[child]!);
      place = child;
    }
    this.#placeAt(place, deadline);
  }

  #placeAt(place: number, deadline: Deadline): void {
    this.#heap[place] = deadline;
    deadline.place = place;
  }
}
