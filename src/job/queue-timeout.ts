import type { Clock } from '../core/clock.ts';
import type { Deadline, TimerQueue } from '../core/timer-queue.ts';
import { TimeoutError } from '../core/errors.ts';
import { Map, Math } from '../core/globals.ts';
import type { Job } from './job.ts';

/** Ends the wait of jobs that have a longest one. Workers check it as well: a job that waited too long never runs. */
export class QueueTimeouts {
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #pending = new Map<Job, Deadline>();

  constructor(clock: Clock, timers: TimerQueue) {
    this.#clock = clock;
    this.#timers = timers;
  }

  watch(job: Job): void {
    const { queueTimeoutMs } = job.submission;
    if (queueTimeoutMs === undefined) return;
    const at = Math.max(job.acceptedAtMs + queueTimeoutMs, this.#clock.now());
    this.#pending.set(
      job,
      this.#timers.set(at, () => this.#due(job, queueTimeoutMs), { keepsAlive: true }),
    );
  }

  /** The timeout fired while an executor held the job and could not remove it. Now that the job is back, it is checked again. */
  requeued(job: Job): void {
    const { queueTimeoutMs } = job.submission;
    if (queueTimeoutMs !== undefined && !this.#pending.has(job)) this.#due(job, queueTimeoutMs);
  }

  /** The job has settled. */
  forget(job: Job): void {
    if (job.submission.queueTimeoutMs === undefined) return;
    this.#timers.clear(this.#pending.get(job));
    this.#pending.delete(job);
  }

  #due(job: Job, queueTimeoutMs: number): void {
    this.#pending.delete(job);
    // A worker that has begun it was in time.
    if (job.list?.keeper.cancelQueued(job) !== true) return;
    job.reject(
      new TimeoutError(`no worker began the job within ${queueTimeoutMs / 1000} s`, { phase: 'queue' }),
    );
  }
}
