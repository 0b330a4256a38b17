import { Math, Set } from '../core/globals.ts';
import { LinkedList } from '../core/linked-list.ts';
import type { Job, JobContainer, Outcome } from '../job/job.ts';

/** Items that wait to be sent, in the order of their acceptance: those given back stand where they stood before. */
export class ItemQueue implements JobContainer {
  readonly #list: LinkedList<Job, JobContainer> = new LinkedList<Job, JobContainer>(this);
  readonly #onLeave: () => void;
  /** Items given back that still wait; they are the first ones. */
  readonly #requeued = new Set<Job>();

  /** @param onLeave told when an item has left without being taken */
  constructor(onLeave: () => void) {
    this.#onLeave = onLeave;
  }

  get size(): number {
    return this.#list.size;
  }

  get first(): Job | undefined {
    return this.#list.first;
  }

  get hasRequeued(): boolean {
    return this.#requeued.size > 0;
  }

  /** How long the first item has waited; `0` when there is none. */
  oldestAgeMs(now: number): number {
    const { first } = this.#list;
    return first === undefined ? 0 : Math.max(0, now - first.acceptedAtMs);
  }

  push(job: Job): void {
    this.#list.push(job);
  }

  /** Gives items back. A batch that others have joined may have them in the order in which they came to it. */
  requeue(jobs: readonly Job[]): void {
    let next = this.#list.first;
    for (const job of jobs.toSorted((a, b) => a.order - b.order)) {
      while (next !== undefined && next.order < job.order) next = next.next;
      job.state = 'pending';
      if (next === undefined) this.#list.push(job);
      else this.#list.insertBefore(next, job);
      this.#requeued.add(job);
    }
  }

  /** Takes up to `count` items, from the front. */
  dequeue(count: number): Job[] {
    const taken: Job[] = [];
    while (taken.length < count) {
      const job = this.#list.shift();
      if (job === undefined) break;
      taken.push(job);
    }
    if (this.#requeued.size > 0) for (const job of taken) this.#requeued.delete(job);
    return taken;
  }

  all(): Job[] {
    const jobs: Job[] = [];
    for (let job = this.#list.first; job !== undefined; job = job.next) jobs.push(job);
    return jobs;
  }

  cancelQueued(job: Job): boolean {
    if (!this.#list.remove(job)) return false;
    this.#requeued.delete(job);
    this.#onLeave();
    return true;
  }

  /** Nothing here is with an executor. */
  outcome(_job: Job, _outcome: Outcome): void {}
}
