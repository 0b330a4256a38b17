/** Why a manager opens no pool just now. */

import { BrokenExecutorError } from '../core/errors.ts';
import type { PoolStates } from './pool-states.ts';
import type { PoolEntry } from './pool-entry.ts';

/** A pool broke a moment ago; the next one would probably break as well. */
export function recentBreak(brokenBy: Error | undefined): BrokenExecutorError {
  const message = `no pool is opened just after one broke: ${brokenBy?.message}`;
  return new BrokenExecutorError(message, { cause: brokenBy });
}

/** Broken pools whose workers cannot be ended hold all places; `undefined` when there is no such pool. */
export function stuckBreak(states: PoolStates<PoolEntry>): BrokenExecutorError | undefined {
  const stuck = states
    .inState('leased', 'closing')
    .find(({ brokenBy, executor }) => brokenBy !== undefined && executor.leftBehind !== undefined);
  if (stuck === undefined) return undefined;
  const message = `no pool can be opened before workers of one that broke have ended: ${stuck.brokenBy!.message}`;
  return new BrokenExecutorError(message, { cause: stuck.brokenBy });
}
