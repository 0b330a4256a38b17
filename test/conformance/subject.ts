import type { ExecutorBackend, ExecutorCreateOptions } from 'leasepool';
import { afterAll, test } from 'vitest';
import { Bench, openBench } from '../support/executor-bench.ts';

/** What a row of the suite needs that not every backend can have. */
export type Need =
  /** Jobs run beside the calling thread: they may block. */
  | 'blocking jobs'
  /** Its workers can be ended: time limits, `endCalls()`. */
  | 'ending workers'
  /** … at once, when `endCalls()` or a shutdown says so. */
  | 'ending calls at once'
  /** A worker may die without taking the caller along. */
  | 'dying workers'
  /** A worker can die on the spot, without a last word. */
  | 'sudden deaths'
  | 'memory limits'
  /** Arguments are moved. */
  | 'moving'
  /** … and results. */
  | 'moving results'
  /** They are copied, also those that were to be moved. */
  | 'copying what is to be moved'
  /** Shared memory, ports and keys can be given to a job. */
  | 'sharing'
  /** They cannot, and are refused. */
  | 'refusing what cannot be shared'
  /** Views keep their class, and bring their own bytes only. */
  | 'own memory'
  /** Errors travel in an envelope of the package. */
  | 'envelope'
  | 'workerData'
  | 'preload'
  | 'breaking'
  | 'parentPort'
  | 'an IPC channel'
  | 'a directory of its own'
  | 'printing from a worker'
  /** A shutdown of the executor is one of its workers. */
  | 'workers of its own'
  | 'several workers'
  /** A later batch need not wait for an earlier one. */
  | 'several batches at once'
  /** A call that was sent can be taken back before it begins. */
  | 'taking back what was sent'
  /** Of a promise with a `then` of its own, that is what is waited for. */
  | 'asking a promise of its own'
  | 'source text'
  | 'separate heaps';

/** Why a backend does not have it. */
export type Skips = Partial<Record<Need, string>>;

/** A backend on its way through the suite. */
export class Subject {
  readonly name: string;
  readonly backend: ExecutorBackend;
  readonly #skips: Skips;

  constructor(name: string, backend: ExecutorBackend, skips: Skips) {
    this.name = name;
    this.backend = backend;
    this.#skips = skips;
  }

  /** A test, or, where the backend cannot have what it needs, a skipped one that says why. */
  row(title: string, needs: readonly Need[], run: () => Promise<void>, timeoutMs = 30_000): void {
    const reason = needs.map((need) => this.#skips[need]).find((why) => why !== undefined);
    if (reason === undefined) test(title, { timeout: timeoutMs }, run);
    else test.skip(`${title} [${this.name}: ${reason}]`);
  }

  can(need: Need): boolean {
    return this.#skips[need] === undefined;
  }

  /** The task that waits at a gate: in the calling thread it must not block. */
  get hold(): 'hold' | 'holdAsync' {
    return this.can('blocking jobs') ? 'hold' : 'holdAsync';
  }

  /**
   * One executor for those rows of a group that replace its workers at most: opened by the first, ended after the
   * last, with the checks of every call.
   */
  share(options: Partial<ExecutorCreateOptions> = {}): () => Promise<Bench> {
    let bench: Promise<Bench> | undefined;
    afterAll(async () => (await bench)?.end());
    return () => (bench ??= Bench.of(this.backend, options));
  }

  /** One for a single row. */
  open(options: Partial<ExecutorCreateOptions> = {}): Promise<Bench> {
    return openBench(this.backend, options);
  }
}
