import { systemClock } from '../core/clock.ts';
import { Set, WeakMap } from '../core/globals.ts';
import { withoutPrototype } from '../core/without-prototype.ts';

/** What a signal can cancel. */
interface Cancellable {
  cancel(reason: unknown): unknown;
}

interface Watch {
  readonly jobs: Set<Cancellable>;
  readonly stop: () => void;
}

const once = withoutPrototype({ once: true });

const watches = new WeakMap<AbortSignal, Watch>();

/**
 * Cancels the job when the signal aborts. However many jobs a signal has, it gets one listener: adding and
 * removing listeners takes time that grows with their number.
 *
 * A signal may be any object that looks like one, so it may throw: callers watch it before they count the job.
 * @throws what the signal throws; then nothing has happened
 */
export function watch(signal: AbortSignal, job: Cancellable): void {
  const found = watches.get(signal) ?? listenTo(signal);
  found.jobs.add(job);
}

function listenTo(signal: AbortSignal): Watch {
  const wasAborted = signal.aborted;
  const jobs = new Set<Cancellable>();
  let hasFired = false;
  const cancelAll = (): void => {
    hasFired = true;
    watches.delete(signal);
    const reason = reasonOf(signal);
    for (const each of jobs) each.cancel(reason);
  };
  const watch = { jobs, stop: () => signal.removeEventListener('abort', cancelAll) };
  try {
    signal.addEventListener('abort', cancelAll, once);
    // The signal aborted while the listener was added, and the job is not accepted yet.
    if (hasFired || (!wasAborted && signal.aborted)) systemClock.defer(cancelAll);
    else watches.set(signal, watch);
  } catch (error) {
    stop(watch);
    throw error;
  }
  return watch;
}

/** A signal that cannot let go of its listener changes nothing about a job. */
function stop(watch: Watch): void {
  try {
    watch.stop();
  } catch {}
}

export function unwatch(signal: AbortSignal, job: Cancellable): void {
  const found = watches.get(signal);
  if (found === undefined || !found.jobs.delete(job) || found.jobs.size > 0) return;
  watches.delete(signal);
  stop(found);
}

/** Why a signal has aborted. A getter that throws has a reason to give as well. */
export function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (error) {
    return error;
  }
}
