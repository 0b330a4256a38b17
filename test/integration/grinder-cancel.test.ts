import { getEventListeners } from 'node:events';
import { CancelledError } from 'leasepool';
import type { SubmitOptions, WorkFuture } from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { untilCollected } from '../support/collected.ts';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { rejection } from '../support/manager-start.ts';
import { turns, until } from '../support/until.ts';
import { echo, hold, record, square } from '../tasks/grinder-tasks.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Nothing is sent by itself. */
const keepPending = { batchSizeThreshold: 1_000_000, maxBatchSize: 1_000_000, maxWaitSeconds: never };
const atOnce = { batchSizeThreshold: 1, maxWaitSeconds: never };

/** An object that looks like a signal. */
function throwing(): AbortSignal {
  const refuse = (what: string) => (): never => {
    throw new Error(what);
  };
  const methods = {
    aborted: false,
    addEventListener: refuse('no listeners'),
    removeEventListener: refuse('no removal'),
  };
  return Object.defineProperty(methods, 'reason', { get: refuse('no reason') }) as unknown as AbortSignal;
}

describe('cancelling a pending item', () => {
  test('S26 removes it before cancel() returns', async () => {
    const { grinder, backend } = await fakeGrinder(keepPending);
    const futures = range(5).map((value) => grinder.enqueue(echo, [value]));
    for (const [index, left] of [
      [2, 4],
      [0, 3],
      [4, 2],
    ]) {
      expect(futures[index].cancel()).toBe(true);
      expect(grinder.stats()).toMatchObject({ pending: left, totals: { submitted: 5, cancelled: 5 - left } });
      expect([futures[index].done(), futures[index].cancelled()]).toEqual([true, true]);
    }
    const drained = grinder.stop();
    await until(() => backend.batches.length > 0);
    expect(backend.sent).toEqual([[1, 3]]);
    backend.calls.forEach((call) => call.fulfil());
    await drained;
    await Promise.allSettled(futures);
  });

  test('S26 rejects the future with a CancelledError that has the reason as its cause', async () => {
    const { grinder } = await fakeGrinder(keepPending);
    const reason = new Error('changed my mind');
    const [given, none] = range(2).map((value) => grinder.enqueue(echo, [value]));
    given.cancel(reason);
    none.cancel();
    const error = await rejection(given);
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: reason });
    expect(await rejection(none)).not.toHaveProperty('cause');
  });

  test('S26 cancel() says whether the future is cancelled now', async () => {
    const { grinder, backend } = await fakeGrinder({ ...atOnce, batchSizeThreshold: 2 });
    const cancelled = grinder.enqueue(echo, [0]);
    expect([cancelled.cancel(), cancelled.cancel()]).toEqual([true, true]);
    const [fulfilled, rejected] = [1, 2].map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length > 0);
    backend.calls[0].fulfil('result');
    backend.calls[1].reject(new Error('bad'));
    await Promise.allSettled([fulfilled, rejected]);
    expect([fulfilled.cancel(), rejected.cancel()]).toEqual([false, false]);
    expect([fulfilled.cancelled(), rejected.cancelled()]).toEqual([false, false]);
    expect(await fulfilled).toBe('result');
    expect(grinder.stats().totals).toMatchObject({ fulfilled: 1, rejected: 1, cancelled: 1 });
  });

  test('S26 lets its arguments go at once, although the future is kept and other items wait', async () => {
    const { grinder } = await fakeGrinder(keepPending);
    const { signal } = new AbortController();
    const enqueue = (cancelled: boolean): { future: WorkFuture<unknown>; argument: WeakRef<object> } => {
      const argument = { large: new Array(1000).fill(0) };
      const options = cancelled ? { signal } : {};
      return { future: grinder.enqueue(echo, [argument], options), argument: new WeakRef(argument) };
    };
    const kept = enqueue(false);
    const cancelled = range(10).map(() => enqueue(true));
    const alsoKept = enqueue(false);
    for (const { future } of cancelled) future.cancel();
    await untilCollected(
      cancelled.map(({ argument }) => argument),
      'arguments of cancelled items',
    );
    expect(kept.argument.deref()).toBeDefined();
    expect(alsoKept.argument.deref()).toBeDefined();
    expect(cancelled.every(({ future }) => future.cancelled())).toBe(true);
    expect(grinder.stats().pending).toBe(2);
  });

  test('S26 nothing of an item is kept once it has settled', async () => {
    const { grinder, backend } = await fakeGrinder({ ...keepPending, batchSizeThreshold: 2 });
    const cancelled = (() => {
      const future = grinder.enqueue(echo, [0]);
      future.cancel();
      return new WeakRef(future);
    })();
    await untilCollected([cancelled], 'a cancelled future');

    const fulfilled = [0, 1].map((value) => new WeakRef(grinder.enqueue(echo, [value])));
    await until(() => backend.calls.length === 2);
    const results = backend.calls.map((call) => {
      const result = { large: new Array(1000).fill(0) };
      call.fulfil(result);
      return new WeakRef(result);
    });
    backend.batches.length = 0;
    await untilCollected([...fulfilled, ...results], 'futures and results');
  });

  const orders: Record<string, (futures: WorkFuture<unknown>[]) => WorkFuture<unknown>[]> = {
    'oldest first': (futures) => futures,
    'newest first': (futures) => futures.toReversed(),
    'from the middle': (futures) => {
      const middle = futures.length / 2;
      return futures
        .slice(0, middle)
        .flatMap((_, index) => [futures[middle - 1 - index], futures[middle + index]]);
    },
  };

  test.each(Object.keys(orders))(
    'S26 cancelling 100,000 pending items takes about ten times what 10,000 take (%s)',
    async (order) => {
      const { grinder } = await fakeGrinder(keepPending);
      const { stackTraceLimit } = Error;
      onTestFinished(() => void (Error.stackTraceLimit = stackTraceLimit));
      Error.stackTraceLimit = 0;
      /** Processor time, which other programs on the machine do not change much. */
      const timeToCancel = (count: number): number => {
        const futures = orders[order](range(count).map((value) => grinder.enqueue(echo, [value])));
        const before = process.cpuUsage();
        for (const future of futures) future.cancel();
        const { user, system } = process.cpuUsage(before);
        expect(grinder.stats().pending).toBe(0);
        return user + system;
      };
      const best = (count: number, rounds: number): number =>
        Math.min(...range(rounds).map(() => timeToCancel(count)));
      best(10_000, 1);
      expect(best(100_000, 3) / best(10_000, 5)).toBeLessThan(40);
    },
  );

  test('S26 of 100,000 items in a full queue each can be cancelled and replaced', async () => {
    const { grinder } = await fakeGrinder({ ...keepPending, maxQueueSize: 1000 });
    const futures = range(1000).map((value) => grinder.enqueue(echo, [value]));
    for (let value = 0; value < 100_000; value++) {
      const place = (value * 7) % 1000;
      futures[place].cancel();
      futures[place] = grinder.enqueue(echo, [value]);
    }
    expect(grinder.stats()).toMatchObject({
      pending: 1000,
      totals: { submitted: 101_000, cancelled: 100_000 },
    });
  });
});

describe('cancelling what was sent', () => {
  test('S27 an item sent but not begun is taken back and never runs', async () => {
    const { manager, grinder, gate, log } = await threadGrinder({ ...atOnce, batchSizeThreshold: 6 });
    const running = grinder.enqueue(hold, [gate.cells]);
    const sent = range(5).map((entry) => grinder.enqueue(record, [log.cells, entry]));
    await gate.untilBegun();
    expect(sent.map((future) => future.running())).toEqual(range(5).map(() => true));
    for (const entry of [0, 2, 4]) expect(sent[entry].cancel()).toBe(true);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 3, totals: { cancelled: 3 } });
    expect(manager.stats().leases[0].pending).toBe(3);
    gate.open();
    await running;
    const settled = await Promise.allSettled(sent);
    expect(settled.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    await until(() => manager.leasedCount === 0);
    expect(log.entries).toEqual([1, 3]);
  });

  test('S27 the executor is asked to take back what it has not begun', async () => {
    const { manager, grinder, backend } = await fakeGrinder({ ...atOnce, batchSizeThreshold: 3 });
    const futures = range(3).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length > 0);
    backend.calls[0].begin();
    futures[0].cancel();
    futures[1].cancel();
    expect(backend.calls.map((call) => call.state)).toEqual(['begun', 'taken back', 'taken']);
    backend.calls[2].fulfil('ran');
    expect(await futures[2]).toBe('ran');
    expect(manager.stats().leases).toMatchObject([{ pending: 1 }]);
    backend.calls[0].fulfil('dropped');
    await until(() => manager.leasedCount === 0);
    await expect(futures[0]).rejects.toThrow(CancelledError);
    await expect(futures[1]).rejects.toThrow(CancelledError);
    expect(grinder.stats().totals).toMatchObject({ fulfilled: 1, rejected: 0, cancelled: 2 });
  });

  test('S27 an item that has begun goes on, and its outcome is dropped', async () => {
    const { manager, grinder, gate } = await threadGrinder(atOnce);
    const future = grinder.enqueue(hold, [gate.cells, 'dropped']);
    await gate.untilBegun();
    expect(future.cancel()).toBe(true);
    await expect(future).rejects.toThrow(CancelledError);
    expect(gate.finished).toBe(0);
    expect(grinder.stats()).toMatchObject({ inFlight: 0, totals: { cancelled: 1 } });
    expect(manager.leasedCount).toBe(1);
    gate.open();
    await gate.untilFinished();
    await until(() => manager.leasedCount === 0);
    expect(future.cancelled()).toBe(true);
    expect(grinder.stats().totals).toMatchObject({ fulfilled: 0, rejected: 0, cancelled: 1 });
    expect(await grinder.submit(square, [3])).toBe(9);
  });

  test('S27 an executor that takes nothing back runs what was cancelled, and its outcome is dropped', async () => {
    const { manager, grinder, backend } = await fakeGrinder(atOnce);
    Object.assign(backend.pools[0], { takeBack: undefined });
    const future = grinder.enqueue(echo, [0]);
    await until(() => backend.batches.length > 0);
    future.cancel();
    await expect(future).rejects.toThrow(CancelledError);
    expect(manager.leasedCount).toBe(1);
    backend.calls[0].reject(new Error('dropped'));
    await until(() => manager.leasedCount === 0);
    expect(grinder.stats().totals).toMatchObject({ rejected: 0, cancelled: 1 });
  });

  test('S27 an item given back after it was cancelled does not run again', async () => {
    const { manager, grinder, backend } = await fakeGrinder({ ...atOnce, batchSizeThreshold: 2 });
    Object.assign(backend.pools[0], { takeBack: undefined });
    const [cancelled, other] = range(2).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.batches.length > 0);
    cancelled.cancel();
    backend.calls.forEach((call) => call.giveBack());
    await until(() => backend.batches.length === 2);
    expect(backend.sent[1]).toEqual([1]);
    backend.batches[1][0].fulfil('again');
    expect(await other).toBe('again');
    await until(() => manager.leasedCount === 0);
    expect(grinder.stats()).toMatchObject({
      pending: 0,
      inFlight: 0,
      totals: { fulfilled: 1, cancelled: 1 },
    });
    await Promise.allSettled([cancelled]);
  });

  test('S27 whatever wins the race, each item settles once and runs at most once', async () => {
    const { manager, grinder, log } = await threadGrinder({
      batchSizeThreshold: 10,
      manager: { workersPerPool: 2 },
    });
    const count = 900;
    const saidCancelled: boolean[] = [];
    let settlements = 0;
    const futures: WorkFuture<unknown>[] = [];
    const cancel = (entry: number): void => {
      saidCancelled[entry] = futures[entry].cancel();
    };
    for (const entry of range(count)) {
      const future = grinder.enqueue(record, [log.cells, entry]);
      futures.push(future);
      future.then(
        () => settlements++,
        () => settlements++,
      );
      if (entry % 3 === 0) setImmediate(cancel, entry);
      if (entry % 3 === 1) setTimeout(cancel, entry % 7, entry);
      if (entry % 20 === 19) await turns(1);
    }
    const settled = await Promise.allSettled(futures);
    await until(() => manager.leasedCount === 0);
    await until(() => saidCancelled.filter((said) => said !== undefined).length === 2 * (count / 3));

    const runs = new Map<number, number>();
    for (const entry of log.entries) runs.set(entry, (runs.get(entry) ?? 0) + 1);
    expect(Math.max(...runs.values())).toBe(1);
    expect(settlements).toBe(count);
    for (const [entry, result] of settled.entries()) {
      if (result.status === 'fulfilled') {
        expect(runs.get(entry), `runs of item ${entry}`).toBe(1);
        expect(saidCancelled[entry] ?? false).toBe(false);
      } else {
        expect(result.reason).toBeInstanceOf(CancelledError);
        expect(saidCancelled[entry]).toBe(true);
      }
    }
    const { fulfilled, cancelled } = grinder.stats().totals;
    expect(fulfilled).toBeGreaterThan(0);
    expect(cancelled).toBeGreaterThan(0);
    expect(fulfilled + cancelled).toBe(count);
  });
});

describe('signal', () => {
  test('S28 of a signal aborted before the future is cancelled, which is no misuse', async () => {
    const { grinder, backend } = await fakeGrinder(atOnce);
    const reason = new Error('too late');
    const signal = AbortSignal.abort(reason);
    const future = grinder.enqueue(echo, [0], { signal });
    expect([future.done(), future.cancelled(), future.running()]).toEqual([true, true, false]);
    expect(await rejection(future)).toMatchObject({ code: 'ABORT_ERR', cause: reason });
    expect(await rejection(grinder.submit(echo, [1], { signal }))).toBeInstanceOf(CancelledError);
    await turns();
    expect(backend.batches).toEqual([]);
    expect(grinder.stats()).toMatchObject({ pending: 0, totals: { submitted: 2, cancelled: 2 } });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('S28 that throws has had no item', async () => {
    const { grinder, backend } = await fakeGrinder(atOnce);
    const signal = throwing();
    expect(await rejection(grinder.submit(echo, [0], { signal }))).toMatchObject({ message: 'no listeners' });
    expect(() => grinder.enqueue(echo, [0], { signal })).toThrow('no listeners');
    const { pending, inFlight, totals } = grinder.stats();
    expect([pending, inFlight, totals.submitted]).toEqual([0, 0, 0]);
    const next = grinder.submit(echo, [1]);
    await until(() => backend.batches.length > 0);
    expect(backend.sent).toEqual([[1]]);
    backend.calls[0].fulfil('next');
    expect(await next).toBe('next');
  });

  test('S28 that throws when it is let go of, or asked for its reason, settles its items all the same', async () => {
    const { grinder } = await fakeGrinder(keepPending);
    let abort = (): void => {};
    const signal = Object.assign(throwing(), {
      addEventListener: (_event: string, listener: () => void) => (abort = listener),
    });
    const futures = range(2).map((value) => grinder.enqueue(echo, [value], { signal }));
    futures[0].cancel();
    expect(grinder.stats()).toMatchObject({ pending: 1, totals: { submitted: 2, cancelled: 1 } });
    abort();
    expect(grinder.stats()).toMatchObject({ pending: 0, totals: { submitted: 2, cancelled: 2 } });
    expect(await rejection(futures[1])).toMatchObject({ code: 'ABORT_ERR', cause: { message: 'no reason' } });
    futures[0].catch(() => {});
  });

  test('S28 of a signal aborted before the future is cancelled even when the queue is full', async () => {
    const { grinder } = await fakeGrinder({ ...keepPending, maxQueueSize: 1 });
    void grinder.enqueue(echo, [0]);
    const future = grinder.enqueue(echo, [1], { signal: AbortSignal.abort() });
    expect(future.cancelled()).toBe(true);
    expect(grinder.stats()).toMatchObject({ pending: 1, totals: { submitted: 2, cancelled: 1 } });
  });

  test('S28 an abort while items are pending removes them at once', async () => {
    const { grinder } = await fakeGrinder(keepPending);
    const controller = new AbortController();
    const reason = new Error('enough');
    const futures = range(3).map((value) => grinder.enqueue(echo, [value], { signal: controller.signal }));
    const other = grinder.enqueue(echo, [3]);
    controller.abort(reason);
    expect(grinder.stats()).toMatchObject({ pending: 1, totals: { cancelled: 3 } });
    for (const future of futures) expect(await rejection(future)).toMatchObject({ cause: reason });
    expect(other.done()).toBe(false);
  });

  test('S28 an abort while items wait for a lease removes them, and they never run', async () => {
    const { manager, grinder, log } = await threadGrinder(atOnce);
    const lease = await manager.acquire();
    const controller = new AbortController();
    const future = grinder.enqueue(record, [log.cells, 0], { signal: controller.signal });
    const other = grinder.enqueue(record, [log.cells, 1]);
    await turns();
    expect(grinder.stats().pending).toBe(2);
    controller.abort();
    expect(grinder.stats().pending).toBe(1);
    await expect(future).rejects.toThrow(CancelledError);
    await lease.release();
    await other;
    expect(log.entries).toEqual([1]);
  });

  test('S28 an abort while an item runs ends only the wait for it', async () => {
    const { grinder, gate, log } = await threadGrinder({ ...atOnce, batchSizeThreshold: 3 });
    const controller = new AbortController();
    const { signal } = controller;
    const running = grinder.submit(hold, [gate.cells], { signal });
    const sent = grinder.submit(record, [log.cells, 0], { signal });
    const other = grinder.submit(record, [log.cells, 1]);
    await gate.untilBegun();
    controller.abort();
    await expect(running).rejects.toThrow(CancelledError);
    await expect(sent).rejects.toThrow(CancelledError);
    expect(gate.finished).toBe(0);
    gate.open();
    await other;
    expect(gate.finished).toBe(1);
    expect(log.entries).toEqual([1]);
  });

  test('S28 a signal has one listener, however many items use it, and none when they have settled', async () => {
    const { grinder, backend } = await fakeGrinder({ ...atOnce, batchSizeThreshold: 100 });
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    const [first, second] = [new AbortController(), new AbortController()];
    const listeners = (): number[] =>
      [first, second].map(({ signal }) => getEventListeners(signal, 'abort').length);
    const enqueue = (options: SubmitOptions): WorkFuture<unknown>[] =>
      range(50).map((value) => grinder.enqueue(echo, [value], options));
    const futures = [...enqueue({ signal: first.signal }), ...enqueue({ signal: second.signal })];
    expect(listeners()).toEqual([1, 1]);
    await until(() => backend.batches.length > 0);
    expect(listeners()).toEqual([1, 1]);

    backend.calls[0].fulfil();
    futures[1].cancel();
    expect(listeners()).toEqual([1, 1]);
    second.abort();
    for (const call of backend.calls) if (call.state === 'taken') call.fulfil();
    await Promise.allSettled(futures);
    expect(listeners()).toEqual([0, 0]);
    await turns();
    expect(warnings).toEqual([]);
  });

  test('S28 a signal whose items have settled can be used again', async () => {
    const { grinder } = await fakeGrinder(atOnce, (call) => call.fulfil('ran'));
    const controller = new AbortController();
    const { signal } = controller;
    for (let round = 0; round < 3; round++) expect(await grinder.submit(echo, [0], { signal })).toBe('ran');
    const last = grinder.enqueue(echo, [0], { signal });
    controller.abort();
    expect(last.cancelled()).toBe(true);
    await expect(last).rejects.toThrow(CancelledError);
  });

  test('S28 the signals of AbortSignal.any() and AbortSignal.timeout() cancel', async () => {
    const { grinder } = await fakeGrinder(keepPending);
    const timed = await rejection(grinder.submit(echo, [0], { signal: AbortSignal.timeout(1) }));
    expect(timed).toMatchObject({ code: 'ABORT_ERR', cause: { name: 'TimeoutError' } });
    const controller = new AbortController();
    const any = grinder.submit(echo, [0], { signal: AbortSignal.any([controller.signal]) });
    controller.abort('one of them');
    expect(await rejection(any)).toMatchObject({ code: 'ABORT_ERR', cause: 'one of them' });
  });

  test('S28 an abort after the item has settled changes nothing', async () => {
    const { grinder } = await fakeGrinder(atOnce, (call) => call.fulfil('ran'));
    const controller = new AbortController();
    const future = grinder.enqueue(echo, [0], { signal: controller.signal });
    expect(await future).toBe('ran');
    controller.abort();
    expect(future.cancelled()).toBe(false);
    expect(grinder.stats().totals).toMatchObject({ fulfilled: 1, cancelled: 0 });
  });
});
