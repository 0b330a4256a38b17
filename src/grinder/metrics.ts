import { type MetricDescriptor, quantiles } from '../diagnostics/metric-descriptor.ts';
import { Number } from '../core/globals.ts';
import type { GrinderStats } from './stats.ts';

/** What of the stats of a grinder is a metric: all but its settings. */
export const grinderMetrics: readonly MetricDescriptor<GrinderStats>[] = [
  {
    name: 'up',
    kind: 'gauge',
    unit: '',
    description: 'Whether it accepts items.',
    read: ({ started, stopping }) => Number(started && !stopping),
  },
  {
    name: 'items_pending',
    kind: 'level',
    unit: '{item}',
    description: 'Items accepted and not yet sent to a pool.',
    read: (stats) => stats.pending,
  },
  {
    name: 'items_in_flight',
    kind: 'level',
    unit: '{item}',
    description: 'Items sent to a pool and not settled.',
    read: (stats) => stats.inFlight,
  },
  {
    name: 'oldest_wait',
    kind: 'gauge',
    unit: 's',
    description: 'Age of the oldest pending item.',
    read: (stats) => stats.oldestWaitSeconds,
  },
  {
    name: 'batches_in_flight',
    kind: 'level',
    unit: '{batch}',
    description: 'Batches that hold a lease.',
    read: (stats) => stats.batchesInFlight,
  },
  {
    name: 'items_submitted',
    kind: 'counter',
    unit: '{item}',
    description: 'Items accepted.',
    read: ({ totals }) => totals.submitted,
  },
  {
    name: 'items_settled',
    kind: 'counter',
    unit: '{item}',
    description: 'Items settled.',
    key: 'outcome',
    read: ({ totals: { fulfilled, rejected, cancelled } }) => ({ fulfilled, rejected, cancelled }),
  },
  {
    name: 'batches',
    kind: 'counter',
    unit: '{batch}',
    description: 'Batches begun.',
    read: ({ totals }) => totals.batches,
  },
  {
    name: 'queue_wait',
    kind: 'gauge',
    unit: 's',
    description: 'From the acceptance of an item until it is sent, over the last minute.',
    key: 'quantile',
    read: ({ histograms }) => quantiles(histograms.queueWaitSeconds),
  },
  {
    name: 'batch_size',
    kind: 'gauge',
    unit: '{item}',
    description: 'Items of a batch, over the last minute.',
    key: 'quantile',
    read: ({ histograms }) => quantiles(histograms.batchSize),
  },
];
