import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Batch, type BatchEvents } from '../../../src/grinder/batch.ts';
import { LeaseExpiredError } from '../../../src/core/errors.ts';
import type { Job } from '../../../src/job/job.ts';
import { Lease } from '../../../src/lease/lease.ts';
import { FakeExecutor } from '../../support/fake-executor.ts';
import { heard } from '../../support/heard.ts';
import { newJob, newJobs, rejectionOf } from '../../support/test-jobs.ts';

class Owner implements BatchEvents {
  readonly told: string[] = [];
  freed = 0;
  leasesWithoutProgress = 0;
  readonly givenBack: Job[][] = [];
  readonly returned: [job: Job, reason: unknown][] = [];

  requeue(jobs: readonly Job[]): void {
    this.givenBack.push([...jobs]);
    this.told.push('given back');
  }

  itemReturned(job: Job, reason: unknown): void {
    this.returned.push([job, reason]);
  }

  workerFreed(): void {
    this.freed++;
  }

  batchClosed(): void {
    this.told.push('closed');
  }

  batchEnded(): void {
    this.told.push('ended');
  }
}

function setup() {
  const executor = new FakeExecutor({ workers: 2 });
  const ends: boolean[] = [];
  const terms = {
    id: 'pool-1-lease-1',
    owner: 'work-grinder-batch-1',
    leaseMs: 60_000,
    graceMs: 15_000,
    leasedAtMs: 0,
    softExpiresAtMs: 60_000,
    hardExpiresAtMs: 75_000,
  };
  const loan = new Lease(terms, executor, { leaseEnded: (_, retire) => void ends.push(retire) });
  const owner = new Owner();
  const batch = new Batch(loan, owner);
  return { executor, loan, batch, owner, ends };
}

describe('S2 a batch', () => {
  test('that is closed gives its lease back when all of it goes to another pool', () => {
    const { batch, owner, ends } = setup();
    const jobs = newJobs(2);
    batch.send(jobs);
    batch.close();
    batch.takeBack(1);
    expect([owner.givenBack, ends]).toEqual([[[jobs[1]]], []]);
    batch.takeBack(1);
    expect([owner.givenBack, ends]).toEqual([[[jobs[1]], [jobs[0]]], [false]]);
    expect(owner.told.at(-1)).toBe('ended');
  });

  test('sends its items in one call, settles each caller with its own outcome, and gives its lease back once', async () => {
    const { executor, batch, owner, ends } = setup();
    const items = [0, 1, 2].map((order) => newJob({ args: [order], order }));
    const jobs = items.map(({ job }) => job);
    batch.send(jobs);
    expect([executor.batches, batch.taken, batch.isAccepting]).toEqual([[jobs], 3, true]);
    executor.finish(1);
    expect(await items[0].promise).toBe(0);
    const error = new RangeError('mine');
    executor.reject(error);
    expect(await rejectionOf(items[1].promise)).toBe(error);
    expect([owner.told, ends]).toEqual([[], []]);
    executor.finish();
    expect(await items[2].promise).toBe(2);
    expect([owner.told, ends, batch.isAccepting]).toEqual([['closed', 'ended'], [false], false]);
    batch.close();
    expect([owner.told.length, ends.length]).toEqual([2, 1]);
  });

  test('S33 counts what joins it', () => {
    const { executor, batch } = setup();
    batch.send(newJobs(2));
    batch.send(newJobs(1, undefined, 2));
    expect([batch.taken, executor.batches.length]).toEqual([3, 2]);
  });

  test('that never got an item gives its lease back', () => {
    const { batch, owner, ends } = setup();
    batch.close();
    expect([owner.told, ends]).toEqual([['closed', 'ended'], [false]]);
  });

  test('S27 whose last item is cancelled in time is over', () => {
    const { executor, batch, owner, ends } = setup();
    const jobs = newJobs(2);
    batch.send(jobs);
    executor.finish(1);
    jobs[1].cancel(undefined);
    expect([owner.told, ends]).toEqual([['closed', 'ended'], [false]]);
  });

  test('S33 says that a worker may be free when an item settles or is cancelled in time', () => {
    const { executor, batch, owner } = setup();
    const jobs = newJobs(3);
    batch.send(jobs);
    executor.finish(1);
    expect(owner.freed).toBe(1);
    jobs[2].cancel(undefined);
    expect(owner.freed).toBe(2);
    executor.begin();
    jobs[1].cancel(undefined);
    expect(owner.freed).toBe(2);
  });

  test('S27 with an item that was cancelled while it ran waits for it, and drops what it gives', () => {
    const { executor, batch, owner, ends } = setup();
    const [job] = newJobs(1);
    batch.send([job]);
    executor.begin();
    job.cancel(undefined);
    expect([owner.told, ends]).toEqual([[], []]);
    executor.finish();
    expect([job.state, owner.told, ends]).toEqual(['cancelled', ['closed', 'ended'], [false]]);
  });
});

describe('the trace of a batch', () => {
  const events = (): ReturnType<typeof heard> =>
    heard(
      ...['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map(
        (event) => `tracing:leasepool:batch:${event}`,
      ),
    );
  const names = (told: ReturnType<typeof heard>): string[] => told.map(([name]) => name.split(':').at(-1)!);
  const message = { grinder: 'work-grinder', batch: 'work-grinder-batch-1', leaseId: 'pool-1-lease-1' };

  test('starts before its first items are sent and ends when nothing of it runs any more', () => {
    const { batch, executor } = setup();
    const told = events();
    const sent: number[] = [];
    const start = heard('tracing:leasepool:batch:start');
    batch.begin(newJobs(2), 'work-grinder');
    sent.push(executor.batches.length);
    batch.send(newJobs(1));
    expect([names(told), sent]).toEqual([['start', 'end'], [1]]);
    executor.finish();
    expect(names(told)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(start).toEqual([['tracing:leasepool:batch:start', { ...message, size: 2 }]]);
    expect(told.at(-1)?.[1]).toEqual({ ...message, size: 3 });
  });

  test('has the stores bound to it while its items are sent', () => {
    const { batch, executor } = setup();
    const store = new AsyncLocalStorage<object>();
    const { start } = tracingChannel<object, object>('leasepool:batch');
    start.bindStore(store);
    onTestFinished(() => void start.unbindStore(store));
    const seen: unknown[] = [];
    const submit = executor.submitBatch.bind(executor);
    executor.submitBatch = (calls) => {
      seen.push(store.getStore());
      return submit(calls);
    };
    batch.begin(newJobs(1), 'work-grinder');
    expect(seen).toEqual([{ ...message, size: 1 }]);
    expect(store.getStore()).toBeUndefined();
    executor.finish();
  });

  test('tells why its lease was taken away', () => {
    const { batch, executor, loan } = setup();
    const told = events();
    batch.begin(newJobs(1), 'work-grinder');
    executor.begin();
    loan.revoke();
    expect(names(told)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(told.at(-1)?.[1].error).toBe(loan.invalidatedBy);
    expect(told.at(-1)?.[1].error).toBeInstanceOf(LeaseExpiredError);
  });

  test('is whole: one that began unheard is not told at its end', () => {
    const { batch, executor } = setup();
    batch.begin(newJobs(1), 'work-grinder');
    const told = events();
    executor.finish();
    expect(told).toEqual([]);
  });
});

describe('M6 an item that comes back, never begun', () => {
  test('is told with the reason, unless it has settled meanwhile', () => {
    const { executor, batch, owner } = setup();
    const jobs = newJobs(2);
    batch.send(jobs);
    executor.begin(1);
    jobs[0].cancel(undefined);
    const reason = new Error('worn out');
    executor.begun.clear();
    executor.giveBack(reason);
    expect(owner.returned).toEqual([[jobs[1], reason]]);
    expect(owner.told).toEqual(['closed', 'ended']);
  });
});

describe('M4 a batch whose lease expires', () => {
  test('gives back what is not begun, in order, closes, and ends when what runs has finished', () => {
    const { executor, loan, batch, owner, ends } = setup();
    const jobs = newJobs(4);
    batch.send(jobs);
    executor.begin(1);
    loan.expireSoftly();
    expect(owner.givenBack).toEqual([jobs.slice(1)]);
    expect([owner.told, ends, batch.isAccepting]).toEqual([['given back', 'closed'], [], false]);
    executor.finish();
    expect([jobs[0].state, owner.told.at(-1), ends]).toEqual(['fulfilled', 'ended', [false]]);
  });

  test('counts those in a row in which nothing has begun', () => {
    const { loan, batch, owner } = setup();
    owner.leasesWithoutProgress = 1;
    batch.send(newJobs(2));
    loan.expireSoftly();
    expect(owner.leasesWithoutProgress).toBe(2);
  });

  test.each([
    ['something ran', (executor: FakeExecutor) => executor.finish(1)],
    ['something runs', (executor: FakeExecutor) => executor.begin(1)],
  ])('counts anew when %s', (_what, run) => {
    const { executor, loan, batch, owner } = setup();
    owner.leasesWithoutProgress = 1;
    batch.send(newJobs(2));
    run(executor);
    loan.expireSoftly();
    expect(owner.leasesWithoutProgress).toBe(0);
  });

  test('after two in which nothing had begun leaves the first item on its way, which may run then', () => {
    const { executor, loan, batch, owner, ends } = setup();
    owner.leasesWithoutProgress = 2;
    const jobs = newJobs(3);
    batch.send(jobs);
    loan.expireSoftly();
    expect([owner.givenBack, owner.told, owner.leasesWithoutProgress]).toEqual([
      [jobs.slice(1)],
      ['given back', 'closed'],
      0,
    ]);
    executor.finish(1);
    expect([jobs[0].state, owner.told.at(-1), ends]).toEqual(['fulfilled', 'ended', [false]]);
  });

  test('S27 ends when what had to stay is cancelled before it began', () => {
    const { loan, batch, owner, ends } = setup();
    const [job] = newJobs(1);
    job.hasMoved = true;
    batch.send([job]);
    loan.expireSoftly();
    expect([owner.givenBack, owner.told, ends]).toEqual([[[]], ['given back', 'closed'], []]);
    job.cancel(undefined);
    expect([owner.told.at(-1), ends]).toEqual(['ended', [false]]);
  });

  test('for good loses what still runs, and only that', () => {
    const { executor, loan, batch, owner, ends } = setup();
    const jobs = newJobs(3);
    batch.send(jobs);
    executor.begin(2);
    loan.expireSoftly();
    executor.finish(1);
    loan.revoke();
    expect(jobs.slice(0, 2).map(({ state }) => state)).toEqual(['fulfilled', 'rejected']);
    expect(owner.givenBack).toEqual([[jobs[2]]]);
    expect([owner.told, ends]).toEqual([['given back', 'closed', 'ended'], [false]]);
  });

  test('for good in one step, as after a long block of this thread, gives back what is not begun', async () => {
    const { executor, loan, batch, owner, ends } = setup();
    const running = newJob({ order: 0 });
    const [waiting] = newJobs(1, undefined, 1);
    batch.send([running.job, waiting]);
    executor.begin(1);
    loan.revoke();
    expect(await rejectionOf(running.promise)).toBeInstanceOf(LeaseExpiredError);
    expect(owner.returned).toEqual([[waiting, expect.any(LeaseExpiredError)]]);
    expect([owner.told, ends]).toEqual([['closed', 'ended'], [false]]);
  });

  test('S4 when nothing runs gives all back, and only then its lease: whoever gets that finds them in their place', () => {
    const { loan, batch, owner, ends } = setup();
    const jobs = newJobs(3);
    batch.send(jobs);
    loan.expireSoftly();
    expect([owner.givenBack, ends]).toEqual([[jobs], [false]]);
    expect(owner.told).toEqual(['given back', 'closed', 'ended']);
    loan.revoke();
    expect(owner.told).toHaveLength(3);
  });
});

describe('M1 a batch whose lease is lost', () => {
  test('is closed at once, and ends when its items have settled', () => {
    const { executor, loan, batch, owner, ends } = setup();
    batch.send(newJobs(1));
    loan.invalidate(new Error('stopped'));
    expect([owner.told, ends]).toEqual([['closed'], []]);
    executor.finish();
    expect([owner.told, ends]).toEqual([['closed', 'ended'], [false]]);
  });

  test('without items ends once', () => {
    const { loan, owner, ends } = setup();
    loan.invalidate(new Error('stopped'));
    expect([owner.told, ends]).toEqual([['closed', 'ended'], [false]]);
  });
});
