import { readFileSync, readlinkSync } from 'node:fs';
import { Number, process } from './globals.ts';

/**
 * What Linux tells of a thread of this process, and of the child processes it has started. Only the event loop in which
 * a child process was started waits for it, so one that ends after that loop stays a zombie of the program. Elsewhere
 * nothing can be read, and every function here answers as for a thread without child processes.
 */

const { kill } = process;

/** The number of the calling thread; 0 where it cannot be told. */
export function currentThread(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}

/** Child processes that the thread has started and nobody has waited for, dead or alive. */
export function childrenOf(thread: number): number[] {
  if (thread === 0) return [];
  const pids = read(`/proc/self/task/${thread}/children`)?.trim() ?? '';
  return pids === '' ? [] : pids.split(' ').map(Number);
}

/** Child processes of the thread that have not died yet. */
export function livingChildrenOf(thread: number): number[] {
  return childrenOf(thread).filter((pid) => !'ZX'.includes(statOf(`/proc/${pid}`)[0]!));
}

/** Whether a process leads a session of its own: it was started with `detached: true`, or has made itself a daemon. */
export function isDetached(pid: number): boolean {
  return statOf(`/proc/${pid}`)[3] === `${pid}`;
}

/** Kills the child processes of the thread. @returns whether all of them are dead, although not waited for yet */
export function killChildrenOf(thread: number, which: (pid: number) => boolean = () => true): boolean {
  const living = livingChildrenOf(thread).filter(which);
  for (const pid of living) {
    try {
      kill(pid, 'SIGKILL');
    } catch {
      // It has just ended, or belongs to another user.
    }
  }
  return living.length === 0;
}

/** Whether the thread computes, or sleeps in `Atomics.wait()`, and not in another call that blocks. */
export function isInterruptible(thread: number): boolean {
  const folder = `/proc/self/task/${thread}`;
  return statOf(folder)[0] === 'R' || read(`${folder}/wchan`)?.includes('futex') === true;
}

/** State, parent, group, session ...: what stands behind the name, which may contain anything. */
function statOf(folder: string): string[] {
  const stat = read(`${folder}/stat`) ?? ') X';
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
