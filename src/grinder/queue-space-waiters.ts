import type { Clock } from '../core/clock.ts';
import { LinkedList, type Listed } from '../core/linked-list.ts';

class QueueSpaceWaiter implements Listed<QueueSpaceWaiter, undefined> {
  list: LinkedList<QueueSpaceWaiter, undefined> | undefined = undefined;
  previous: QueueSpaceWaiter | undefined = undefined;
  next: QueueSpaceWaiter | undefined = undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;

  constructor(resolve: () => void, reject: (error: Error) => void) {
    this.resolve = resolve;
    this.reject = reject;
  }
}

/**
 * Those who wait for a place in the queue, first come, first served. Being woken is no claim on the place: when a turn ends
 * with a free place, the caller that was woken has not taken it, and the next one is woken.
 */
export class QueueSpaceWaiters {
  readonly #clock: Clock;
  readonly #hasRoom: () => boolean;
  readonly #waiters = new LinkedList<QueueSpaceWaiter, undefined>(undefined);
  #isCheckPlanned = false;

  /** @param hasRoom whether the queue has room now */
  constructor(clock: Clock, hasRoom: () => boolean) {
    this.#clock = clock;
    this.#hasRoom = hasRoom;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Calls `resolve` when there is room, or `reject` when there will be none. */
  join(resolve: () => void, reject: (error: Error) => void): void {
    this.#waiters.push(new QueueSpaceWaiter(resolve, reject));
  }

  /** So many places have become free. */
  placesFreed(places: number): void {
    for (let place = 0; place < places && this.#waiters.size > 0; place++) this.#waiters.shift()!.resolve();
    this.#checkAtEndOfTurn();
  }

  /** There will be no more room. */
  refuseAll(makeError: () => Error): void {
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift())
      waiter.reject(makeError());
  }

  #checkAtEndOfTurn(): void {
    if (this.#waiters.size === 0 || this.#isCheckPlanned) return;
    this.#isCheckPlanned = true;
    this.#clock.afterPoll(() => {
      this.#isCheckPlanned = false;
      if (this.#hasRoom()) this.placesFreed(1);
    });
  }
}
