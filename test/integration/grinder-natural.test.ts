import type { Executor } from 'leasepool';
import { describe, expect, test } from 'vitest';
import type { FakeBackend } from '../support/fake-backend.ts';
import { fakeGrinder, type GrinderSetup, never, threadGrinder } from '../support/grinder.ts';
import { ManualBackend } from '../support/manager-backend.ts';
import { watchTimers } from '../support/timers.ts';
import { turns, until } from '../support/until.ts';
import { echo, hold, record, square } from '../tasks/grinder-tasks.js';

const range = (count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, index) => first + index);

/** Neither count nor age would ever make an item of this grinder due. */
const natural = {
  dispatch: 'natural',
  batchSizeThreshold: 1_000_000,
  maxBatchSize: 1_000_000,
  maxWaitSeconds: never,
  leaseSeconds: never,
} as const;

const pools = (maxPools: number, workersPerPool: number): GrinderSetup => ({
  ...natural,
  manager: { maxPools, minPools: maxPools, workersPerPool },
});

/** What each pool holds, as first arguments. */
const held = (backend: FakeBackend): unknown[][] =>
  backend.pools.map((pool) => [...pool.held.values()].map((call) => call.args[0]));

describe('on an idle grinder', () => {
  test('S6 an item goes at the end of its turn, although neither count nor age makes it due', async () => {
    const { grinder, backend } = await fakeGrinder(natural);
    const future = grinder.enqueue(echo, [0]);
    expect([grinder.stats().pending, backend.batches.length]).toEqual([1, 0]);
    await turns(1);
    expect([grinder.stats().pending, backend.sent]).toEqual([0, [[0]]]);
    expect(future.running()).toBe(true);
  });

  test.each([1, 2, 4])(
    'S6 a burst of one synchronous loop travels in one call, not as 1 + (N-1) (%i workers)',
    async (workersPerPool) => {
      const { grinder, backend } = await fakeGrinder(pools(1, workersPerPool));
      for (const value of range(100)) void grinder.enqueue(echo, [value]);
      await turns();
      expect(backend.sent).toEqual([range(100)]);
      expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 100, totals: { batches: 1 } });
    },
  );

  test('S6 a burst travels as one call for each pool, in equal shares', async () => {
    const { grinder, backend } = await fakeGrinder(pools(3, 2));
    for (const value of range(90)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(backend.sent).toEqual([range(30), range(30, 30), range(30, 60)]);
  });

  test('S6 a burst of submit() after another one has settled travels as one call, too', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 2), (call) => call.fulfil());
    for (const round of [0, 1, 2]) {
      await Promise.all(range(50).map((value) => grinder.submit(echo, [value])));
      expect(backend.batches.map((batch) => batch.length)).toEqual(range(round + 1).map(() => 50));
    }
  });

  test('S6 no timer is armed for items that wait', async () => {
    const { grinder } = await fakeGrinder(natural);
    void grinder.enqueue(echo, [0]);
    await turns();
    const timers = watchTimers();
    for (const value of range(20, 1)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(grinder.stats().pending).toBeGreaterThan(0);
    expect(timers.armed).toBe(0);
  });
});

describe('an item waits only while every worker the grinder may lease is busy', () => {
  test('S6 with one pool it goes as soon as one of the workers is free, with all that wait, the oldest first', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 3));
    for (const value of range(6)) {
      void grinder.enqueue(echo, [value]);
      await turns(2);
      expect(grinder.stats().pending).toBe(Math.max(0, value + 1 - 3));
    }
    backend.calls[1].fulfil();
    await turns(2);
    expect(backend.sent.at(-1)).toEqual([3, 4, 5]);
    expect(grinder.stats().pending).toBe(0);
  });

  test.each(['fulfil', 'reject', 'cancel'] as const)(
    'S6 items gather while all are busy, and travel together once the only worker is free (%s)',
    async (end) => {
      const { grinder, backend } = await fakeGrinder(pools(1, 1));
      const first = grinder.enqueue(echo, [0]);
      first.catch(() => {});
      await turns();
      for (const value of range(5, 1)) {
        void grinder.enqueue(echo, [value]);
        await turns(2);
      }
      expect([grinder.stats().pending, backend.sent]).toEqual([5, [[0]]]);
      if (end === 'cancel') first.cancel();
      else backend.calls[0][end](new Error('its own'));
      await turns();
      expect(backend.sent).toEqual([[0], range(5, 1)]);
    },
  );

  test('S6 a worker that runs a cancelled item is busy until that has ended', async () => {
    const { grinder, backend } = await fakeGrinder(pools(1, 1));
    const cancelled = grinder.enqueue(echo, [0]);
    await turns();
    backend.calls[0].begin();
    cancelled.cancel();
    void grinder.enqueue(echo, [1]);
    await turns();
    expect([grinder.stats().pending, backend.sent]).toEqual([1, [[0]]]);
    backend.calls[0].fulfil();
    await turns();
    expect(backend.sent).toEqual([[0], [1]]);
  });

  test('S6 with several pools none waits until the workers of all of them are busy', async () => {
    const { grinder, backend } = await fakeGrinder(pools(2, 2));
    for (const value of range(6)) {
      void grinder.enqueue(echo, [value]);
      await turns(2);
      expect(grinder.stats().pending).toBe(Math.max(0, value + 1 - 4));
    }
    expect(held(backend).map((calls) => calls.length)).toEqual([2, 2]);
    backend.calls[1].fulfil();
    backend.calls[2].fulfil();
    await turns();
    expect(held(backend).map((calls) => calls.length)).toEqual([2, 2]);
    expect(grinder.stats().pending).toBe(0);
  });

  test.each([2, 3])(
    'S6 a burst that comes while one worker is busy occupies all others, whatever pool they are of (%i pools)',
    async (maxPools) => {
      const { grinder, backend } = await fakeGrinder(pools(maxPools, 2));
      void grinder.enqueue(echo, [0]);
      await turns();
      for (const value of range(2 * maxPools - 1, 1)) void grinder.enqueue(echo, [value]);
      await turns();
      expect(held(backend).map((calls) => calls.length)).toEqual(range(maxPools).map(() => 2));
    },
  );

  test('S6 jobs that block occupy every worker of every pool', async () => {
    const { grinder, gate } = await threadGrinder(pools(2, 2));
    const futures = [grinder.enqueue(hold, [gate.cells, 0])];
    await gate.untilBegun(1);
    for (const value of range(3, 1)) futures.push(grinder.enqueue(hold, [gate.cells, value]));
    await gate.untilBegun(4);
    gate.open();
    expect(await Promise.all(futures)).toEqual(range(4));
  });

  test('S6 a pool without work gets what another has not begun', async () => {
    const { grinder, backend } = await fakeGrinder(pools(2, 1));
    const futures = range(8).map((value) => grinder.enqueue(echo, [value]));
    await turns();
    expect(held(backend)).toEqual(expect.arrayContaining([range(4), range(4, 4)]));
    const [slow, quick] = backend.batches;
    slow[0].begin();
    for (const call of quick) call.fulfil(call.args[0]);
    await until(() => {
      for (const call of quick[0].pool.held.values()) call.fulfil(call.args[0]);
      return futures.slice(1).every((future) => future.done());
    }, 'every mate of the slow item has run elsewhere');
    expect(futures[0].done()).toBe(false);
    expect(await Promise.all(futures.slice(1))).toEqual(range(7, 1));
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 1, batchesInFlight: 1 });
  });

  test('S6 mates of a job that blocks run on another pool', async () => {
    const { grinder, gate } = await threadGrinder(pools(2, 1));
    const slow = grinder.enqueue(hold, [gate.cells]);
    const mates = range(40).map((value) => grinder.enqueue(square, [value]));
    expect(await Promise.all(mates)).toEqual(range(40).map((value) => value * value));
    expect(slow.done()).toBe(false);
  });

  test('S6 the workers of pools beyond maxConcurrentBatches are not the ones it may lease', async () => {
    const { manager, grinder, backend } = await fakeGrinder({ ...pools(2, 1), maxConcurrentBatches: 1 });
    for (const value of range(4)) {
      void grinder.enqueue(echo, [value]);
      await turns(2);
    }
    expect([grinder.stats().pending, backend.sent]).toEqual([3, [[0]]]);
    expect(manager.stats()).toMatchObject({ leased: 1, available: 1, waiting: 0 });
  });

  test('S6 items that wait for a pool somebody else has leased travel together when it is back', async () => {
    const { manager, grinder, backend } = await fakeGrinder(pools(1, 2));
    const lease = await manager.acquire();
    for (const value of range(5)) {
      void grinder.enqueue(echo, [value]);
      await turns(2);
    }
    expect([grinder.stats().pending, manager.stats().waiting]).toEqual([5, 1]);
    await lease.release();
    await turns();
    expect(backend.sent).toEqual([range(5)]);
  });

  test('S6 S4 a batch takes at most maxBatchSize, in order, and the next takes the rest', async () => {
    const limits = { batchSizeThreshold: 1, maxBatchSize: 3, manager: { workersPerPool: 1 } };
    const { grinder, backend } = await fakeGrinder({ ...natural, ...limits }, (call) => call.fulfil());
    await Promise.all(range(8).map((value) => grinder.submit(echo, [value])));
    expect(backend.sent).toEqual([range(3), range(3, 3), range(2, 6)]);
  });

  test('S6 an executor that takes nothing back keeps what it was given', async () => {
    const backend = new ManualBackend({ withoutTakeBack: true });
    const { grinder } = await threadGrinder({ ...natural, manager: { ...pools(2, 1).manager, backend } });
    for (const value of range(6)) void grinder.enqueue(echo, [value]);
    await turns();
    for (const call of backend.batches[1]) call.fulfil();
    await turns();
    const first: Executor = backend.executors.find(({ held: calls }) => calls.length > 0)!;
    expect(first.takeBack).toBeUndefined();
    expect(backend.batches.map((batch) => batch.length)).toEqual([3, 3]);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 3 });
  });
});

test('S6 S4 with one worker the order is kept however items come', async () => {
  const { grinder, log } = await threadGrinder(pools(1, 1));
  const jobs: Promise<unknown>[] = [];
  for (const burst of [1, 5, 1, 1, 40, 2, 100]) {
    for (let i = 0; i < burst; i++) jobs.push(grinder.submit(record, [log.cells, jobs.length]));
    await turns(burst % 3);
  }
  await Promise.all(jobs);
  expect(log.entries).toEqual(range(jobs.length));
});
