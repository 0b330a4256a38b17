/**
 * The luck of a run. A draw depends on the seed, on what is drawn for and on how often that was drawn before; not on
 * other draws. So a program that is made smaller to find its faulty core keeps most of its luck.
 */
export class Chance {
  readonly #seed: number;
  readonly #drawn = new Map<string, number>();

  constructor(seed: number) {
    this.#seed = mixed(seed | 0);
  }

  /** A number from 0 up to 1. */
  draw(purpose: string): number {
    const count = this.#drawn.get(purpose) ?? 0;
    this.#drawn.set(purpose, count + 1);
    return (mixed(this.#seed ^ hashOf(purpose) ^ Math.imul(count + 1, 0x9e3779b1)) >>> 0) / 2 ** 32;
  }

  happens(purpose: string, rate: number): boolean {
    return rate > 0 && this.draw(purpose) < rate;
  }

  oneOf<T>(purpose: string, choices: readonly T[]): T {
    return choices[Math.floor(this.draw(purpose) * choices.length)];
  }
}

/** FNV-1a. */
export function hashOf(text: string, from = 0x811c9dc5): number {
  let hash = from;
  for (let place = 0; place < text.length; place++)
    hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193);
  return hash;
}

/** The finalizer of MurmurHash3: every bit of the argument tells on every bit of the result. */
function mixed(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
