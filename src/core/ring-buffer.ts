import { Array } from './globals.ts';

/**
 * A queue in a circular array. Each entry keeps its position while it is queued, so it can be struck out
 * in constant time; what is struck out is passed over when its turn comes.
 */
export class RingBuffer<T extends object> {
  #entries: (T | undefined)[] = new Array<T | undefined>(16).fill(undefined);
  #head = 0;
  #tail = 0;
  #size = 0;

  /** Entries queued, those struck out not counted. */
  get size(): number {
    return this.#size;
  }

  /** @returns its position, for {@link removeAt} */
  push(entry: T): number {
    this.#grow();
    const position = this.#tail++;
    this.#entries[position & (this.#entries.length - 1)] = entry;
    this.#size++;
    return position;
  }

  /** Puts an entry before all others. @returns its position */
  unshift(entry: T): number {
    this.#grow();
    const position = --this.#head;
    this.#entries[position & (this.#entries.length - 1)] = entry;
    this.#size++;
    return position;
  }

  /** The entry that {@link shift} would give. */
  peek(): T | undefined {
    if (this.#size === 0) return undefined;
    const mask = this.#entries.length - 1;
    while (this.#entries[this.#head & mask] === undefined) this.#head++;
    return this.#entries[this.#head & mask];
  }

  shift(): T | undefined {
    const entry = this.peek();
    if (entry === undefined) return undefined;
    this.#entries[this.#head++ & (this.#entries.length - 1)] = undefined;
    if (--this.#size === 0) this.#head = this.#tail = 0;
    return entry;
  }

  /** @returns whether `entry` was queued at `position` */
  removeAt(position: number, entry: T): boolean {
    const index = position & (this.#entries.length - 1);
    if (position < this.#head || position >= this.#tail || this.#entries[index] !== entry) return false;
    this.#entries[index] = undefined;
    if (--this.#size === 0) this.#head = this.#tail = 0;
    else this.#trim();
    return true;
  }

  /** Gives back the places behind the last entry and before the first. */
  #trim(): void {
    const mask = this.#entries.length - 1;
    while (this.#entries[(this.#tail - 1) & mask] === undefined) this.#tail--;
    while (this.#entries[this.#head & mask] === undefined) this.#head++;
  }

  #grow(): void {
    const old = this.#entries;
    if (this.#tail - this.#head < old.length) return;
    const grown = new Array<T | undefined>(old.length * 2).fill(undefined);
    for (let position = this.#head; position < this.#tail; position++) {
      grown[position & (grown.length - 1)] = old[position & (old.length - 1)];
    }
    this.#entries = grown;
  }
}
