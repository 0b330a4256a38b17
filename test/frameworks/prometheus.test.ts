import { channel } from 'node:diagnostics_channel';
import { WorkGrinder, type LeasedExecutorManager } from 'leasepool';
import { type MetricsOptions, registerMetrics } from 'leasepool/prometheus';
import { AggregatorRegistry, Gauge, type OpenMetricsContentType, register, Registry } from 'prom-client';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { until } from '../support/until.ts';
import { echo, fail, square } from '../tasks/grinder-tasks.js';

const atOnce = { batchSizeThreshold: 1, maxWaitSeconds: never };

/** In a registry of the test's own, for as long as the test lasts. */
function registered(options: MetricsOptions): Registry {
  const registry = new Registry();
  onTestFinished(registerMetrics({ registry, ...options }));
  return registry;
}

/** What a scrape gives, as Prometheus reads it: a value for each name with its labels. */
async function scrape(registry: { metrics(): Promise<string> }): Promise<Map<string, number>> {
  const samples = new Map<string, number>();
  for (const line of (await registry.metrics()).split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, series, value] = /^([a-z_]+(?:\{(?:[a-z_]+="[^"]*",?)+\})?) (\S+)$/.exec(line) ?? [];
    expect(series, line).toBeDefined();
    expect(samples.has(series), line).toBe(false);
    samples.set(series, Number(value));
  }
  return samples;
}

describe('leasepool/prometheus', () => {
  test('shows what is in the stats when it is scraped', async () => {
    const { manager, grinder, backend } = await fakeGrinder({
      ...atOnce,
      ownerPrefix: 'hashes',
      manager: { maxPools: 3, workersPerPool: 2, namePrefix: 'cpu' },
    });
    const registry = registered({ manager, grinder });
    const [first] = [0, 1, 2].map((value) => grinder.enqueue(echo, [value]));
    const cancelled = grinder.enqueue(echo, [3]);
    await until(() => backend.calls.length > 0);
    cancelled.cancel();
    backend.calls[0].fulfil('done');
    await first;
    const samples = await scrape(registry);
    const { totals, pending, inFlight } = grinder.stats();
    expect(totals).toMatchObject({ submitted: 4, fulfilled: 1, cancelled: 1 });
    const of = (name: string): number | undefined => samples.get(name);
    expect(of('leasepool_grinder_up{grinder="hashes"}')).toBe(1);
    expect(of('leasepool_grinder_items_pending{grinder="hashes"}')).toBe(pending);
    expect(of('leasepool_grinder_items_in_flight{grinder="hashes"}')).toBe(inFlight);
    expect(of('leasepool_grinder_items_submitted_total{grinder="hashes"}')).toBe(4);
    expect(of('leasepool_grinder_items_settled_total{grinder="hashes",outcome="fulfilled"}')).toBe(1);
    expect(of('leasepool_grinder_items_settled_total{grinder="hashes",outcome="rejected"}')).toBe(0);
    expect(of('leasepool_grinder_items_settled_total{grinder="hashes",outcome="cancelled"}')).toBe(1);
    expect(of('leasepool_grinder_batches_total{grinder="hashes"}')).toBe(totals.batches);
    expect(of('leasepool_manager_pools{manager="cpu",state="leased"}')).toBe(manager.stats().leased);
    expect(of('leasepool_manager_pools_max{manager="cpu"}')).toBe(3);
    expect(of('leasepool_manager_workers_per_pool{manager="cpu"}')).toBe(2);
    await grinder.stop({ cancelPending: true });
    expect((await scrape(registry)).get('leasepool_grinder_up{grinder="hashes"}')).toBe(0);
  });

  test('shows the histograms of the stats as quantiles, once they have something', async () => {
    const { manager, grinder } = await threadGrinder(atOnce);
    const registry = registered({ manager, grinder });
    const quantilesOf = async (): Promise<string[]> =>
      [...(await scrape(registry)).keys()].filter((series) => series.includes('quantile='));
    expect(await quantilesOf()).toEqual([]);
    await grinder.submit(square, [1]);
    await until(() => grinder.stats().histograms.batchSize.count > 0);
    const samples = await scrape(registry);
    const { histograms } = manager.stats();
    expect(samples.get('leasepool_manager_run_seconds{manager="leasepool",quantile="0.5"}')).toBe(
      histograms.runSeconds.p50,
    );
    expect(samples.get('leasepool_manager_run_seconds{manager="leasepool",quantile="1"}')).toBe(
      histograms.runSeconds.max,
    );
    expect(await quantilesOf()).toHaveLength(5 * 4);
  });

  test('keeps to the conventions, in the text format and in OpenMetrics', async () => {
    const { manager, grinder } = await fakeGrinder(atOnce, (call) => call.fulfil(0));
    const registry = registered({ manager, grinder, histograms: true });
    await grinder.submit(echo, [0]);
    const families = await registry.getMetricsAsJSON();
    expect(families.length).toBeGreaterThan(20);
    for (const { name, help, type } of families) {
      expect(name).toMatch(/^leasepool(_[a-z]+)+$/);
      expect(help).toMatch(/^[A-Z].*\.$/);
      expect(name.endsWith('_total'), name).toBe(String(type) === 'counter');
    }
    const plain = await scrape(registry);
    const open = new Registry<OpenMetricsContentType>();
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    onTestFinished(registerMetrics({ manager, grinder, registry: open }));
    for (const sample of (await scrape(open)).keys()) expect(plain.has(sample), sample).toBe(true);
    expect(await open.metrics()).toContain('# TYPE leasepool_grinder_batches counter\n');
  });

  test('reads the stats once for each scrape, and does nothing in between', async () => {
    const { grinder } = await fakeGrinder(atOnce, (call) => call.fulfil(0));
    const registry = registered({ grinder });
    const stats = vi.spyOn(grinder, 'stats');
    await grinder.submit(echo, [0]);
    expect(stats).not.toHaveBeenCalled();
    expect(channel('leasepool:item:submit').hasSubscribers).toBe(false);
    await scrape(registry);
    await scrape(registry);
    expect(stats).toHaveBeenCalledTimes(2);
  });

  test('in a cluster, adds up what can be added up and gives the largest of the rest', async () => {
    const { manager, grinder, backend } = await fakeGrinder(atOnce);
    const registry = registered({ manager, grinder });
    void grinder.enqueue(echo, [0]);
    await until(() => backend.calls.length === 1);
    const processes = [await registry.getMetricsAsJSON(), await registry.getMetricsAsJSON()];
    const cluster = await scrape(AggregatorRegistry.aggregate(processes));
    expect(cluster.get('leasepool_grinder_items_in_flight{grinder="work-grinder"}')).toBe(2);
    expect(cluster.get('leasepool_grinder_items_submitted_total{grinder="work-grinder"}')).toBe(2);
    expect(cluster.get('leasepool_manager_workers_per_pool{manager="leasepool"}')).toBe(1);
  });

  test('tells several grinders apart by their names, and refuses two of one name', async () => {
    const { manager, grinder } = await fakeGrinder({ ownerPrefix: 'a' });
    const other = new WorkGrinder({ executorManager: manager, ownerPrefix: 'b' });
    const registry = registered({ manager, grinder });
    const unregister = registerMetrics({ manager, grinder: other, registry });
    const upOf = async (): Promise<string[]> =>
      [...(await scrape(registry)).keys()].filter((series) => /^leasepool_(grinder|manager)_up/.test(series));
    const [upA, upB] = ['a', 'b'].map((name) => `leasepool_grinder_up{grinder="${name}"}`);
    const upManager = 'leasepool_manager_up{manager="leasepool"}';
    expect(await upOf()).toEqual([upManager, upA, upB]);
    const namesake = new WorkGrinder({ executorManager: manager, ownerPrefix: 'b' });
    expect(() => registerMetrics({ grinder: namesake, registry })).toThrow(
      expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }),
    );
    unregister();
    unregister();
    expect(await upOf()).toEqual([upManager, upA]);
  });

  test('leaves nothing behind once all is unregistered', async () => {
    const { manager, grinder } = await fakeGrinder();
    const registry = new Registry();
    const registrations = [0, 1].map(() => registerMetrics({ manager, grinder, registry, histograms: true }));
    expect(registry.getMetricsAsArray().length).toBeGreaterThan(20);
    expect(channel('leasepool:item:submit').hasSubscribers).toBe(true);
    registrations[0]();
    expect(registry.getMetricsAsArray().length).toBeGreaterThan(20);
    registrations[1]();
    expect(registry.getMetricsAsArray()).toEqual([]);
    expect(channel('leasepool:item:submit').hasSubscribers).toBe(false);
  });

  test('uses the default registry unless it is given one', async () => {
    const { manager } = await fakeGrinder();
    const unregister = registerMetrics({ manager });
    onTestFinished(unregister);
    expect((await scrape(register)).get('leasepool_manager_up{manager="leasepool"}')).toBe(1);
    unregister();
    expect(await scrape(register)).toEqual(new Map());
  });

  test('can be registered anew in a registry that somebody has cleared', async () => {
    const { grinder } = await fakeGrinder(atOnce, (call) => call.fulfil(0));
    const registry = new Registry();
    const stale = registerMetrics({ grinder, registry, histograms: true });
    registry.clear();
    onTestFinished(registerMetrics({ grinder, registry, histograms: true }));
    stale();
    await grinder.submit(echo, [0]);
    const samples = await scrape(registry);
    expect(samples.get('leasepool_grinder_items_submitted_total{grinder="work-grinder"}')).toBe(1);
    expect(samples.get('leasepool_item_wait_seconds_count{grinder="work-grinder"}')).toBe(1);
  });

  test('does nothing at all when the registry has a metric of such a name', async () => {
    const { manager, grinder } = await fakeGrinder();
    for (const name of ['leasepool_grinder_batch_size', 'leasepool_batch_items']) {
      const registry = new Registry();
      const foreign = new Gauge({ name, help: 'Not ours.', registers: [registry] });
      expect(() => registerMetrics({ manager, grinder, registry, histograms: true })).toThrow(name);
      expect(registry.getMetricsAsArray()).toEqual([foreign]);
    }
    expect(channel('leasepool:item:submit').hasSubscribers).toBe(false);
  });

  test('observes items and batches in histograms when asked to', async () => {
    const { manager, grinder } = await threadGrinder({ batchSizeThreshold: 3, maxWaitSeconds: never });
    const other = new WorkGrinder({ executorManager: manager, ownerPrefix: 'other', batchSizeThreshold: 1 });
    await other.start();
    onTestFinished(() => other.stop());
    const registry = registered({ grinder, histograms: true });
    await other.submit(square, [1]);
    await Promise.allSettled([
      grinder.submit(square, [1]),
      grinder.submit(square, [2]),
      grinder.submit(fail, ['bad']),
    ]);
    await until(() => grinder.stats().batchesInFlight === 0);
    const samples = await scrape(registry);
    const of = (name: string, labels = ''): number | undefined =>
      samples.get(`leasepool_${name}{${labels}grinder="work-grinder"}`);
    const settled = (outcome: string): number | undefined =>
      samples.get(`leasepool_item_duration_seconds_count{grinder="work-grinder",outcome="${outcome}"}`);
    expect([settled('fulfilled'), settled('rejected')]).toEqual([2, 1]);
    expect(of('item_wait_seconds_count')).toBe(3);
    expect(of('item_wait_seconds_sum')).toBeGreaterThan(0);
    expect([of('batch_items_bucket', 'le="2",'), of('batch_items_bucket', 'le="5",')]).toEqual([0, 1]);
    expect([...samples.keys()].filter((series) => series.includes('other'))).toEqual([]);
  });

  const manager = { acquire() {}, stats() {} } as unknown as LeasedExecutorManager;

  test.each([
    ['nothing', undefined],
    ['no object', 7],
    ['neither a manager nor a grinder', {}],
    ['a manager that is none', { manager: {} }],
    ['a grinder that is none', { grinder: manager }],
    ['a registry that is none', { manager, registry: {} }],
    ['histograms that are no flag', { manager, histograms: 'yes' }],
    ['histograms of no grinder', { manager, histograms: true }],
    ['an unknown key', { manager, register }],
  ])('refuses %s', (_, options) => {
    expect(() => registerMetrics(options as MetricsOptions)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });
});
