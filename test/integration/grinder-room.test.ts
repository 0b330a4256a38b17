import { GrinderStoppingError, NotStartedError, QueueFullError, type WorkGrinder } from 'leasepool';
import { describe, expect, test } from 'vitest';
import { fakeGrinder, never } from '../support/grinder.ts';
import { turns, until } from '../support/until.ts';
import { echo } from '../tasks/grinder-tasks.js';

const range = (count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, index) => first + index);

/** Nothing leaves the queue by itself. */
const keepPending = { batchSizeThreshold: 1000, maxWaitSeconds: never, leaseSeconds: never };
/** What is submitted leaves in batches of two, on one worker. */
const pairs = { ...keepPending, batchSizeThreshold: 2, maxBatchSize: 2, manager: { workersPerPool: 1 } };

/** Waits for room so many times, and notes who is woken, and with what; each takes the place for which it is woken. */
function waitAll(grinder: WorkGrinder, count: number) {
  const woken: number[] = [];
  const refused: unknown[] = [];
  for (const waiter of range(count)) {
    grinder.waitForRoom().then(
      () => {
        woken.push(waiter);
        grinder.submit(echo, [waiter]).catch(() => {});
      },
      (error: unknown) => void refused.push(error),
    );
  }
  return { woken, refused };
}

/** A full queue of three. */
async function full() {
  const { grinder, manager, backend } = await fakeGrinder({ ...keepPending, maxQueueSize: 3 });
  const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
  return { grinder, manager, backend, futures };
}

describe('a full queue', () => {
  test('S34 submit() rejects and enqueue() throws, and neither counts as submitted', async () => {
    const { grinder, futures } = await full();
    const refused = grinder.submit(echo, [3], { owner: 'me' });
    await expect(refused).rejects.toThrow(QueueFullError);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_LEASEPOOL_QUEUE_FULL', owner: 'me' });
    expect(() => grinder.enqueue(echo, [3])).toThrow(QueueFullError);
    expect(grinder.stats()).toMatchObject({ pending: 3, totals: { submitted: 3, rejected: 0 } });
    futures[1].cancel();
    void grinder.enqueue(echo, [3]);
    expect(() => grinder.enqueue(echo, [4])).toThrow(QueueFullError);
  });

  test('S34 only items that wait count, not those with an executor', async () => {
    const { grinder, backend } = await fakeGrinder({ ...pairs, maxQueueSize: 2 });
    for (const value of range(2)) void grinder.enqueue(echo, [value]);
    await until(() => backend.batches.length === 1);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 2 });
    for (const value of range(2, 2)) void grinder.enqueue(echo, [value]);
    await turns();
    expect(grinder.stats()).toMatchObject({ pending: 2, inFlight: 2 });
    expect(() => grinder.enqueue(echo, [4])).toThrow(QueueFullError);
  });

  test('S34 an item whose signal has aborted before takes no place', async () => {
    const { grinder } = await full();
    const future = grinder.enqueue(echo, [3], { signal: AbortSignal.abort() });
    expect(future.cancelled()).toBe(true);
    await expect(future).rejects.toMatchObject({ code: 'ABORT_ERR' });
  });

  test('S34 items given back are taken in although the queue is full', async () => {
    const { grinder, backend } = await fakeGrinder({ ...pairs, maxQueueSize: 2 });
    const sent = range(2).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length === 1);
    const waiting = range(2, 2).map((value) => grinder.enqueue(echo, [value]));
    backend.calls[0].begin();
    backend.calls[1].giveBack();
    expect(grinder.stats().pending).toBe(3);
    expect(() => grinder.enqueue(echo, [4])).toThrow(QueueFullError);
    backend.calls[0].fulfil(0);
    await until(() => backend.batches.length === 2);
    expect(backend.sent[1]).toEqual([1, 2]);
    for (const call of backend.batches[1]) call.fulfil(call.args[0]);
    expect(await Promise.all([...sent, waiting[0]])).toEqual(range(3));
  });
});

describe('waitForRoom()', () => {
  test('S34 resolves at once while there is room, and always without a limit', async () => {
    const { grinder } = await fakeGrinder({ ...keepPending, maxQueueSize: 2 });
    void grinder.enqueue(echo, [0]);
    await grinder.waitForRoom();
    const unlimited = await fakeGrinder(keepPending);
    for (const value of range(100)) void unlimited.grinder.enqueue(echo, [value]);
    await unlimited.grinder.waitForRoom();
  });

  test('S34 waits while the queue is full, and each cancelled item wakes one, first come, first served', async () => {
    const { grinder, futures } = await full();
    const { woken } = waitAll(grinder, 4);
    await turns();
    expect(woken).toEqual([]);
    for (const cancelled of range(3)) {
      futures[cancelled].cancel();
      await turns();
      expect(woken).toEqual(range(cancelled + 1));
    }
  });

  test('S34 a place that whoever was woken leaves unused wakes the next, so that nobody sleeps beside an empty queue', async () => {
    const { grinder, futures } = await full();
    const woken: number[] = [];
    const waiting = range(12).map((waiter) => grinder.waitForRoom().then(() => woken.push(waiter)));
    futures[0].cancel();
    await Promise.all(waiting);
    expect(woken).toEqual(range(12));
    expect(grinder.stats().pending).toBe(2);
  });

  test('S34 whoever asks while others wait comes behind them, although there is room', async () => {
    const { grinder, futures } = await full();
    const woken: string[] = [];
    const waiting = ['first', 'second'].map((name) => grinder.waitForRoom().then(() => woken.push(name)));
    futures[0].cancel();
    waiting.push(grinder.waitForRoom().then(() => woken.push('late')));
    await Promise.all(waiting);
    expect(woken).toEqual(['first', 'second', 'late']);
  });

  test('S34 whoever asks when all who waited have been woken hears of it behind them', async () => {
    const { grinder, futures } = await full();
    const woken: string[] = [];
    const waiting = [grinder.waitForRoom().then(() => woken.push('first'))];
    futures[0].cancel();
    futures[1].cancel();
    waiting.push(grinder.waitForRoom().then(() => woken.push('late')));
    await Promise.all(waiting);
    expect(woken).toEqual(['first', 'late']);
  });

  test('S34 several places freed in one turn wake as many', async () => {
    const { grinder, futures } = await full();
    const { woken } = waitAll(grinder, 5);
    futures[2].cancel();
    futures[0].cancel();
    await turns();
    expect(woken).toEqual([0, 1]);
  });

  test('S34 items that leave for an executor free their places', async () => {
    const { grinder, backend } = await fakeGrinder({ ...pairs, maxQueueSize: 2 });
    for (const value of range(2)) void grinder.enqueue(echo, [value]);
    await until(() => backend.batches.length === 1);
    for (const value of range(2, 2)) void grinder.enqueue(echo, [value]);
    const { woken } = waitAll(grinder, 3);
    await turns();
    expect(woken).toEqual([]);
    backend.calls[0].fulfil();
    await turns();
    expect(woken).toEqual([]); // Its batch still holds the only worker.
    backend.calls[1].fulfil();
    await until(() => backend.batches.length === 2);
    await turns();
    expect(woken).toEqual([0, 1]);
  });

  test('S34 a batch wakes one for each item it takes, and no more', async () => {
    const { grinder, backend } = await fakeGrinder({ ...pairs, maxQueueSize: 3 });
    for (const value of range(2)) void grinder.enqueue(echo, [value]);
    await until(() => backend.batches.length === 1);
    for (const value of range(3, 2)) void grinder.enqueue(echo, [value]);
    const { woken } = waitAll(grinder, 3);
    for (const call of backend.batches[0]) call.fulfil();
    await until(() => backend.batches.length === 2);
    await turns();
    expect([grinder.stats().pending, woken]).toEqual([3, [0, 1]]);
  });

  test.each(['signal', 'queueTimeoutSeconds'] as const)(
    'S34 an item that leaves the queue by its %s frees its place',
    async (way) => {
      const { grinder } = await fakeGrinder({ ...keepPending, maxQueueSize: 2 });
      const controller = new AbortController();
      const options = way === 'signal' ? { signal: controller.signal } : { queueTimeoutSeconds: 0.02 };
      const leaving = grinder.enqueue(echo, [0], options);
      leaving.catch(() => {});
      void grinder.enqueue(echo, [1]);
      const { woken } = waitAll(grinder, 2);
      controller.abort();
      await until(() => woken.length > 0);
      await turns();
      expect([leaving.done(), woken]).toEqual([true, [0]]);
    },
  );

  test('S34 whoever is woken has no claim on the place', async () => {
    const { grinder, futures } = await full();
    let atWake: number | undefined;
    const waiting = grinder.waitForRoom().then(() => {
      atWake = grinder.stats().pending;
      return grinder.submit(echo, [9]);
    });
    futures[0].cancel();
    void grinder.enqueue(echo, [3]); // Quicker than the one who waited.
    await expect(waiting).rejects.toThrow(QueueFullError);
    expect(atWake).toBe(3);
  });

  test('S34 a producer that waits for room each time never sees a full queue', async () => {
    const { grinder, backend } = await fakeGrinder({ ...pairs, maxQueueSize: 3 }, (call) => call.fulfil());
    for (const value of range(100)) {
      await grinder.waitForRoom();
      void grinder.enqueue(echo, [value]);
      expect(grinder.stats().pending).toBeLessThanOrEqual(3);
    }
    await grinder.stop();
    expect(backend.calls.map((call) => call.args[0])).toEqual(range(100));
  });

  test('S34 nobody is woken while more items wait than maxQueueSize, because some were given back', async () => {
    const { grinder, backend } = await fakeGrinder({ ...pairs, maxQueueSize: 2 });
    for (const value of range(2)) void grinder.enqueue(echo, [value]);
    await until(() => backend.batches.length === 1);
    const [leaving, last] = range(2, 2).map((value) => grinder.enqueue(echo, [value]));
    backend.calls[0].begin();
    backend.calls[1].giveBack();
    const { woken } = waitAll(grinder, 2);
    leaving.cancel();
    await turns();
    expect([grinder.stats().pending, woken]).toEqual([2, []]);
    last.cancel();
    await turns();
    expect([grinder.stats().pending, woken]).toEqual([2, [0]]);
  });

  test('S34 S23 the manager stopping frees every place', async () => {
    const { grinder, manager, futures } = await full();
    const { woken } = waitAll(grinder, 4);
    const settled = Promise.allSettled(futures);
    await manager.stop();
    await settled;
    await turns();
    expect(woken).toEqual(range(3));
  });
});

describe('the end of waiting for room', () => {
  test.each([{}, { cancelPending: false }, { cancelPending: true }, { timeoutSeconds: 0 }])(
    'S34 stop(%o) rejects those who wait with GrinderStoppingError',
    async (options) => {
      const { grinder, backend, futures } = await full();
      const settled = Promise.allSettled(futures);
      const { woken, refused } = waitAll(grinder, 3);
      futures[0].cancel();
      const stopped = grinder.stop(options);
      await turns();
      expect(woken).toEqual([0]);
      expect(refused).toHaveLength(2);
      for (const error of refused) {
        expect(error).toBeInstanceOf(GrinderStoppingError);
        expect(error).toMatchObject({
          code: 'ERR_LEASEPOOL_STOPPING',
          message: expect.stringContaining('stopping'),
        });
      }
      for (const call of backend.calls) if (call.state === 'taken') call.fulfil();
      await Promise.all([stopped, settled]);
      expect([woken, refused.length]).toEqual([[0], 2]);
    },
  );

  test('S34 whoever asks while the grinder stops is refused, though there is room', async () => {
    const { grinder, backend } = await fakeGrinder({ batchSizeThreshold: 1, maxQueueSize: 5 });
    const running = grinder.enqueue(echo, [0]);
    await until(() => backend.batches.length === 1);
    const stopped = grinder.stop();
    await expect(grinder.waitForRoom()).rejects.toThrow(GrinderStoppingError);
    backend.calls[0].fulfil();
    await Promise.all([running, stopped]);
  });

  test('S34 before a start and after a stop it rejects with NotStartedError, and after a restart it works', async () => {
    const { grinder, futures } = await full();
    const settled = Promise.allSettled(futures);
    await grinder.stop({ cancelPending: true });
    await settled;
    await expect(grinder.waitForRoom()).rejects.toThrow(NotStartedError);
    await expect(grinder.waitForRoom()).rejects.toMatchObject({ code: 'ERR_LEASEPOOL_NOT_STARTED' });
    await grinder.start();
    await grinder.waitForRoom();
    const again = range(3).map((value) => grinder.enqueue(echo, [value]));
    const { woken } = waitAll(grinder, 1);
    await turns();
    expect(woken).toEqual([]);
    again[0].cancel();
    await until(() => woken.length === 1);
  });
});
