import { Math } from '../ground/globals.ts';
import type { AnswerFrame } from '../wire/frame.ts';
import type { EarlyAnswers } from './early-answers.ts';
import { type HeldCall, type InFlight, type LostCall, returnTo } from './in-flight.ts';

/** Workers that may end with a call in the message they have to begin next, before it fails; after the first it goes alone. */
const mostFruitlessSends = 3;

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
  inFlight: InFlight,
  early: EarlyAnswers,
  loading: HeldCall | undefined,
  settle: (answers: AnswerFrame) => void,
  crash: (call: HeldCall, state: LostCall['state']) => void,
): HeldCall[] {
  const givenBack: HeldCall[] = [];
  const settleTo = (end: number): void => {
    for (const { call, state } of inFlight.takeLost(end, loading)) {
      if (state === 'taken back') returnTo(call);
      else if (state === 'queued' && call.hasMoved !== true) givenBack.push(call);
      else crash(call, state);
    }
  };
  for (const answers of early.takeAll()) {
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
export function isFatal(call: HeldCall, wasAlone: boolean): boolean {
  const before = call.fruitlessSends ?? 0;
  call.fruitlessSends = wasAlone ? before + 1 : Math.max(before, 1);
  return call.fruitlessSends >= mostFruitlessSends;
}
