import type { Clock } from '../ground/clock.ts';
import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { TimeoutError } from '../ground/errors.ts';
import { Map, Math } from '../ground/globals.ts';
import type { Job } from './job.ts';

/** Ends the wait of jobs that have a longest one. Workers check it as well: a job that waited too long never runs. */
export class QueueTimeouts {
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #pending = new Map<Job, Deadline>();

  constructor(clock: Clock, deadlines: Deadlines) {
    this.#clock = clock;
    this.#deadlines = deadlines;
  }

  watch(job: Job): void {
    const { queueTimeoutMs } = job.submission;
    if (queueTimeoutMs === undefined) return;
    const at = Math.max(job.acceptedAtMs + queueTimeoutMs, this.#clock.now());
    this.#pending.set(
      job,
      this.#deadlines.set(at, () => this.#due(job, queueTimeoutMs), { keepsAlive: true }),
    );
  }

  /** An executor that would not let the job go has given it back, never begun: it may have waited too long meanwhile. */
  waitsAgain(job: Job): void {
    const { queueTimeoutMs } = job.submission;
    if (queueTimeoutMs !== undefined && !this.#pending.has(job)) this.#due(job, queueTimeoutMs);
  }

  /** The job has settled. */
  forget(job: Job): void {
    if (job.submission.queueTimeoutMs === undefined) return;
    this.#deadlines.clear(this.#pending.get(job));
    this.#pending.delete(job);
  }

  #due(job: Job, queueTimeoutMs: number): void {
    this.#pending.delete(job);
    // A worker that has begun it was in time.
    if (job.list?.owner.withdraw(job) !== true) return;
    job.reject(
      new TimeoutError(`no worker began the job within ${queueTimeoutMs / 1000} s`, { phase: 'queue' }),
    );
  }
}
