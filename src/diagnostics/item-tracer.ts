import { WeakMap } from '../core/globals.ts';
import { type Job, type JobListener, keepLastPromise } from '../job/job.ts';
import { type DiagnosedItem, type ItemSettleMessage, itemSend, itemSettle, itemSubmit } from './channels.ts';

const tracedItems = new WeakMap<Job, DiagnosedItem>();

/**
 * Tells the item channels of the jobs of one grinder or lease. An item is followed from its submission to its end if
 * somebody listens to one of the channels when it is submitted, so that one that nobody follows costs one look.
 */
export class ItemTracer implements JobListener {
  readonly #listener: JobListener;
  readonly #grinder: string | undefined;

  /** @param account whose jobs they are @param grinder the `ownerPrefix`, if it is a grinder's */
  constructor(account: JobListener, grinder?: string) {
    this.#listener = account;
    this.#grinder = grinder;
  }

  /** Whether jobs are to be followed now: then this is their account. */
  get hasSubscribers(): boolean {
    return itemSubmit.hasSubscribers || itemSend.hasSubscribers || itemSettle.hasSubscribers;
  }

  publishSubmit(job: Job): void {
    const item = { task: job.task.name, owner: job.owner, grinder: this.#grinder };
    tracedItems.set(job, item);
    keepLastPromise(() => itemSubmit.publish({ item }));
  }

  settled(job: Job, error: unknown): void {
    this.#listener.settled(job, error);
    const status = job.state as ItemSettleMessage['status'];
    const item = tracedItems.get(job)!;
    keepLastPromise(() => itemSettle.publish({ item, status, error }));
  }
}

/** A lease has handed these jobs to its pool. */
export function publishSent(jobs: readonly Job[], leaseId: string): void {
  for (const job of jobs) {
    const item = tracedItems.get(job);
    if (item !== undefined) itemSend.publish({ item, leaseId });
  }
}
