import { describe, expect, test } from 'vitest';
import { ItemTracer, publishSent } from '../../../src/diagnostics/item-tracer.ts';
import { heard } from '../../support/heard.ts';
import { CountingAccount, newJob } from '../../support/test-jobs.ts';

function follow(options = {}) {
  const account = new CountingAccount();
  const follower = new ItemTracer(account, 'work-grinder');
  const item = newJob({ account: follower, options });
  follower.publishSubmit(item.job);
  return { account, follower, ...item };
}

describe('an item that is followed', () => {
  test('shows when it is submitted, sent and settled, with the same object', () => {
    const events = heard('leasepool:item:submit', 'leasepool:item:send', 'leasepool:item:settle');
    const { job, account } = follow({ owner: 'me' });
    publishSent([job], 'lease-1');
    job.fulfil(5);
    const item = { task: 'resize', owner: 'me', grinder: 'work-grinder' };
    expect(events).toEqual([
      ['leasepool:item:submit', { item }],
      ['leasepool:item:send', { item, leaseId: 'lease-1' }],
      ['leasepool:item:settle', { item, status: 'fulfilled', error: undefined }],
    ]);
    expect(new Set(events.map(([, message]) => message.item)).size).toBe(1);
    expect(account.jobs).toEqual([job]);
  });

  test('shows the error its promise rejects with', async () => {
    const events = heard('leasepool:item:settle');
    const [failed, cancelled] = [follow(), follow()];
    failed.job.reject(new RangeError('bad'));
    cancelled.job.cancel('enough');
    const errors = await Promise.all(
      [failed, cancelled].map(({ promise }) => promise.catch((error) => error)),
    );
    expect(events.map(([, { status, error }]) => [status, error])).toEqual([
      ['rejected', errors[0]],
      ['cancelled', errors[1]],
    ]);
  });

  test('is wanted while somebody listens to one of its channels', () => {
    const follower = new ItemTracer(new CountingAccount());
    expect(follower.hasSubscribers).toBe(false);
    heard('leasepool:item:send');
    expect(follower.hasSubscribers).toBe(true);
  });

  test('was submitted when somebody listened: the others are passed over', () => {
    const events = heard('leasepool:item:send');
    publishSent([newJob().job], 'lease-1');
    expect(events).toEqual([]);
  });
});
