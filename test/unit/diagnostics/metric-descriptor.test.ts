import { expect, test } from 'vitest';
import { type MetricDescriptor, quantiles } from '../../../src/diagnostics/metric-descriptor.ts';
import { grinderMetrics } from '../../../src/grinder/metrics.ts';
import { managerMetrics } from '../../../src/lease/metrics.ts';

test('quantiles are the percentiles, and the largest value is the quantile 1', () => {
  const recorded = { count: 2, mean: 5, p50: 1, p90: 9, p99: 9.5, max: 10 };
  expect(quantiles(recorded)).toEqual({ '0.5': 1, '0.9': 9, '0.99': 9.5, '1': 10 });
});

test('nothing recorded has no quantiles, rather than zero', () => {
  expect(quantiles({ count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 })).toEqual({});
});

test.each([
  ['grinder', grinderMetrics],
  ['manager', managerMetrics],
] as [string, readonly MetricDescriptor<never>[]][])(
  'the measures of a %s have names of their own, and a sentence each',
  (_, measures) => {
    expect(new Set(measures.map(({ name }) => name)).size).toBe(measures.length);
    for (const { name, description } of measures) {
      expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(description).toMatch(/^[A-Z].*\.$/);
    }
  },
);
