import { type MetricDescriptor, quantiles } from '../diagnostics/metric-descriptor.ts';
import { Number } from '../core/globals.ts';
import type { ManagerStats } from './stats.ts';

/** What of the stats of a manager is a metric. */
export const managerMetrics: readonly MetricDescriptor<ManagerStats>[] = [
  {
    name: 'up',
    kind: 'gauge',
    unit: '',
    description: 'Whether it lends pools.',
    read: ({ started, stopping }) => Number(started && !stopping),
  },
  {
    name: 'pools',
    kind: 'level',
    unit: '{pool}',
    description: 'Pools, by state.',
    key: 'state',
    read: ({ starting, available, leased, closing }) => ({ starting, available, leased, closing }),
  },
  {
    name: 'pools_desired',
    kind: 'level',
    unit: '{pool}',
    description: 'Pools that the present demand asks for.',
    read: (stats) => stats.desired,
  },
  {
    name: 'pools_min',
    kind: 'level',
    unit: '{pool}',
    description: 'Pools kept when idle.',
    read: (stats) => stats.minPools,
  },
  {
    name: 'pools_max',
    kind: 'level',
    unit: '{pool}',
    description: 'Most pools at once.',
    read: (stats) => stats.maxPools,
  },
  {
    name: 'workers_per_pool',
    kind: 'gauge',
    unit: '{worker}',
    description: 'Workers in each pool.',
    read: (stats) => stats.workersPerPool,
  },
  {
    name: 'leases_draining',
    kind: 'level',
    unit: '{lease}',
    description: 'Leases released, waiting for what they have in flight.',
    read: ({ leases }) => leases.filter(({ draining }) => draining).length,
  },
  {
    name: 'items_in_flight',
    kind: 'level',
    unit: '{item}',
    description: 'Items sent through leases and not settled.',
    read: ({ leases }) => leases.reduce((sum, { pending }) => sum + pending, 0),
  },
  {
    name: 'acquires_waiting',
    kind: 'level',
    unit: '{request}',
    description: 'Callers that wait for a lease; batches are not among them.',
    read: (stats) => stats.waiting,
  },
  {
    name: 'lease_wait',
    kind: 'gauge',
    unit: 's',
    description: 'How long a caller or a batch stood in line for its lease, over the last minute.',
    key: 'quantile',
    read: ({ histograms }) => quantiles(histograms.leaseWaitSeconds),
  },
  {
    name: 'transport',
    kind: 'gauge',
    unit: 's',
    description: 'What a chunk took to its answer, less the run of its items, over the last minute.',
    key: 'quantile',
    read: ({ histograms }) => quantiles(histograms.transportSeconds),
  },
  {
    name: 'run',
    kind: 'gauge',
    unit: 's',
    description: 'What an item ran, over the last minute.',
    key: 'quantile',
    read: ({ histograms }) => quantiles(histograms.runSeconds),
  },
];
