import type { HistogramStats } from './histogram.ts';

/** A metric that can be read from stats, for whichever library shows it. */
export interface MetricDescriptor<S> {
  /** Without namespace and unit, as in `items_pending`. */
  readonly name: string;
  /** `"level"`: a number that may be added up over processes; `"gauge"`: one that may not; `"counter"`: one that only grows. */
  readonly kind: 'level' | 'gauge' | 'counter';
  /** In UCUM, as OpenTelemetry has it; empty for a mere yes or no. */
  readonly unit: '' | 's' | '{item}' | '{batch}' | '{pool}' | '{worker}' | '{lease}' | '{request}';
  readonly description: string;
  /** What tells its values apart, when there are several. */
  readonly key?: 'state' | 'outcome' | 'quantile';
  /** One value, or one for each value of the key. */
  read(stats: S): number | Readonly<Record<string, number>>;
}

/** The largest value is the quantile 1. Nothing recorded has no quantiles. */
export function quantiles({ count, p50, p90, p99, max }: HistogramStats): Record<string, number> {
  return count === 0 ? {} : { '0.5': p50, '0.9': p90, '0.99': p99, '1': max };
}
