import { setImmediate } from 'node:timers/promises';
import type { MapSettings } from '../../src/grinder/map-options.ts';
import type { Mapping, MappingEvents } from '../../src/grinder/mapping.ts';
import { Job } from '../../src/job/job.ts';
import type { Deferred } from './deferred.ts';
import { CountingAccount, task } from './test-jobs.ts';

/** A grinder for mappings: the test says what becomes of each job, and how much room there is. */
export class FakeOwner implements MappingEvents {
  readonly account = new CountingAccount();
  /** By their first argument. */
  readonly jobs = new Map<unknown, Job>();
  readonly open = new Set<Mapping<unknown>>();
  /** Where those wait who find no room. */
  full: Deferred | undefined;
  refusal: Error | undefined;

  begin(args: readonly unknown[]): Job {
    if (this.refusal !== undefined) throw this.refusal;
    const submission = {
      owner: undefined,
      signal: undefined,
      transfer: [],
      timeoutSeconds: undefined,
      queueTimeoutMs: undefined,
    };
    const job = new Job(task, args, submission, this.account, this.jobs.size, 0);
    this.jobs.set(args[0], job);
    return job;
  }

  queueSpace(): Promise<void> | undefined {
    return this.full?.promise;
  }

  inputOpened(mapping: Mapping<unknown>): void {
    this.open.add(mapping);
  }

  inputEnded(mapping: Mapping<unknown>): void {
    this.open.delete(mapping);
  }

  /** First arguments of the jobs in this state, in the order of their submission. */
  those(state: Job['state']): unknown[] {
    return [...this.jobs].filter(([, job]) => job.state === state).map(([argument]) => argument);
  }
}

export const plain: MapSettings = {
  concurrency: 3,
  isOrdered: true,
  isSettled: false,
  signal: undefined,
  argsOf: (element) => [element],
  submission: {
    owner: undefined,
    signal: undefined,
    transfer: [],
    timeoutSeconds: undefined,
    queueTimeoutMs: undefined,
  },
};

/** 0, 1, 2 ... and what was done with it. */
export class CountingSource implements AsyncIterableIterator<number, undefined> {
  readonly #count: number;
  taken = 0;
  returns = 0;
  /** What is to happen instead of the next element. */
  instead: (() => Promise<IteratorResult<number, undefined>>) | undefined;
  onReturn: () => Promise<IteratorResult<number, undefined>> = async () => ({ done: true, value: undefined });

  constructor(count = Infinity) {
    this.#count = count;
  }

  async next(): Promise<IteratorResult<number, undefined>> {
    if (this.instead !== undefined) return this.instead();
    return this.taken < this.#count ? { done: false, value: this.taken++ } : { done: true, value: undefined };
  }

  return(): Promise<IteratorResult<number, undefined>> {
    this.returns++;
    return this.onReturn();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Calls `next()` and keeps what came of it. */
export class Reader {
  readonly mapping: Mapping<unknown>;
  readonly seen: unknown[] = [];

  constructor(mapping: Mapping<unknown>) {
    this.mapping = mapping;
  }

  async ask(times = 1): Promise<void> {
    for (let time = 0; time < times; time++) {
      this.mapping.next().then(
        ({ done, value }) => this.seen.push(done ? 'end' : value),
        (error: unknown) => this.seen.push(error),
      );
    }
    await settled();
  }
}

/** Everything that promises still had to do is done. */
export const settled = (): Promise<void> => setImmediate();
