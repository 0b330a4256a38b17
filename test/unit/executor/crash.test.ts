import { describe, expect, test } from 'vitest';
import { crashOf, describeExit, type WorkerExit } from '../../../src/executor/crash.ts';

const exit = (given: Partial<WorkerExit> = {}): WorkerExit => ({
  pool: 'leasepool-1',
  exitCode: 1,
  signal: undefined,
  cause: undefined,
  ...given,
});

describe('N1 the error of a call whose worker has died', () => {
  test('says how far the call had come', () => {
    expect(crashOf(exit(), 'begun')).toMatchObject({
      code: 'ERR_LEASEPOOL_WORKER_CRASHED',
      phase: 'running',
      exitCode: 1,
      signal: undefined,
      message: 'a worker of leasepool-1 exited with code 1; the job was running',
    });
    expect(crashOf(exit(), 'finished')).toMatchObject({
      phase: 'finished',
      message: expect.stringContaining('had finished, but its result is lost'),
    });
    expect(crashOf(exit(), 'queued')).toMatchObject({
      phase: 'queued',
      message: expect.stringContaining('its transferred memory is gone'),
    });
    expect(crashOf(exit(), 'fatal')).toMatchObject({
      phase: 'queued',
      message: expect.stringContaining('as with the workers before'),
    });
  });

  test('says what ended the worker, when that is known', () => {
    const cause = new Error('uncaught');
    expect(crashOf(exit({ cause }), 'begun').cause).toBe(cause);
    expect('cause' in crashOf(exit(), 'begun')).toBe(false);
  });
});

test('an exit is told by signal, by code, or as one that does not come', () => {
  expect(describeExit(exit({ exitCode: undefined, signal: 'SIGKILL' }))).toBe(
    'a worker of leasepool-1 was ended by SIGKILL',
  );
  expect(describeExit(exit({ exitCode: 0 }))).toBe('a worker of leasepool-1 exited with code 0');
  expect(describeExit(exit({ exitCode: undefined }))).toBe('a worker of leasepool-1 cannot be ended');
});
