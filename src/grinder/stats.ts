import { type HistogramStats, windowSeconds } from '../diagnostics/histogram.ts';
import type { JobState } from '../job/job.ts';
import type { GrinderSettings } from './grinder-options.ts';

export interface GrinderStats {
  readonly started: boolean;
  readonly stopping: boolean;
  /** The option: its name in leases, events and metrics. */
  readonly ownerPrefix: string;
  /** Accepted and not yet sent to an executor, those waiting for a lease included; cancelled ones are not in it. */
  readonly pending: number;
  readonly batchSizeThreshold: number;
  readonly maxWaitSeconds: number;
  readonly leaseSeconds: number;
  /** Age of the oldest pending item; `0` when there is none. */
  readonly oldestWaitSeconds: number;
  /** Sent to an executor and not settled. */
  readonly inFlight: number;
  /** Batches holding a lease. */
  readonly batchesInFlight: number;
  /** Since the first start: `submitted === pending + inFlight + fulfilled + rejected + cancelled`, always. */
  readonly totals: {
    readonly submitted: number;
    readonly fulfilled: number;
    readonly rejected: number;
    readonly cancelled: number;
    readonly batches: number;
  };
  /** Over the last `windowSeconds`. */
  readonly histograms: {
    readonly windowSeconds: number;
    /** From the acceptance of an item, which is kept to the millisecond, until it is sent to an executor; one that is sent again is in it again. */
    readonly queueWaitSeconds: HistogramStats;
    /** Items that a batch took, those that joined it included; recorded when it ends. */
    readonly batchSize: HistogramStats;
  };
}

/** What is counted over the life of a grinder. */
export class Totals {
  submitted = 0;
  fulfilled = 0;
  rejected = 0;
  cancelled = 0;
  batches = 0;

  /** Items accepted and not settled. */
  get open(): number {
    return this.submitted - this.fulfilled - this.rejected - this.cancelled;
  }

  countSettled(state: JobState): void {
    if (state === 'fulfilled') this.fulfilled++;
    else if (state === 'rejected') this.rejected++;
    else this.cancelled++;
  }
}

export interface GrinderNow {
  readonly started: boolean;
  readonly stopping: boolean;
  readonly pending: number;
  readonly oldestAgeMs: number;
  readonly batchesInFlight: number;
  readonly queueWaits: HistogramStats;
  readonly batchSizes: HistogramStats;
}

export function grinderStats(settings: GrinderSettings, now: GrinderNow, totals: Totals): GrinderStats {
  const { submitted, fulfilled, rejected, cancelled, batches } = totals;
  return {
    started: now.started,
    stopping: now.stopping,
    ownerPrefix: settings.ownerPrefix,
    pending: now.pending,
    batchSizeThreshold: settings.batchSizeThreshold,
    maxWaitSeconds: settings.maxWaitSeconds,
    leaseSeconds: settings.leaseSeconds,
    oldestWaitSeconds: now.oldestAgeMs / 1000,
    inFlight: totals.open - now.pending,
    batchesInFlight: now.batchesInFlight,
    totals: { submitted, fulfilled, rejected, cancelled, batches },
    histograms: { windowSeconds, queueWaitSeconds: now.queueWaits, batchSize: now.batchSizes },
  };
}
