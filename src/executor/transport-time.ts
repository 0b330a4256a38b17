import type { ExecutorMeter } from './executor.ts';
import { Math } from '../core/globals.ts';

/** What the messages to and from one worker take, beyond the run of the calls in them. */
export class TransportTime {
  readonly #meter: ExecutorMeter | undefined;
  /** When a chunk was answered last, and how long the calls answered since have run. */
  #lastResultAtMs = 0;
  #ranMs = 0;

  constructor(meter: ExecutorMeter | undefined) {
    this.#meter = meter;
  }

  callsRan(calls: number, workMs: number): void {
    this.#ranMs += workMs;
    this.#meter?.callsRan(calls, workMs / 1000);
  }

  /** While a worker makes the calls of one chunk the next waits for it: that is not transport. */
  chunkFinished(sentAtMs: number, now: number): void {
    const tookMs = now - Math.max(sentAtMs, this.#lastResultAtMs) - this.#ranMs;
    this.#meter?.chunkCarried(Math.max(0, tookMs) / 1000);
    this.#lastResultAtMs = now;
    this.#ranMs = 0;
  }
}
