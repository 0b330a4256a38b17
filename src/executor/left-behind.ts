import { Promise } from '../core/globals.ts';
/** Workers of a pool that were told to end and did not: each is in a native call, which nothing interrupts. */
export class LeftBehind {
  #count = 0;
  #ended: Promise<void> | undefined;
  #markEnded: () => void = () => {};

  /** How many of them have not ended yet. */
  get count(): number {
    return this.#count;
  }

  /** While there are any: resolves when the last of them has ended. */
  get ended(): Promise<void> | undefined {
    return this.#ended;
  }

  add(): void {
    if (this.#count++ === 0) this.#ended = new Promise((resolve) => (this.#markEnded = resolve));
  }

  /** One of them has ended after all. */
  remove(): void {
    if (--this.#count > 0) return;
    this.#ended = undefined;
    this.#markEnded();
  }
}
