import { describe, expect, test } from 'vitest';
import * as errors from '../../../src/core/errors.ts';
import { copyOf, errorForItem, LeaseExpiredError, LeasepoolError } from '../../../src/core/errors.ts';

const codes = [
  [new errors.NotStartedError('m'), 'NotStartedError', 'ERR_LEASEPOOL_NOT_STARTED'],
  [new errors.GrinderStoppingError('m'), 'GrinderStoppingError', 'ERR_LEASEPOOL_STOPPING'],
  [new errors.GrinderStoppedError('m'), 'GrinderStoppedError', 'ERR_LEASEPOOL_STOPPED'],
  [new errors.WrongThreadError('m'), 'WrongThreadError', 'ERR_LEASEPOOL_WRONG_THREAD'],
  [new errors.QueueFullError('m'), 'QueueFullError', 'ERR_LEASEPOOL_QUEUE_FULL'],
  [new errors.LeaseUnavailableError('m'), 'LeaseUnavailableError', 'ERR_LEASEPOOL_LEASE_UNAVAILABLE'],
  [new errors.LeaseExpiredError('m'), 'LeaseExpiredError', 'ERR_LEASEPOOL_LEASE_EXPIRED'],
  [
    new errors.WorkerCrashedError('m', { phase: 'running' }),
    'WorkerCrashedError',
    'ERR_LEASEPOOL_WORKER_CRASHED',
  ],
  [new errors.BrokenExecutorError('m'), 'BrokenExecutorError', 'ERR_LEASEPOOL_BROKEN_EXECUTOR'],
  [new errors.UnsupportedRuntimeError('m'), 'UnsupportedRuntimeError', 'ERR_LEASEPOOL_UNSUPPORTED_RUNTIME'],
  [new errors.UnsupportedBackendError('m'), 'UnsupportedBackendError', 'ERR_LEASEPOOL_UNSUPPORTED_BACKEND'],
  [new errors.TimeoutError('m', { phase: 'run' }), 'TimeoutError', 'ERR_LEASEPOOL_TIMEOUT'],
  [new errors.CancelledError('m'), 'AbortError', 'ABORT_ERR'],
  [
    new errors.TaskReferenceError('ERR_LEASEPOOL_TASK_INVALID', 'm', { taskName: 't' }),
    'TaskReferenceError',
    'ERR_LEASEPOOL_TASK_INVALID',
  ],
  [new errors.AsyncTaskError('m'), 'AsyncTaskError', 'ERR_LEASEPOOL_ASYNC_TASK'],
  [new errors.ImportReentryError('m'), 'ImportReentryError', 'ERR_LEASEPOOL_IMPORT_REENTRY'],
  [new errors.NotCloneableError('m'), 'NotCloneableError', 'ERR_LEASEPOOL_NOT_CLONEABLE'],
  [
    new errors.PayloadTooLargeError('m', { bytes: 9 }),
    'PayloadTooLargeError',
    'ERR_LEASEPOOL_PAYLOAD_TOO_LARGE',
  ],
  [new errors.PoisonItemError('m', { hostDeaths: 3 }), 'PoisonItemError', 'ERR_LEASEPOOL_POISON_ITEM'],
] as const;

describe('the errors of the library', () => {
  test.each(codes)('%o is called %s and has the code %s', (error, name, code) => {
    expect(error).toBeInstanceOf(LeasepoolError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name, code, message: 'm' });
    expect(String(error.stack)).toMatch(new RegExp(`^${name}: m\n`));
    // A field called "name" would show in every printed error.
    expect(Object.keys(error)).not.toContain('name');
  });

  test('every class that is exported is in the table above', () => {
    const classes = Object.values(errors)
      .filter((value) => typeof value === 'function' && value.prototype instanceof LeasepoolError)
      .map((value) => (value as typeof LeasepoolError).prototype.name);
    expect(codes.map(([, name]) => name).toSorted()).toEqual(classes.toSorted());
  });

  test('have a base class with a name of its own', () => {
    expect(new LeasepoolError('ERR_LEASEPOOL_X', 'm')).toMatchObject({
      name: 'LeasepoolError',
      code: 'ERR_LEASEPOOL_X',
    });
  });

  test('S11 owner and task are there when they are known, and no field when not', () => {
    const about = new errors.QueueFullError('full', { owner: 'me', taskName: 'resize' });
    expect(about).toMatchObject({ owner: 'me', taskName: 'resize' });
    expect(Object.keys(new errors.QueueFullError('full'))).toEqual(['code']);
  });

  test('a cause is there when it was given, also when it is undefined', () => {
    expect(new errors.CancelledError('m', { cause: 'why' }).cause).toBe('why');
    expect('cause' in new errors.CancelledError('m', { cause: undefined })).toBe(true);
    expect('cause' in new errors.CancelledError('m', {})).toBe(false);
    expect('cause' in new errors.CancelledError('m')).toBe(false);
  });

  test('the particulars of some', () => {
    expect(new errors.TimeoutError('m', { phase: 'queue' }).phase).toBe('queue');
    expect(new errors.NotCloneableError('m', { path: 'args[0].f' }).path).toBe('args[0].f');
    expect(
      new errors.WorkerCrashedError('m', { phase: 'finished', exitCode: 3, signal: 'SIGKILL' }),
    ).toMatchObject({ phase: 'finished', exitCode: 3, signal: 'SIGKILL' });
    expect(
      new errors.TaskReferenceError('ERR_LEASEPOOL_TASK_NOT_PORTABLE', 'm', {
        taskName: 't',
        freeVariables: ['x'],
      }),
    ).toMatchObject({ taskName: 't', freeVariables: ['x'] });
  });
});

describe('S11 the error one item gets', () => {
  test("an error of a job's own passes as it is", () => {
    for (const error of [new Error('mine'), 'text', undefined, null, Object.freeze(new TypeError('frozen'))])
      expect(errorForItem(error, 'me', 'resize')).toBe(error);
  });

  test('says which item it is about', () => {
    const error = errorForItem(new LeaseExpiredError('expired'), 'me', 'resize');
    expect(error).toMatchObject({ message: 'expired', owner: 'me', taskName: 'resize' });
    expect(
      Object.keys(errorForItem(new LeaseExpiredError('expired'), undefined, 'resize') as object),
    ).not.toContain('owner');
  });

  test('is its own, and says nothing about the others, when one error is for many items', () => {
    const shared = new LeaseExpiredError('expired', { cause: 'time' });
    const each = [
      errorForItem(shared, 'a', 'first'),
      errorForItem(shared, undefined, 'second'),
      errorForItem(shared, 'c', 'third'),
    ] as LeaseExpiredError[];
    expect(new Set(each).size).toBe(3);
    expect(each.map(({ owner, taskName }) => [owner, taskName])).toEqual([
      ['a', 'first'],
      [undefined, 'second'],
      ['c', 'third'],
    ]);
    for (const error of each) {
      expect(error).toBeInstanceOf(LeaseExpiredError);
      expect(error).toMatchObject({
        name: 'LeaseExpiredError',
        code: shared.code,
        message: 'expired',
        cause: 'time',
      });
    }
  });
});

describe('a copy of an error', () => {
  test('has its class, message, cause and particulars, and is about no item', () => {
    const original = new errors.WorkerCrashedError('crashed', {
      phase: 'running',
      exitCode: 1,
      owner: 'me',
      taskName: 'resize',
      cause: new Error('why'),
    });
    const copy = copyOf(original);
    expect(copy).not.toBe(original);
    expect(copy).toBeInstanceOf(errors.WorkerCrashedError);
    expect(copy).toMatchObject({ message: 'crashed', phase: 'running', exitCode: 1, cause: original.cause });
    expect(copy).not.toHaveProperty('owner');
    expect(copy).not.toHaveProperty('taskName');
    expect(Object.keys(copy)).not.toContain('cause');
  });

  test('of one without a cause has none', () => {
    expect('cause' in copyOf(new errors.NotStartedError('m'))).toBe(false);
  });
});
