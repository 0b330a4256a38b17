import { expect, test } from 'vitest';
import { noWorkerOf } from '../../../src/executor/start-failure.ts';

const failure = (message: string, code?: string): Error => Object.assign(new Error(message), { code });

test('M6 the error of a pool without workers says why, and has the cause', () => {
  const cause = new Error('no memory');
  expect(noWorkerOf('leasepool-1', cause)).toMatchObject({
    code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR',
    message: 'no worker of leasepool-1 comes up: no memory',
    cause,
  });
  expect(noWorkerOf('leasepool-1', 7).message).toBe('no worker of leasepool-1 comes up: 7');
  expect(noWorkerOf('leasepool-1', undefined).message).toBe('no worker of leasepool-1 comes up: undefined');
});

test.each([
  failure("Cannot find module '/app/worker/entry-thread.js'", 'MODULE_NOT_FOUND'),
  failure("Cannot find module 'C:\\app\\worker\\entry-process.js'", 'MODULE_NOT_FOUND'),
  failure(
    "Cannot find module '/app/worker/entry-inline.js' imported from /app/out.js",
    'ERR_MODULE_NOT_FOUND',
  ),
  failure('Invalid URL', 'ERR_INVALID_URL'),
])(
  'M6 when a bundler took the code and left the files of the workers, it says what to do: $message',
  (cause) => {
    expect(noWorkerOf('leasepool-1', cause).message).toContain('mark leasepool as external');
  },
);

test.each([
  failure("Cannot find module '/app/missing.js'", 'MODULE_NOT_FOUND'),
  failure('worker/entry-thread.js stopped'),
])('M6 another failure has no such advice: $message', (cause) => {
  expect(noWorkerOf('leasepool-1', cause).message).not.toContain('external');
});
