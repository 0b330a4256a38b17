import type { Clock } from '../ground/clock.ts';
import { List, type Listed } from '../ground/list.ts';

class RoomWaiter implements Listed<RoomWaiter, undefined> {
  list: List<RoomWaiter, undefined> | undefined = undefined;
  previous: RoomWaiter | undefined = undefined;
  next: RoomWaiter | undefined = undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;

  constructor(resolve: () => void, reject: (error: Error) => void) {
    this.resolve = resolve;
    this.reject = reject;
  }
}

/**
 * Those who wait for a place in the queue, first come, first served. Being woken is no claim on the place: when a turn ends
 * and there is room, whoever was woken has left it to the next, who is woken then.
 */
export class Room {
  readonly #clock: Clock;
  readonly #hasRoom: () => boolean;
  readonly #waiters = new List<RoomWaiter, undefined>(undefined);
  #isLookPlanned = false;

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
    this.#waiters.push(new RoomWaiter(resolve, reject));
  }

  /** So many places have become free. */
  freed(places: number): void {
    for (let place = 0; place < places && this.#waiters.size > 0; place++) this.#waiters.shift()!.resolve();
    this.#lookAtEndOfTurn();
  }

  /** There will be no more room. */
  refuseAll(makeError: () => Error): void {
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift())
      waiter.reject(makeError());
  }

  #lookAtEndOfTurn(): void {
    if (this.#waiters.size === 0 || this.#isLookPlanned) return;
    this.#isLookPlanned = true;
    this.#clock.afterInput(() => {
      this.#isLookPlanned = false;
      if (this.#hasRoom()) this.freed(1);
    });
  }
}
