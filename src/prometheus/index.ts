/**
 * The stats of managers and grinders as metrics for Prometheus. Needs `prom-client`.
 *
 * @module leasepool/prometheus
 */

export type { MetricsOptions } from './metrics-options.ts';
export { registerMetrics } from './register-metrics.ts';
