export interface LeaseTerms {
  readonly id: string;
  readonly owner: string | undefined;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly leasedAtMs: number;
  readonly softExpiresAtMs: number;
  readonly hardExpiresAtMs: number;
  readonly leaseOption?: LeaseOption | undefined;
}

/** The option that has set the length of a lease, and what it is an option of. */
export type LeaseOption = readonly [name: string, of: string];
