/** What a soak saw. */

import type { Logger } from 'leasepool';
import type { Backend, Disturbance, JobKind } from './plan.ts';
import type { Outcome } from './verdict.ts';
import type { VisitorTally } from './visitor.ts';

type Counts = Record<string, number>;

const count = (counts: Counts, key: string): void => void (counts[key] = (counts[key] ?? 0) + 1);

const listed = (counts: Counts): string =>
  Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([what, times]) => `  ${String(times).padStart(9)}  ${what}`)
    .join('\n');

interface Figures {
  readonly backend: Backend;
  readonly seed: number;
  readonly minutes: number;
  readonly rounds: number;
  readonly jobs: number;
  /** Jobs whose result was compared with what it must be. */
  readonly verified: number;
  readonly verifiedFromAnotherThread: number;
  readonly workerDeaths: number;
  readonly lost: number;
  readonly twice: number;
  readonly hung: number;
  readonly wrong: number;
  readonly modulesLeftOpenByNode: number;
  readonly heapSlopeMbPerMinute: number;
  readonly jobsByKind: Counts;
  readonly outcomes: Counts;
  readonly disturbances: Counts;
}

export class Report {
  readonly backend: Backend;
  readonly seed: number;
  /** Each is a sentence about what must not be. */
  readonly wrong: string[] = [];
  lost = 0;
  settledTwice = 0;
  begunTwice = 0;
  hung = 0;
  /** Left open by threads that were ended while they loaded. */
  openModules = 0;
  rounds = 0;
  #verified = 0;
  #verifiedByVisitors = 0;
  readonly #kinds: Counts = {};
  readonly #outcomes: Counts = {};
  readonly #disturbances: Counts = {};
  readonly #logged: Counts = {};
  readonly #heapMb: number[] = [];
  readonly #startedAt = performance.now();

  constructor(backend: Backend, seed: number) {
    this.backend = backend;
    this.seed = seed;
  }

  get logger(): Logger {
    const tell = (message: string): void => count(this.#logged, message);
    return { debug: () => {}, info: () => {}, warn: tell, error: tell };
  }

  submitted(kind: JobKind): void {
    count(this.#kinds, kind);
  }

  judged(_kind: JobKind, { isRight, code, phase }: Outcome): void {
    if (isRight) this.#verified++;
    count(
      this.#outcomes,
      isRight === undefined ? [code ?? 'another error', phase].filter(Boolean).join(', ') : 'a result',
    );
  }

  disturbed(disturbance: Disturbance): void {
    count(this.#disturbances, disturbance);
  }

  visited({ verified, refused, wrong }: VisitorTally): void {
    this.#verifiedByVisitors += verified;
    if (refused > 0)
      this.#outcomes['refused or failed, in the other thread'] =
        (this.#outcomes['refused or failed, in the other thread'] ?? 0) + refused;
    this.wrong.push(...wrong);
  }

  endRound(number: number): void {
    this.rounds = number;
    globalThis.gc?.();
    this.#heapMb.push(process.memoryUsage().heapUsed / 2 ** 20);
  }

  get isGood(): boolean {
    return (
      this.wrong.length + this.lost + this.settledTwice + this.begunTwice + this.hung === 0 &&
      this.#verified > 0
    );
  }

  /** Growth of the heap per minute, by the halves of the rounds after the first fifth. */
  get #heapSlopeMbPerMinute(): number {
    const settled = this.#heapMb.slice(Math.floor(this.#heapMb.length / 5));
    const half = Math.floor(settled.length / 2);
    if (half === 0) return 0;
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    const minutes = ((settled.length / 2 / this.#heapMb.length) * this.#seconds) / 60;
    return (mean(settled.slice(-half)) - mean(settled.slice(0, half))) / minutes;
  }

  get #seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** What is kept of it. */
  get figures(): Figures {
    return {
      backend: this.backend,
      seed: this.seed,
      minutes: Number((this.#seconds / 60).toFixed(1)),
      rounds: this.rounds,
      jobs: Object.values(this.#kinds).reduce((a, b) => a + b, 0),
      verified: this.#verified,
      verifiedFromAnotherThread: this.#verifiedByVisitors,
      workerDeaths: this.#logged['worker died'] ?? 0,
      lost: this.lost,
      twice: this.settledTwice + this.begunTwice,
      hung: this.hung,
      wrong: this.wrong.length,
      modulesLeftOpenByNode: this.openModules,
      heapSlopeMbPerMinute: Number(this.#heapSlopeMbPerMinute.toFixed(3)),
      jobsByKind: this.#kinds,
      outcomes: this.#outcomes,
      disturbances: this.#disturbances,
    };
  }

  print(): void {
    const { jobs, verified, verifiedFromAnotherThread, workerDeaths, minutes, heapSlopeMbPerMinute } =
      this.figures;
    console.log(`jobs, by kind:\n${listed(this.#kinds)}`);
    console.log(`outcomes:\n${listed(this.#outcomes)}`);
    console.log(`done to the pools:\n${listed(this.#disturbances)}`);
    console.log(`logged:\n${listed(this.#logged)}`);
    if (this.wrong.length > 0)
      console.log(`wrong:\n${[...this.wrong.slice(0, 10), ...this.wrong.slice(10).slice(-10)].join('\n')}`);
    console.log(
      `${this.backend}: ${minutes} min, ${jobs} jobs, ${verified} verified, ` +
        `${verifiedFromAnotherThread} more from another thread, ${workerDeaths} worker deaths, ` +
        `heap ${heapSlopeMbPerMinute} MB/min`,
    );
    console.log(
      `lost ${this.lost}, twice ${this.settledTwice + this.begunTwice}, hung ${this.hung}, wrong ${this.wrong.length}`,
    );
  }
}
