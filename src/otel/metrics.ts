import type { Attributes, BatchObservableResult, Meter, MetricOptions, Observable } from '@opentelemetry/api';
import {
  grinderMetrics,
  managerMetrics,
  type MetricDescriptor,
  observeItems,
  secondsLimits,
  sizeLimits,
} from '../backend.ts';
import { errorType } from './error-type.ts';
import { type MetricsOptions, readMetricsOptions } from './metrics-options.ts';

/**
 * Shows a manager, a grinder or both as metrics. Their stats are read when these are collected. May be called for
 * several of them; the attributes `leasepool.manager.name` and `leasepool.grinder.name` tell them apart.
 *
 * @returns ends it. Until then they are kept, also once they have stopped.
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for options that cannot work
 * @example
 * const disable = enableMetrics({ manager, grinder });
 */
export function enableMetrics(options: MetricsOptions): () => void {
  const { manager, grinder, meterProvider, histograms } = readMetricsOptions(options);
  const meter = meterProvider.getMeter('leasepool');
  const undo: (() => void)[] = [];
  if (manager !== undefined)
    undo.push(observe(meter, 'manager', managerMetrics, () => manager.stats(), manager.stats().namePrefix));
  if (grinder !== undefined) {
    const { ownerPrefix } = grinder.stats();
    undo.push(observe(meter, 'grinder', grinderMetrics, () => grinder.stats(), ownerPrefix));
    if (histograms) undo.push(recordItems(meter, ownerPrefix));
  }
  return () => undo.splice(0).forEach((each) => each());
}

/** One reading of the stats for all metrics of a collection: their numbers add up. */
function observe<S>(
  meter: Meter,
  what: 'manager' | 'grinder',
  measures: readonly MetricDescriptor<S>[],
  read: () => S,
  name: string,
): () => void {
  const of = { [`leasepool.${what}.name`]: name };
  const instruments = measures.map((measure) => ({
    measure,
    instrument: instrumentOf(meter, what, measure),
  }));
  const observables = instruments.map(({ instrument }) => instrument);
  const report = (result: BatchObservableResult): void => {
    const stats = read();
    for (const { measure, instrument } of instruments) {
      const values = measure.read(stats);
      if (typeof values === 'number') result.observe(instrument, values, of);
      else
        for (const [each, value] of Object.entries(values))
          result.observe(instrument, value, { ...of, [`leasepool.${measure.key}`]: each });
    }
  };
  meter.addBatchObservableCallback(report, observables);
  return () => meter.removeBatchObservableCallback(report, observables);
}

function instrumentOf<S>(
  meter: Meter,
  what: 'manager' | 'grinder',
  { name, kind, unit, description }: MetricDescriptor<S>,
): Observable {
  const fullName = `leasepool.${what}.${name}`;
  const options: MetricOptions = { unit, description };
  if (kind === 'counter') return meter.createObservableCounter(fullName, options);
  if (kind === 'level') return meter.createObservableUpDownCounter(fullName, options);
  return meter.createObservableGauge(fullName, options);
}

/** @param name of the grinder whose items they are */
function recordItems(meter: Meter, name: string): () => void {
  const of: Attributes = { 'leasepool.grinder.name': name };
  const wait = meter.createHistogram('leasepool.item.wait', {
    unit: 's',
    description: 'From the acceptance of an item until it is sent to a pool.',
    advice: { explicitBucketBoundaries: [...secondsLimits] },
  });
  const duration = meter.createHistogram('leasepool.item.duration', {
    unit: 's',
    description: 'From the acceptance of an item until it is settled, by outcome.',
    advice: { explicitBucketBoundaries: [...secondsLimits] },
  });
  const size = meter.createHistogram('leasepool.batch.items', {
    unit: '{item}',
    description: 'Items of a batch.',
    advice: { explicitBucketBoundaries: [...sizeLimits] },
  });
  return observeItems({
    wants: (grinder) => grinder === name,
    waited: (_, seconds) => wait.record(seconds, of),
    settled(_, seconds, { status, error }) {
      const outcome = { ...of, 'leasepool.outcome': status };
      duration.record(
        seconds,
        status === 'rejected' ? { ...outcome, 'error.type': errorType(error) } : outcome,
      );
    },
    batchEnded: (batch) => size.record(batch.size, of),
  });
}
