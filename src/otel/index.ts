/**
 * Traces and metrics for OpenTelemetry. Needs `@opentelemetry/api`; whoever wants to see something sets up an SDK.
 *
 * @module leasepool/otel
 */

export { type Carrier, withCarrier } from './carrier.ts';
export { enableMetrics } from './metrics.ts';
export type { MetricsOptions } from './metrics-options.ts';
export { enableTracing, type TracingOptions } from './tracing.ts';
