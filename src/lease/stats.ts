import type { Loan } from './loan.ts';

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
}

export function leaseStats(loan: Loan, now: number): LeaseStats {
  const { id, owner, softExpiresAtMs, hardExpiresAtMs } = loan.terms;
  return {
    leaseId: id,
    owner,
    secondsUntilSoftExpiry: Math.max(0, softExpiresAtMs - now) / 1000,
    secondsUntilHardExpiry: Math.max(0, hardExpiresAtMs - now) / 1000,
    pending: loan.inFlight,
    draining: loan.draining,
  };
}
