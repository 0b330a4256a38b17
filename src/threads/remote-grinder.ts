import { sharedNow } from '../core/clock.ts';
import { WrongThreadError } from '../core/errors.ts';
import { Object } from '../core/globals.ts';
import { readOptions } from '../core/options.ts';
import { refuseCloning } from '../core/uncloneable.ts';
import type { GrinderStats } from '../grinder/stats.ts';
import { refusedCall } from '../job/refused-call.ts';
import { readArgs, readSubmitOptions, type SubmitOptions, type SubmitRest } from '../job/submit-options.ts';
import type { Task } from '../task/reference.ts';
import { encodeErrors } from '../wire/error-codec.ts';
import { resolveTask } from '../task/resolve.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import type { Connection } from './connection.ts';
import type { ThreadFuture } from './thread-future.ts';

/** Options of a submission from another thread, as of one on the owning thread. Arguments are copied. */
export type ThreadSubmitOptions = Pick<SubmitOptions, 'owner' | 'timeoutSeconds' | 'queueTimeoutSeconds'>;

const optionKeys: readonly (keyof ThreadSubmitOptions)[] = ['owner', 'timeoutSeconds', 'queueTimeoutSeconds'];

/**
 * A grinder owned by another thread. Its owner-only methods (`submit`, `enqueue`, `start`, `stop`, `stats`, `astats`),
 * absent from the types, throw `WrongThreadError` naming the method to use instead.
 */
export interface RemoteGrinder extends Disposable {
  /**
   * Queues a job there and hands its future back at once. What is submitted before this thread blocks, or before the
   * end of the turn, travels together. Arguments are copied when they leave; `queueTimeoutSeconds` counts from this call.
   * @throws `TaskReferenceError`; `GrinderStoppedError` when the grinder has stopped or this connection was closed;
   *   TypeError and RangeError for arguments and options that cannot work. The future fails with `GrinderStoppingError`
   *   and `QueueFullError`.
   */
  submitFromThread<A extends readonly unknown[], R>(
    task: Task<A, R>,
    ...rest: SubmitRest<A, ThreadSubmitOptions>
  ): ThreadFuture<Awaited<R>>;
  /**
   * Blocks until the owner answers. `timeoutSeconds` is the longest time, counted from this call; `0` does not wait;
   * no limit unless given.
   * @throws `TimeoutError`, phase `"result"`; `GrinderStoppedError`; TypeError, RangeError for options that cannot work
   */
  statsFromThread(options?: { readonly timeoutSeconds?: number }): GrinderStats;
  /** Cancels this thread's outstanding work and lets go. Happens by itself when the thread exits. */
  close(): void;
}

/** What stands behind a {@link RemoteGrinder}. */
export class RemoteGrinderClient implements RemoteGrinder {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    refuseCloning(this);
  }

  submitFromThread<A extends readonly unknown[], R>(
    task: Task<A, R>,
    ...rest: SubmitRest<A, ThreadSubmitOptions>
  ): ThreadFuture<Awaited<R>> {
    const resolved = resolvedOf(task, rest[1]);
    const { values: args, errors } = encodeErrors(readArgs(rest[0]));
    const given = readOptions<ThreadSubmitOptions>('submitFromThread()', rest[1], optionKeys);
    const { owner, timeoutSeconds, queueTimeoutMs } = readSubmitOptions('submitFromThread()', given);
    const submittedAtMs = sharedNow();
    return this.#connection.request(
      (id) => ({
        kind: 'submit',
        id,
        task: resolved,
        args,
        errors,
        owner,
        timeoutSeconds,
        queueTimeoutMs,
        submittedAtMs,
      }),
      owner,
      resolved.name,
    );
  }

  statsFromThread(options?: { readonly timeoutSeconds?: number }): GrinderStats {
    return this.#connection.request<GrinderStats>((id) => ({ kind: 'stats', id })).result(options);
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function resolvedOf(task: unknown, options: unknown): ResolvedTask {
  try {
    return resolveTask(task);
  } catch (error) {
    throw refusedCall(error, task, options);
  }
}

const ownersMethods: Readonly<Record<string, string>> = {
  submit: 'use submitFromThread()',
  enqueue: 'use submitFromThread()',
  stats: 'use statsFromThread()',
  astats: 'use statsFromThread()',
  start: 'only that thread can start() it',
  stop: 'only that thread can stop() it; close() lets go of it here',
};

for (const [method, instead] of Object.entries(ownersMethods)) {
  const value = (...[task, , options]: readonly unknown[]): never => {
    const error = new WrongThreadError(`${method}() is for the thread that owns the grinder: ${instead}`);
    throw method === 'submit' || method === 'enqueue' ? refusedCall(error, task, options) : error;
  };
  Object.defineProperty(RemoteGrinderClient.prototype, method, { value });
}
