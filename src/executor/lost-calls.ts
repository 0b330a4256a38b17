import { Math } from '../core/globals.ts';
import type { ResultFrame } from '../wire/frame.ts';
import type { ReorderBuffer } from './reorder-buffer.ts';
import { type PooledCall, type InFlightCalls, type LostCall, settleAsReturned } from './in-flight-calls.ts';

/** Workers that may end with a call in the message they have to begin next, before it fails; after the first it goes alone. */
const maxSendsWithoutProgress = 3;

/**
 * Settles what was with a worker that is gone: what has been answered before its turn, and the rest by what the worker
 * had begun.
 *
 * @param loading the call whose module the worker was loading
 * @param settle takes answers whose turn it is
 * @param crash settles a call that went with the worker
 * @returns the calls that can go elsewhere
 */
export function settleLost(
  inFlight: InFlightCalls,
  early: ReorderBuffer,
  loading: PooledCall | undefined,
  settle: (answers: ResultFrame) => void,
  crash: (call: PooledCall, state: LostCall['state']) => void,
): PooledCall[] {
  const givenBack: PooledCall[] = [];
  const settleTo = (end: number): void => {
    for (const { call, state } of inFlight.removeLost(end, loading)) {
      if (state === 'taken back') settleAsReturned(call);
      else if (state === 'queued' && call.hasMoved !== true) givenBack.push(call);
      else crash(call, state);
    }
  };
  for (const answers of early.drain()) {
    if (answers.first < inFlight.first) continue;
    settleTo(answers.first);
    settle(answers);
  }
  settleTo(inFlight.end);
  return givenBack;
}

/**
 * A worker ended by itself before it began anything, and had to begin this call next. Company counts once: which of
 * several calls is to blame shows only when each goes alone.
 * @returns whether the call has seen enough of them
 */
export function isFatal(call: PooledCall, wasAlone: boolean): boolean {
  const before = call.sendsWithoutProgress ?? 0;
  call.sendsWithoutProgress = wasAlone ? before + 1 : Math.max(before, 1);
  return call.sendsWithoutProgress >= maxSendsWithoutProgress;
}
