import { LinkedList, type Listed } from '../core/linked-list.ts';

/** Somebody who waits for a lease. */
export class Waiter<R> implements Listed<Waiter<R>, undefined> {
  readonly request: R;
  list: LinkedList<Waiter<R>, undefined> | undefined = undefined;
  previous: Waiter<R> | undefined = undefined;
  next: Waiter<R> | undefined = undefined;

  constructor(request: R) {
    this.request = request;
  }
}

/**
 * Waiters, first come, first served; each can leave at any time. A waiter that is handed its lease has left the
 * queue in the same step, so a cancel in that very turn can neither lose the lease nor serve two (after golang's
 * `x/sync/semaphore`).
 */
export class Waiters<R> {
  readonly #list = new LinkedList<Waiter<R>, undefined>(undefined);

  get size(): number {
    return this.#list.size;
  }

  /** The next in turn. */
  get first(): R | undefined {
    return this.#list.first?.request;
  }

  /** All of them, the next in turn first. */
  *[Symbol.iterator](): Generator<R, undefined> {
    for (let waiter = this.#list.first; waiter !== undefined; waiter = waiter.next) yield waiter.request;
  }

  join(request: R): Waiter<R> {
    const waiter = new Waiter(request);
    this.#list.push(waiter);
    return waiter;
  }

  /** @returns whether it was still waiting */
  leave(waiter: Waiter<R>): boolean {
    return this.#list.remove(waiter);
  }

  /** The next in turn leaves. */
  shift(): R | undefined {
    return this.#list.shift()?.request;
  }
}
