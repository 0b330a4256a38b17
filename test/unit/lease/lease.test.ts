import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ItemTracer } from '../../../src/diagnostics/item-tracer.ts';
import { BrokenExecutorError, LeaseExpiredError } from '../../../src/core/errors.ts';
import type { Job, Outcome } from '../../../src/job/job.ts';
import { Lease, type LeaseEvents } from '../../../src/lease/lease.ts';
import { FakeExecutor } from '../../support/fake-executor.ts';
import { heard } from '../../support/heard.ts';
import { CountingAccount, newJob, newJobs } from '../../support/test-jobs.ts';

class Holder implements LeaseEvents {
  readonly outcomes: [job: Job, outcome: Outcome][] = [];
  readonly told: string[] = [];
  withdrawn = 0;
  lostBy: Error | undefined;

  jobOutcome(job: Job, outcome: Outcome): void {
    this.outcomes.push([job, outcome]);
  }

  jobCancelled(): void {
    this.withdrawn++;
  }

  workerFreed(): void {}

  leaseIdle(): void {
    this.told.push('idle');
  }

  leaseExpired(): void {
    this.told.push('expired');
  }

  leaseInvalidated(reason: Error): void {
    this.told.push('lost');
    this.lostBy = reason;
  }

  /** Outcomes by job order: `[order, status]`. */
  get statuses(): [number, string][] {
    return this.outcomes.map(([job, { status }]) => [job.order, status]);
  }
}

function setup(executor = new FakeExecutor()) {
  const ends: boolean[] = [];
  const terms = {
    id: 'pool-1-lease-1',
    owner: 'me',
    leaseMs: 60_000,
    graceMs: 15_000,
    leasedAtMs: 0,
    softExpiresAtMs: 60_000,
    hardExpiresAtMs: 75_000,
  };
  const loan = new Lease(terms, executor, { leaseEnded: (_, retire) => void ends.push(retire) });
  const holder = new Holder();
  loan.holder = holder;
  return { loan, holder, executor, ends };
}

const reason = new Error('gone');

describe('a loan', () => {
  test('S4 sends jobs in order and in one call, and passes on what becomes of them', () => {
    const { loan, holder, executor } = setup();
    const jobs = newJobs(3);
    loan.submit(jobs);
    expect(executor.batches).toEqual([jobs]);
    expect(jobs.map(({ state }) => state)).toEqual(['sent', 'sent', 'sent']);
    expect(loan.inFlight).toBe(3);
    executor.finish(1);
    executor.reject(reason);
    expect(holder.outcomes).toEqual([
      [jobs[0], expect.objectContaining({ status: 'fulfilled' })],
      [jobs[1], { status: 'rejected', reason }],
    ]);
    expect([loan.inFlight, holder.told]).toEqual([1, []]);
    executor.giveBack(reason);
    expect([loan.inFlight, holder.told]).toEqual([0, ['idle']]);
    expect(loan.active).toBe(true);
  });

  test('S31 gives back as outcomes what the executor did not take: what it took gets its own', () => {
    for (const [error, status] of [
      [new RangeError('full'), 'rejected'],
      [new BrokenExecutorError('worn out'), 'returned'],
    ] as const) {
      const { loan, holder, executor } = setup();
      executor.refuseNext = { after: 1, error };
      loan.submit(newJobs(3));
      expect(holder.statuses).toEqual([
        [1, status],
        [2, status],
      ]);
      expect(holder.outcomes[0][1]).toMatchObject({ reason: error });
      executor.finish();
      expect(holder.statuses[2]).toEqual([0, 'fulfilled']);
    }
  });

  test('S31 of an executor that says it is broken is over, and its pool is not lent again', () => {
    const { loan, holder, executor, ends } = setup();
    // From a package with a copy of the class of its own.
    const error = Object.assign(new Error('worn out'), { code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR' });
    executor.refuseNext = { after: 1, error };
    loan.submit(newJobs(3));
    expect([loan.active, loan.invalidatedBy, holder.told, ends]).toEqual([false, error, ['lost'], []]);
    expect(holder.statuses).toEqual([
      [1, 'returned'],
      [2, 'returned'],
    ]);
    executor.finish();
    expect([holder.statuses.at(-1), ends]).toEqual([[0, 'fulfilled'], [true]]);
  });

  test('S31 takes an executor that throws for one that takes nothing', () => {
    const { loan, holder, executor, ends } = setup();
    executor.throwNext = new TypeError('not allowed to');
    loan.submit(newJobs(2));
    expect(holder.statuses).toEqual([
      [0, 'rejected'],
      [1, 'rejected'],
    ]);
    loan.release();
    expect(ends).toEqual([false]);
  });

  test('has an outcome of a job once', () => {
    const { loan, holder } = setup();
    const [job] = newJobs(1);
    loan.submit([job]);
    job.settle({ status: 'fulfilled', value: 1 });
    job.settle({ status: 'fulfilled', value: 2 });
    expect(holder.outcomes).toHaveLength(1);
  });

  test('S27 is asked for a job that is cancelled, and keeps one that has begun until it has ended', () => {
    const { loan, holder, executor } = setup();
    const jobs = newJobs(2);
    loan.submit(jobs);
    executor.begin(1);
    for (const job of jobs) job.cancel(undefined);
    expect([loan.inFlight, holder.withdrawn]).toEqual([1, 1]);
    expect(executor.calls).toEqual([jobs[0]]);
    executor.finish();
    expect([loan.inFlight, holder.told]).toEqual([0, ['idle']]);
  });
});

test('a loan tells of the items that its pool has taken, before what becomes of them', () => {
  const events = heard('leasepool:item:send', 'leasepool:item:settle');
  const { loan, executor, holder } = setup();
  const follower = new ItemTracer(new CountingAccount());
  const jobs = ['a', 'b', 'c'].map((owner) => newJob({ account: follower, options: { owner } }).job);
  for (const job of jobs) follower.publishSubmit(job);
  executor.refuseNext = { after: 2, error: new Error('full') };
  holder.jobOutcome = (job, outcome) => void (outcome.status === 'rejected' && job.reject(outcome.reason));
  loan.submit(jobs);
  expect(events.map(([name, { item, leaseId }]) => [name, item.owner, leaseId])).toEqual([
    ['leasepool:item:send', 'a', 'pool-1-lease-1'],
    ['leasepool:item:send', 'b', 'pool-1-lease-1'],
    ['leasepool:item:settle', 'c', undefined],
  ]);
});

describe('M3 a loan that is released', () => {
  test('without work in flight has ended', async () => {
    const { loan, ends } = setup();
    loan.release();
    loan.release();
    expect([loan.active, loan.draining, ends]).toEqual([false, false, [false]]);
    await loan.ended();
  });

  test('with work in flight drains: results are delivered, then it ends, once', async () => {
    const { loan, holder, executor, ends } = setup();
    loan.submit(newJobs(2));
    loan.release();
    let hasEnded = false;
    void loan.ended().then(() => (hasEnded = true));
    expect([loan.active, loan.draining, ends]).toEqual([false, true, []]);
    executor.finish(1);
    expect(ends).toEqual([]);
    executor.finish();
    expect(holder.statuses).toEqual([
      [0, 'fulfilled'],
      [1, 'fulfilled'],
    ]);
    expect(ends).toEqual([false]);
    await loan.ended();
    expect(hasEnded).toBe(true);
    expect(holder.told).toEqual([]);
  });

  test('is not told that it expires', () => {
    const { loan, holder } = setup();
    loan.submit(newJobs(1));
    loan.release();
    loan.expireSoftly();
    expect(holder.told).toEqual([]);
  });
});

describe('M4 a loan that expires', () => {
  test('softly is told so, and stays active', () => {
    const { loan, holder } = setup();
    loan.expireSoftly();
    expect([holder.told, loan.active]).toEqual([['expired'], true]);
  });

  test('gives back what is not begun, in order, the last of it first taken', () => {
    const { loan, executor } = setup();
    const jobs = newJobs(5);
    loan.submit(jobs);
    executor.begin(2);
    const asked: unknown[] = [];
    const { takeBack } = executor;
    executor.takeBack = (call) => (asked.push(call), takeBack.call(executor, call));
    expect(loan.takeBack(Infinity)).toEqual(jobs.slice(2));
    expect(asked).toEqual(jobs.toReversed());
    expect(loan.inFlight).toBe(2);
  });

  test('does not give back a job that was cancelled while it ran, nor one whose memory has moved', () => {
    const { loan, executor } = setup();
    const jobs = newJobs(3);
    loan.submit(jobs);
    executor.begin(1);
    jobs[0].cancel(undefined);
    executor.begun.clear(); // As if it had not: the job has settled all the same.
    jobs[1].hasMoved = true;
    expect(loan.takeBack(Infinity)).toEqual([jobs[2]]);
  });

  test('for good is revoked: what is not begun goes back, what runs is ended, and the pool comes back', () => {
    const { loan, holder, executor, ends } = setup();
    const jobs = newJobs(4);
    loan.submit(jobs);
    executor.begin(2);
    loan.revoke();
    expect(holder.lostBy).toBeInstanceOf(LeaseExpiredError);
    expect(holder.lostBy?.message).toContain('pool-1-lease-1 has expired and was revoked');
    expect(holder.statuses).toEqual([
      [2, 'returned'],
      [3, 'returned'],
      [0, 'rejected'],
      [1, 'rejected'],
    ]);
    expect(executor.ended).toEqual([{ calls: jobs.slice(0, 2), reason: holder.lostBy }]);
    expect([loan.active, loan.draining, loan.invalidatedBy, ends]).toEqual([
      false,
      false,
      holder.lostBy,
      [false],
    ]);
    loan.revoke();
    expect(ends).toEqual([false]);
  });

  test('S4 for good with nothing begun gives all back before its pool is free for others', () => {
    const { loan, holder, ends } = setup();
    loan.submit(newJobs(2));
    holder.jobOutcome = (job, { status }) => holder.told.push(`${job.order} ${status}, ended ${ends.length}`);
    loan.revoke();
    expect(holder.told).toEqual(['0 returned, ended 0', '1 returned, ended 0', 'lost']);
    expect(ends).toEqual([false]);
  });

  test('S4 softly with nothing begun has not ended before its holder has what it gives back', () => {
    const { loan, holder, ends } = setup();
    loan.submit(newJobs(2));
    expect(loan.takeBack(Infinity)).toHaveLength(2);
    expect([holder.told, ends]).toEqual([[], []]);
    loan.release();
    expect(ends).toEqual([false]);
  });

  test('with nothing in flight, ends, and tells its holder once', () => {
    const { loan, holder, ends } = setup();
    loan.revoke();
    loan.revoke();
    expect([holder.told, ends]).toEqual([['lost'], [false]]);
  });

  test('for good while it drains is revoked as well, and its holder is not told what it knows', () => {
    const { loan, holder, executor, ends } = setup();
    loan.submit(newJobs(1));
    executor.begin();
    loan.release();
    loan.revoke();
    expect([holder.statuses, holder.told, ends]).toEqual([[[0, 'rejected']], [], [false]]);
  });

  test('for good ends also what had its memory moved and was not begun', () => {
    const { loan, holder, ends } = setup();
    const buffer = new ArrayBuffer(8);
    const { job } = newJob({ options: { transfer: [buffer] }, order: 0 });
    job.hasMoved = true;
    loan.submit([job]);
    loan.revoke();
    expect([holder.statuses, ends]).toEqual([[[0, 'rejected']], [false]]);
  });

  test('on an executor that cannot end calls retires the pool, and what was running fails', () => {
    const executor = new FakeExecutor();
    executor.endCalls = undefined;
    const { loan, holder, ends } = setup(executor);
    const jobs = newJobs(2);
    loan.submit(jobs);
    executor.begin();
    loan.revoke();
    expect(holder.statuses).toEqual([
      [0, 'rejected'],
      [1, 'rejected'],
    ]);
    expect(ends).toEqual([true]);
    executor.finish();
    expect(holder.outcomes).toHaveLength(2);
  });

  test('on an executor that gives nothing back treats all as running', () => {
    const executor = new FakeExecutor();
    (executor as { takeBack?: unknown }).takeBack = undefined;
    const { loan, holder, ends } = setup(executor);
    loan.submit(newJobs(2));
    loan.revoke();
    expect(holder.statuses.map(([, status]) => status)).toEqual(['rejected', 'rejected']);
    expect(ends).toEqual([false]);
  });
});

describe('M1 a loan that is lost', () => {
  test('tells its holder once, and ends when what is in flight has settled', () => {
    const { loan, holder, executor, ends } = setup();
    loan.submit(newJobs(1));
    loan.invalidate(reason);
    loan.invalidate(new Error('again'));
    expect([loan.active, loan.invalidatedBy, holder.lostBy, ends]).toEqual([false, reason, reason, []]);
    executor.giveBack(reason);
    expect([holder.statuses, ends]).toEqual([[[0, 'returned']], [false]]);
  });

  test('with a pool that is to be retired says so when it ends', () => {
    const { loan, ends } = setup();
    loan.retirePool();
    loan.invalidate(reason);
    expect(ends).toEqual([true]);
  });

  test('after it has ended stays as it was', () => {
    const { loan, holder, ends } = setup();
    loan.release();
    loan.invalidate(reason);
    loan.revoke();
    loan.expireSoftly();
    expect([loan.invalidatedBy, holder.told, ends]).toEqual([undefined, [], [false]]);
  });

  test('whose holder releases it as soon as it hears of that ends once', () => {
    const { loan, holder, ends } = setup();
    holder.leaseInvalidated = () => loan.release();
    loan.invalidate(reason);
    expect(ends).toEqual([false]);
  });
});

test('M1 S27 a loan ends once and each job has at most one outcome, whatever happens in whatever order (property)', () => {
  const act = fc.constantFrom(
    'submit',
    'begin',
    'finish',
    'reject',
    'giveBack',
    'cancel',
    'takeBack',
    'release',
    'expire',
    'revoke',
    'lose',
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const { loan, holder, executor, ends } = setup();
      const jobs: Job[] = [];
      const takenBack: Job[] = [];
      for (const each of acts) {
        if (each === 'submit' && loan.active) {
          const more = newJobs(2, undefined, jobs.length);
          jobs.push(...more);
          loan.submit(more);
        } else if (each === 'begin') executor.begin(1);
        else if (each === 'finish') executor.finish(1);
        else if (each === 'reject') executor.reject(reason);
        else if (each === 'giveBack') executor.giveBack(reason, 1);
        else if (each === 'cancel') jobs.find(({ hasSettled }) => !hasSettled)?.cancel(undefined);
        else if (each === 'takeBack' && loan.active) takenBack.push(...loan.takeBack(Infinity));
        else if (each === 'release') loan.release();
        else if (each === 'expire') loan.expireSoftly();
        else if (each === 'revoke') loan.revoke();
        else if (each === 'lose') loan.invalidate(reason);
        expect(loan.inFlight).toBe(executor.held.size);
        expect(ends.length).toBe(!loan.active && !loan.draining ? 1 : 0);
        if (loan.draining) expect(loan.inFlight).toBeGreaterThan(0);
      }
      executor.finish();
      loan.release();
      expect(ends).toHaveLength(1);
      const heard = [...holder.outcomes.map(([job]) => job), ...takenBack];
      expect(new Set(heard).size).toBe(heard.length);
      expect(
        heard.length + jobs.filter((job) => job.state === 'cancelled' && !heard.includes(job)).length,
      ).toBe(jobs.length);
    }),
    { numRuns: 300 },
  );
});
