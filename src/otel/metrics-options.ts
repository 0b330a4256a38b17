import { type MeterProvider, metrics } from '@opentelemetry/api';
import { readBoolean, invalidType, readOptions, readObjectWith } from '../backend.ts';
import type { LeasedExecutorManager, WorkGrinder } from '../index.ts';

export interface MetricsOptions {
  /** Its metrics have the attribute `leasepool.manager.name`: its `namePrefix`. */
  readonly manager?: LeasedExecutorManager | undefined;
  /** Its metrics have the attribute `leasepool.grinder.name`: its `ownerPrefix`. */
  readonly grinder?: WorkGrinder | undefined;
  /** @defaultValue the global one, which must be set by then */
  readonly meterProvider?: MeterProvider | undefined;
  /**
   * Also records each item and batch of the grinder, in histograms. Without it nothing happens between collections.
   * @defaultValue `false`
   */
  readonly histograms?: boolean | undefined;
}

interface MetricsSettings {
  readonly manager: LeasedExecutorManager | undefined;
  readonly grinder: WorkGrinder | undefined;
  readonly meterProvider: MeterProvider;
  readonly histograms: boolean;
}

const known: readonly (keyof MetricsOptions)[] = ['manager', 'grinder', 'meterProvider', 'histograms'];

/** By shape: they may be of another copy of the package. @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function readMetricsOptions(options: unknown): MetricsSettings {
  const given = readOptions<MetricsOptions>('enableMetrics()', options, known);
  const manager = readObjectWith<LeasedExecutorManager>('manager', given.manager, ['acquire', 'stats']);
  const grinder = readObjectWith<WorkGrinder>('grinder', given.grinder, ['submit', 'stats']);
  if (manager === undefined && grinder === undefined)
    throw invalidType('enableMetrics() must be given a "manager" or a "grinder"', options);
  const provider = readObjectWith<MeterProvider>('meterProvider', given.meterProvider, ['getMeter']);
  const histograms = readBoolean('histograms', given.histograms) ?? false;
  if (histograms && grinder === undefined)
    throw invalidType('"histograms" must come with the "grinder" they are of', options);
  return { manager, grinder, meterProvider: provider ?? metrics, histograms };
}
