import { until } from './until.ts';

/** A latch where jobs wait (`hold` of the task modules), with counts of those that came and those that went on. */
export class Gate {
  /** `[open, begun, finished]`, shared with the jobs. */
  readonly cells = new Int32Array(new SharedArrayBuffer(12));

  get begun(): number {
    return Atomics.load(this.cells, 1);
  }

  get finished(): number {
    return Atomics.load(this.cells, 2);
  }

  open(): void {
    Atomics.store(this.cells, 0, 1);
    Atomics.notify(this.cells, 0);
  }

  untilBegun(count = 1): Promise<void> {
    return until(() => this.begun >= count, `${count} jobs at the gate`);
  }

  untilFinished(count = 1): Promise<void> {
    return until(() => this.finished >= count, `${count} jobs past the gate`);
  }
}
