import type {
  Executor,
  ExecutorBackend,
  ExecutorCall,
  ExecutorCreateOptions,
  SubmitReceipt,
} from 'leasepool';
import { FakeBackend, type FakeCall, type FakePool } from './fake-backend.ts';

/** What a {@link ManualBackend} leaves out or delays. */
export interface ManualOptions {
  readonly withoutTakeBack?: boolean;
  readonly withoutEndCalls?: boolean;
  /** Executors are promised, and come when {@link ManualBackend.open} is called. */
  readonly opensLater?: boolean;
  /** A shutdown ends when {@link ManualExecutor.endShutdown} is called. */
  readonly endsLater?: boolean;
}

/** A {@link FakePool} whose optional methods may be missing and whose end may take its time. */
export class ManualExecutor implements Executor {
  readonly pool: FakePool;
  readonly workers: number;
  readonly broken: Promise<Error>;
  readonly takeBack?: (call: ExecutorCall) => boolean;
  readonly endCalls?: (calls: readonly ExecutorCall[], reason: unknown) => void;
  readonly ended: { readonly calls: readonly ExecutorCall[]; readonly reason: unknown }[] = [];
  /** `timeoutSeconds` of each shutdown. */
  readonly shutdowns: number[] = [];
  #endShutdown!: () => void;
  readonly #shutdownEnded: Promise<void>;
  readonly #whenGone: () => void;

  constructor(pool: FakePool, options: ManualOptions, whenGone: () => void) {
    this.pool = pool;
    this.workers = pool.workers;
    this.broken = pool.broken;
    this.#whenGone = whenGone;
    this.#shutdownEnded = options.endsLater
      ? new Promise((resolve) => (this.#endShutdown = resolve))
      : Promise.resolve();
    if (!options.withoutTakeBack) this.takeBack = (call) => pool.takeBack(call);
    if (!options.withoutEndCalls) {
      this.endCalls = (calls, reason) => {
        this.ended.push({ calls: [...calls], reason });
        pool.endCalls(calls, reason);
      };
    }
  }

  /** Calls taken and not settled, the oldest first. */
  get held(): FakeCall[] {
    return [...this.pool.held.values()];
  }

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    return this.pool.submitBatch(calls);
  }

  async shutdown({ timeoutSeconds }: { readonly timeoutSeconds: number }): Promise<void> {
    this.shutdowns.push(timeoutSeconds);
    await this.pool.shutdown();
    await this.#shutdownEnded;
    this.#whenGone();
  }

  endShutdown(): void {
    this.#endShutdown();
  }
}

/** Makes executors that the test controls, and counts how many there are at once. */
export class ManualBackend implements ExecutorBackend {
  readonly name = 'manual';
  readonly created: ExecutorCreateOptions[] = [];
  readonly executors: ManualExecutor[] = [];
  live = 0;
  mostLive = 0;
  readonly #fakes = new FakeBackend();
  readonly #options: ManualOptions;
  readonly #openings: { readonly open: () => void; readonly fail: (error: Error) => void }[] = [];

  constructor(options: ManualOptions = {}) {
    this.#options = options;
  }

  /** What each `submitBatch()` brought, over all pools. */
  get batches(): FakeCall[][] {
    return this.#fakes.batches;
  }

  /** Executors promised and not there yet. */
  get opening(): number {
    return this.#openings.length;
  }

  createExecutor(options: ExecutorCreateOptions): Executor | Promise<Executor> {
    this.created.push(options);
    this.live += 1;
    this.mostLive = Math.max(this.mostLive, this.live);
    if (!this.#options.opensLater) return this.#make(options);
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        this.live -= 1;
        reject(error);
      };
      this.#openings.push({ open: () => resolve(this.#make(options)), fail });
    });
  }

  /** The oldest promise gives its executor. */
  open(): void {
    this.#openings.shift()!.open();
  }

  /** The oldest promise rejects. */
  failToOpen(error: Error): void {
    this.#openings.shift()!.fail(error);
  }

  #make(options: ExecutorCreateOptions): ManualExecutor {
    const gone = (): void => void (this.live -= 1);
    const executor = new ManualExecutor(this.#fakes.createExecutor(options), this.#options, gone);
    this.executors.push(executor);
    return executor;
  }
}
