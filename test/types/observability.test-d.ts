/** What `leasepool/prometheus` and `leasepool/otel` take and give. Checked by the compiler, never run. */
import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import type { LeasedExecutorManager, TaskRef, WorkGrinder } from 'leasepool';
import { type Carrier, enableMetrics, enableTracing, withCarrier } from 'leasepool/otel';
import { registerMetrics } from 'leasepool/prometheus';
import type { OpenMetricsContentType, Registry } from 'prom-client';
import { expectTypeOf } from 'vitest';

declare const manager: LeasedExecutorManager;
declare const grinder: WorkGrinder;
declare const registry: Registry;
declare const openMetrics: Registry<OpenMetricsContentType>;
declare const meterProvider: MeterProvider;
declare const tracerProvider: TracerProvider;
declare const traced: TaskRef<[text: string, carrier: Carrier], number>;

expectTypeOf(registerMetrics({ manager, grinder, registry, histograms: true })).toEqualTypeOf<() => void>();
registerMetrics({ grinder, registry: openMetrics });
// @ts-expect-error a grinder is no manager
registerMetrics({ manager: grinder });
// @ts-expect-error options are needed
registerMetrics();

expectTypeOf(enableMetrics({ manager, grinder, meterProvider, histograms: true })).toEqualTypeOf<
  () => void
>();
// @ts-expect-error that is of prom-client
enableMetrics({ manager, registry });
expectTypeOf(enableTracing()).toEqualTypeOf<() => void>();
enableTracing({ tracerProvider });

expectTypeOf(withCarrier((carrier) => grinder.submit(traced, ['text', carrier]))).toEqualTypeOf<
  Promise<number>
>();
