import {
  type OpenMetricsContentType,
  type PrometheusContentType,
  register,
  type Registry,
} from 'prom-client';
import { readBoolean, invalidType, readOptions, readObjectWith } from '../backend.ts';
import type { LeasedExecutorManager, WorkGrinder } from '../index.ts';

/** For either of its text formats. */
export type AnyRegistry = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>;

export interface MetricsOptions {
  /** Shown as `leasepool_manager_*`, under the label `manager`: its `namePrefix`. */
  readonly manager?: LeasedExecutorManager | undefined;
  /** Shown as `leasepool_grinder_*`, under the label `grinder`: its `ownerPrefix`. */
  readonly grinder?: WorkGrinder | undefined;
  /** @defaultValue the default registry of prom-client */
  readonly registry?: AnyRegistry | undefined;
  /**
   * Also observes each item and batch of the grinder, for histograms that can be added up over processes. Without it
   * nothing happens between scrapes. @defaultValue `false`
   */
  readonly histograms?: boolean | undefined;
}

interface MetricsSettings {
  readonly manager: LeasedExecutorManager | undefined;
  readonly grinder: WorkGrinder | undefined;
  readonly registry: AnyRegistry;
  readonly histograms: boolean;
}

const known: readonly (keyof MetricsOptions)[] = ['manager', 'grinder', 'registry', 'histograms'];

/** By shape: they may be of another copy of the package. @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function readMetricsOptions(options: unknown): MetricsSettings {
  const given = readOptions<MetricsOptions>('registerMetrics()', options, known);
  const manager = readObjectWith<LeasedExecutorManager>('manager', given.manager, ['acquire', 'stats']);
  const grinder = readObjectWith<WorkGrinder>('grinder', given.grinder, ['submit', 'stats']);
  if (manager === undefined && grinder === undefined)
    throw invalidType('registerMetrics() must be given a "manager" or a "grinder"', options);
  const histograms = readBoolean('histograms', given.histograms) ?? false;
  if (histograms && grinder === undefined)
    throw invalidType('"histograms" must come with the "grinder" they are of', options);
  const methods = ['getSingleMetric', 'registerMetric', 'removeSingleMetric'] as const;
  const registry = readObjectWith<AnyRegistry>('registry', given.registry, methods) ?? register;
  return { manager, grinder, registry, histograms };
}
