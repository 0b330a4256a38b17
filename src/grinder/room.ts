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

/** Those who wait for a place in the queue, first come, first served. Being woken is no claim on the place. */
export class Room {
  readonly #waiters = new List<RoomWaiter, undefined>(undefined);

  wait(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.push(new RoomWaiter(resolve, reject)));
  }

  /** So many places have become free. */
  freed(places: number): void {
    for (let place = 0; place < places && this.#waiters.size > 0; place++) this.#waiters.shift()!.resolve();
  }

  /** There will be no more room. */
  refuseAll(makeError: () => Error): void {
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift())
      waiter.reject(makeError());
  }
}
