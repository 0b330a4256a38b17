import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import type { WorkFuture } from 'leasepool';
import { describe, expect, test } from 'vitest';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { turns, until } from '../support/until.ts';
import { echo, fail, hold, record, square } from '../tasks/grinder-tasks.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const keepPending = { batchSizeThreshold: 1_000_000, maxBatchSize: 1_000_000, maxWaitSeconds: never };
const atOnce = { batchSizeThreshold: 1, maxWaitSeconds: never };

function isBalanced(grinder: WorkGrinder): boolean {
  const { pending, inFlight, totals } = grinder.stats();
  const { submitted, fulfilled, rejected, cancelled } = totals;
  return pending >= 0 && inFlight >= 0 && pending + inFlight + fulfilled + rejected + cancelled === submitted;
}

/** Pseudo-random numbers from 0 to `below`, the same ones for the same seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('stats()', () => {
  const nothing = { submitted: 0, fulfilled: 0, rejected: 0, cancelled: 0, batches: 0 };
  const empty = { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };

  test('S32 has its fields before start, while started and after stop', async () => {
    const manager = new LeasedExecutorManager({ workersPerPool: 1 });
    const grinder = new WorkGrinder({
      executorManager: manager,
      batchSizeThreshold: 7,
      maxWaitSeconds: 0.25,
      leaseSeconds: 12.5,
    });
    const fields = {
      started: false,
      stopping: false,
      ownerPrefix: 'work-grinder',
      pending: 0,
      batchSizeThreshold: 7,
      maxWaitSeconds: 0.25,
      leaseSeconds: 12.5,
      oldestWaitSeconds: 0,
      inFlight: 0,
      batchesInFlight: 0,
      totals: nothing,
      histograms: { windowSeconds: 60, queueWaitSeconds: empty, batchSize: empty },
    };
    expect(grinder.stats()).toEqual(fields);
    await manager.start();
    await grinder.start();
    expect(grinder.stats()).toEqual({ ...fields, started: true });
    await grinder.submit(square, [1]);
    await grinder.stop();
    await manager.stop();
    const totals = { submitted: 1, fulfilled: 1, rejected: 0, cancelled: 0, batches: 1 };
    expect(grinder.stats()).toEqual({ ...fields, totals, histograms: expect.anything() });
  });

  test('S32 shows the defaults', async () => {
    const { grinder } = await fakeGrinder();
    expect(grinder.stats()).toMatchObject({ batchSizeThreshold: 20, maxWaitSeconds: 0.01, leaseSeconds: 60 });
  });

  test('S32 is stopping while it drains', async () => {
    const { grinder, gate } = await threadGrinder(atOnce);
    void grinder.enqueue(hold, [gate.cells]);
    await gate.untilBegun();
    const stopped = grinder.stop();
    expect(grinder.stats()).toMatchObject({ started: false, stopping: true, inFlight: 1 });
    gate.open();
    await stopped;
    expect(grinder.stats()).toMatchObject({ started: false, stopping: false, inFlight: 0 });
  });

  test('S32 astats() gives the same as a promise', async () => {
    const { grinder } = await fakeGrinder(keepPending);
    void grinder.enqueue(echo, [0]);
    const promise = grinder.astats();
    expect(promise).toBeInstanceOf(Promise);
    const { oldestWaitSeconds: _age, ...fields } = await promise;
    expect(grinder.stats()).toMatchObject(fields);
    expect(Object.keys(await grinder.astats())).toEqual(Object.keys(grinder.stats()));
    await grinder.stop({ cancelPending: true });
    expect(await grinder.astats()).toEqual(grinder.stats());
  });

  test('S32 is a snapshot of plain data', async () => {
    const { grinder } = await fakeGrinder(keepPending);
    const before = grinder.stats();
    void grinder.enqueue(echo, [0]);
    expect(before).toMatchObject({ pending: 0, totals: nothing });
    expect(structuredClone(before)).toEqual(before);
  });

  test('S32 right after five enqueue() shows pending: 5, and nothing once they are done', async () => {
    const { grinder } = await threadGrinder({
      batchSizeThreshold: 5,
      maxWaitSeconds: 1,
      leaseSeconds: 30,
      manager: { maxPools: 1, minPools: 1, workersPerPool: 4 },
    });
    const futures = range(5).map((value) => grinder.enqueue(square, [value], { owner: `format-${value}` }));
    expect(grinder.stats()).toMatchObject({ started: true, pending: 5, inFlight: 0, batchSizeThreshold: 5 });
    expect(await Promise.all(futures)).toEqual([0, 1, 4, 9, 16]);
    expect(grinder.stats()).toMatchObject({
      pending: 0,
      inFlight: 0,
      batchesInFlight: 0,
      oldestWaitSeconds: 0,
      totals: { submitted: 5, fulfilled: 5, rejected: 0, cancelled: 0, batches: 1 },
    });
  });

  test('S32 counts what waits, what was sent and what has settled', async () => {
    const { grinder, backend } = await fakeGrinder({
      maxWaitSeconds: never,
      batchSizeThreshold: 3,
      maxBatchSize: 3,
    });
    const futures = range(5).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length === 1);
    expect(grinder.stats()).toMatchObject({ pending: 2, inFlight: 3, batchesInFlight: 1 });
    backend.calls[0].fulfil();
    expect(grinder.stats()).toMatchObject({ pending: 2, inFlight: 2, totals: { fulfilled: 1 } });
    backend.calls[1].reject(new Error('bad'));
    expect(grinder.stats()).toMatchObject({ inFlight: 1, totals: { fulfilled: 1, rejected: 1 } });
    futures[2].cancel();
    futures[3].cancel();
    expect(grinder.stats()).toMatchObject({
      pending: 1,
      inFlight: 0,
      totals: { submitted: 5, fulfilled: 1, rejected: 1, cancelled: 2, batches: 1 },
    });
    await Promise.allSettled(futures.slice(0, 4));
  });

  test('S32 counts an item given back as pending again, and its batches one by one', async () => {
    const { manager, grinder, backend } = await fakeGrinder({ ...atOnce, batchSizeThreshold: 2 });
    const futures = range(2).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length === 1);
    const waiting = manager.acquire({ owner: 'next in line' });
    backend.calls[0].giveBack();
    backend.calls[1].fulfil();
    expect(grinder.stats()).toMatchObject({ pending: 1, inFlight: 0, totals: { fulfilled: 1 } });
    await (await waiting).release();
    await until(() => backend.batches.length === 2);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 1, totals: { batches: 2 } });
    backend.batches[1][0].fulfil();
    await Promise.all(futures);
  });

  test('S32 oldestWaitSeconds is the age of the oldest pending item', async () => {
    const { grinder } = await fakeGrinder(keepPending);
    const startedAt = performance.now();
    void grinder.enqueue(echo, [0]);
    void grinder.enqueue(echo, [1]);
    await until(() => grinder.stats().oldestWaitSeconds >= 0.03);
    expect(grinder.stats().oldestWaitSeconds).toBeLessThanOrEqual((performance.now() - startedAt) / 1000);
    void grinder.enqueue(echo, [2]);
    expect(grinder.stats().oldestWaitSeconds).toBeGreaterThanOrEqual(0.03);
    await grinder.stop({ cancelPending: true });
    expect(grinder.stats().oldestWaitSeconds).toBe(0);
  });

  test('S32 oldestWaitSeconds falls to the age of the next item when the oldest goes', async () => {
    const { grinder } = await fakeGrinder(keepPending);
    const oldest = grinder.enqueue(echo, [0]);
    await until(() => grinder.stats().oldestWaitSeconds >= 0.05);
    const nextSince = performance.now();
    void grinder.enqueue(echo, [1]);
    oldest.cancel();
    expect(grinder.stats().oldestWaitSeconds).toBeLessThanOrEqual((performance.now() - nextSince) / 1000);
    expect(grinder.stats().pending).toBe(1);
  });

  test('S32 what was refused was not submitted', async () => {
    const { grinder } = await fakeGrinder({ ...keepPending, maxQueueSize: 1 });
    void grinder.enqueue(echo, [0]);
    await Promise.allSettled([
      grinder.submit(echo, [1]),
      grinder.submit(undefined as never),
      grinder.submit(echo, [1], { owner: 5 as never }),
    ]);
    expect(grinder.stats()).toMatchObject({ pending: 1, totals: { submitted: 1, rejected: 0 } });
  });
});

describe('totals', () => {
  test.each(range(10))('S32 balance at every moment, whatever happens (seed %i)', async (seed) => {
    const random = seeded(seed + 1);
    const { grinder, backend } = await fakeGrinder({
      maxWaitSeconds: 0.001,
      batchSizeThreshold: 1 + random(10),
      maxBatchSize: 10 + random(10),
      maxQueueSize: 50,
      leaseSeconds: 0.02,
      manager: { maxPools: 3, workersPerPool: 2, leaseGraceSeconds: 0.01 },
    });
    const futures: WorkFuture<unknown>[] = [];
    let signals = new AbortController();
    const moves = [
      () => {
        for (let left = random(20); left > 0; left--) {
          const options = random(3) === 0 ? { signal: signals.signal } : {};
          if (grinder.stats().pending < 50) futures.push(grinder.enqueue(echo, [left], options));
        }
      },
      () => futures.at(random(futures.length))?.cancel(),
      () => {
        signals.abort();
        signals = new AbortController();
      },
      () => {
        const held = backend.pools.flatMap((pool) => [...pool.held.values()]);
        for (const call of held) {
          const fate = random(8);
          if (fate === 0) call.begin();
          else if (fate === 1) call.reject(new Error('bad'));
          else if (fate === 2) call.giveBack();
          else if (fate < 6) call.fulfil();
          expect(isBalanced(grinder)).toBe(true);
        }
      },
      () => {
        for (const pool of backend.pools) pool.refuseNext = { after: random(3), error: new Error('refused') };
      },
    ];
    for (let step = 0; step < 300; step++) {
      moves[random(moves.length)]();
      expect(isBalanced(grinder)).toBe(true);
      const open = futures.filter((future) => !future.done());
      const { pending, inFlight } = grinder.stats();
      expect(open.filter((future) => future.running()).length).toBe(inFlight);
      expect(open.filter((future) => !future.running()).length).toBe(pending);
      if (random(2) === 0) await turns(1);
      expect(isBalanced(grinder)).toBe(true);
    }
    await grinder.stop({ cancelPending: true });
    expect(isBalanced(grinder)).toBe(true);
    const settled = await Promise.allSettled(futures);
    const { totals } = grinder.stats();
    expect(totals.submitted).toBe(futures.length);
    expect(totals.fulfilled).toBe(settled.filter(({ status }) => status === 'fulfilled').length);
    expect(totals.cancelled).toBe(futures.filter((future) => future.cancelled()).length);
    expect(Math.min(totals.fulfilled, totals.rejected, totals.cancelled)).toBeGreaterThan(0);
  });

  test('S32 balance while threads work', async () => {
    const { grinder, log } = await threadGrinder({ batchSizeThreshold: 5, manager: { workersPerPool: 2 } });
    const futures: WorkFuture<unknown>[] = [];
    const wasBalanced: boolean[] = [];
    const look = (): void => void wasBalanced.push(isBalanced(grinder));
    for (const entry of range(300)) {
      futures.push(
        entry % 7 === 0 ? grinder.enqueue(fail, ['bad']) : grinder.enqueue(record, [log.cells, entry]),
      );
      futures[entry].then(look, look);
      if (entry % 5 === 0) futures[entry - 2]?.cancel();
      if (entry % 10 === 0) await turns(1);
      look();
    }
    await Promise.allSettled(futures);
    expect(wasBalanced).toEqual(new Array(600).fill(true));
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 0, totals: { submitted: 300 } });
  });
});
