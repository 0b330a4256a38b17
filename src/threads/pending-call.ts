import { CancelledError, errorForItem, TimeoutError } from '../core/errors.ts';
import { Promise } from '../core/globals.ts';
import { readDurationMs, readOptions } from '../core/options.ts';
import { refuseCloning } from '../core/uncloneable.ts';
import type { ThreadFuture } from './thread-future.ts';

/** What became of a call. */
export type RemoteOutcome =
  | { readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly status: 'rejected' | 'cancelled'; readonly reason: unknown };

/** A call's way to the owner and back. */
export interface CallTransport {
  /** Takes in what has arrived. */
  receiveAvailable(): void;
  /** Takes in what arrives until `isDone` holds, and blocks meanwhile, for at most so long. */
  block(isDone: () => boolean, longestMs: number): void;
  /** Nobody wants the outcome any more. */
  cancel(id: number): void;
  /** Whether the thread must live to see one outcome more, or one less. */
  keepAlive(on: boolean): void;
}

interface WaitOptions {
  readonly timeoutSeconds?: number;
}

/** Something asked of the owner. It settles once. */
export class PendingCall<T> implements ThreadFuture<T> {
  readonly id: number;
  readonly owner: string | undefined;
  readonly #taskName: string | undefined;
  readonly #transport: CallTransport;
  #outcome: RemoteOutcome | undefined;
  /** Made when somebody awaits it. */
  #promise: Promise<T> | undefined;
  #resolve: ((value: T | Promise<never>) => void) | undefined;

  constructor(id: number, line: CallTransport, owner: string | undefined, taskName: string | undefined) {
    this.id = id;
    this.owner = owner;
    this.#taskName = taskName;
    this.#transport = line;
    refuseCloning(this);
  }

  done(): boolean {
    this.#transport.receiveAvailable();
    return this.#outcome !== undefined;
  }

  cancelled(): boolean {
    this.#transport.receiveAvailable();
    return this.#outcome?.status === 'cancelled';
  }

  cancel(): boolean {
    if (!this.done()) {
      this.#transport.cancel(this.id);
      this.settleCancelled(undefined);
    }
    return this.cancelled();
  }

  result(options?: WaitOptions): T {
    const outcome = this.#wait('result()', options);
    if (outcome.status !== 'fulfilled') throw outcome.reason;
    return outcome.value as T;
  }

  exception(options?: WaitOptions): unknown {
    const outcome = this.#wait('exception()', options);
    return outcome.status === 'fulfilled' ? undefined : outcome.reason;
  }

  then<U = T, V = never>(
    onFulfilled?: ((value: T) => U | PromiseLike<U>) | null,
    onRejected?: ((reason: unknown) => V | PromiseLike<V>) | null,
  ): Promise<U | V> {
    return this.#awaited().then(onFulfilled, onRejected);
  }

  catch<U = never>(onRejected?: ((reason: unknown) => U | PromiseLike<U>) | null): Promise<T | U> {
    return this.#awaited().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<T> {
    return this.#awaited().finally(onFinally);
  }

  /** @internal */
  settle(outcome: RemoteOutcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    if (this.#resolve === undefined) return;
    this.#transport.keepAlive(false);
    this.#resolve(settled<T>(outcome));
  }

  /** @internal Because of something that happened in this thread. */
  fail(error: Error): void {
    const own = this.#taskName === undefined ? error : errorForItem(error, this.owner, this.#taskName);
    this.settle({ status: 'rejected', reason: own });
  }

  /** @internal */
  settleCancelled(cause: unknown): void {
    const details = { owner: this.owner, taskName: this.#taskName };
    const error = new CancelledError(
      'the job was cancelled',
      cause === undefined ? details : { ...details, cause },
    );
    this.settle({ status: 'cancelled', reason: error });
  }

  #wait(what: string, options: WaitOptions | undefined): RemoteOutcome {
    const given = readOptions<WaitOptions>(what, options, ['timeoutSeconds']);
    const longestMs = readDurationMs('timeoutSeconds', given.timeoutSeconds, { orZero: true });
    this.#transport.block(() => this.#outcome !== undefined, longestMs ?? Infinity);
    if (this.#outcome !== undefined) return this.#outcome;
    const time = `within ${given.timeoutSeconds as number} s`;
    const message =
      this.#taskName === undefined ? `no answer ${time}` : `no outcome ${time}; the work goes on`;
    const details = { phase: 'result', owner: this.owner, taskName: this.#taskName } as const;
    return { status: 'rejected', reason: new TimeoutError(message, details) };
  }

  #awaited(): Promise<T> {
    if (this.#promise !== undefined) return this.#promise;
    if (this.#outcome !== undefined) return (this.#promise = Promise.resolve(settled<T>(this.#outcome)));
    this.#transport.keepAlive(true);
    return (this.#promise = new Promise((resolve) => (this.#resolve = resolve)));
  }
}

function settled<T>(outcome: RemoteOutcome): T | Promise<never> {
  return outcome.status === 'fulfilled' ? (outcome.value as T) : Promise.reject(outcome.reason);
}
