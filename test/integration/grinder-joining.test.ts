import { describe, expect, test } from 'vitest';
import type { FakeBackend, FakeCall } from '../support/fake-backend.ts';
import { fakeGrinder, type GrinderSetup, never, threadGrinder } from '../support/grinder.ts';
import { turns, until } from '../support/until.ts';
import { echo, hold, record, square } from '../tasks/grinder-tasks.js';

const range = (count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, index) => first + index);

/** Every item is due at once, and no lease ends by itself. */
const dueAtOnce = { batchSizeThreshold: 1, maxWaitSeconds: never, leaseSeconds: never };

const pools = (maxPools: number, workersPerPool: number, more: GrinderSetup = {}): GrinderSetup => ({
  ...dueAtOnce,
  ...more,
  manager: { maxPools, minPools: maxPools, workersPerPool, ...more.manager },
});

const held = (backend: FakeBackend): number[] => backend.pools.map((pool) => pool.held.size);
const args = (calls: readonly FakeCall[]): unknown[] => calls.map((call) => call.args[0]);

describe('due items join an open batch', () => {
  test('S33 as many as it has workers to spare, in order and in one call, and begin no batch', async () => {
    const { manager, grinder, backend } = await fakeGrinder(pools(1, 4));
    void grinder.enqueue(echo, [0]);
    await turns();
    for (const value of range(9, 1)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.sent).toEqual([[0], [1, 2, 3]]);
    expect(grinder.stats()).toMatchObject({ pending: 6, inFlight: 4, batchesInFlight: 1 });
    expect(grinder.stats().totals.batches).toBe(1);
    expect(manager.stats().leases).toMatchObject([{ owner: 'work-grinder-batch-1', pending: 4 }]);
  });

  test('S33 the next ones as workers become free, oldest first', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 2));
    const futures = range(2).map((value) => grinder.enqueue(echo, [value]));
    await turns();
    for (const value of range(5, 2)) futures.push(grinder.enqueue(echo, [value]));
    for (const settled of range(5)) {
      await turns();
      expect(args(backend.calls)).toEqual(range(settled + 2));
      backend.calls[settled].fulfil(settled);
    }
    await turns();
    backend.calls.slice(5).forEach((call) => call.fulfil(call.args[0]));
    expect(await Promise.all(futures)).toEqual(range(7));
    expect(grinder.stats().totals.batches).toBe(1);
  });

  test('S33 by age as well as by count, and none before it is due', async () => {
    const { grinder, backend } = await fakeGrinder(
      pools(1, 4, { batchSizeThreshold: 3, maxWaitSeconds: 0.1 }),
    );
    for (const value of range(3)) void grinder.enqueue(echo, [value]);
    await turns();
    const enqueuedAt = performance.now();
    void grinder.enqueue(echo, [3]);
    await until(() => backend.batches.length === 2);
    expect(backend.sent).toEqual([[0, 1, 2], [3]]);
    expect(backend.calls[3].at - enqueuedAt).toBeGreaterThanOrEqual(100);
    expect(grinder.stats().totals.batches).toBe(1);
  });

  test('S33 when maxConcurrentBatches is reached, although a lease is free', async () => {
    const { manager, grinder, backend } = await fakeGrinder(pools(2, 2, { maxConcurrentBatches: 1 }));
    void grinder.enqueue(echo, [0]);
    await turns();
    for (const value of range(2, 1)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.sent).toEqual([[0], [1]]);
    expect(manager.stats()).toMatchObject({ leased: 1, available: 1, waiting: 0 });
  });

  test('S33 when somebody else has the other lease, and the next batch begins once that is free', async () => {
    const { manager, grinder, backend } = await fakeGrinder(pools(2, 2));
    const lease = await manager.acquire();
    void grinder.enqueue(echo, [0]);
    await turns();
    for (const value of range(3, 1)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.sent).toEqual([[0], [1]]);
    await lease.release();
    await turns();
    expect(backend.sent).toEqual([[0], [1], [2, 3]]);
    expect(grinder.stats().totals.batches).toBe(2);
  });

  test('S33 not when another batch can begin', async () => {
    const { grinder, backend } = await fakeGrinder(pools(2, 4));
    void grinder.enqueue(echo, [0]);
    await turns();
    void grinder.enqueue(echo, [1]);
    await turns();
    expect(held(backend)).toEqual([1, 1]);
    expect(grinder.stats().totals.batches).toBe(2);
  });

  test('S33 every one that has workers to spare', async () => {
    const { grinder, backend } = await fakeGrinder(pools(2, 3));
    for (const value of range(2)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(held(backend)).toEqual([1, 1]);
    for (const value of range(7, 2)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(held(backend)).toEqual([3, 3]);
    expect(grinder.stats()).toMatchObject({ pending: 3, totals: { batches: 2 } });
  });

  test('S33 a worker that runs a cancelled item is not one to spare', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 2));
    const futures = range(2).map((value) => grinder.enqueue(echo, [value]));
    await turns();
    backend.calls[0].begin();
    futures[0].cancel();
    futures[1].cancel();
    for (const value of range(3, 2)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.sent).toEqual([[0, 1], [2]]);
    backend.calls[0].fulfil();
    await turns();
    expect(backend.sent).toEqual([[0, 1], [2], [3]]);
  });

  test('S33 the worker of an item that is cancelled before it begins is one to spare', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 2));
    const futures = range(2).map((value) => grinder.enqueue(echo, [value]));
    await turns();
    void grinder.enqueue(echo, [2]);
    await turns();
    expect(backend.sent).toEqual([[0, 1]]);
    futures[1].cancel();
    await turns();
    expect(backend.sent).toEqual([[0, 1], [2]]);
  });

  test('S33 S4 items given back are the first to join', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 2));
    for (const value of range(5)) void grinder.enqueue(echo, [value]);
    await turns();
    for (const value of range(2, 5)) void grinder.enqueue(echo, [value]);
    for (const index of [3, 1, 4]) backend.calls[index].giveBack();
    backend.calls[2].fulfil();
    await turns();
    expect(backend.sent).toEqual([range(5), [1]]);
    backend.calls[0].fulfil();
    await turns();
    expect(backend.sent).toEqual([range(5), [1], [3]]);
  });
});

describe('a batch is closed', () => {
  test('S33 once it has taken maxBatchSize, those that joined included', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 4, { maxBatchSize: 3 }));
    for (const value of range(2)) void grinder.enqueue(echo, [value]);
    await turns();
    for (const value of range(4, 2)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.sent).toEqual([[0, 1], [2]]);
    for (const call of backend.calls.slice(0, 2)) call.fulfil();
    await turns();
    expect(backend.sent).toEqual([[0, 1], [2]]);
    backend.calls[2].fulfil();
    await turns();
    expect(backend.sent).toEqual([[0, 1], [2], [3, 4, 5]]);
    expect(grinder.stats().totals.batches).toBe(2);
  });

  test('S33 M4 past its soft expiry: it takes nothing more, and does not count against maxConcurrentBatches', async () => {
    const { manager, grinder, backend } = await fakeGrinder(
      pools(2, 2, { maxConcurrentBatches: 1, leaseSeconds: 0.3 }),
    );
    const first = grinder.enqueue(echo, [0]);
    await turns();
    backend.calls[0].begin();
    await until(() => manager.stats().leases[0].draining, 'the first lease is past its soft expiry');
    for (const value of range(2, 1)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.batches[1][0].pool).not.toBe(backend.calls[0].pool);
    expect(backend.sent).toEqual([[0], [1, 2]]);
    expect(grinder.stats()).toMatchObject({ batchesInFlight: 2, inFlight: 3, totals: { batches: 2 } });
    backend.calls[0].fulfil('late');
    expect(await first).toBe('late');
    await turns();
    expect(grinder.stats()).toMatchObject({ batchesInFlight: 1, inFlight: 2 });
  });

  test('S33 past its soft expiry, also when this thread was busy and no timer has told yet', async () => {
    const { grinder, backend } = await fakeGrinder(
      pools(2, 2, { maxConcurrentBatches: 1, leaseSeconds: 0.05 }),
    );
    void grinder.enqueue(echo, [0]);
    await turns(2);
    expect(backend.batches).toHaveLength(1);
    backend.calls[0].begin();
    const busyUntil = performance.now() + 60;
    while (performance.now() < busyUntil);
    void grinder.enqueue(echo, [1]);
    await until(() => backend.batches.length === 2);
    expect(backend.calls[1].pool).not.toBe(backend.calls[0].pool);
  });
});

describe('no worker of a leased pool idles while a due item waits', () => {
  test.each(['threshold', 'natural'] as const)(
    'S33 neither the mates of a job that blocks nor 100 later ones wait for it: the other worker runs them (dispatch %s)',
    async (dispatch) => {
      const { grinder, gate } = await threadGrinder({
        dispatch,
        maxWaitSeconds: 0.01,
        manager: { workersPerPool: 2 },
      });
      const before = range(20).map((value) => grinder.submit(square, [value]));
      const slow = grinder.enqueue(hold, [gate.cells]);
      const after = range(20).map((value) => grinder.submit(square, [value]));
      await Promise.all([...before, ...after, gate.untilBegun()]);
      const later = range(100).map((value) => grinder.submit(square, [value]));
      expect(await Promise.all(later)).toEqual(range(100).map((value) => value * value));
      expect(slow.done()).toBe(false);
      expect(grinder.stats()).toMatchObject({ inFlight: 1, totals: { batches: 1 } });
    },
  );

  test('S33 a batch with workers to spare gets what another holds beyond its own, and begins no batch', async () => {
    const { grinder, backend } = await fakeGrinder(pools(2, 2));
    void grinder.enqueue(echo, [0]);
    await turns();
    for (const value of range(3, 1)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(held(backend)).toEqual([2, 2]);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 4, totals: { batches: 2 } });
  });

  test('S33 a batch of many jobs does not sit on one pool while another is free for as long as items may wait', async () => {
    const { grinder, gate, manager } = await threadGrinder(
      pools(2, 1, { batchSizeThreshold: 4, maxWaitSeconds: 0.05 }),
    );
    const lease = await manager.acquire();
    const futures = range(4).map((value) => grinder.enqueue(hold, [gate.cells, value]));
    await gate.untilBegun(1);
    await lease.release();
    await gate.untilBegun(2);
    expect(grinder.stats().batchesInFlight).toBe(2);
    gate.open();
    expect(await Promise.all(futures)).toEqual(range(4));
  });

  test('S33 items move to a free pool only when they have waited as long as they may', async () => {
    const { grinder, backend, manager } = await fakeGrinder(pools(2, 1, { batchSizeThreshold: 4 }));
    const lease = await manager.acquire();
    for (const value of range(4)) void grinder.enqueue(echo, [value]);
    await turns();
    await lease.release();
    await turns();
    expect(backend.sent).toEqual([range(4)]);
    expect(grinder.stats().totals.batches).toBe(1);
  });

  test('S33 S4 each job runs once, and with one worker in order, while items join and come back', async () => {
    const { grinder, log } = await threadGrinder(pools(1, 1, { leaseSeconds: 0.02 }));
    const jobs: Promise<unknown>[] = [];
    for (const entry of range(400)) {
      jobs.push(grinder.submit(record, [log.cells, entry]));
      if (entry % 20 === 0) await turns(3);
    }
    await Promise.all(jobs);
    expect(log.entries).toEqual(range(400));
  });
});
