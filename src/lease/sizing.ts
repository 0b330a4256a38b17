/** How many pools there should be. Pure. */

import { Math, Number } from '../core/globals.ts';

export interface SizingLimits {
  readonly minPools: number;
  readonly maxPools: number;
  readonly unitsPerPool: number;
}

/** `min(maxPools, max(minPools, ceil(units / unitsPerPool)))` */
export function desiredPools(units: number, { minPools, maxPools, unitsPerPool }: SizingLimits): number {
  return Math.min(maxPools, Math.max(minPools, Math.ceil(units / unitsPerPool)));
}

/** What a provider gave, or 0 when that is no demand: it must be a finite number, 0 or more. */
export function unitsOf(given: unknown): number {
  return isDemand(given) ? given : 0;
}

export function isDemand(given: unknown): given is number {
  return typeof given === 'number' && Number.isFinite(given) && given >= 0;
}
