import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sharedOffsetMs } from '../../../src/core/clock.ts';
import { CancelledError, LeaseExpiredError } from '../../../src/core/errors.ts';
import { Job } from '../../../src/job/job.ts';
import { readSubmitOptions } from '../../../src/job/submit-options.ts';
import { CountingAccount, newJob, rejectionOf, task, TestKeeper } from '../../support/test-jobs.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Whether the object goes, once nothing but the code under test could hold it. */
async function isCollected(object: WeakRef<object>): Promise<boolean> {
  for (let turn = 0; turn < 20 && object.deref() !== undefined; turn++) {
    await setImmediate();
    collectGarbage();
  }
  return object.deref() === undefined;
}

const ends = {
  fulfil: (job: Job) => job.fulfil('value'),
  reject: (job: Job) => job.reject(new Error('failed')),
  cancel: (job: Job) => void job.cancel('why'),
};

describe('a job', () => {
  test('gives its value to its promise', async () => {
    const { job, promise } = newJob();
    expect([job.state, job.hasSettled]).toEqual(['pending', false]);
    job.fulfil(7);
    expect([job.state, job.hasSettled]).toEqual(['fulfilled', true]);
    expect(await promise).toBe(7);
  });

  test("S29 rejects with the job's very own error", async () => {
    for (const error of [new Error('mine'), undefined, null, 'text']) {
      const { job, promise } = newJob();
      job.reject(error);
      expect(job.state).toBe('rejected');
      expect(await rejectionOf(promise)).toBe(error);
    }
  });

  test('S11 says on an error of the library which item that is about', async () => {
    const { job, promise } = newJob({ options: { owner: 'me' } });
    job.reject(new LeaseExpiredError('revoked'));
    expect(await rejectionOf(promise)).toMatchObject({ owner: 'me', taskName: 'resize', message: 'revoked' });
  });

  test('S27 settles once, whoever comes first, and tells its account once (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...(Object.keys(ends) as (keyof typeof ends)[])), {
          minLength: 1,
          maxLength: 5,
        }),
        async (attempts) => {
          const account = new CountingAccount();
          const { job, promise } = newJob({ account });
          for (const attempt of attempts) ends[attempt](job);
          const outcome = await promise.then(
            () => 'fulfil',
            (error: unknown) => (error instanceof CancelledError ? 'cancel' : 'reject'),
          );
          expect(outcome).toBe(attempts[0]);
          expect(account.jobs).toEqual([job]);
        },
      ),
    );
  });

  test('tells its account before its promise, with the state it has come to', async () => {
    const order: string[] = [];
    const { job, promise } = newJob({ account: { settled: (each) => void order.push(each.state) } });
    const seen = promise.then(() => order.push('promise'));
    job.fulfil(1);
    await seen;
    expect(order).toEqual(['fulfilled', 'promise']);
  });

  test('S26 lets go of its arguments, and of its value, once it has settled', async () => {
    for (const end of Object.values(ends)) {
      let argument: object | undefined = { large: new Array(1000) };
      const { job } = newJob({ args: [argument] });
      const reference = new WeakRef(argument);
      argument = undefined;
      end(job);
      expect(job.args).toEqual([]);
      expect(await isCollected(reference)).toBe(true);
    }
    let value: object | undefined = { large: new Array(1000) };
    const reference = new WeakRef(value);
    newJob().job.fulfil(value);
    value = undefined;
    expect(await isCollected(reference)).toBe(true);
  });

  test('is itself what an executor gets as its call', () => {
    const buffer = new ArrayBuffer(8);
    const { job } = newJob({
      args: [1],
      acceptedAtMs: 5000,
      options: { owner: 'me', transfer: [buffer], timeoutSeconds: 2, queueTimeoutSeconds: 3 },
    });
    expect(job.task.name).toBe('resize');
    expect([job.args, job.owner, job.transfer, job.timeoutSeconds]).toEqual([[1], 'me', [buffer], 2]);
    expect(job.beginBeforeMs).toBe(5000 + 3000 + sharedOffsetMs);
    expect(newJob().job.beginBeforeMs).toBeUndefined();
  });
});

describe('cancelling a job', () => {
  test('S26 takes it out of its list before cancel() returns', async () => {
    const keeper = new TestKeeper();
    const { job, promise } = newJob({ options: { owner: 'me' } });
    keeper.list.push(job);
    expect(job.cancel('changed my mind')).toBe(true);
    expect(keeper.list.size).toBe(0);
    expect(job.state).toBe('cancelled');
    expect(await rejectionOf(promise)).toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
      cause: 'changed my mind',
      owner: 'me',
      taskName: 'resize',
    });
  });

  test('S27 that a worker has begun ends only the wait: its outcome is dropped, and the executor is done with it', async () => {
    const keeper = new TestKeeper();
    keeper.isWilling = false;
    const { job, promise } = newJob();
    keeper.list.push(job);
    expect(job.cancel(undefined)).toBe(true);
    expect(await rejectionOf(promise)).toBeInstanceOf(CancelledError);
    expect(keeper.list.size).toBe(1);
    job.settle({ status: 'fulfilled', value: 'too late' });
    expect(keeper.outcomes).toEqual([[job, { status: 'fulfilled', value: 'too late' }]]);
    expect(job.state).toBe('cancelled');
  });

  test('S27 keeps its arguments until the executor is done with it, which may still make the call', () => {
    const keeper = new TestKeeper();
    const { job } = newJob({ args: ['mine'] });
    keeper.isWilling = false;
    keeper.list.push(job);
    job.cancel(undefined);
    expect(job.args).toEqual(['mine']);
    job.settle({ status: 'fulfilled', value: 'too late' });
    expect(job.args).toEqual([]);
  });

  test('says whether it is cancelled now', () => {
    const { job } = newJob();
    expect([job.cancel('a'), job.cancel('b')]).toEqual([true, true]);
    const settled = newJob().job;
    settled.fulfil(1);
    expect(settled.cancel('too late')).toBe(false);
    expect(settled.state).toBe('fulfilled');
  });

  test('without a reason has no cause', async () => {
    const { job, promise } = newJob();
    job.cancel(undefined);
    expect('cause' in (await rejectionOf(promise))).toBe(false);
  });

  test('S28 happens by its signal, with the reason of that', async () => {
    const controller = new AbortController();
    const { job, promise } = newJob({ options: { signal: controller.signal } });
    const reason = new Error('enough');
    controller.abort(reason);
    expect(job.state).toBe('cancelled');
    expect((await rejectionOf(promise)).cause).toBe(reason);
  });

  test('S28 by its signal is too late once it has settled', async () => {
    const controller = new AbortController();
    const { job, promise } = newJob({ options: { signal: controller.signal } });
    job.fulfil(1);
    controller.abort();
    expect([job.state, await promise]).toEqual(['fulfilled', 1]);
  });
});

describe('an outcome from an executor', () => {
  test('goes to whoever has the job in its list, and to nobody when nobody has', () => {
    const keeper = new TestKeeper();
    const { job } = newJob();
    job.settle({ status: 'fulfilled', value: 1 });
    expect(job.hasSettled).toBe(false);
    keeper.list.push(job);
    job.settle({ status: 'fulfilled', value: 2 });
    job.settle({ status: 'fulfilled', value: 3 });
    expect(keeper.outcomes).toEqual([[job, { status: 'fulfilled', value: 2 }]]);
  });
});

test('S9 a rejected promise that nobody looks at is reported as unhandled, as any other', async () => {
  const reasons: unknown[] = [];
  const note = (reason: unknown): number => reasons.push(reason);
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', note);
  const error = new Error('nobody looks');
  const submission = readSubmitOptions('a test', undefined);
  new Job(task, [], submission, new CountingAccount(), 0, 0).reject(error);
  await setImmediate();
  process.off('unhandledRejection', note);
  for (const other of others) process.on('unhandledRejection', other);
  expect(reasons).toEqual([error]);
});
