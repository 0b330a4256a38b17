/** The outcome of work submitted from another thread: `await` it, or block for it. */
export interface ThreadFuture<T> extends PromiseLike<T> {
  readonly owner: string | undefined;
  /** Settled: result, error or cancelled. Takes in whatever has arrived, without blocking. */
  done(): boolean;
  /** Takes in whatever has arrived, like {@link done}. */
  cancelled(): boolean;
  /**
   * Cancels: the future rejects with `CancelledError`. Queued work leaves the queue once the owning thread hears of
   * it; work a worker has begun goes on there, and its outcome is dropped.
   * @returns whether the future is cancelled now (`false` when it had settled otherwise)
   */
  cancel(): boolean;
  /**
   * Blocks this thread until the outcome is there. `timeoutSeconds` is the longest time, counted from this call; `0`
   * does not wait; no limit unless given.
   * @throws `TimeoutError`, phase `"result"`: the work goes on. `CancelledError`. `GrinderStoppedError` when the
   *   grinder stops or its thread ends. The job's own error. TypeError, RangeError for options that cannot work.
   */
  result(options?: { readonly timeoutSeconds?: number }): T;
  /** Like {@link result}, but gives the error instead of throwing it; `undefined` on success. */
  exception(options?: { readonly timeoutSeconds?: number }): unknown;
  catch<U = never>(onRejected?: ((reason: unknown) => U | PromiseLike<U>) | null): Promise<T | U>;
  finally(onFinally?: (() => void) | null): Promise<T>;
}
