import { grinderMetrics, managerMetrics } from '../backend.ts';
import type { GrinderStats, ManagerStats } from '../index.ts';
import { ItemHistograms } from './item-histograms.ts';
import { type AnyRegistry, type MetricsOptions, readMetricsOptions } from './metrics-options.ts';
import { StatsMetrics } from './stats-metrics.ts';

/** What a registry shows of leasepool. */
interface Shown {
  readonly managers: StatsMetrics<ManagerStats>;
  readonly grinders: StatsMetrics<GrinderStats>;
  readonly items: ItemHistograms;
}

const shown = new WeakMap<AnyRegistry, Shown>();

function shownIn(registry: AnyRegistry): Shown {
  let all = shown.get(registry);
  if (all === undefined) {
    all = {
      managers: new StatsMetrics(registry, 'manager', managerMetrics, (stats) => stats.namePrefix),
      grinders: new StatsMetrics(registry, 'grinder', grinderMetrics, (stats) => stats.ownerPrefix),
      items: new ItemHistograms(registry),
    };
    shown.set(registry, all);
  }
  return all;
}

/**
 * Shows a manager, a grinder or both in a registry. Their stats are read when it is scraped. May be called for several
 * of them; the labels `manager` and `grinder` tell them apart.
 *
 * @returns ends it. Until then the registry keeps them, also once they have stopped.
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for options that cannot work; RangeError `ERR_OUT_OF_RANGE` when another
 *   one of that name is shown there; what prom-client throws when somebody else has a metric of such a name there
 * @example
 * const unregister = registerMetrics({ manager, grinder });
 */
export function registerMetrics(options: MetricsOptions): () => void {
  const { manager, grinder, registry, histograms } = readMetricsOptions(options);
  const { managers, grinders, items } = shownIn(registry);
  const undo: (() => void)[] = [];
  const unregister = (): void => undo.splice(0).forEach((each) => each());
  try {
    if (manager !== undefined) undo.push(managers.add(manager));
    if (grinder !== undefined) undo.push(grinders.add(grinder));
    if (grinder !== undefined && histograms) undo.push(items.add(grinder.stats().ownerPrefix));
  } catch (error) {
    unregister();
    throw error;
  }
  return unregister;
}
