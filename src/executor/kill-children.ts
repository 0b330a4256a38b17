import { systemClock } from '../core/clock.ts';
import { Promise } from '../core/globals.ts';
import { childrenOf, isInterruptible, killChildrenOf } from '../core/os-thread.ts';

/** Longest time that the child processes have to die; then the thread is ended all the same. */
const longestMs = 500;
const lookEveryMs = 2;
/** A thread that is neither idle nor computing at so many looks is in a native call. */
const looks = 20;

/**
 * Kills the child processes of a thread that is about to be killed: the last turn of its event loop then waits for
 * them. A thread in a native call keeps its own: one of them may be what it waits for (`execSync()`), and it
 * cannot be ended before that anyway.
 *
 * @param idleMs for how long its event loop has had nothing to do
 */
export async function killChildren(thread: number, idleMs: () => number): Promise<void> {
  const idleBefore = idleMs();
  const isTurning = (): boolean => idleMs() !== idleBefore;
  for (let look = 0; !isTurning() && !isInterruptible(thread); look++) {
    if (look === looks) return;
    await pause();
  }
  const giveUpAt = systemClock.now() + longestMs;
  const isTime = (): boolean => systemClock.now() < giveUpAt;
  while (!killChildrenOf(thread) && isTime()) await pause();
  // A loop that turns waits for them now, and had better not be ended where it hears of them; another has its last turn.
  for (let look = 0; childrenOf(thread).length > 0; look++) {
    if (!(isTurning() ? isTime() : look < looks)) return;
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => void systemClock.setTimer(resolve, lookEveryMs));
}
