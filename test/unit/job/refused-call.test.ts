import { expect, test } from 'vitest';
import { NotStartedError, TaskReferenceError } from '../../../src/core/errors.ts';
import { refusedCall } from '../../../src/job/refused-call.ts';

const hostile = new Proxy(
  {},
  {
    getOwnPropertyDescriptor: () => {
      throw new Error('trap');
    },
  },
);

function named(): void {}

test('S11 the error of a refused call says whose it was, and which task', () => {
  const error = new NotStartedError('not started');
  expect(refusedCall(error, named, { owner: 'tenant-7' })).toBe(error);
  expect(error).toMatchObject({ owner: 'tenant-7', taskName: 'named' });
  const reference = { module: 'file:///tasks.js', name: 'resize' };
  expect(refusedCall(new NotStartedError('no'), reference, undefined)).toMatchObject({ taskName: 'resize' });
  const own = new TaskReferenceError('ERR_LEASEPOOL_TASK_INVALID', 'invalid', { taskName: 'its own' });
  expect(refusedCall(own, named, {})).toMatchObject({ taskName: 'its own' });
});

test('S11 what was passed instead of a task or options is no obstacle', () => {
  for (const odd of [
    undefined,
    null,
    5,
    'text',
    hostile,
    { owner: 7, name: 7 },
    Object.create({ owner: 'no' }),
  ]) {
    const error = refusedCall(new NotStartedError('no'), odd, odd);
    expect(error).toMatchObject({ message: 'no' });
    expect(error).not.toHaveProperty('owner');
  }
});

test('errors of others are left as they are', () => {
  const error = new TypeError('wrong');
  expect({ ...(refusedCall(error, named, { owner: 'tenant-7' }) as object) }).toEqual({});
});
