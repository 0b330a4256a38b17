import type { HistogramStats } from '../diagnostics/histogram.ts';
import { Math } from '../core/globals.ts';
import type { Lease } from './lease.ts';

export interface LeaseStats {
  readonly leaseId: string;
  readonly owner: string | undefined;
  /** Never negative. */
  readonly secondsUntilSoftExpiry: number;
  /** Never negative. */
  readonly secondsUntilHardExpiry: number;
  /** Work sent through the lease and not settled. */
  readonly pending: number;
  /** Released, waiting for that work. */
  readonly draining: boolean;
}

export interface ManagerStats {
  readonly started: boolean;
  readonly stopping: boolean;
  /** The option: its name in pools, events and metrics. */
  readonly namePrefix: string;
  readonly backend: string;
  readonly desired: number;
  readonly maxPools: number;
  readonly minPools: number;
  /** `total = starting + available + leased + closing`; draining leases count as leased. */
  readonly starting: number;
  readonly available: number;
  readonly leased: number;
  readonly closing: number;
  readonly total: number;
  readonly workersPerPool: number;
  /** Callers inside `acquire()`. */
  readonly waiting: number;
  readonly leases: readonly LeaseStats[];
  /** Over the last `windowSeconds`. */
  readonly histograms: {
    readonly windowSeconds: number;
    /** How long those who got a lease stood in line for it: callers of `acquire()`, and batches. */
    readonly leaseWaitSeconds: HistogramStats;
    /** What one chunk of calls took, from being sent (or from the answer before, if that came later) to its answer, less the run of its calls. */
    readonly transportSeconds: HistogramStats;
    /** What one call ran. Short ones are answered together, and each counts as their mean. */
    readonly runSeconds: HistogramStats;
  };
}

export function leaseStats(lease: Lease, now: number): LeaseStats {
  const { id, owner, softExpiresAtMs, hardExpiresAtMs } = lease.terms;
  return {
    leaseId: id,
    owner,
    secondsUntilSoftExpiry: Math.max(0, softExpiresAtMs - now) / 1000,
    secondsUntilHardExpiry: Math.max(0, hardExpiresAtMs - now) / 1000,
    pending: lease.inFlight,
    draining: lease.draining,
  };
}
