import { systemClock } from '../core/clock.ts';
import { Atomics, Int32Array, Math, process, SharedArrayBuffer } from '../core/globals.ts';
import { isDetached, killChildrenOf, livingChildrenOf } from '../core/os-thread.ts';
import { addPermanentListener } from './permanent-listener.ts';

/** Longest time that killed processes have to die. */
const longestMs = 500;
/** When a process has died, the signal that tells the event loop may take a moment. */
const signalMs = 10;
/** How long child processes that are not detached may go on when their thread ends in order. */
const graceMs = 10_000;

const never = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms: number): void => void Atomics.wait(never, 0, 0, ms);

/**
 * Sees to the child processes of this thread when it ends. Afterwards nobody can wait for them and they would stay as
 * zombies; but the event loop turns once more after the last `exit` listener, and waits for those that are dead.
 *
 * @param thread number of this thread
 * @param stays tells the host that the thread stays for the sake of its child processes only
 * @returns prepares for an end in order: child processes may go on then. In any other case they are killed
 */
export function endChildrenAtExit(thread: number, stays: () => void): () => void {
  let isInOrder = false;
  addPermanentListener('exit', () => {
    if (!isInOrder) killAll(thread);
  });
  return () => {
    isInOrder = true;
    // Behind the listeners of jobs, which may end what they have started.
    process.on('exit', () => {
      if (livingChildrenOf(thread).length === 0) return;
      stays();
      const graceUntil = systemClock.now() + graceMs;
      for (let ms = 1; livingChildrenOf(thread).length > 0; ms = Math.min(ms * 2, 500)) {
        sleep(ms);
        if (systemClock.now() > graceUntil) killChildrenOf(thread, (pid) => !isDetached(pid));
      }
      sleep(signalMs);
    });
  };
}

function killAll(thread: number): void {
  if (killChildrenOf(thread)) return;
  const giveUpAt = systemClock.now() + longestMs;
  while (!killChildrenOf(thread) && systemClock.now() < giveUpAt) sleep(1);
  sleep(signalMs);
}
