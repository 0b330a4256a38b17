import {
  BrokenExecutorError,
  type CallOutcome,
  type Executor,
  type ExecutorCall,
  LeasedExecutorManager,
  type SubmitReceipt,
} from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { FakePool } from '../support/fake-backend.ts';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { ManualBackend } from '../support/manager-backend.ts';
import { turns, until } from '../support/until.ts';
import { echo } from '../tasks/grinder-tasks.js';

const range = (count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, index) => first + index);

const byCount = (batchSizeThreshold: number) => ({
  batchSizeThreshold,
  maxWaitSeconds: never,
  leaseSeconds: never,
});

/** Takes so many calls of each batch, and says of the rest that it is broken; nothing else tells. */
function refuseAsBroken(pool: FakePool, after: number, error: unknown): void {
  const submitBatch = pool.submitBatch.bind(pool);
  pool.submitBatch = (calls) => {
    pool.refuseNext = { after, error };
    return submitBatch(calls);
  };
}

const brokenErrors: Record<string, unknown> = {
  'a BrokenExecutorError': new BrokenExecutorError('worn out'),
  'one of another copy of the package': Object.assign(new Error('worn out'), {
    code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR',
  }),
};

describe('a submission that fails part-way because the executor is broken', () => {
  test.each(range(3).flatMap((after) => Object.keys(brokenErrors).map((kind) => [after, kind] as const)))(
    'S31 with %i items submitted those settle there, and the rest run on another pool (%s)',
    async (after, kind) => {
      const { manager, grinder, backend } = await fakeGrinder(
        { ...byCount(3), manager: { maxPools: 2, minPools: 2, workersPerPool: 1 } },
        (call) => call.fulfil([call.args[0], call.pool === bad]),
      );
      const bad = backend.pools.at(-1)!; // The one that is lent first.
      refuseAsBroken(bad, after, brokenErrors[kind]);
      const results = await Promise.all(range(3).map((value) => grinder.submit(echo, [value])));
      expect(results).toEqual(range(3).map((value) => [value, value < after]));
      await until(() => manager.totalCount === 1, 'the broken pool is retired');
      expect(bad.shutdowns).toBe(1);
      expect(grinder.stats().totals).toMatchObject({ fulfilled: 3, rejected: 0 });
    },
  );

  test('S31 with a single pool the rest run on the one that takes its place', async () => {
    const { grinder, backend } = await fakeGrinder(
      { ...byCount(3), manager: { maxPools: 1, workersPerPool: 1 } },
      (call) => call.fulfil(call.args[0]),
    );
    refuseAsBroken(backend.pools[0], 1, new BrokenExecutorError('worn out'));
    expect(await Promise.all(range(3).map((value) => grinder.submit(echo, [value])))).toEqual(range(3));
    expect(backend.pools).toHaveLength(2);
  });

  test('S31 an item that two pools in a row refuse so fails with that error', async () => {
    const { grinder, backend } = await fakeGrinder({
      ...byCount(2),
      manager: { maxPools: 2, minPools: 2, workersPerPool: 1 },
    });
    for (const pool of backend.pools) refuseAsBroken(pool, 0, new BrokenExecutorError('worn out'));
    for (const job of range(2).map((value) => grinder.submit(echo, [value], { owner: 'me' }))) {
      await expect(job).rejects.toThrow(BrokenExecutorError);
      await expect(job).rejects.toMatchObject({ owner: 'me', taskName: 'echo' });
    }
  });

  test('S31 the calls of a direct holder get that error, and its lease is over', async () => {
    const { manager, backend } = await fakeGrinder({ manager: { maxPools: 1, workersPerPool: 1 } });
    const lease = await manager.acquire();
    refuseAsBroken(backend.pools[0], 1, new BrokenExecutorError('worn out'));
    const settled = Promise.allSettled(range(3).map((value) => lease.run(echo, [value])));
    await until(() => backend.calls.length === 1);
    expect([lease.active, lease.signal.aborted]).toEqual([false, true]);
    backend.calls[0].fulfil('its own');
    const [first, ...others] = await settled;
    expect(first).toEqual({ status: 'fulfilled', value: 'its own' });
    for (const other of others)
      expect(other).toMatchObject({ reason: { code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR' } });
    await lease.release();
  });

  test('S31 an executor that is still being made refuses likewise', async () => {
    const backend = new ManualBackend({ opensLater: true });
    const { grinder } = await opening(backend);
    const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
    await turns();
    backend.open();
    await until(() => backend.executors.length === 1);
    const [first] = backend.executors;
    first.pool.refuseNext = { after: 1, error: new BrokenExecutorError('worn out') };
    await until(() => backend.opening === 1 || backend.batches.length > 0);
    while (backend.opening > 0) backend.open();
    await until(() => backend.batches.flat().length === 3);
    for (const call of backend.batches.flat()) call.fulfil(call.args[0]);
    expect(await Promise.all(futures)).toEqual(range(3));
  });

  async function opening(backend: ManualBackend) {
    const bundle = threadGrinder({ ...byCount(3), manager: { backend, maxPools: 2, minPools: 0 } });
    return bundle;
  }
});

describe('what an executor is given', () => {
  test('S31 S26 a cancelled item it cannot give back keeps its arguments, and its outcome is dropped', async () => {
    const backend = new ManualBackend({ withoutTakeBack: true });
    const { manager, grinder } = await threadGrinder({ ...byCount(1), manager: { backend } });
    const future = grinder.enqueue(echo, ['precious']);
    await until(() => backend.batches.length === 1);
    const { call } = backend.batches[0][0];
    expect(future.cancel()).toBe(true);
    expect(call.args).toEqual(['precious']);
    expect(manager.leasedCount).toBe(1);
    call.settle({ status: 'fulfilled', value: 'too late' });
    expect(call.args).toEqual([]);
    await expect(future).rejects.toMatchObject({ code: 'ABORT_ERR' });
    expect(grinder.stats()).toMatchObject({ inFlight: 0, batchesInFlight: 0, totals: { cancelled: 1 } });
    expect(manager.leasedCount).toBe(0);
  });

  test('S20 S27 an item given back only after its lease has expired does not hold up the end', async () => {
    const { manager, grinder, backend } = await fakeGrinder({ ...byCount(1), leaseSeconds: 0.05 });
    const future = grinder.enqueue(echo, [0]);
    await until(() => backend.batches.length === 1);
    const pool = backend.pools[0];
    const takeBack = pool.takeBack.bind(pool);
    pool.takeBack = () => false; // As for memory that has moved already: it cannot be sent again.
    await until(() => manager.stats().leases.some((lease) => lease.draining), 'the lease has expired');
    pool.takeBack = takeBack;
    future.cancel();
    await expect(future).rejects.toMatchObject({ code: 'ABORT_ERR' });
    expect(grinder.stats()).toMatchObject({ inFlight: 0, batchesInFlight: 0 });
    await grinder.stop();
  });

  test('S33 as many join as the executor has workers, whatever was asked for', async () => {
    class Wide implements Executor {
      readonly workers = 3;
      readonly batches: ExecutorCall[][] = [];
      submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
        this.batches.push([...calls]);
        return { submitted: calls.length };
      }
      async shutdown(): Promise<void> {
        for (const call of this.batches.flat())
          call.settle({ status: 'returned', reason: new Error('shut down') });
      }
    }
    const executor = new Wide();
    const backend = { name: 'wide', createExecutor: () => executor };
    const { grinder } = await threadGrinder({ ...byCount(1), manager: { backend, workersPerPool: 1 } });
    for (const value of range(5)) {
      void grinder.enqueue(echo, [value]).catch(() => {});
      await turns(2);
    }
    expect(executor.batches.map((batch) => batch.length)).toEqual([1, 1, 1]);
    expect(grinder.stats().pending).toBe(2);
  });
});

describe('an executor that breaks the rules of settling', () => {
  /** Settles each call as it likes, inside `submitBatch()` or later. */
  async function settling(settle: (call: ExecutorCall) => void) {
    const executor: Executor = {
      workers: 2,
      submitBatch: (calls) => {
        calls.forEach(settle);
        return { submitted: calls.length };
      },
      shutdown: async () => {},
    };
    return threadGrinder({
      ...byCount(3),
      manager: { backend: { name: 'rude', createExecutor: () => executor } },
    });
  }
  const fulfilled = (value: unknown): CallOutcome => ({ status: 'fulfilled', value });

  test.each<[string, (call: ExecutorCall) => void]>([
    ['at once', (call) => call.settle(fulfilled(call.args[0]))],
    [
      'twice',
      (call) => {
        const [value] = call.args;
        setImmediate(() => {
          call.settle(fulfilled(value));
          call.settle(fulfilled('again'));
          call.settle({ status: 'rejected', reason: new Error('again') });
          call.settle({ status: 'returned', reason: new Error('again') });
        });
      },
    ],
  ])('S27 a call settled %s settles its item once', async (_, settle) => {
    const { manager, grinder } = await settling(settle);
    for (const round of range(3)) {
      expect(await Promise.all(range(3).map((value) => grinder.submit(echo, [value])))).toEqual(range(3));
      expect(grinder.stats()).toMatchObject({
        pending: 0,
        inFlight: 0,
        batchesInFlight: 0,
        totals: { submitted: 3 * (round + 1), fulfilled: 3 * (round + 1), batches: round + 1 },
      });
    }
    expect(manager.stats()).toMatchObject({ leased: 0, available: 1 });
  });

  test('S31 an outcome for a call that was refused changes nothing', async () => {
    const refused: ExecutorCall[] = [];
    const executor: Executor = {
      workers: 1,
      submitBatch: (calls) => {
        refused.push(...calls);
        return { submitted: 0, error: new RangeError('full') };
      },
      shutdown: async () => {},
    };
    const backend = { name: 'full', createExecutor: () => executor };
    const { grinder } = await threadGrinder({ ...byCount(1), manager: { backend } });
    await expect(grinder.submit(echo, [0])).rejects.toThrow('full');
    refused[0].settle(fulfilled('too late'));
    expect(grinder.stats().totals).toMatchObject({ submitted: 1, fulfilled: 0, rejected: 1 });
  });
});

test.each([undefined, null, {}, { submitted: 'all' }])(
  'S31 an executor that returns %o instead of a receipt has taken nothing',
  async (receipt) => {
    const executor = { workers: 1, submitBatch: () => receipt, shutdown: async () => {} };
    const backend = { name: 'mute', createExecutor: () => executor as never };
    const { manager, grinder } = await threadGrinder({ ...byCount(1), manager: { backend } });
    await expect(grinder.submit(echo, [0])).rejects.toThrow(TypeError);
    await expect(manager.withLease((lease) => lease.run(echo, [0]))).rejects.toThrow(TypeError);
    expect(manager.stats()).toMatchObject({ leased: 0, total: 1 });
  },
);

describe('what callers see when their item settles', () => {
  test('S32 S2 in the callback of each outcome all counts are those after it', async () => {
    const { manager, grinder, backend } = await fakeGrinder(byCount(3));
    const seen: unknown[] = [];
    const look = (): void => {
      const { inFlight, batchesInFlight, totals } = grinder.stats();
      seen.push([inFlight, batchesInFlight, totals.fulfilled, totals.rejected, manager.leasedCount]);
    };
    const jobs = range(3).map((value) => grinder.submit(echo, [value]).then(look, look));
    await until(() => backend.batches.length === 1);
    backend.calls[1].fulfil();
    await turns(1);
    backend.calls[0].reject(new Error('its own'));
    await turns(1);
    backend.calls[2].fulfil();
    await Promise.all(jobs);
    expect(seen).toEqual([
      [2, 1, 1, 0, 1],
      [1, 1, 1, 1, 1],
      [0, 0, 2, 1, 0],
    ]);
  });

  test('S7 S5 an item submitted in the callback of the last outcome begins the next batch', async () => {
    const { grinder, backend } = await fakeGrinder(byCount(1), (call) => call.fulfil(call.args[0]));
    const order: unknown[] = [];
    for (let value = 0; value < 5; value = (await grinder.submit(echo, [value + 1])) as number)
      order.push(value);
    expect(order).toEqual(range(5));
    expect(backend.sent).toEqual(range(5, 1).map((value) => [value]));
    expect(grinder.stats().totals.batches).toBe(5);
  });
});

test('M8 a backend is one object with a name and createExecutor(), called once for each pool with its options', async () => {
  const asked: unknown[] = [];
  const backend = {
    name: 'mine',
    createExecutor(
      this: unknown,
      { name, workers, asyncTasks, preload, startTimeoutSeconds }: Record<string, unknown>,
    ) {
      asked.push([this === backend, name, workers, asyncTasks, preload, startTimeoutSeconds]);
      return { workers: 2, submitBatch: () => ({ submitted: 0 }), shutdown: async () => {} };
    },
  };
  const manager = new LeasedExecutorManager({
    backend: backend as never,
    maxPools: 2,
    minPools: 2,
    workersPerPool: 2,
    namePrefix: 'p',
    asyncTasks: 'reject',
    startTimeoutSeconds: 7,
  });
  onTestFinished(() => manager.stop());
  await manager.start();
  expect(manager.backend).toBe('mine');
  expect(manager.stats().backend).toBe('mine');
  expect(asked).toEqual([1, 2].map((n) => [true, `p-${n}`, 2, 'reject', [], 7]));
});
