import { type Aggregator, Counter, Gauge, type Metric } from 'prom-client';
import { type MetricDescriptor, outOfRange } from '../backend.ts';
import type { AnyRegistry } from './metrics-options.ts';

// As it is when this is loaded: fake timers would hold on to one reading.
const { queueMicrotask } = globalThis;

/** A manager or a grinder, each time it was added. */
interface Entry<S> {
  readonly subject: { stats(): S };
}

/** The managers, or the grinders, of one registry. Their metrics are in it for as long as there are any. */
export class StatsMetrics<S> {
  readonly #registry: AnyRegistry;
  readonly #what: 'manager' | 'grinder';
  readonly #measures: readonly MetricDescriptor<S>[];
  readonly #nameOf: (stats: S) => string;
  readonly #entries = new Set<Entry<S>>();
  /** By the names they were made with: prom-client renames counters in place when it writes OpenMetrics. */
  readonly #metrics = new Map<string, Metric>();
  /** The stats as one scrape sees them. */
  #reading: readonly S[] | undefined;

  constructor(
    registry: AnyRegistry,
    what: 'manager' | 'grinder',
    measures: readonly MetricDescriptor<S>[],
    nameOf: (stats: S) => string,
  ) {
    this.#registry = registry;
    this.#what = what;
    this.#measures = measures;
    this.#nameOf = nameOf;
  }

  /** @returns takes it out again @throws RangeError when another one has its name */
  add(subject: Entry<S>['subject']): () => void {
    if (this.#isCleared()) this.#entries.clear();
    const name = this.#nameOf(subject.stats());
    for (const { subject: other } of this.#entries) {
      if (other !== subject && this.#nameOf(other.stats()) === name)
        throw outOfRange(`Each ${this.#what} in a registry must have a name of its own`, name);
    }
    if (this.#entries.size === 0) this.#show();
    const entry = { subject };
    this.#entries.add(entry);
    return () => {
      if (this.#entries.delete(entry) && this.#entries.size === 0) this.#hide();
    };
  }

  /** Somebody has emptied the registry, and so taken out all that was added. */
  #isCleared(): boolean {
    return [...this.#metrics.keys()].every((name) => this.#registry.getSingleMetric(name) === undefined);
  }

  #show(): void {
    this.#metrics.clear();
    try {
      for (const measure of this.#measures) {
        const name = this.#nameOfMetric(measure);
        this.#metrics.set(name, this.#metricOf(name, measure));
      }
    } catch (error) {
      this.#hide();
      throw error;
    }
  }

  #hide(): void {
    for (const [name, metric] of this.#metrics)
      if (this.#registry.getSingleMetric(name) === metric) this.#registry.removeSingleMetric(name);
  }

  #nameOfMetric({ name, kind, unit }: MetricDescriptor<S>): string {
    const suffix = kind === 'counter' ? '_total' : unit === 's' ? '_seconds' : '';
    return `leasepool_${this.#what}_${name}${suffix}`;
  }

  #metricOf(name: string, { kind, description, key, read }: MetricDescriptor<S>): Metric {
    const samples = (): { labels: Record<string, string>; value: number }[] =>
      this.#read().flatMap((stats) => {
        const labels = { [this.#what]: this.#nameOf(stats) };
        const values = read(stats);
        if (typeof values === 'number') return [{ labels, value: values }];
        return Object.entries(values).map(([each, value]) => ({
          labels: { ...labels, [key!]: each },
          value,
        }));
      });
    const labelNames = key === undefined ? [this.#what] : [this.#what, key];
    // For those who add up the processes of a cluster.
    const aggregator: Aggregator = kind === 'gauge' ? 'max' : 'sum';
    const settings = { name, help: description, labelNames, aggregator, registers: [this.#registry] };
    if (kind === 'counter') {
      return new Counter({
        ...settings,
        collect() {
          this.reset();
          for (const { labels, value } of samples()) this.inc(labels, value);
        },
      });
    }
    return new Gauge({
      ...settings,
      collect() {
        this.reset();
        for (const { labels, value } of samples()) this.set(labels, value);
      },
    });
  }

  /** One reading for all metrics of a scrape, which asks them in one go: their numbers add up. */
  #read(): readonly S[] {
    if (this.#reading === undefined) {
      const subjects = new Set([...this.#entries].map(({ subject }) => subject));
      this.#reading = [...subjects].map((subject) => subject.stats());
      queueMicrotask(() => (this.#reading = undefined));
    }
    return this.#reading;
  }
}
