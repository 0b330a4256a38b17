/** What a signal can cancel. */
interface Cancellable {
  cancel(reason: unknown): unknown;
}

interface Watch {
  readonly jobs: Set<Cancellable>;
  readonly stop: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/**
 * Cancels the job when the signal aborts. However many jobs a signal has, it gets one listener: adding and
 * removing listeners takes time that grows with their number.
 */
export function watch(signal: AbortSignal, job: Cancellable): void {
  let found = watches.get(signal);
  if (found === undefined) {
    const jobs = new Set<Cancellable>();
    const cancelAll = (): void => {
      watches.delete(signal);
      for (const each of jobs) each.cancel(signal.reason);
    };
    signal.addEventListener('abort', cancelAll, { once: true });
    found = { jobs, stop: () => signal.removeEventListener('abort', cancelAll) };
    watches.set(signal, found);
  }
  found.jobs.add(job);
}

export function unwatch(signal: AbortSignal, job: Cancellable): void {
  const found = watches.get(signal);
  if (found === undefined || !found.jobs.delete(job) || found.jobs.size > 0) return;
  watches.delete(signal);
  found.stop();
}
