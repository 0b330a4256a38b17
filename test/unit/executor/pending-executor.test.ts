import { describe, expect, test, vi } from 'vitest';
import type { Executor, ExecutorCall, SubmitReceipt } from '../../../src/executor/executor.ts';
import { PendingExecutor } from '../../../src/executor/pending-executor.ts';
import { BrokenExecutorError } from '../../../src/core/errors.ts';
import { Deferred } from '../../support/deferred.ts';
import { TestCall, testCalls } from '../../support/fake-workers.ts';

/** What a backend makes: it keeps what it is given. */
class KeepingExecutor implements Executor {
  readonly workers = 2;
  readonly batches: (readonly ExecutorCall[])[] = [];
  receipt: SubmitReceipt | undefined;
  readonly shutdowns: number[] = [];

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    this.batches.push(calls);
    return this.receipt ?? { submitted: calls.length };
  }

  async shutdown({ timeoutSeconds }: { readonly timeoutSeconds: number }): Promise<void> {
    this.shutdowns.push(timeoutSeconds);
  }
}

function setup() {
  const made = new Deferred<Executor>();
  const opening = new PendingExecutor(2, made.promise);
  const open = async (executor: Executor = new KeepingExecutor()): Promise<KeepingExecutor> => {
    made.resolve(executor);
    await made.promise;
    await Promise.resolve();
    return executor as KeepingExecutor;
  };
  const fail = async (error: unknown): Promise<void> => {
    made.reject(error);
    await made.promise.catch(() => {});
    await Promise.resolve();
  };
  return { opening, open, fail };
}

const results = (calls: readonly TestCall[]): unknown[] => calls.map((call) => call.result);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('M2 an executor that is being made', () => {
  test('takes calls, and hands them on batch by batch', async () => {
    const { opening, open } = setup();
    const [first, second, third] = [testCalls(2), testCalls(1, {}, 2), testCalls(1, {}, 3)];
    expect(opening.submitBatch(first)).toEqual({ submitted: 2 });
    expect(opening.submitBatch(second)).toEqual({ submitted: 1 });
    const executor = await open();
    opening.submitBatch(third);
    expect(executor.batches).toEqual([first, second, third]);
  });

  test('keeps a batch as it was sent', async () => {
    const { opening, open } = setup();
    const calls = testCalls(2);
    opening.submitBatch(calls);
    calls.pop();
    expect((await open()).batches[0]).toHaveLength(2);
  });

  test('S27 gives calls back', async () => {
    const { opening, open } = setup();
    const calls = testCalls(3);
    opening.submitBatch(calls);
    expect([opening.takeBack(calls[1]), opening.takeBack(calls[1])]).toEqual([true, false]);
    expect(opening.takeBack(new TestCall([9]))).toBe(false);
    expect((await open()).batches).toEqual([[calls[0], calls[2]]]);
  });

  test('asks the executor for calls back once that is there, if it gives any', async () => {
    const { opening, open } = setup();
    const calls = testCalls(1);
    opening.submitBatch(calls);
    const executor: Executor = await open();
    expect(opening.takeBack(calls[0])).toBe(false);
    executor.takeBack = vi.fn(() => true);
    expect(opening.takeBack(calls[0])).toBe(true);
  });

  test('M4 ends calls as the executor does, once that is there', async () => {
    const { opening, open } = setup();
    expect(() => opening.endCalls!(testCalls(1), new Error('revoked'))).not.toThrow();
    const endCalls = vi.fn();
    await open(Object.assign(new KeepingExecutor(), { endCalls }));
    const calls = testCalls(1);
    const reason = new Error('revoked');
    opening.endCalls!(calls, reason);
    expect(endCalls).toHaveBeenCalledExactlyOnceWith(calls, reason);
  });

  test('M4 cannot end calls when the executor cannot', async () => {
    const { opening, open } = setup();
    await open();
    expect(opening.endCalls).toBeUndefined();
  });

  test('is ready when the executor is', async () => {
    const { opening, open } = setup();
    const ready = new Deferred();
    let isReady = false;
    void opening.ready.then(() => (isReady = true));
    await open(Object.assign(new KeepingExecutor(), { ready: ready.promise }));
    await turn();
    expect(isReady).toBe(false);
    ready.resolve();
    await turn();
    expect(isReady).toBe(true);
  });

  test('is broken when the executor is, and not when that does not say', async () => {
    for (const executor of [
      new KeepingExecutor(),
      Object.assign(new KeepingExecutor(), { broken: new Promise<Error>(() => {}) }),
    ]) {
      const { opening, open } = setup();
      let isBroken = false;
      void opening.broken.then(() => (isBroken = true));
      await open(executor);
      await turn();
      expect(isBroken).toBe(false);
    }
    const { opening, open } = setup();
    const error = new Error('worn out');
    await open(Object.assign(new KeepingExecutor(), { broken: Promise.resolve(error) }));
    expect(await opening.broken).toBe(error);
  });
});

describe('S31 when the executor takes only a part', () => {
  test('the rest fails with the reason, and with a broken executor goes elsewhere', async () => {
    for (const [error, expected] of [
      [new RangeError('full'), 'rejected RangeError'],
      [new BrokenExecutorError('worn out'), 'returned BrokenExecutorError'],
    ] as const) {
      const { opening, open } = setup();
      const calls = testCalls(3);
      opening.submitBatch(calls);
      await open(Object.assign(new KeepingExecutor(), { receipt: { submitted: 1, error } }));
      expect(results(calls)).toEqual([undefined, expected, expected]);
    }
  });
});

test('S31 a broken executor gets nothing more', async () => {
  const { opening, open } = setup();
  const calls = testCalls(2);
  opening.submitBatch(calls);
  const error = new BrokenExecutorError('worn out');
  const executor = Object.assign(new KeepingExecutor(), { receipt: { submitted: 1, error } });
  await open(executor);
  expect(opening.submitBatch(testCalls(1))).toEqual({ submitted: 0, error });
  expect(await opening.broken).toBe(error);
  expect(executor.batches).toHaveLength(1);
});

test('S31 an executor that throws at what waited for it rejects these calls, and takes later ones', async () => {
  const { opening, open } = setup();
  const calls = testCalls(2);
  opening.submitBatch([calls[0]]);
  opening.submitBatch([calls[1]]);
  const executor = new KeepingExecutor();
  const { submitBatch } = executor;
  executor.submitBatch = () => {
    executor.submitBatch = submitBatch;
    throw new TypeError('not allowed to');
  };
  await open(executor);
  expect(calls[0].result).toBe('rejected TypeError');
  expect(executor.batches).toEqual([[calls[1]]]);
});

describe('M6 an executor that cannot be made', () => {
  test('is broken with the cause, and gives back what it was given', async () => {
    const { opening, fail } = setup();
    const calls = testCalls(2);
    opening.submitBatch(calls);
    const cause = new TypeError('no backend');
    await fail(cause);
    const broken = await opening.broken;
    expect(broken).toBeInstanceOf(BrokenExecutorError);
    expect(broken).toMatchObject({ message: 'the pool could not be made: no backend', cause });
    expect(results(calls)).toEqual(['returned BrokenExecutorError', 'returned BrokenExecutorError']);
    expect(opening.submitBatch(testCalls(1))).toEqual({ submitted: 0, error: broken });
    await expect(opening.shutdown({ timeoutSeconds: 1 })).resolves.toBeUndefined();
  });

  test('because of a BrokenExecutorError has that one, and because of no error says what', async () => {
    const broken = new BrokenExecutorError('worn out');
    const first = setup();
    await first.fail(broken);
    expect(await first.opening.broken).toBe(broken);
    const second = setup();
    await second.fail('out of order');
    expect((await second.opening.broken).message).toContain('out of order');
  });

  test('is never ready', async () => {
    const { opening, fail } = setup();
    let isReady = false;
    void opening.ready.then(() => (isReady = true));
    await fail(new Error('no'));
    await turn();
    expect(isReady).toBe(false);
  });
});

describe('M7 shutting it down', () => {
  test('before the executor is there gives back what waits, takes no more, and shuts the executor down when it comes', async () => {
    const { opening, open } = setup();
    const calls = testCalls(1);
    opening.submitBatch(calls);
    let hasEnded = false;
    void opening.shutdown({ timeoutSeconds: 7 }).then(() => (hasEnded = true));
    expect(results(calls)).toEqual(['returned NotStartedError']);
    expect(opening.submitBatch(testCalls(1)).submitted).toBe(0);
    await turn();
    expect(hasEnded).toBe(false);
    const executor = await open();
    await turn();
    expect([executor.batches, executor.shutdowns, hasEnded]).toEqual([[], [7], true]);
  });

  test('afterwards shuts the executor down', async () => {
    const { opening, open } = setup();
    const executor = await open();
    await opening.shutdown({ timeoutSeconds: 3 });
    expect(executor.shutdowns).toEqual([3]);
  });
});
