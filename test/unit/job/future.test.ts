import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CancelledError } from '../../../src/core/errors.ts';
import { futureOf } from '../../../src/job/future.ts';
import type { SubmitOptions } from '../../../src/job/submit-options.ts';
import { newJob } from '../../support/test-jobs.ts';

function setup(options?: SubmitOptions) {
  const { job, promise } = newJob(options && { options });
  return { job, future: futureOf<unknown>(promise, job) };
}

describe('a future', () => {
  test('S8 is a native promise, and its methods are those of a promise and its own', async () => {
    const { job, future } = setup({ owner: 'me' });
    expect(future).toBeInstanceOf(Promise);
    expect(future.constructor).toBe(Promise);
    expect(Object.prototype.toString.call(future)).toBe('[object Promise]');
    expect(future.owner).toBe('me');
    job.fulfil(7);
    expect(await future).toBe(7);
    expect(await future.finally(() => {})).toBe(7);
    expect(await Promise.race([future, new Promise(() => {})])).toBe(7);
    expect(Object.getPrototypeOf(future.then((value) => value))).toBe(Promise.prototype);
  });

  test('says how far its job has come', () => {
    const { job, future } = setup();
    const now = (): boolean[] => [future.running(), future.done(), future.cancelled()];
    expect(now()).toEqual([false, false, false]);
    job.state = 'sent';
    expect(now()).toEqual([true, false, false]);
    job.state = 'pending';
    expect(now()).toEqual([false, false, false]);
    job.fulfil(1);
    expect(now()).toEqual([false, true, false]);
    const failed = setup();
    failed.job.reject(new Error('failed'));
    expect([failed.future.done(), failed.future.cancelled()]).toEqual([true, false]);
  });

  test('cancels its job', async () => {
    const { future } = setup();
    expect(future.cancel('why')).toBe(true);
    expect([future.done(), future.cancelled(), future.running()]).toEqual([true, true, false]);
    await expect(future).rejects.toThrow(CancelledError);
    await expect(future).rejects.toMatchObject({ cause: 'why' });
  });

  test('cannot be cancelled once it has settled otherwise', () => {
    const { job, future } = setup();
    job.fulfil(1);
    expect(future.cancel()).toBe(false);
    expect(future.cancelled()).toBe(false);
  });

  test('S9 that fails before anyone awaits it raises no unhandledRejection, and rejects when it is awaited', async () => {
    const reasons: unknown[] = [];
    const note = (reason: unknown): number => reasons.push(reason);
    process.on('unhandledRejection', note);
    const { job, future } = setup();
    job.reject(new Error('early'));
    const cancelled = setup();
    cancelled.future.cancel();
    await setImmediate();
    await setImmediate();
    process.off('unhandledRejection', note);
    expect(reasons).toEqual([]);
    await expect(future).rejects.toThrow('early');
  });

  test('shows no more than a promise does', () => {
    const { future } = setup();
    expect(Object.keys(future)).toEqual([]);
    expect(JSON.stringify(future)).toBe('{}');
  });
});
