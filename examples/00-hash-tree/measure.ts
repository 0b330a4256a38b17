import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { GrinderStats } from 'leasepool';
import { showProgress } from './progress.ts';
import { Tally } from './tally.ts';

export interface Run {
  readonly label: string;
  readonly tally: Tally;
  readonly seconds: number;
  /** How late a timer of 1 ms was, in milliseconds. */
  readonly delayP99: number;
  readonly delayMax: number;
  /** Of the grinder. */
  readonly totals?: GrinderStats['totals'];
}

export type Work = (tally: Tally, step: () => void) => Promise<void>;

/** Times the work and watches how long it keeps the event loop from everything else. */
export async function measure(label: string, total: number, work: Work): Promise<Run> {
  const tally = new Tally();
  const progress = showProgress(label, total);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const began = performance.now();
  try {
    await work(tally, () => progress.step());
  } finally {
    delay.disable();
    progress.end();
  }
  const seconds = (performance.now() - began) / 1000;
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - 1);
  return { label, tally, seconds, delayP99: late(delay.percentile(99)), delayMax: late(delay.max) };
}
