import { BrokenExecutorError, LeaseUnavailableError, WorkerCrashedError } from 'leasepool';
import { describe, expect, test } from 'vitest';
import type { FakeCall } from '../support/fake-backend.ts';
import { Gate } from '../support/gate.ts';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { turns, until } from '../support/until.ts';
import {
  echo,
  exit,
  hold,
  holdIf,
  pause,
  record,
  recordAndHold,
  spin,
  square,
  where,
} from '../tasks/grinder-tasks.js';

const range = (count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, index) => first + index);

/** A grinder whose batches start by count only. */
const byCount = { maxWaitSeconds: never };
/** A grinder whose batches start by age only. */
const byAge = { batchSizeThreshold: 1_000_000, maxBatchSize: 1_000_000 };

/** Fulfils every call that is held or comes later, in order. */
async function answerUntil(held: () => Iterable<FakeCall>, done: () => boolean): Promise<void> {
  await until(() => {
    for (const call of held())
      if (call.state === 'taken' || call.state === 'begun') call.fulfil(call.args[0]);
    return done();
  });
}

describe('when a batch starts', () => {
  test('S1 a batch starts once batchSizeThreshold items wait, and takes them all', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byCount, batchSizeThreshold: 3 });
    void grinder.enqueue(echo, [0]);
    void grinder.enqueue(echo, [1]);
    await turns();
    expect(backend.sent).toEqual([]);
    expect(grinder.stats().pending).toBe(2);

    void grinder.enqueue(echo, [2]);
    await until(() => backend.batches.length > 0);
    expect(backend.sent).toEqual([[0, 1, 2]]);
  });

  test('S1 what is left below the threshold goes on waiting', async () => {
    const { grinder, backend } = await fakeGrinder(
      { ...byCount, batchSizeThreshold: 2, maxBatchSize: 3 },
      (call) => call.fulfil(),
    );
    const futures = range(10).map((value) => grinder.enqueue(echo, [value]));
    await Promise.all(futures.slice(0, 9));
    await turns();
    expect(backend.calls.map((call) => call.args[0])).toEqual(range(9));
    expect(grinder.stats()).toMatchObject({ pending: 1, inFlight: 0, batchesInFlight: 0 });
    expect(futures[9].running()).toBe(false);
  });

  test('S1 cancelled items do not count towards the threshold', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byCount, batchSizeThreshold: 3 });
    const [, cancelled] = range(2).map((value) => grinder.enqueue(echo, [value]));
    cancelled.cancel();
    void grinder.enqueue(echo, [2]);
    await turns();
    expect(backend.sent).toEqual([]);

    void grinder.enqueue(echo, [3]);
    await until(() => backend.batches.length > 0);
    expect(backend.sent).toEqual([[0, 2, 3]]);
  });

  test('S1 a batch starts once the oldest item has waited maxWaitSeconds, never earlier', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byAge, maxWaitSeconds: 0.0205 }, (call) =>
      call.fulfil(),
    );
    for (const round of range(10)) {
      const enqueuedAt = performance.now();
      await grinder.enqueue(echo, [round]);
      expect(backend.calls[round].at - enqueuedAt).toBeGreaterThanOrEqual(20.5);
    }
  });

  test('S1 an item that is due by age is not kept longer', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byAge, maxWaitSeconds: 0.02 });
    void grinder.enqueue(echo, [0]);
    const sentAfterLonger = await new Promise((resolve) => {
      setTimeout(() => resolve(backend.sent), 200);
    });
    expect(sentAfterLonger).toEqual([[0]]);
  });

  test('S1 later items do not put off the oldest one', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byAge, maxWaitSeconds: 0.05 });
    let entry = 0;
    await until(() => {
      void grinder.enqueue(echo, [entry++]);
      return backend.batches.length > 0;
    }, 'a batch although items keep coming');
    expect(backend.calls[0].args[0]).toBe(0);
  });

  test('S1 the age of an item that was cancelled does not count', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byAge, maxWaitSeconds: 0.1 });
    const oldest = grinder.enqueue(echo, [0]);
    await until(() => grinder.stats().oldestWaitSeconds > 0.05);
    const enqueuedAt = performance.now();
    void grinder.enqueue(echo, [1]);
    oldest.cancel();
    await until(() => backend.batches.length > 0);
    expect(backend.sent).toEqual([[1]]);
    expect(backend.calls[0].at - enqueuedAt).toBeGreaterThanOrEqual(100);
  });

  test.each([
    ['count', { ...byCount, batchSizeThreshold: 1 }],
    ['age', { ...byAge, maxWaitSeconds: 1e-9 }],
    ['a free worker', { dispatch: 'natural' as const, maxWaitSeconds: never }],
  ])('S1 no batch starts inside the call that submits, when it is due by %s', async (_, options) => {
    const { grinder, backend } = await fakeGrinder(options, (call) => call.fulfil());
    const future = grinder.enqueue(echo, [0]);
    const promise = grinder.submit(echo, [1]);
    expect(grinder.stats()).toMatchObject({ pending: 2, inFlight: 0, batchesInFlight: 0 });
    expect(future.running()).toBe(false);
    expect(backend.batches).toEqual([]);
    await Promise.all([future, promise]);
  });

  test('S1 after as many enqueue() as the threshold all of them are still pending in the same turn', async () => {
    const { grinder } = await threadGrinder({ batchSizeThreshold: 5, maxWaitSeconds: 1 });
    const futures = range(5).map((value) => grinder.enqueue(square, [value]));
    expect(grinder.stats()).toMatchObject({ pending: 5, inFlight: 0 });
    expect(await Promise.all(futures)).toEqual([0, 1, 4, 9, 16]);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 0 });
  });

  test('S1 items of one turn, its microtasks included, travel together', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byCount, batchSizeThreshold: 1 });
    void grinder.enqueue(echo, [0]);
    queueMicrotask(() => queueMicrotask(() => void grinder.enqueue(echo, [2])));
    void grinder.enqueue(echo, [1]);
    await until(() => backend.batches.length > 0);
    expect(backend.sent).toEqual([[0, 1, 2]]);
  });
});

describe('the lease of a batch', () => {
  test('S2 a batch holds one lease of leaseSeconds, owned by its name, while its jobs run', async () => {
    const { manager, grinder, gate } = await threadGrinder({
      ...byCount,
      batchSizeThreshold: 2,
      leaseSeconds: 1000,
      ownerPrefix: 'tiles',
      manager: { leaseGraceSeconds: 100 },
    });
    const futures = [1, 2].map((value) => grinder.enqueue(hold, [gate.cells, value]));
    await gate.untilBegun();
    const [lease, ...others] = manager.stats().leases;
    expect(others).toEqual([]);
    expect(lease).toMatchObject({ owner: 'tiles-batch-1', pending: 2, draining: false });
    expect(lease.secondsUntilSoftExpiry).toBeGreaterThan(900);
    expect(lease.secondsUntilSoftExpiry).toBeLessThanOrEqual(1000);
    expect(lease.secondsUntilHardExpiry - lease.secondsUntilSoftExpiry).toBeCloseTo(100, 3);
    expect(grinder.stats().batchesInFlight).toBe(1);

    gate.open();
    await Promise.all(futures);
    expect(manager.stats()).toMatchObject({ leases: [], leased: 0, available: 1 });
    expect(grinder.stats().batchesInFlight).toBe(0);
  });

  test('S2 each batch has a lease of its own with the next number, work-grinder-batch-<n> by default', async () => {
    const { manager, grinder, backend } = await fakeGrinder({ ...byCount, batchSizeThreshold: 1 });
    const owners: unknown[] = [];
    const ids = new Set<string>();
    for (const round of range(3)) {
      const future = grinder.enqueue(echo, [round]);
      await until(() => backend.batches.length === round + 1);
      for (const lease of manager.stats().leases) {
        owners.push(lease.owner);
        ids.add(lease.leaseId);
      }
      backend.calls[round].fulfil();
      await future;
    }
    expect(owners).toEqual(range(3, 1).map((n) => `work-grinder-batch-${n}`));
    expect(ids.size).toBe(3);
    expect(grinder.stats().totals.batches).toBe(3);
  });

  test('S2 every item of a batch goes through its lease', async () => {
    const { manager, grinder, backend } = await fakeGrinder({
      ...byCount,
      batchSizeThreshold: 3,
      maxBatchSize: 3,
      manager: { maxPools: 2, minPools: 2 },
    });
    for (const value of range(6)) void grinder.enqueue(echo, [value]);
    await until(() => backend.batches.length === 2);
    expect(new Set(backend.batches.map((batch) => batch[0].pool)).size).toBe(2);
    expect(manager.stats().leases.map((lease) => lease.pending)).toEqual([3, 3]);

    backend.batches[0][1].fulfil();
    await until(() => manager.stats().leases.some((lease) => lease.pending === 2));
    expect(manager.stats().leases.map((lease) => [lease.owner, lease.pending])).toEqual([
      ['work-grinder-batch-1', 2],
      ['work-grinder-batch-2', 3],
    ]);
  });

  test('S2 each caller gets its own outcome as soon as that is known', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byCount, batchSizeThreshold: 3 });
    const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length > 0);
    backend.calls[1].fulfil('second');
    expect(await futures[1]).toBe('second');
    backend.calls[2].reject(new Error('third'));
    await expect(futures[2]).rejects.toThrow('third');
    expect(futures[0].done()).toBe(false);
    backend.calls[0].fulfil('first');
    expect(await futures[0]).toBe('first');
  });

  type Bundle = Awaited<ReturnType<typeof fakeGrinder>>;
  const endings: Record<string, (bundle: Bundle, futures: ReturnType<typeof enqueueThree>) => void> = {
    'every job gave a result': ({ backend }) => backend.calls.forEach((call) => call.fulfil()),
    'every job threw': ({ backend }) => backend.calls.forEach((call) => call.reject(new Error('bad'))),
    'some threw': ({ backend }) =>
      backend.calls.forEach((call, index) => (index === 1 ? call.reject(undefined) : call.fulfil())),
    'every item was cancelled before it began': (_, futures) => futures.forEach((future) => future.cancel()),
    'every item was cancelled while it ran': ({ backend }, futures) => {
      backend.calls.forEach((call) => call.begin());
      futures.forEach((future) => future.cancel());
      backend.calls.forEach((call) => call.fulfil());
    },
    'items were given back and run again': ({ backend }) => {
      const [first, ...others] = backend.calls;
      others.forEach((call) => call.giveBack());
      first.fulfil();
    },
  };
  const enqueueThree = ({ grinder }: Bundle) => range(3).map((value) => grinder.enqueue(echo, [value]));

  /** All pools can be leased, and no pool twice. */
  async function expectEveryLeaseBackOnce({ manager, grinder }: Bundle): Promise<void> {
    await until(() => manager.leasedCount === 0, 'no lease is left');
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 0, batchesInFlight: 0 });
    await manager.acquire({ wait: false });
    await manager.acquire({ wait: false });
    await expect(manager.acquire({ wait: false })).rejects.toThrow(LeaseUnavailableError);
    expect(manager.stats()).toMatchObject({ leased: 2, total: 2, waiting: 0 });
  }

  const twoPools = { ...byCount, batchSizeThreshold: 3, manager: { maxPools: 2, minPools: 2 } };

  test.each(Object.keys(endings))('S2 the lease is released exactly once when %s', async (ending) => {
    const bundle = await fakeGrinder(twoPools);
    const futures = enqueueThree(bundle);
    const settled = Promise.allSettled(futures);
    await until(() => bundle.backend.calls.length === 3);
    endings[ending](bundle, futures);
    await answerUntil(
      () => bundle.backend.pools.flatMap((pool) => [...pool.held.values()]),
      () => futures.every((future) => future.done()),
    );
    await settled;
    await expectEveryLeaseBackOnce(bundle);
  });

  test.each([0, 1])(
    'S2 the lease is released exactly once when %i of its items could be submitted',
    async (after) => {
      const bundle = await fakeGrinder(twoPools, (call) => call.fulfil());
      for (const pool of bundle.backend.pools) pool.refuseNext = { after, error: new Error('full') };
      await Promise.allSettled(enqueueThree(bundle));
      await expectEveryLeaseBackOnce(bundle);
    },
  );

  test('S2 the lease is released exactly once when the executor throws', async () => {
    const bundle = await fakeGrinder(twoPools);
    for (const pool of bundle.backend.pools) pool.throwNext = new Error('against the rules');
    const settled = await Promise.allSettled(enqueueThree(bundle));
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expectEveryLeaseBackOnce(bundle);
  });

  test('S2 the lease is released exactly once when it was revoked', async () => {
    const bundle = await fakeGrinder({
      ...twoPools,
      leaseSeconds: 0.01,
      manager: { ...twoPools.manager, leaseGraceSeconds: 0 },
    });
    const futures = enqueueThree(bundle);
    await until(() => bundle.backend.calls.length >= 3);
    for (const call of bundle.backend.calls) call.begin();
    for (const result of await Promise.allSettled(futures)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_LEASEPOOL_LEASE_EXPIRED' } });
    }
    await expectEveryLeaseBackOnce(bundle);
  });

  test('S2 the lease of a pool that broke is over, and its other items run elsewhere', async () => {
    const { manager, grinder, backend } = await fakeGrinder(twoPools);
    const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.calls.length === 3);
    backend.calls[0].begin();
    backend.calls[0].pool.break(new BrokenExecutorError('no worker comes up'));
    await until(() => backend.batches.length === 2);
    expect(backend.sent[1]).toEqual([1, 2]);
    expect(backend.batches[1][0].pool).not.toBe(backend.batches[0][0].pool);
    backend.batches[1].forEach((call) => call.fulfil('elsewhere'));
    const [first, ...others] = await Promise.allSettled(futures);
    expect(first.status).toBe('rejected');
    expect(others).toEqual(range(2).map(() => ({ status: 'fulfilled', value: 'elsewhere' })));
    await until(() => manager.totalCount === 1);
    expect(manager.stats()).toMatchObject({ leases: [], leased: 0, available: 1, total: 1 });
  });

  test('S2 no pool is opened or closed in 1,000 batches on a warm manager', async () => {
    const { manager, grinder } = await threadGrinder({
      batchSizeThreshold: 1,
      manager: { maxPools: 2, minPools: 2, checkIntervalSeconds: 0.01 },
    });
    const threads = new Set<number>();
    for (let batch = 0; batch < 1000; batch++) threads.add(await grinder.submit(where));
    expect(grinder.stats().totals.batches).toBe(1000);
    expect(threads.size).toBeLessThanOrEqual(2);
    expect(manager.stats()).toMatchObject({ available: 2, total: 2 });
  });

  test('S2 no executor is made or shut down in 1,000 batches on a warm manager', async () => {
    const { grinder, backend } = await fakeGrinder(
      { batchSizeThreshold: 1, manager: { maxPools: 2, minPools: 2, checkIntervalSeconds: 0.01 } },
      (call) => call.fulfil(),
    );
    for (let batch = 0; batch < 1000; batch++) await grinder.submit(echo, [batch]);
    expect(backend.batches).toHaveLength(1000);
    expect(backend.pools.map((pool) => pool.shutdowns)).toEqual([0, 0]);
  });
});

describe('results', () => {
  test('S3 a result leaves before its worker begins another function', async () => {
    const { grinder, gate } = await threadGrinder({ ...byCount, batchSizeThreshold: 3 });
    const fast = [2, 3].map((value) => grinder.enqueue(square, [value]));
    const slow = grinder.enqueue(hold, [gate.cells]);
    expect(await Promise.all(fast)).toEqual([4, 9]);
    await gate.untilBegun();
    expect(slow.done()).toBe(false);
  });

  /** A grinder whose worker knows `holdIf` as short. */
  async function trusting(batchSizeThreshold: number) {
    const bundle = await threadGrinder({ ...byCount, batchSizeThreshold });
    for (let round = 0; round < 40; round++) {
      await Promise.all(range(batchSizeThreshold).map(() => bundle.grinder.enqueue(holdIf)));
    }
    return bundle;
  }

  test('S3 a result leaves before its worker begins an item with timeoutSeconds, however short that function was', async () => {
    const { grinder, gate } = await trusting(20);
    const fast = range(19).map(() => grinder.enqueue(holdIf));
    const slow = grinder.enqueue(holdIf, [gate.cells], { timeoutSeconds: never });
    await gate.untilBegun();
    await until(() => fast.every((future) => future.done()), 'results that a timed mate does not hold up');
    expect(slow.done()).toBe(false);
  });

  test('S3 a result leaves before its worker begins a function that was not just short 16 times', async () => {
    const { grinder, gate } = await threadGrinder({ ...byCount, batchSizeThreshold: 9 });
    const fast = range(8).map(() => grinder.enqueue(holdIf));
    const slow = grinder.enqueue(holdIf, [gate.cells]);
    await gate.untilBegun();
    await until(
      () => fast.every((future) => future.done()),
      'results that a mate of 8 runs does not hold up',
    );
    expect(slow.done()).toBe(false);
  });

  test('S3 a long run takes the trust in its function away', async () => {
    const { grinder, gate } = await threadGrinder({ ...byCount, batchSizeThreshold: 1 });
    await Promise.all(range(100).map(() => grinder.enqueue(holdIf)));
    const fast = [undefined, 0.5, undefined, undefined].map((ms) => grinder.enqueue(holdIf, [undefined, ms]));
    void grinder.enqueue(holdIf, [gate.cells]);
    await gate.untilBegun();
    await until(() => fast.every((future) => future.done()), 'results after a long run');
  });

  // Several times: a run that takes longer than usual is reason enough to send, and then this shows nothing.
  test.each([1, 2, 3, 4, 5])(
    'S3 results leave after 1 ms of work although their function was short before (%i)',
    async () => {
      const { grinder, gate } = await trusting(18);
      const fast = range(17).map(() => grinder.enqueue(holdIf, [undefined, 0.08]));
      void grinder.enqueue(holdIf, [gate.cells]);
      await gate.untilBegun();
      const ofTheLastMs = Math.ceil(1 / 0.08);
      const earlier = fast.slice(0, -ofTheLastMs);
      await until(() => earlier.every((future) => future.done()), 'results of earlier work');
    },
  );

  test('S3 a mate on another worker does not wait for a slow one', async () => {
    const { grinder, gate } = await threadGrinder({
      ...byCount,
      batchSizeThreshold: 21,
      manager: { workersPerPool: 2 },
    });
    const slow = grinder.enqueue(hold, [gate.cells]);
    const fast = range(20).map((value) => grinder.enqueue(square, [value]));
    expect(await Promise.all(fast)).toEqual(range(20).map((value) => value * value));
    expect(slow.done()).toBe(false);
  });
});

describe('order and size', () => {
  test.each(['threshold', 'natural'] as const)(
    'S4 with one worker jobs begin in the order in which they were accepted (dispatch %s)',
    async (dispatch) => {
      const { grinder, log } = await threadGrinder({ dispatch, batchSizeThreshold: 7, maxBatchSize: 50 });
      const jobs: Promise<unknown>[] = [];
      for (const entry of range(500)) {
        if (entry % 5 === 0) jobs.push(grinder.submit(spin, [0.01]));
        if (entry % 7 === 0) jobs.push(grinder.submit(record, [log.cells, entry], { timeoutSeconds: never }));
        else if (entry % 11 === 0) {
          const buffer = new ArrayBuffer(8);
          jobs.push(grinder.submit(record, [log.cells, entry, buffer], { transfer: [buffer] }));
        } else jobs.push(grinder.enqueue(record, [log.cells, entry], { owner: `owner-${entry}` }));
        if (entry % 100 === 99) await turns(2);
      }
      await Promise.all(jobs);
      expect(log.entries).toEqual(range(500));
    },
  );

  test('S4 the order stays when jobs end their worker or run out of time', async () => {
    const { grinder, log } = await threadGrinder({ batchSizeThreshold: 5, maxBatchSize: 40 });
    const jobs: Promise<unknown>[] = [];
    for (const entry of range(120)) {
      jobs.push(grinder.enqueue(record, [log.cells, entry]));
      if (entry % 40 === 13) jobs.push(grinder.enqueue(exit, [1]));
      if (entry % 40 === 27) jobs.push(grinder.enqueue(pause, [60_000], { timeoutSeconds: 0.01 }));
    }
    const settled = await Promise.allSettled(jobs);
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(6);
    expect(log.entries).toEqual(range(120));
  });

  test('S4 workers begin with the items that were accepted first', async () => {
    const { grinder, gate, log } = await threadGrinder({
      maxWaitSeconds: 0.001,
      manager: { workersPerPool: 3 },
    });
    const allUp = new Gate();
    const first = range(3).map(() => grinder.enqueue(hold, [allUp.cells]));
    await allUp.untilBegun(3);
    allUp.open();
    await Promise.all(first);
    await turns();

    const futures = range(9).map((entry) => grinder.enqueue(recordAndHold, [log.cells, entry, gate.cells]));
    await gate.untilBegun(3);
    expect(log.entries.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    gate.open();
    await Promise.all(futures);
    expect(log.entries.toSorted((a, b) => a - b)).toEqual(range(9));
  });

  test('S4 what is cut at one moment reaches the executor in one submitBatch() call, in order', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byCount, batchSizeThreshold: 4 });
    for (const value of range(100)) void grinder.enqueue(echo, [value]);
    await until(() => backend.batches.length > 0);
    await turns();
    expect(backend.sent).toEqual([range(100)]);
    expect(grinder.stats().totals.batches).toBe(1);
  });

  test('S4 a batch takes at most maxBatchSize items', async () => {
    const { grinder, backend } = await fakeGrinder(
      { ...byCount, batchSizeThreshold: 2, maxBatchSize: 3 },
      (call) => call.fulfil(),
    );
    await Promise.all(range(9).map((value) => grinder.enqueue(echo, [value])));
    expect(backend.sent).toEqual([range(3), range(3, 3), range(3, 6)]);
    expect(grinder.stats().totals.batches).toBe(3);
  });

  test('S4 a batch takes at most 1000 items, or the threshold where that is more', async () => {
    const usual = await fakeGrinder(byCount);
    for (const value of range(1500)) void usual.grinder.enqueue(echo, [value]);
    await until(() => usual.backend.batches.length > 0);
    expect(usual.backend.batches[0]).toHaveLength(1000);

    const large = await fakeGrinder({ ...byCount, batchSizeThreshold: 1200 });
    for (const value of range(1500)) void large.grinder.enqueue(echo, [value]);
    await until(() => large.backend.batches.length > 0);
    expect(large.backend.batches[0]).toHaveLength(1200);
  });

  test.each([1, 4])(
    'S4 items given back go to the front in their old order and are due at once (%i workers)',
    async (workersPerPool) => {
      const { grinder, backend } = await fakeGrinder({
        ...byCount,
        batchSizeThreshold: 6,
        manager: { workersPerPool },
      });
      const futures = range(6).map((value) => grinder.enqueue(echo, [value]));
      await until(() => backend.batches.length === 1);
      const later = grinder.enqueue(echo, [6]);
      for (const index of [4, 1, 3]) backend.batches[0][index].giveBack();
      for (const index of [0, 2, 5]) backend.batches[0][index].fulfil(index);
      await answerUntil(
        () => backend.calls,
        () => futures.every((future) => future.done()),
      );
      expect(backend.sent.flat().slice(6, 9)).toEqual([1, 3, 4]);
      expect(backend.sent.flat().slice(9)).toEqual(later.done() ? [6] : []);
      expect(await Promise.all(futures)).toEqual(range(6));
    },
  );

  test('S4 items taken back when their lease expires go on with the next lease, in order and before newer ones', async () => {
    const { grinder, backend } = await fakeGrinder({
      ...byCount,
      batchSizeThreshold: 4,
      leaseSeconds: 0.5,
      manager: { maxPools: 2, minPools: 2 },
      maxConcurrentBatches: 1,
    });
    const futures = range(4).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length === 1);
    backend.calls[0].begin();
    const newer = grinder.enqueue(echo, [4]);
    await until(() => backend.batches.length === 2);
    expect(backend.batches[0].map((call) => call.state)).toEqual([
      'begun',
      'taken back',
      'taken back',
      'taken back',
    ]);
    expect(backend.batches[1][0].pool).not.toBe(backend.batches[0][0].pool);
    for (const call of backend.batches[1]) call.begin();
    backend.batches[0][0].fulfil('still counts');
    expect(await futures[0]).toBe('still counts');
    await answerUntil(
      () => backend.calls,
      () => [...futures, newer].every((future) => future.done()),
    );
    expect(backend.sent.flat()).toEqual([0, 1, 2, 3, 1, 2, 3, 4]);
  });
});

describe('several batches', () => {
  test('S5 up to maxConcurrentBatches batches run at once, each on its own lease', async () => {
    const { manager, grinder, gate } = await threadGrinder({
      ...byCount,
      batchSizeThreshold: 1,
      maxBatchSize: 1,
      maxConcurrentBatches: 2,
      manager: { maxPools: 3, minPools: 3 },
    });
    const futures = range(3).map((value) => grinder.enqueue(hold, [gate.cells, value]));
    await gate.untilBegun(2);
    await turns();
    expect(gate.begun).toBe(2);
    expect(grinder.stats()).toMatchObject({ batchesInFlight: 2, inFlight: 2, pending: 1 });
    expect(manager.stats()).toMatchObject({ leased: 2, waiting: 0, available: 1 });
    expect(manager.stats().leases.map((lease) => lease.owner)).toEqual([
      'work-grinder-batch-1',
      'work-grinder-batch-2',
    ]);
    gate.open();
    expect(await Promise.all(futures)).toEqual([0, 1, 2]);
  });

  test("S5 by default as many batches run at once as the manager's maxPools", async () => {
    const { manager, grinder, gate } = await threadGrinder({
      ...byCount,
      batchSizeThreshold: 1,
      maxBatchSize: 1,
      manager: { maxPools: 3 },
    });
    const futures = range(4).map((value) => grinder.enqueue(hold, [gate.cells, value]));
    await gate.untilBegun(3);
    await turns();
    expect(grinder.stats()).toMatchObject({ batchesInFlight: 3, inFlight: 3, pending: 1 });
    expect(new Set(manager.stats().leases.map((lease) => lease.leaseId)).size).toBe(3);
    gate.open();
    await Promise.all(futures);
  });

  test('S5 while no lease is free items stay pending and can be cancelled', async () => {
    const { manager, grinder, log } = await threadGrinder({ ...byCount, batchSizeThreshold: 1 });
    const lease = await manager.acquire();
    const futures = range(3).map((entry) => grinder.enqueue(record, [log.cells, entry]));
    await turns();
    expect(grinder.stats()).toMatchObject({ pending: 3, inFlight: 0, batchesInFlight: 0 });
    await until(() => grinder.stats().oldestWaitSeconds > 0);
    expect(futures.map((future) => future.running())).toEqual([false, false, false]);

    expect(futures[1].cancel()).toBe(true);
    expect(grinder.stats()).toMatchObject({ pending: 2, totals: { cancelled: 1 } });
    await lease.release();
    await Promise.all([futures[0], futures[2]]);
    expect(log.entries).toEqual([0, 2]);
  });

  test('S5 a batch that waits for a pool runs on it although the job before ended its worker', async () => {
    const { grinder } = await threadGrinder({
      ...byCount,
      batchSizeThreshold: 1,
      maxBatchSize: 1,
      maxConcurrentBatches: 2,
      manager: { maxPools: 1 },
    });
    const ending = grinder.enqueue(exit, [1]);
    const waiting = grinder.enqueue(square, [3]);
    await expect(ending).rejects.toThrow(WorkerCrashedError);
    await until(() => waiting.done());
    expect(await waiting).toBe(9);
  });

  test('S5 a grinder whose waiting items are all cancelled lets the next in line have the pool', async () => {
    const { manager, grinder, backend } = await fakeGrinder({ ...byCount, batchSizeThreshold: 1 });
    const lease = await manager.acquire();
    const future = grinder.enqueue(echo, [0]);
    await turns();
    expect(manager.stats().waiting).toBe(1);
    future.cancel();
    await turns();
    expect(manager.stats().waiting).toBe(0);
    const next = manager.acquire({ owner: 'next' });
    await lease.release();
    expect((await next).owner).toBe('next');
    expect(manager.stats().waiting).toBe(0);
    expect(backend.batches).toEqual([]);
    await (await next).release();
    const later = grinder.enqueue(echo, [1]);
    await until(() => backend.batches.length > 0);
    backend.calls[0].fulfil('later');
    expect(await later).toBe('later');
  });
});

describe('submitting from inside', () => {
  test('S7 items submitted from a settle callback are accepted and run', async () => {
    const { grinder } = await threadGrinder({ ...byCount, batchSizeThreshold: 1 });
    const links = 500;
    const chain = (link: number): Promise<number> =>
      grinder.submit(square, [link]).then(() => (link === links ? link : chain(link + 1)));
    expect(await chain(1)).toBe(links);
    expect(grinder.stats().totals).toMatchObject({ submitted: links, fulfilled: links });
  });

  test('S7 items submitted from microtasks and settle callbacks keep the order of acceptance', async () => {
    const { grinder, log } = await threadGrinder({ batchSizeThreshold: 3, maxWaitSeconds: 0.01 });
    let accepted = 0;
    const jobs: Promise<unknown>[] = [];
    const submit = (): void => void jobs.push(grinder.submit(record, [log.cells, accepted++]));
    for (let round = 0; round < 20; round++) {
      submit();
      queueMicrotask(submit);
      process.nextTick(submit);
      void jobs.at(-1)!.then(submit);
    }
    await until(() => log.entries.length === 80);
    await Promise.all(jobs);
    expect(log.entries).toEqual(range(80));
  });

  test('S7 items submitted inside sizeProvider are accepted in order, without recursion', async () => {
    let submit = (): void => {};
    let depth = 0;
    let deepest = 0;
    let asked = 0;
    const sizeProvider = (): number => {
      deepest = Math.max(deepest, ++depth);
      if (++asked <= 100) submit();
      depth--;
      return 1;
    };
    const { manager, grinder, log } = await threadGrinder({
      ...byCount,
      batchSizeThreshold: 1,
      manager: { sizeProvider, maxPools: 2, checkIntervalSeconds: 0.01 },
    });
    asked = 0;
    const jobs: Promise<unknown>[] = [];
    submit = () => {
      jobs.push(grinder.submit(record, [log.cells, jobs.length]));
      expect(grinder.stats().pending).toBeGreaterThan(0);
    };
    await until(() => {
      manager.notifyScaleChanged();
      manager.stats();
      return asked >= 100;
    });
    await Promise.all(jobs);
    expect(deepest).toBe(1);
    expect(jobs).toHaveLength(100);
    expect(log.entries.toSorted((a, b) => a - b)).toEqual(range(100));
  });

  test('S7 items submitted while a signal cancels others are accepted', async () => {
    const { grinder, backend } = await fakeGrinder({ ...byCount, batchSizeThreshold: 3 });
    const controller = new AbortController();
    const { signal } = controller;
    const resubmit = (): void => {
      for (const value of range(3)) void grinder.enqueue(echo, [10 + value]);
    };
    signal.addEventListener('abort', resubmit);
    const cancelled = [0, 1].map((value) => grinder.enqueue(echo, [value], { signal }));
    signal.addEventListener('abort', resubmit, { once: true });
    controller.abort();
    await Promise.allSettled(cancelled);
    await until(() => backend.calls.length >= 3);
    expect(cancelled.map((future) => future.cancelled())).toEqual([true, true]);
    expect(backend.calls.slice(0, 3).map((call) => call.args[0])).toEqual([10, 11, 12]);
  });
});
