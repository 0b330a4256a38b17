import { getEventListeners } from 'node:events';
import {
  CancelledError,
  GrinderStoppingError,
  LeasedExecutorManager,
  NotStartedError,
  WorkerCrashedError,
  WorkGrinder,
} from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FakeBackend } from '../support/fake-backend.ts';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { rejection } from '../support/manager-start.ts';
import { watchTimers } from '../support/timers.ts';
import { turns, until } from '../support/until.ts';
import { echo, fail, hold, record, square } from '../tasks/grinder-tasks.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Nothing is sent by itself. */
const keepPending = { batchSizeThreshold: 1_000_000, maxBatchSize: 1_000_000, maxWaitSeconds: never };
const atOnce = { batchSizeThreshold: 1, maxWaitSeconds: never };

/** Whether a promise has settled, without waiting for it. */
function watch(promise: Promise<unknown>): { readonly settled: boolean } {
  const state = { settled: false };
  const settle = (): void => void (state.settled = true);
  promise.then(settle, settle);
  return state;
}

const statuses = async (promises: Promise<unknown>[]): Promise<string[]> =>
  (await Promise.allSettled(promises)).map(({ status }) => status);

describe('a draining stop', () => {
  test.each([undefined, {}, { cancelPending: false }])(
    'S19 stop(%j) runs what is queued without waiting for count or age, then stops',
    async (options) => {
      const { grinder, log } = await threadGrinder(keepPending);
      const futures = range(5).map((entry) => grinder.enqueue(record, [log.cells, entry]));
      const stopped = grinder.stop(options);
      expect(grinder.stats()).toMatchObject({ started: false, stopping: true, pending: 5 });
      await stopped;
      expect(futures.map((future) => [future.done(), future.cancelled()])).toEqual(
        futures.map(() => [true, false]),
      );
      expect(log.entries).toEqual(range(5));
      expect(grinder.stats()).toMatchObject({ started: false, stopping: false, pending: 0, inFlight: 0 });
    },
  );

  test('S19 it waits for what runs', async () => {
    const { grinder, gate } = await threadGrinder(atOnce);
    const future = grinder.enqueue(hold, [gate.cells, 'result']);
    await gate.untilBegun();
    const stopped = grinder.stop();
    const watched = watch(stopped);
    await turns();
    expect(watched.settled).toBe(false);
    gate.open();
    await stopped;
    expect(future.done()).toBe(true);
    expect(await future).toBe('result');
  });

  test('S19 it waits for a lease for what is queued', async () => {
    const { manager, grinder } = await threadGrinder(keepPending);
    const lease = await manager.acquire();
    const future = grinder.enqueue(square, [3]);
    const stopped = grinder.stop();
    await turns();
    expect(grinder.stats()).toMatchObject({ stopping: true, pending: 1 });
    await lease.release();
    await stopped;
    expect(await future).toBe(9);
  });

  test('S19 it takes as many batches as it needs', async () => {
    const { grinder, backend } = await fakeGrinder(
      { maxWaitSeconds: never, batchSizeThreshold: 4, maxBatchSize: 4 },
      (call) => call.fulfil(call.args[0]),
    );
    const futures = range(11).map((value) => grinder.enqueue(echo, [value]));
    await grinder.stop();
    expect(await Promise.all(futures)).toEqual(range(11));
    expect(backend.batches.map((batch) => batch.length)).toEqual([4, 4, 3]);
  });

  test('S19 it runs what executors give back meanwhile', async () => {
    const { grinder, backend } = await fakeGrinder(keepPending);
    const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
    const stopped = grinder.stop();
    await until(() => backend.batches.length === 1);
    backend.calls[0].fulfil(0);
    backend.calls[1].giveBack();
    backend.calls[2].giveBack();
    await until(() => backend.calls.length > 3);
    for (const call of backend.calls) if (call.state === 'taken') call.fulfil(call.args[0]);
    await until(() => {
      for (const call of backend.calls) if (call.state === 'taken') call.fulfil(call.args[0]);
      return futures.every((future) => future.done());
    });
    await stopped;
    expect(await Promise.all(futures)).toEqual(range(3));
  });

  test('S19 jobs that fail do not fail the stop', async () => {
    const { grinder } = await threadGrinder(keepPending);
    const failing = grinder.enqueue(fail, ['bad']);
    expect(await grinder.stop()).toBeUndefined();
    await expect(failing).rejects.toThrow('bad');
  });

  test('S19 what is left may be cancelled meanwhile', async () => {
    const { manager, grinder } = await fakeGrinder(keepPending);
    await manager.acquire();
    const future = grinder.enqueue(echo, [0]);
    const stopped = grinder.stop();
    future.cancel();
    await stopped;
    expect(manager.stats().waiting).toBe(0);
    await expect(future).rejects.toThrow(CancelledError);
  });

  test('S19 new submissions are refused with GrinderStoppingError from the call on', async () => {
    const { grinder, backend } = await fakeGrinder(keepPending);
    const future = grinder.enqueue(echo, [0]);
    const stopped = grinder.stop();
    expect(() => grinder.enqueue(echo, [1])).toThrow(GrinderStoppingError);
    expect(await rejection(grinder.submit(echo, [1]))).toMatchObject({
      code: 'ERR_LEASEPOOL_STOPPING',
      message: expect.stringContaining('stopping'),
    });
    await until(() => backend.batches.length === 1);
    expect(backend.sent).toEqual([[0]]);
    backend.calls[0].fulfil();
    await Promise.all([future, stopped]);
  });

  test('S19 a grinder that has nothing to do, or never started, stops', async () => {
    const { manager, grinder } = await fakeGrinder();
    await grinder.stop();
    expect(grinder.stats()).toMatchObject({ started: false, stopping: false });
    const neverStarted = new WorkGrinder({ executorManager: manager });
    await neverStarted.stop();
    await neverStarted.stop({ cancelPending: true });
  });
});

describe('a cancelling stop', () => {
  const cancelPending = { cancelPending: true };

  test('S20 it cancels queued items', async () => {
    const { grinder, backend } = await fakeGrinder(keepPending);
    const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
    await grinder.stop(cancelPending);
    for (const future of futures) {
      expect(future.cancelled()).toBe(true);
      await expect(future).rejects.toThrow(CancelledError);
    }
    expect(backend.batches).toEqual([]);
    expect(grinder.stats()).toMatchObject({ pending: 0, totals: { submitted: 3, cancelled: 3 } });
  });

  test('S20 it takes back what was sent but not begun, and does not wait for what runs', async () => {
    const { manager, grinder, gate, log } = await threadGrinder({ ...atOnce, batchSizeThreshold: 4 });
    const running = grinder.enqueue(hold, [gate.cells]);
    const sent = range(3).map((entry) => grinder.enqueue(record, [log.cells, entry]));
    await gate.untilBegun();
    await grinder.stop(cancelPending);
    expect(gate.finished).toBe(0);
    for (const future of [running, ...sent]) await expect(future).rejects.toThrow(CancelledError);
    expect(grinder.stats()).toMatchObject({
      started: false,
      stopping: false,
      inFlight: 0,
      batchesInFlight: 0,
      totals: { cancelled: 4 },
    });
    expect(manager.stats()).toMatchObject({
      leased: 1,
      available: 0,
      leases: [{ draining: true, pending: 1 }],
    });

    gate.open();
    await gate.untilFinished();
    await until(() => manager.availableCount === 1, 'the pool comes back');
    expect(manager.stats()).toMatchObject({ leased: 0, total: 1, leases: [] });
    expect(log.entries).toEqual([]);
  });

  test('S20 it stops waiting for a lease', async () => {
    const { manager, grinder } = await threadGrinder(atOnce);
    const lease = await manager.acquire();
    const future = grinder.enqueue(square, [3]);
    await turns();
    await grinder.stop(cancelPending);
    await expect(future).rejects.toThrow(CancelledError);
    expect(manager.stats().waiting).toBe(0);
    expect(await lease.run(square, [3])).toBe(9);
    await lease.release();
    expect(manager.stats()).toMatchObject({ available: 1, leases: [] });
  });

  test('S20 what was accepted in the same turn is cancelled too', async () => {
    const { grinder, backend } = await fakeGrinder(atOnce);
    const future = grinder.enqueue(echo, [0]);
    const stopped = grinder.stop(cancelPending);
    expect(future.cancelled()).toBe(true);
    await stopped;
    await turns();
    expect(backend.batches).toEqual([]);
    await expect(future).rejects.toThrow(CancelledError);
  });

  test('S20 outcomes that come later are dropped', async () => {
    const { manager, grinder, backend } = await fakeGrinder({ ...atOnce, batchSizeThreshold: 3 });
    const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length === 1);
    for (const call of backend.calls) call.begin();
    await grinder.stop(cancelPending);
    backend.calls[0].fulfil('late');
    backend.calls[1].reject(new Error('late'));
    backend.calls[2].giveBack();
    expect(await statuses(futures)).toEqual(['rejected', 'rejected', 'rejected']);
    await until(() => manager.leasedCount === 0);
    expect(backend.batches).toHaveLength(1);
    expect(grinder.stats().totals).toMatchObject({ fulfilled: 0, rejected: 0, cancelled: 3 });
  });
});

describe('stopping twice', () => {
  test('S21 a second stop() turns a draining one into a cancelling one, and both resolve', async () => {
    const { grinder, gate } = await threadGrinder({ ...atOnce, batchSizeThreshold: 2, maxBatchSize: 2 });
    const running = range(2).map(() => grinder.enqueue(hold, [gate.cells]));
    await gate.untilBegun();
    const queued = grinder.enqueue(square, [3]);
    const draining = grinder.stop();
    const watched = watch(draining);
    await turns();
    expect(watched.settled).toBe(false);
    await Promise.all([grinder.stop({ cancelPending: true }), draining]);
    expect(gate.finished).toBe(0);
    for (const future of [...running, queued]) await expect(future).rejects.toThrow(CancelledError);
  });

  test('S21 a draining stop() after a cancelling one changes nothing', async () => {
    const { grinder, gate } = await threadGrinder(atOnce);
    const running = grinder.enqueue(hold, [gate.cells]);
    await gate.untilBegun();
    await Promise.all([
      grinder.stop({ cancelPending: true }),
      grinder.stop(),
      grinder.stop({ timeoutSeconds: never }),
    ]);
    expect(gate.finished).toBe(0);
    await expect(running).rejects.toThrow(CancelledError);
  });

  test('S21 two draining stops resolve together, and a third one afterwards', async () => {
    const { grinder } = await threadGrinder(keepPending);
    const future = grinder.enqueue(square, [3]);
    await Promise.all([grinder.stop(), grinder.stop()]);
    expect(await future).toBe(9);
    await grinder.stop();
    await grinder.stop({ cancelPending: true });
  });

  test('S21 abandoning the wait changes nothing', async () => {
    const { grinder, gate } = await threadGrinder(atOnce);
    const running = grinder.enqueue(hold, [gate.cells, 'result']);
    await gate.untilBegun();
    const queued = grinder.enqueue(square, [3]);
    expect(await Promise.race([grinder.stop(), turns().then(() => 'abandoned')])).toBe('abandoned');
    expect(grinder.stats().stopping).toBe(true);
    gate.open();
    expect(await Promise.all([running, queued])).toEqual(['result', 9]);
    await until(() => !grinder.stats().stopping);
    await grinder.stop();
  });

  test.each([0, 0.05])('S21 stop({ timeoutSeconds: %d }) escalates by itself', async (timeoutSeconds) => {
    const { manager, grinder, gate } = await threadGrinder(atOnce);
    const running = grinder.enqueue(hold, [gate.cells]);
    await gate.untilBegun();
    const queued = grinder.enqueue(square, [3]);
    await grinder.stop({ timeoutSeconds });
    expect(gate.finished).toBe(0);
    for (const future of [running, queued]) await expect(future).rejects.toThrow(CancelledError);
    expect(manager.stats().leases).toMatchObject([{ draining: true }]);
  });

  test('S21 it does not escalate before its time, nor when it has drained', async () => {
    const { grinder, gate } = await threadGrinder(atOnce);
    const running = grinder.enqueue(hold, [gate.cells, 'result']);
    await gate.untilBegun();
    const stopped = grinder.stop({ timeoutSeconds: never });
    await turns();
    expect(running.done()).toBe(false);
    gate.open();
    await stopped;
    expect(await running).toBe('result');
  });

  test('S21 the earliest time that was asked for counts', async () => {
    const { grinder, gate } = await threadGrinder(atOnce);
    const running = grinder.enqueue(hold, [gate.cells]);
    await gate.untilBegun();
    await Promise.all([
      grinder.stop({ timeoutSeconds: never }),
      grinder.stop({ timeoutSeconds: 0.02 }),
      grinder.stop({ timeoutSeconds: never }),
      grinder.stop(),
    ]);
    expect(gate.finished).toBe(0);
    await expect(running).rejects.toThrow(CancelledError);
  });
});

describe('after a stop', () => {
  const ways = {
    'a draining': {},
    'a cancelling': { cancelPending: true },
    'an escalated': { timeoutSeconds: 0.01 },
  };

  const allWays = { ...ways, 'a draining and timed': { timeoutSeconds: 1000 } };

  test.each(Object.entries(allWays))(
    'S22 no timer, listener or item is left by %s stop',
    async (way, options) => {
      const timers = watchTimers();
      const listeners = (): unknown[] =>
        process.eventNames().map((name) => [name, process.listenerCount(name)]);
      const listenersBefore = listeners();
      const { signal } = new AbortController();
      const { manager, grinder, backend } = await fakeGrinder({
        batchSizeThreshold: 2,
        maxBatchSize: 2,
        maxWaitSeconds: 1000,
      });
      const armedByManager = timers.armed;
      const options5 = { signal, queueTimeoutSeconds: 2000, timeoutSeconds: 3000 };
      const futures = range(5).map((value) => grinder.enqueue(echo, [value], options5));
      await until(() => backend.batches.length === 1);
      expect(timers.armed).toBeGreaterThan(armedByManager);
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);

      const stopped = grinder.stop(options);
      if (way.startsWith('a draining')) {
        await until(() => {
          for (const call of backend.calls) if (call.state === 'taken') call.fulfil();
          return futures.every((future) => future.done());
        });
      }
      await stopped;
      expect(grinder.stats()).toMatchObject({
        pending: 0,
        inFlight: 0,
        oldestWaitSeconds: 0,
        batchesInFlight: 0,
      });
      expect(getEventListeners(signal, 'abort')).toEqual([]);
      await until(() => manager.leasedCount === 0);
      await until(() => timers.armed <= armedByManager, 'timers that are left');
      await manager.stop();
      await until(() => timers.armed === 0, 'timers that are left after the manager');
      expect(listeners()).toEqual(listenersBefore);
      await Promise.allSettled(futures);
    },
  );

  test('S22 after both have stopped nothing keeps the process alive', async () => {
    const resources = (): string[] => process.getActiveResourcesInfo();
    const before = resources();
    const added = (): string[] => resources().filter((resource) => !before.includes(resource));
    const { manager, grinder, gate } = await threadGrinder({ ...atOnce, manager: { workersPerPool: 2 } });
    const held = grinder.submit(hold, [gate.cells]);
    await gate.untilBegun();
    expect(added()).not.toEqual([]);
    gate.open();
    await held;
    await Promise.all(range(100).map((value) => grinder.submit(square, [value])));
    await grinder.stop();
    await manager.stop();
    await until(() => added().length === 0, 'no resources that were not there before');
  });

  test.each(Object.entries(ways))('S22 start() works again after %s stop', async (_, options) => {
    const { manager, grinder, gate } = await threadGrinder({ ...atOnce, manager: { maxPools: 2 } });
    const held = 'timeoutSeconds' in options || 'cancelPending' in options;
    if (held) {
      void grinder.enqueue(hold, [gate.cells]);
      await gate.untilBegun();
    }
    await grinder.stop(options);
    expect(() => grinder.enqueue(square, [1])).toThrow(NotStartedError);
    await grinder.start();
    expect(grinder.stats()).toMatchObject({ started: true, stopping: false });
    expect(await grinder.submit(square, [4])).toBe(16);
    await grinder.stop();
    await grinder.start();
    await grinder.start();
    expect(await grinder.submit(square, [5])).toBe(25);
    expect(grinder.stats().totals).toMatchObject({
      submitted: held ? 3 : 2,
      fulfilled: 2,
      cancelled: held ? 1 : 0,
    });
    gate.open();
    await until(() => manager.leasedCount === 0);
  });

  test('S22 what a cancelling stop left running does not disturb the grinder that was started again', async () => {
    const { grinder, backend } = await fakeGrinder({ ...atOnce, manager: { maxPools: 2, minPools: 2 } });
    const old = grinder.enqueue(echo, ['old']);
    await until(() => backend.batches.length === 1);
    backend.calls[0].begin();
    await grinder.stop({ cancelPending: true });
    await grinder.start();
    const next = grinder.enqueue(echo, ['next']);
    await until(() => backend.batches.length === 2);
    backend.calls[0].fulfil('dropped');
    await turns();
    expect(grinder.stats()).toMatchObject({ inFlight: 1, batchesInFlight: 1 });
    const stopped = grinder.stop();
    const watched = watch(stopped);
    await turns();
    expect(watched.settled).toBe(false);
    backend.calls[1].fulfil('result');
    expect(await next).toBe('result');
    await stopped;
    await expect(old).rejects.toThrow(CancelledError);
  });
});

describe('stopping the manager under a running grinder', () => {
  test('S23 pending items fail with NotStartedError at once', async () => {
    const { manager, grinder, gate } = await threadGrinder({
      ...atOnce,
      batchSizeThreshold: 2,
      maxBatchSize: 2,
    });
    const running = range(2).map((value) => grinder.enqueue(hold, [gate.cells, value]));
    await gate.untilBegun();
    const pending = grinder.enqueue(square, [1]);
    const stopped = manager.stop();
    const watched = watch(stopped);
    const error = await rejection(pending);
    expect(error).toBeInstanceOf(NotStartedError);
    expect(error.code).toBe('ERR_LEASEPOOL_NOT_STARTED');
    expect(grinder.stats()).toMatchObject({ started: true, pending: 0 });
    expect(watched.settled).toBe(false);
    gate.open();
    await stopped;
    expect(await running[0]).toBe(0);
    expect(await rejection(running[1])).toBeInstanceOf(NotStartedError);
  });

  test('S23 items that wait for a lease, and those sent but not begun, fail with NotStartedError', async () => {
    const { manager, grinder, gate, log } = await threadGrinder({
      ...atOnce,
      batchSizeThreshold: 3,
      maxBatchSize: 3,
    });
    const running = grinder.enqueue(hold, [gate.cells, 'finished in time']);
    const sent = range(2).map((entry) => grinder.enqueue(record, [log.cells, entry]));
    await gate.untilBegun();
    const waiting = range(3).map((entry) => grinder.enqueue(record, [log.cells, entry]));
    await turns();
    expect(grinder.stats()).toMatchObject({ pending: 3, inFlight: 3 });
    const stopped = manager.stop({ timeoutSeconds: never });
    for (const future of [...sent, ...waiting])
      expect(await rejection(future)).toBeInstanceOf(NotStartedError);
    expect(running.done()).toBe(false);
    gate.open();
    await stopped;
    expect(await running).toBe('finished in time');
    expect(log.entries).toEqual([]);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 0, totals: { fulfilled: 1, rejected: 5 } });
  });

  test('S23 a running item that the stop ended fails with WorkerCrashedError and that as its cause', async () => {
    const { manager, grinder, gate } = await threadGrinder(atOnce);
    const running = grinder.enqueue(hold, [gate.cells]);
    await gate.untilBegun();
    const pending = grinder.enqueue(square, [1]);
    await manager.stop({ timeoutSeconds: 0 });
    const error = await rejection(running);
    expect(error).toBeInstanceOf(WorkerCrashedError);
    expect(error.phase).toBe('running');
    expect(await rejection(pending)).toBeInstanceOf(NotStartedError);
    expect(error.cause).toBeInstanceOf(NotStartedError);
  });

  test('S23 what the executor gives back when it is shut down fails with NotStartedError, whatever reason it had', async () => {
    const { manager, grinder, backend } = await fakeGrinder({ ...atOnce, batchSizeThreshold: 3 });
    const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length === 1);
    backend.calls[0].begin();
    await manager.stop();
    const [begun, ...notBegun] = await Promise.all(futures.map(rejection));
    expect(begun.message).toBe('the pool was shut down');
    for (const error of notBegun) expect(error).toBeInstanceOf(NotStartedError);
  });

  test('S23 nothing is cancelled: nobody did', async () => {
    const { manager, grinder } = await fakeGrinder(keepPending);
    const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
    await manager.stop();
    expect(futures.map((future) => [future.done(), future.cancelled()])).toEqual(
      futures.map(() => [true, false]),
    );
    expect(grinder.stats().totals).toMatchObject({ rejected: 3, cancelled: 0 });
    await Promise.allSettled(futures);
  });

  test('S23 items submitted afterwards fail too, and once the manager is started again they run', async () => {
    const { manager, grinder } = await threadGrinder(atOnce);
    expect(await grinder.submit(square, [1])).toBe(1);
    const stopped = manager.stop();
    await expect(grinder.submit(square, [2])).rejects.toThrow(NotStartedError);
    await stopped;
    await expect(grinder.submit(square, [2])).rejects.toThrow(NotStartedError);
    await manager.start();
    expect(await grinder.submit(square, [3])).toBe(9);
  });

  test('S23 a draining stop of the grinder then resolves', async () => {
    const { manager, grinder, gate } = await threadGrinder(atOnce);
    const running = grinder.enqueue(hold, [gate.cells]);
    await gate.untilBegun();
    const pending = grinder.enqueue(square, [1]);
    const stopped = grinder.stop();
    await manager.stop({ timeoutSeconds: 0 });
    await stopped;
    expect(await statuses([running, pending])).toEqual(['rejected', 'rejected']);
  });

  test('S23 the grinder can be stopped afterwards, either way', async () => {
    for (const options of [{}, { cancelPending: true }]) {
      const { manager, grinder } = await threadGrinder(keepPending);
      const future = grinder.enqueue(square, [1]);
      await manager.stop();
      await grinder.stop(options);
      expect(await rejection(future)).toBeInstanceOf(NotStartedError);
      expect(grinder.stats()).toMatchObject({ started: false, stopping: false });
    }
  });
});

describe('await using', () => {
  async function setup() {
    const backend = new FakeBackend((call) => call.fulfil(call.args[0]));
    const manager = new LeasedExecutorManager({ backend });
    const grinder = new WorkGrinder({ executorManager: manager, ...keepPending });
    onTestFinished(async () => {
      await grinder.stop({ cancelPending: true });
      await manager.stop();
    });
    await manager.start();
    await grinder.start();
    return { manager, grinder, backend };
  }

  test('S35 releases a lease', async () => {
    const { manager } = await setup();
    {
      await using lease = await manager.acquire();
      expect(lease.active).toBe(true);
      expect(manager.leasedCount).toBe(1);
    }
    expect(manager.leasedCount).toBe(0);
  });

  test('S35 drains a grinder, then stops its manager', async () => {
    const { manager, grinder, backend } = await setup();
    let future;
    {
      await using _manager = manager;
      await using using = grinder;
      future = using.enqueue(echo, ['drained']);
    }
    expect(future.done()).toBe(true);
    expect(await future).toBe('drained');
    expect(grinder.stats().started).toBe(false);
    expect(manager.stats()).toMatchObject({ started: false, total: 0 });
    expect(backend.pools.map((pool) => pool.shutdowns)).toEqual([1]);
  });

  test('S35 does so when the body threw, whose error wins', async () => {
    const { manager, grinder } = await setup();
    const thrown = new Error('from the body');
    const futures: Promise<unknown>[] = [];
    const body = async (): Promise<never> => {
      await using _manager = manager;
      await using using = grinder;
      await using lease = await manager.acquire();
      futures.push(using.enqueue(echo, ['drained']), lease.run(echo, ['direct']));
      throw thrown;
    };
    expect(await rejection(body())).toBe(thrown);
    expect(await Promise.all(futures)).toEqual(['drained', 'direct']);
    expect(manager.stats()).toMatchObject({ started: false, leased: 0, total: 0 });
  });

  test('S35 twice is once', async () => {
    const { manager, grinder, backend } = await setup();
    const lease = await manager.acquire();
    for (const resource of [lease, grinder, manager]) {
      await resource[Symbol.asyncDispose]();
      await resource[Symbol.asyncDispose]();
      await Promise.all([resource[Symbol.asyncDispose](), resource[Symbol.asyncDispose]()]);
    }
    expect(manager.stats()).toMatchObject({ started: false, leased: 0, total: 0 });
    expect(backend.pools.map((pool) => pool.shutdowns)).toEqual([1]);
  });

  test('S35 what was released or stopped before is left alone', async () => {
    const { manager, grinder } = await setup();
    {
      await using _manager = manager;
      await using _grinder = grinder;
      await using lease = await manager.acquire();
      await lease.release();
      await grinder.stop();
      await manager.stop();
    }
    expect(manager.stats()).toMatchObject({ started: false, total: 0 });
  });
});
