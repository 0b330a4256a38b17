import { Histogram } from '../diagnostics/histogram.ts';
import type { ExecutorMeter } from '../executor/executor.ts';
import type { Clock } from '../core/clock.ts';

/** How long the work of a manager's pools takes. */
export class PoolMeter implements ExecutorMeter {
  readonly runs: Histogram = new Histogram();
  readonly transports: Histogram = new Histogram();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  callsRan(calls: number, runSeconds: number): void {
    this.runs.record(runSeconds / calls, calls, this.#clock.now());
  }

  chunkCarried(transportSeconds: number): void {
    this.transports.record(transportSeconds, 1, this.#clock.now());
  }
}
