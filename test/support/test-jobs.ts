import { LinkedList } from '../../src/core/linked-list.ts';
import {
  Job,
  type JobListener,
  type JobContainer,
  type Outcome,
  promiseOfLastJob,
} from '../../src/job/job.ts';
import { readSubmitOptions, type SubmitOptions } from '../../src/job/submit-options.ts';
import type { ResolvedTask } from '../../src/wire/reference.ts';

export const task: ResolvedTask = { kind: 'reference', module: 'file:///tasks.js', name: 'resize' };

/** Counts what it is told of settled jobs. */
export class CountingAccount implements JobListener {
  readonly jobs: Job[] = [];

  settled(job: Job): void {
    this.jobs.push(job);
  }
}

/** Keeps jobs in a list, and gives them back when it is willing to. */
export class TestKeeper implements JobContainer {
  readonly list: LinkedList<Job, JobContainer> = new LinkedList<Job, JobContainer>(this);
  readonly outcomes: [job: Job, outcome: Outcome][] = [];
  isWilling = true;

  cancelQueued(job: Job): boolean {
    return this.isWilling && this.list.remove(job);
  }

  outcome(job: Job, outcome: Outcome): void {
    this.list.remove(job);
    this.outcomes.push([job, outcome]);
  }
}

/** A job with its promise, which may reject unseen. */
export interface TestJob {
  readonly job: Job;
  readonly promise: Promise<unknown>;
}

let made = 0;

export function newJob({
  args = [],
  options,
  account = new CountingAccount(),
  order = made,
  acceptedAtMs = 0,
}: {
  readonly args?: readonly unknown[];
  readonly options?: SubmitOptions;
  readonly account?: JobListener;
  readonly order?: number;
  readonly acceptedAtMs?: number;
} = {}): TestJob {
  made++;
  const job = new Job(task, args, readSubmitOptions('a test', options), account, order, acceptedAtMs);
  const promise = promiseOfLastJob();
  promise.catch(() => {}); // A test may look at it late, or not at all.
  return { job, promise };
}

/** Jobs in order, whose promises nobody looks at. */
export function newJobs(count: number, options?: SubmitOptions, first = 0): Job[] {
  return Array.from(
    { length: count },
    (_, index) => newJob({ order: first + index, ...(options && { options }) }).job,
  );
}

/** What the promise rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<any> {
  return promise.then(
    (value) => {
      throw new Error(`not rejected, but fulfilled with ${String(value)}`);
    },
    (error: unknown) => error,
  );
}
