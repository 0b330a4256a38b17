import { Map } from '../core/globals.ts';
import type { ResultFrame } from '../wire/frame.ts';

/**
 * Reorder buffer, as in TCP: holds frames of results that arrived although those before them are still being sent again.
 * Each is read once its turn comes.
 */
export class ReorderBuffer {
  readonly #frames = new Map<number, ResultFrame>();

  add(frame: ResultFrame): void {
    this.#frames.set(frame.first, frame);
  }

  /** Whether the call with this index is answered. */
  has(index: number): boolean {
    for (const { first, values } of this.#frames.values())
      if (first <= index && index < first + values.length) return true;
    return false;
  }

  /** Takes out the frame whose first result is that of the call with this index. */
  take(index: number): ResultFrame | undefined {
    if (this.#frames.size === 0) return undefined;
    const frame = this.#frames.get(index);
    this.#frames.delete(index);
    return frame;
  }

  /** All that are left, in the order of their calls. */
  drain(): ResultFrame[] {
    const frames = [...this.#frames.values()].toSorted((a, b) => a.first - b.first);
    this.#frames.clear();
    return frames;
  }
}
