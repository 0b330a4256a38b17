import { MessagePort, Worker } from 'node:worker_threads';
import type { ExecutorBackend } from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FakeBackend, type FakeCall } from '../support/fake-backend.ts';
import { Gate } from '../support/gate.ts';
import { fakeGrinder, type GrinderSetup, never, threadGrinder } from '../support/grinder.ts';
import { turns, until } from '../support/until.ts';
import { echo, exit, hold, record, square } from '../tasks/grinder-tasks.js';

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
  test('S33 all that wait, in order and in one call, as soon as a worker has nothing to do, and begin no batch', async () => {
    const { manager, grinder, backend } = await fakeGrinder(pools(1, 4));
    void grinder.enqueue(echo, [0]);
    await turns();
    for (const value of range(9, 1)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.sent).toEqual([[0], range(9, 1)]);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 10, batchesInFlight: 1 });
    expect(grinder.stats().totals.batches).toBe(1);
    expect(manager.stats().leases).toMatchObject([{ owner: 'work-grinder-batch-1', pending: 10 }]);
  });

  test('S33 none while all its workers have something to do, and the next ones together once one has not, oldest first', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 2));
    const futures = range(2).map((value) => grinder.enqueue(echo, [value]));
    for (const round of range(4)) {
      await turns();
      for (const value of range(5, 2 + 5 * round)) futures.push(grinder.enqueue(echo, [value]));
      await turns();
      expect(args(backend.calls)).toEqual(range(2 + 5 * round));
      backend.calls.slice(0, 1 + 5 * round).forEach((call) => call.fulfil(call.args[0]));
    }
    await turns();
    backend.calls.forEach((call) => call.fulfil(call.args[0]));
    expect(await Promise.all(futures)).toEqual(range(22));
    expect(backend.sent.map((batch) => batch.length)).toEqual([2, 5, 5, 5, 5]);
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
    expect(backend.sent).toEqual([[0], [1, 2]]);
    expect(manager.stats()).toMatchObject({ leased: 1, available: 1, waiting: 0 });
  });

  test('S33 when somebody else has the other lease, and the next batch begins with a part of them once that is free', async () => {
    const { manager, grinder, backend } = await fakeGrinder(pools(2, 2));
    const lease = await manager.acquire();
    void grinder.enqueue(echo, [0]);
    await turns();
    for (const value of range(5, 1)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.sent).toEqual([[0], range(5, 1)]);
    await lease.release();
    await turns();
    expect(backend.sent).toEqual([[0], range(5, 1), [4, 5]]);
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

  test('S33 a fair share each, when several have workers without work', async () => {
    const { grinder, backend } = await fakeGrinder(pools(2, 3));
    for (const value of range(2)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(held(backend)).toEqual([1, 1]);
    for (const value of range(7, 2)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(held(backend).toSorted((a, b) => a - b)).toEqual([4, 5]);
    expect(grinder.stats()).toMatchObject({ pending: 0, totals: { batches: 2 } });
  });

  test('S33 a worker that runs a cancelled item has something to do', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 2));
    const futures = range(2).map((value) => grinder.enqueue(echo, [value]));
    await turns();
    for (const call of backend.calls) call.begin();
    for (const future of futures) future.cancel();
    for (const value of range(3, 2)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.sent).toEqual([[0, 1]]);
    backend.calls[0].fulfil();
    await turns();
    expect(backend.sent).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
  });

  test('S33 the worker of an item that is cancelled before it begins has nothing to do', async () => {
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
    expect(backend.sent).toEqual([range(5), [1, 3, 4, 5, 6]]);
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

describe('what a message carries', () => {
  /** Messages of this thread to workers. */
  function countMessages(): { sent: number } {
    const counter = { sent: 0 };
    for (const { prototype } of [MessagePort, Worker]) {
      const { postMessage } = prototype;
      prototype.postMessage = function (this: MessagePort, ...args: Parameters<MessagePort['postMessage']>) {
        counter.sent++;
        return postMessage.apply(this, args);
      } as typeof postMessage;
      onTestFinished(() => void (prototype.postMessage = postMessage));
    }
    return counter;
  }

  test.each([
    [1, 2, 50, 5],
    [2, 1, 50, 5],
    [1, 2, 200, 12],
    [2, 1, 200, 12],
    [1, 4, 50, 2.5],
    [1, 4, 200, 6],
    [2, 2, 50, 2.5],
    [4, 1, 200, 6],
  ])(
    'S33 is worth it with short jobs in a closed loop: %i pools of %i workers, %i callers, %f jobs',
    async (maxPools, workersPerPool, callers, least) => {
      const counter = countMessages();
      const { grinder } = await threadGrinder({ manager: { maxPools, minPools: maxPools, workersPerPool } });
      const run = async (jobs: number): Promise<void> => {
        let made = 0;
        const call = async (): Promise<void> => {
          while (made++ < jobs) await grinder.submit(square, [made]);
        };
        await Promise.all(Array.from({ length: callers }, call));
      };
      await run(3000);
      counter.sent = 0;
      const { batches } = grinder.stats().totals;
      await run(12_000);
      expect(12_000 / counter.sent).toBeGreaterThanOrEqual(least);
      expect(grinder.stats().totals.batches).toBeGreaterThan(batches);
    },
  );
});

describe('an item is bound to a pool when a worker of it can take it', () => {
  test.each(['threshold', 'natural'] as const)(
    'S33 none waits for a pool that comes up while another is free: that one runs them (dispatch %s)',
    async (dispatch) => {
      const backend = new FakeBackend((call) => call.fulfil(call.args[0]));
      let isFirst = true;
      const starting: ExecutorBackend = {
        name: 'starting',
        createExecutor(options) {
          const pool = backend.createExecutor(options);
          if (!isFirst) Object.assign(pool, { ready: new Promise(() => {}) });
          isFirst = false;
          return pool;
        },
      };
      const { grinder, manager } = await threadGrinder({
        dispatch,
        batchSizeThreshold: 1,
        maxBatchSize: 1,
        manager: { backend: starting, maxPools: 2, minPools: 1 },
      });
      const results = await Promise.all(range(4).map((value) => grinder.submit(echo, [value])));
      expect(results).toEqual(range(4));
      expect(manager.stats()).toMatchObject({ starting: 1, leased: 0, total: 2 });
      expect(backend.pools.map(({ held }) => held.size)).toEqual([0, 0]);
    },
  );

  test('S33 what waits goes to the pool that comes up first, if that is before the other is free', async () => {
    const { manager, grinder, gate } = await threadGrinder(pools(2, 1, { manager: { minPools: 1 } }));
    const blocking = grinder.enqueue(hold, [gate.cells]);
    await gate.untilBegun(1);
    expect(await grinder.submit(square, [3])).toBe(9);
    expect([blocking.done(), manager.totalCount]).toEqual([false, 2]);
  });

  test('S33 M2 a direct lease is granted at once meanwhile, and its jobs wait for its workers', async () => {
    const { manager, grinder, gate } = await threadGrinder(pools(3, 1, { manager: { minPools: 1 } }));
    void grinder.enqueue(hold, [gate.cells]);
    await gate.untilBegun(1);
    const waiting = grinder.submit(square, [3]);
    await turns(1);
    await using lease = await manager.acquire({ wait: false });
    expect(await lease.run(square, [4])).toBe(16);
    expect(await waiting).toBe(9);
  });

  test('S33 none waits for a pool whose worker is being replaced while another is free', async () => {
    const starts = new Gate();
    onTestFinished(() => starts.open());
    const { grinder, manager } = await threadGrinder(
      pools(2, 1, {
        manager: {
          preload: [new URL('../tasks/grinder-waits-to-start.js', import.meta.url).href],
          workerData: { free: 2, gate: starts.cells },
        },
      }),
    );
    await expect(grinder.submit(exit, [0])).rejects.toMatchObject({ code: 'ERR_LEASEPOOL_WORKER_CRASHED' });
    await starts.untilBegun(3);
    for (const value of range(6)) expect(await grinder.submit(square, [value])).toBe(value * value);
    expect(starts.finished).toBe(0);
    expect(manager.stats()).toMatchObject({ total: 2, leased: 0, available: 2 });
  });
});
