import { WeakMap } from '../ground/globals.ts';
import { type Job, type JobAccount, keepLastPromise } from '../job/job.ts';
import { type DiagnosedItem, type ItemSettleMessage, itemSend, itemSettle, itemSubmit } from './channels.ts';

const followed = new WeakMap<Job, DiagnosedItem>();

/**
 * Tells the item channels of the jobs of one grinder or lease. An item is followed from its submission to its end if
 * somebody listens to one of the channels when it is submitted, so that one that nobody follows costs one look.
 */
export class Follower implements JobAccount {
  readonly #account: JobAccount;
  readonly #grinder: string | undefined;

  /** @param account whose jobs they are @param grinder the `ownerPrefix`, if it is a grinder's */
  constructor(account: JobAccount, grinder?: string) {
    this.#account = account;
    this.#grinder = grinder;
  }

  /** Whether jobs are to be followed now: then this is their account. */
  get isWanted(): boolean {
    return itemSubmit.hasSubscribers || itemSend.hasSubscribers || itemSettle.hasSubscribers;
  }

  submitted(job: Job): void {
    const item = { task: job.task.name, owner: job.owner, grinder: this.#grinder };
    followed.set(job, item);
    keepLastPromise(() => itemSubmit.publish({ item }));
  }

  settled(job: Job, error: unknown): void {
    this.#account.settled(job, error);
    const status = job.state as ItemSettleMessage['status'];
    const item = followed.get(job)!;
    keepLastPromise(() => itemSettle.publish({ item, status, error }));
  }
}

/** A lease has handed these jobs to its pool. */
export function tellSent(jobs: readonly Job[], leaseId: string): void {
  for (const job of jobs) {
    const item = followed.get(job);
    if (item !== undefined) itemSend.publish({ item, leaseId });
  }
}
