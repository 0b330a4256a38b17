import { WeakMap } from '../core/globals.ts';
import { type Job, type JobListener, keepLastPromise } from '../job/job.ts';
import { type DiagnosedItem, type ItemSettleMessage, itemSend, itemSettle, itemSubmit } from './channels.ts';

const tracedItems = new WeakMap<Job, DiagnosedItem>();

/**
 * Publishes to the item channels what happens to the jobs of one grinder or lease. An item is traced from its submission
 * to its end if a channel has subscribers when it is submitted; otherwise it costs one check of `hasSubscribers`.
 */
export class ItemTracer implements JobListener {
  readonly #listener: JobListener;
  readonly #grinder: string | undefined;

  /** @param account whose jobs they are @param grinder the `ownerPrefix`, if it is a grinder's */
  constructor(account: JobListener, grinder?: string) {
    this.#listener = account;
    this.#grinder = grinder;
  }

  /** Whether a channel has subscribers now: jobs are then constructed with this as their listener. */
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
