import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ManagerStats } from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { heard } from '../support/heard.ts';
import { until } from '../support/until.ts';
import { echo, exit, fail, hold, spin, square } from '../tasks/grinder-tasks.js';

const atOnce = { batchSizeThreshold: 1, maxWaitSeconds: never };

describe('diagnostics channels', () => {
  test('show the way of an item: submitted, in a batch with a lease of its own, settled', async () => {
    const { grinder } = await threadGrinder({ ...atOnce, ownerPrefix: 'hashes' });
    const events = heard(
      'leasepool:item:submit',
      'leasepool:lease:acquire',
      'tracing:leasepool:batch:start',
      'leasepool:item:send',
      'tracing:leasepool:batch:end',
      'leasepool:item:settle',
      'leasepool:lease:end',
      'tracing:leasepool:batch:asyncEnd',
    );
    await grinder.submit(square, [7], { owner: 'me' });
    const item = { task: 'square', owner: 'me', grinder: 'hashes' };
    const leaseId = 'leasepool-1-lease-1';
    const batch = { grinder: 'hashes', batch: 'hashes-batch-1', leaseId, size: 1 };
    const lease = { leaseId, owner: 'hashes-batch-1', pool: 'leasepool-1' };
    expect(events).toEqual([
      ['leasepool:item:submit', { item }],
      ['leasepool:lease:acquire', { ...lease, leaseSeconds: 60, waitedSeconds: 0 }],
      ['tracing:leasepool:batch:start', batch],
      ['leasepool:item:send', { item, leaseId }],
      ['tracing:leasepool:batch:end', batch],
      ['leasepool:item:settle', { item, status: 'fulfilled', error: undefined }],
      ['leasepool:lease:end', { ...lease, heldSeconds: expect.any(Number) }],
      ['tracing:leasepool:batch:asyncEnd', batch],
    ]);
  });

  test('show the jobs of a lease as items without a grinder', async () => {
    const { manager } = await threadGrinder();
    const events = heard('leasepool:item:submit', 'leasepool:item:send', 'leasepool:item:settle');
    await using lease = await manager.acquire();
    const error = await lease.run(fail, ['bad']).catch((reason: unknown) => reason);
    const item = { task: 'fail', owner: undefined, grinder: undefined };
    expect(events).toEqual([
      ['leasepool:item:submit', { item }],
      ['leasepool:item:send', { item, leaseId: lease.leaseId }],
      ['leasepool:item:settle', { item, status: 'rejected', error }],
    ]);
  });

  test('show a worker that dies, and the one that replaces it', async () => {
    const { manager } = await threadGrinder();
    const events = heard('leasepool:worker:start', 'leasepool:worker:up', 'leasepool:worker:end');
    await using lease = await manager.acquire();
    await lease.run(exit, [3]).catch(() => {});
    await until(() => events.length === 3);
    const worker = { pool: 'leasepool-1', worker: 0 };
    expect(events).toEqual([
      ['leasepool:worker:end', { ...worker, error: expect.any(Error) }],
      ['leasepool:worker:start', worker],
      ['leasepool:worker:up', worker],
    ]);
  });

  test('let their subscribers submit in turn', async () => {
    const { grinder } = await fakeGrinder(atOnce, (call) => call.fulfil(call.args[0]));
    const inner: Promise<unknown>[] = [];
    let more = 0;
    const submitMore = (): void => {
      if (more < 4) inner.push(grinder.submit(echo, [more++]));
    };
    for (const channel of ['leasepool:item:submit', 'leasepool:item:settle']) {
      subscribe(channel, submitMore);
      onTestFinished(() => void unsubscribe(channel, submitMore));
    }
    const cancelled = grinder.submit(echo, ['cancelled'], { signal: AbortSignal.abort() });
    const outer = grinder.submit(echo, ['outer']);
    await expect(cancelled).rejects.toMatchObject({ code: 'ABORT_ERR' });
    expect(await outer).toBe('outer');
    expect(new Set(await Promise.all(inner))).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe('histograms', () => {
  const filled = (stats: ManagerStats): boolean =>
    stats.histograms.runSeconds.count > 0 && stats.histograms.transportSeconds.count > 0;

  test('S32 show how long jobs waited and ran, how they travelled, and how large batches were', async () => {
    const { grinder, manager } = await threadGrinder({ batchSizeThreshold: 4, maxWaitSeconds: never });
    await Promise.all([5, 5, 5, 5].map((ms) => grinder.submit(spin, [ms])));
    const { queueWaitSeconds, batchSize } = grinder.stats().histograms;
    expect(queueWaitSeconds.count).toBe(4);
    expect(batchSize).toEqual({ count: 1, mean: 4, p50: 4, p90: 4, p99: 4, max: 4 });
    const stats = manager.stats();
    expect(filled(stats)).toBe(true);
    const { runSeconds, transportSeconds, leaseWaitSeconds, windowSeconds } = stats.histograms;
    expect(runSeconds.count).toBe(4);
    expect(runSeconds.p50).toBeGreaterThanOrEqual(0.0048);
    expect(transportSeconds.max).toBeGreaterThan(0);
    expect(leaseWaitSeconds).toMatchObject({ count: 1, max: 0 });
    expect(windowSeconds).toBe(60);
  });

  test('S32 count what failed and pass over what was not begun', async () => {
    const { manager, gate } = await threadGrinder();
    await using lease = await manager.acquire();
    await lease.runBatch(fail, [['a'], ['b']]);
    expect(manager.stats().histograms.runSeconds.count).toBe(2);
    const held = lease.enqueue(hold, [gate.cells]);
    const cancelled = lease.enqueue(square, [1]);
    await gate.untilBegun();
    cancelled.cancel();
    gate.open();
    await held;
    await until(() => manager.stats().histograms.runSeconds.count >= 3);
    await lease.run(square, [2]);
    expect(manager.stats().histograms.runSeconds.count).toBe(4);
  });
});
