import { BrokenExecutorError, isBrokenExecutor, NotStartedError } from '../core/errors.ts';
import type { Executor, ExecutorCall, SubmitReceipt } from './executor.ts';
import { Error, Promise, String, TypeError } from '../core/globals.ts';

/** An executor must not throw, and says what it took; one from another package might not. */
export function submitGuarded(executor: Executor, calls: readonly ExecutorCall[]): SubmitReceipt {
  try {
    const receipt = executor.submitBatch(calls);
    if (receipt.submitted >= 0) return receipt;
    throw new TypeError('submitBatch() must return a receipt with the number of calls it took');
  } catch (error) {
    return { submitted: 0, error };
  }
}

/**
 * Stands in for an executor that a backend is still making: its lease is granted at once, and what is sent
 * through it waits here.
 */
export class PendingExecutor implements Executor {
  readonly workers: number;
  readonly ready: Promise<void>;
  readonly broken: Promise<Error>;
  #executor: Executor | undefined;
  #failed: BrokenExecutorError | undefined;
  /** Batches that wait, each as it was sent. */
  #waiting: ExecutorCall[][] = [];
  readonly #opened: Promise<void>;

  constructor(workers: number, opening: Promise<Executor>) {
    this.workers = workers;
    this.#opened = opening.then(
      (executor) => this.#open(executor),
      (error: unknown) => this.#fail(error),
    );
    const opened = this.#opened;
    this.ready = opened.then(() =>
      this.#executor === undefined ? new Promise<void>(() => {}) : this.#executor.ready,
    );
    this.broken = opened.then(() => this.#failed ?? this.#executor!.broken ?? new Promise<Error>(() => {}));
  }

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    if (this.#failed !== undefined) return { submitted: 0, error: this.#failed };
    if (this.#executor !== undefined) return submitGuarded(this.#executor, calls);
    this.#waiting.push([...calls]);
    return { submitted: calls.length };
  }

  takeBack(call: ExecutorCall): boolean {
    if (this.#executor !== undefined) return this.#executor.takeBack?.(call) === true;
    for (const batch of this.#waiting) {
      const place = batch.indexOf(call);
      if (place >= 0) return batch.splice(place, 1).length > 0;
    }
    return false;
  }

  /** As the executor has it; before it is there, nothing runs. */
  get endCalls(): Executor['endCalls'] {
    const executor = this.#executor;
    if (executor === undefined) return () => {};
    return executor.endCalls === undefined ? undefined : (calls, reason) => executor.endCalls!(calls, reason);
  }

  get leftBehind(): Promise<void> | undefined {
    return this.#executor?.leftBehind;
  }

  async shutdown(options: { readonly timeoutSeconds: number }): Promise<void> {
    this.#failed ??= new BrokenExecutorError('the pool was shut down');
    const reason = new NotStartedError('the pool was shut down before the job began');
    for (const call of this.#waiting.splice(0).flat()) call.settle({ status: 'returned', reason });
    await this.#opened;
    await this.#executor?.shutdown(options);
  }

  #open(executor: Executor): void {
    this.#executor = executor;
    for (const batch of this.#waiting.splice(0)) {
      const { submitted, error } = submitGuarded(executor, batch);
      if (submitted >= batch.length) continue;
      const isBroken = isBrokenExecutor(error);
      if (isBroken) this.#failed ??= error as BrokenExecutorError;
      const status = isBroken ? 'returned' : 'rejected';
      for (const call of batch.slice(submitted)) call.settle({ status, reason: error });
    }
  }

  #fail(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#failed = isBrokenExecutor(error)
      ? (error as BrokenExecutorError)
      : new BrokenExecutorError(`the pool could not be made: ${why}`, { cause: error });
    for (const call of this.#waiting.splice(0).flat())
      call.settle({ status: 'returned', reason: this.#failed });
  }
}
