import { Histogram } from 'prom-client';
import { observeItems, secondsLimits, sizeLimits } from '../backend.ts';
import type { AnyRegistry } from './metrics-options.ts';

/** Histograms of what some grinders do from now on, in one registry for as long as there is such a grinder. */
export class ItemHistograms {
  readonly #registry: AnyRegistry;
  /** Each time one was added. */
  readonly #entries = new Set<{ readonly grinder: string }>();
  readonly #histograms = new Map<string, Histogram>();
  #stopObserving: () => void = () => {};

  constructor(registry: AnyRegistry) {
    this.#registry = registry;
  }

  /** @param grinder its name @returns takes it out again */
  add(grinder: string): () => void {
    if (this.#isGone()) {
      this.#entries.clear();
      this.#end();
      this.#begin();
    }
    const entry = { grinder };
    this.#entries.add(entry);
    return () => {
      if (this.#entries.delete(entry) && this.#entries.size === 0) this.#end();
    };
  }

  /** No grinder was added yet, or somebody has emptied the registry. */
  #isGone(): boolean {
    return [...this.#histograms].every(([name, histogram]) => !this.#has(name, histogram));
  }

  #has(name: string, histogram: Histogram): boolean {
    return this.#registry.getSingleMetric(name) === histogram;
  }

  #begin(): void {
    try {
      this.#observe();
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  #observe(): void {
    const wait = this.#histogram(
      'leasepool_item_wait_seconds',
      'From the acceptance of an item until it is sent to a pool.',
      [],
      secondsLimits,
    );
    const duration = this.#histogram(
      'leasepool_item_duration_seconds',
      'From the acceptance of an item until it is settled, by outcome.',
      ['outcome'],
      secondsLimits,
    );
    const size = this.#histogram('leasepool_batch_items', 'Items of a batch.', [], sizeLimits);
    this.#stopObserving = observeItems({
      wants: (grinder) => [...this.#entries].some((entry) => entry.grinder === grinder),
      waited: (grinder, seconds) => wait.observe({ grinder }, seconds),
      settled: (grinder, seconds, { status }) => duration.observe({ grinder, outcome: status }, seconds),
      batchEnded: (batch) => size.observe({ grinder: batch.grinder }, batch.size),
    });
  }

  #end(): void {
    this.#stopObserving();
    for (const [name, histogram] of this.#histograms)
      if (this.#has(name, histogram)) this.#registry.removeSingleMetric(name);
    this.#histograms.clear();
  }

  #histogram(name: string, help: string, labels: readonly string[], limits: readonly number[]): Histogram {
    const histogram = new Histogram({
      name,
      help,
      labelNames: ['grinder', ...labels],
      buckets: [...limits],
      registers: [this.#registry],
    });
    this.#histograms.set(name, histogram);
    return histogram;
  }
}
