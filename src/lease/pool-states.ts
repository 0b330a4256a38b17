/** Which pool is in which state. Pure: no time, no promises, no workers. */

import { Error, Map } from '../core/globals.ts';

export type PoolState = 'starting' | 'available' | 'leased' | 'closing';

/** What a pool may become. A pool that is not here yet starts as `starting` or `leased`; a closed one is removed. */
const next: Readonly<Record<PoolState, readonly PoolState[]>> = {
  starting: ['available', 'leased', 'closing'],
  available: ['leased', 'closing'],
  leased: ['available', 'starting', 'closing'],
  closing: [],
};

/** Each pool is in exactly one state, and there are never more than `maxPools`: those that are closing count. */
export class PoolStates<P> {
  readonly maxPools: number;
  readonly #states = new Map<P, PoolState>();
  readonly #counts: Record<PoolState, number> = { starting: 0, available: 0, leased: 0, closing: 0 };

  constructor(maxPools: number) {
    this.maxPools = maxPools;
  }

  get total(): number {
    return this.#states.size;
  }

  /** Pools that stay: all but the closing ones. */
  get active(): number {
    return this.total - this.#counts.closing;
  }

  get canOpen(): boolean {
    return this.total < this.maxPools;
  }

  count(state: PoolState): number {
    return this.#counts[state];
  }

  stateOf(pool: P): PoolState | undefined {
    return this.#states.get(pool);
  }

  /** Pools in the order in which they came into their state. */
  inState(...states: readonly PoolState[]): P[] {
    const pools: P[] = [];
    for (const [pool, state] of this.#states) if (states.includes(state)) pools.push(pool);
    return pools;
  }

  add(pool: P, state: 'starting' | 'leased'): void {
    if (!this.canOpen || this.#states.has(pool))
      throw new Error(`a pool too many: ${this.total} of ${this.maxPools}`);
    this.#states.set(pool, state);
    this.#counts[state]++;
  }

  move(pool: P, to: PoolState): void {
    const from = this.#states.get(pool);
    if (from === undefined || !next[from].includes(to))
      throw new Error(`a pool cannot go from ${from} to ${to}`);
    this.#counts[from]--;
    this.#counts[to]++;
    this.#states.delete(pool);
    this.#states.set(pool, to);
  }

  remove(pool: P): void {
    const state = this.#states.get(pool);
    if (state === undefined) return;
    this.#counts[state]--;
    this.#states.delete(pool);
  }

  /** The pool to lend next, of those for which `isFit` holds: the one used last, so that the others may idle out. */
  lendableIf(isFit: (pool: P) => boolean): P | undefined {
    let last: P | undefined;
    if (this.#counts.available > 0)
      for (const [pool, state] of this.#states) if (state === 'available' && isFit(pool)) last = pool;
    return last;
  }

  /** The pool to lend next to somebody who waits for its workers: the one used last; else one that is coming up. */
  lendable(): P | undefined {
    return this.inState('available').at(-1) ?? this.inState('starting')[0];
  }

  /** Unleased pools beyond `desired`, the longest idle first. One that is coming up is left to do so. */
  excess(desired: number): P[] {
    const excess = this.active - desired;
    return excess > 0 ? this.inState('available').slice(0, excess) : [];
  }
}
