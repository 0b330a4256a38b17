import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { importTasks, type LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { enableMetrics, enableTracing, type MetricsOptions, withCarrier } from 'leasepool/otel';
import { channel } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { until } from '../support/until.ts';
import { echo, exit, fail, square } from '../tasks/grinder-tasks.js';

// Not loaded here: it sets up OpenTelemetry wherever it is.
const { traced } = importTasks<typeof import('../tasks/telemetry-tasks.js')>(
  new URL('../tasks/telemetry-tasks.js', import.meta.url),
);

const atOnce = { batchSizeThreshold: 1, maxWaitSeconds: never };

// What a program that uses OpenTelemetry sets up.
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
afterAll(() => {
  context.disable();
  propagation.disable();
});

/** A provider whose spans are kept, with tracing enabled for as long as the test lasts. */
function traces() {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const disable = enableTracing({ tracerProvider });
  onTestFinished(disable);
  const named = (name: string): ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === name);
  return { tracer: tracerProvider.getTracer('test'), disable, named, all: () => exporter.getFinishedSpans() };
}

describe('enableTracing()', () => {
  test("makes an item's span a child of the span it was submitted in, linked to its batch's", async () => {
    const { grinder } = await threadGrinder({ ...atOnce, batchSizeThreshold: 2, ownerPrefix: 'hashes' });
    const { tracer, named } = traces();
    const callers = [7, 8].map((value) =>
      tracer.startActiveSpan(`caller ${value}`, (span) => {
        void grinder.submit(square, [value], { owner: `owner ${value}` }).finally(() => span.end());
        return span;
      }),
    );
    await until(() => named('process hashes').length === 1);
    const items = named('submit square');
    const [batch] = named('process hashes');
    expect(items.map((item) => item.parentSpanContext?.spanId)).toEqual(
      callers.map((span) => span.spanContext().spanId),
    );
    expect(items.map((item) => item.spanContext().traceId)).toEqual(
      callers.map((span) => span.spanContext().traceId),
    );
    for (const item of items) {
      expect(item.kind).toBe(SpanKind.PRODUCER);
      expect(item.links.map((link) => link.context.spanId)).toEqual([batch.spanContext().spanId]);
      expect(item.events.map(({ name, attributes }) => [name, attributes])).toEqual([
        ['sent', { 'leasepool.lease.id': 'leasepool-1-lease-1' }],
      ]);
      expect(item.status.code).toBe(SpanStatusCode.UNSET);
    }
    expect(items[0].attributes).toEqual({
      'messaging.system': 'leasepool',
      'messaging.operation.name': 'submit',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'hashes',
      'code.function.name': 'square',
      'leasepool.item.owner': 'owner 7',
      'leasepool.outcome': 'fulfilled',
    });
    expect(batch).toMatchObject({
      kind: SpanKind.CONSUMER,
      parentSpanContext: undefined,
      attributes: {
        'messaging.system': 'leasepool',
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'hashes',
        'messaging.batch.message_count': 2,
        'leasepool.batch.name': 'hashes-batch-1',
        'leasepool.lease.id': 'leasepool-1-lease-1',
      },
    });
    expect(batch.instrumentationScope.name).toBe('leasepool');
  });

  test('gives an item that fails the status of an error, and its type', async () => {
    const { grinder } = await threadGrinder(atOnce);
    const { named } = traces();
    await Promise.allSettled([grinder.submit(fail, ['bad']), grinder.submit(exit, [3])]);
    const [failed] = named('submit fail');
    expect(failed.status).toEqual({ code: SpanStatusCode.ERROR, message: 'bad' });
    expect(failed.attributes).toMatchObject({ 'error.type': 'Error', 'leasepool.outcome': 'rejected' });
    expect(failed.events.map(({ name }) => name)).toEqual(['sent', 'exception']);
    expect(named('submit exit')[0].attributes['error.type']).toBe('ERR_LEASEPOOL_WORKER_CRASHED');
  });

  test('tells that an item was cancelled, which is no error', async () => {
    const { grinder } = await fakeGrinder({ batchSizeThreshold: 2, maxWaitSeconds: never });
    const { named } = traces();
    grinder.enqueue(echo, [0]).cancel();
    const [cancelled] = named('submit echo');
    expect(cancelled.status.code).toBe(SpanStatusCode.UNSET);
    expect(cancelled.attributes['leasepool.outcome']).toBe('cancelled');
    expect([cancelled.links, cancelled.events]).toEqual([[], []]);
  });

  test('links an item that comes back unbegun to the batch that takes it then', async () => {
    const { grinder, backend } = await fakeGrinder(atOnce);
    const { named } = traces();
    const echoed = grinder.submit(echo, ['again']);
    await until(() => backend.calls.length === 1);
    backend.calls[0].giveBack();
    await until(() => backend.calls.length === 2);
    backend.calls[1].fulfil('again');
    expect(await echoed).toBe('again');
    const batches = (): ReadableSpan[] => named('process work-grinder');
    await until(() => batches().length === 2);
    const [item] = named('submit echo');
    expect(item.events.map(({ name }) => name)).toEqual(['sent', 'sent']);
    const linked = new Set(item.links.map((link) => link.context.spanId));
    expect(linked).toEqual(new Set(batches().map((batch) => batch.spanContext().spanId)));
  });

  test('gives a batch whose lease is lost the status of an error', async () => {
    const { grinder, manager, backend } = await fakeGrinder(atOnce);
    const { named } = traces();
    void grinder.enqueue(echo, [0]);
    await until(() => backend.calls.length === 1);
    await manager.stop({ timeoutSeconds: 0 });
    await until(() => named('process work-grinder').length === 1);
    const [batch] = named('process work-grinder');
    expect(batch.status.code).toBe(SpanStatusCode.ERROR);
    expect(batch.attributes['error.type']).toMatch(/^ERR_LEASEPOOL_/);
  });

  test('makes spans of the jobs of a lease, which have no batch', async () => {
    const { manager } = await threadGrinder();
    const { all } = traces();
    await using lease = await manager.acquire();
    await lease.run(square, [2]);
    expect(all().map(({ name, links }) => [name, links])).toEqual([['submit square', []]]);
    expect(all()[0].attributes).not.toHaveProperty('messaging.destination.name');
  });

  test('ends what is open when it is disabled, and hears nothing any more', async () => {
    const { grinder, backend } = await fakeGrinder(atOnce);
    const { disable, all } = traces();
    const open = grinder.submit(echo, [0]);
    await until(() => backend.calls.length === 1);
    disable();
    expect(
      all()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['process work-grinder', 'submit echo']);
    expect(channel('leasepool:item:submit').hasSubscribers).toBe(false);
    expect(channel('tracing:leasepool:batch:start').hasSubscribers).toBe(false);
    backend.calls[0].fulfil(0);
    await open;
    disable();
    expect(all()).toHaveLength(2);
  });

  test('uses the global provider unless it is given one', async () => {
    const exporter = new InMemorySpanExporter();
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    );
    onTestFinished(() => trace.disable());
    onTestFinished(enableTracing());
    const { grinder } = await fakeGrinder(atOnce, (call) => call.fulfil(0));
    await grinder.submit(echo, [0]);
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toContain('submit echo');
  });

  test.each([7, { tracerProvider: {} }, { tracer: 1 }])('refuses %j', (options) => {
    expect(() => enableTracing(options as object)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });
});

describe('withCarrier()', () => {
  const preload = [new URL('../tasks/telemetry-worker.js', import.meta.url)];

  test("makes what a task does in its worker a child of its item's span", async () => {
    const { grinder } = await threadGrinder({ ...atOnce, manager: { preload } });
    const { tracer, named } = traces();
    const [caller, answer] = tracer.startActiveSpan(
      'caller',
      (span) => [span, withCarrier((carrier) => grinder.submit(traced, [carrier]))] as const,
    );
    const { traceId, parentId } = await answer;
    const [item] = named('submit traced');
    expect(parentId).toBe(item.spanContext().spanId);
    expect(traceId).toBe(caller.spanContext().traceId);
    expect(item.parentSpanContext?.spanId).toBe(caller.spanContext().spanId);
  });

  test('carries the context of the caller while tracing is not enabled', async () => {
    const { manager } = await threadGrinder({ manager: { preload } });
    const { tracer, disable } = traces();
    disable();
    await using lease = await manager.acquire();
    const [caller, answer] = tracer.startActiveSpan(
      'caller',
      (span) => [span, withCarrier((carrier) => lease.run(traced, [carrier]))] as const,
    );
    const { traceId, spanId } = caller.spanContext();
    expect(await answer).toEqual({ traceId, parentId: spanId });
  });

  test('is about the first item that is submitted in it', async () => {
    const { grinder } = await fakeGrinder({ batchSizeThreshold: 3, maxWaitSeconds: never });
    const { named } = traces();
    const filled = withCarrier((carrier) => {
      const first = grinder.enqueue(echo, [carrier]);
      grinder.enqueue(square, [2]).cancel();
      first.cancel();
      return carrier;
    });
    const { traceId, spanId } = named('submit echo')[0].spanContext();
    expect(filled['traceparent']).toBe(`00-${traceId}-${spanId}-01`);
  });

  test('gives back and throws what its function does', () => {
    expect(withCarrier((carrier) => carrier)).toEqual({});
    expect(() => withCarrier(() => fail('bad'))).toThrow('bad');
  });
});

/** A provider, and what its in-memory exporter got last. */
function meters() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  // An hour: it is collected when the test says so.
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  onTestFinished(() => meterProvider.shutdown());
  const collect = async (): Promise<Map<string, MetricData>> => {
    exporter.reset();
    await meterProvider.forceFlush();
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    return new Map(metrics.flatMap((scope) => scope.metrics).map((each) => [each.descriptor.name, each]));
  };
  return { meterProvider, collect };
}

const pointsOf = (metric: MetricData | undefined): unknown[] =>
  metric?.dataPoints.map(({ attributes, value }) => [attributes, value]) ?? [];

describe('enableMetrics()', () => {
  test('shows what is in the stats when they are collected', async () => {
    const { manager, grinder, backend } = await fakeGrinder({
      ...atOnce,
      ownerPrefix: 'hashes',
      manager: { maxPools: 3, namePrefix: 'cpu' },
    });
    const { meterProvider, collect } = meters();
    onTestFinished(enableMetrics({ manager, grinder, meterProvider }));
    const [first] = [0, 1, 2].map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.calls.length > 0);
    backend.calls[0].fulfil('done');
    await first;
    const metrics = await collect();
    const stats = grinder.stats();
    const of = { 'leasepool.grinder.name': 'hashes' };
    expect(pointsOf(metrics.get('leasepool.grinder.items_pending'))).toEqual([[of, stats.pending]]);
    expect(pointsOf(metrics.get('leasepool.grinder.items_in_flight'))).toEqual([[of, stats.inFlight]]);
    expect(pointsOf(metrics.get('leasepool.grinder.items_submitted'))).toEqual([[of, 3]]);
    expect(pointsOf(metrics.get('leasepool.grinder.items_settled'))).toEqual([
      [{ ...of, 'leasepool.outcome': 'fulfilled' }, 1],
      [{ ...of, 'leasepool.outcome': 'rejected' }, 0],
      [{ ...of, 'leasepool.outcome': 'cancelled' }, 0],
    ]);
    const pools = pointsOf(metrics.get('leasepool.manager.pools'));
    expect(pools).toContainEqual([
      { 'leasepool.manager.name': 'cpu', 'leasepool.state': 'leased' },
      manager.stats().leased,
    ]);
    const { descriptor } = metrics.get('leasepool.grinder.queue_wait')!;
    expect(descriptor).toMatchObject({ unit: 's', description: expect.stringMatching(/\.$/) as string });
  });

  test('reads the stats once for each collection, does nothing in between and nothing once disabled', async () => {
    const { grinder } = await fakeGrinder(atOnce, (call) => call.fulfil(0));
    const { meterProvider, collect } = meters();
    const disable = enableMetrics({ grinder, meterProvider });
    const stats = vi.spyOn(grinder, 'stats');
    await grinder.submit(echo, [0]);
    expect(stats).not.toHaveBeenCalled();
    expect(channel('leasepool:item:submit').hasSubscribers).toBe(false);
    expect((await collect()).size).toBeGreaterThan(5);
    expect(stats).toHaveBeenCalledTimes(1);
    disable();
    disable();
    await collect();
    expect(stats).toHaveBeenCalledTimes(1);
  });

  test('records items and batches in histograms when asked to', async () => {
    const { manager, grinder } = await threadGrinder({ batchSizeThreshold: 3, maxWaitSeconds: never });
    const other = new WorkGrinder({ executorManager: manager, ownerPrefix: 'other', batchSizeThreshold: 1 });
    await other.start();
    onTestFinished(() => other.stop());
    const { meterProvider, collect } = meters();
    const disable = enableMetrics({ grinder, meterProvider, histograms: true });
    await other.submit(square, [1]);
    await Promise.allSettled([
      grinder.submit(square, [1]),
      grinder.submit(square, [2]),
      grinder.submit(fail, ['bad']),
    ]);
    await until(() => grinder.stats().batchesInFlight === 0);
    const metrics = await collect();
    const of = { 'leasepool.grinder.name': 'work-grinder' };
    expect(pointsOf(metrics.get('leasepool.item.duration'))).toEqual([
      [{ ...of, 'leasepool.outcome': 'fulfilled' }, expect.objectContaining({ count: 2 })],
      [
        { ...of, 'leasepool.outcome': 'rejected', 'error.type': 'Error' },
        expect.objectContaining({ count: 1 }),
      ],
    ]);
    expect(pointsOf(metrics.get('leasepool.item.wait'))).toEqual([
      [of, expect.objectContaining({ count: 3 })],
    ]);
    expect(pointsOf(metrics.get('leasepool.batch.items'))).toEqual([
      [of, expect.objectContaining({ count: 1, sum: 3 })],
    ]);
    disable();
    expect(channel('leasepool:item:submit').hasSubscribers).toBe(false);
  });

  const manager = { acquire() {}, stats() {} } as unknown as LeasedExecutorManager;

  test.each([
    ['nothing', undefined],
    ['neither a manager nor a grinder', {}],
    ['a manager that is none', { manager: {} }],
    ['a grinder that is none', { grinder: manager }],
    ['a provider that is none', { manager, meterProvider: {} }],
    ['histograms that are no flag', { manager, histograms: 1 }],
    ['histograms of no grinder', { manager, histograms: true }],
    ['an unknown key', { manager, registry: {} }],
  ])('refuses %s', (_, options) => {
    expect(() => enableMetrics(options as MetricsOptions)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });
});
