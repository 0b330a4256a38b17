import { NotStartedError } from '../core/errors.ts';
import type { Executor, ExecutorBackend, ExecutorCreateOptions } from '../executor/executor.ts';
import { loadOf } from '../executor/load.ts';
import { PendingExecutor } from '../executor/pending-executor.ts';
import { Promise } from '../core/globals.ts';

/** A pool as the manager knows it. */
export class PoolEntry {
  readonly name: string;
  readonly executor: Executor;
  /** Since when nobody has leased it. */
  idleSinceMs: number;
  /** Its workers have come up, although they may have ended since. */
  hasComeUp = false;
  /** It was above the desired number while it came up. */
  closeWhenUp = false;
  /** It can run nothing any more. */
  brokenBy: Error | undefined;

  readonly #shutDown: Promise<Error>;
  #markShutDown!: (reason: Error) => void;

  constructor(backend: ExecutorBackend, options: ExecutorCreateOptions, now: number) {
    this.name = options.name;
    this.idleSinceMs = now;
    this.executor = openExecutor(backend, options);
    this.#shutDown = new Promise((resolve) => (this.#markShutDown = resolve));
  }

  /** Whether it can begin work now: it has a worker that is up. */
  get isUp(): boolean {
    return this.hasComeUp && loadOf(this.executor)?.workersUp !== 0;
  }

  /**
   * Whether a worker of it has nothing to do. One may still be busy when nobody has leased the pool: a job that was
   * cancelled goes on, and so does the loading of a module.
   */
  get isIdle(): boolean {
    return this.hasComeUp && loadOf(this.executor)?.idleWorkers !== 0;
  }

  /** Resolves when it is up, or with the reason when it never will be. */
  async whenUp(): Promise<Error | undefined> {
    const { ready, broken } = this.executor;
    const ends: Promise<Error | undefined>[] = [this.#shutDown];
    if (broken !== undefined) ends.push(broken);
    const failure = await Promise.race([...ends, Promise.resolve(ready).then(() => undefined)]);
    if (failure === undefined) this.hasComeUp = true;
    return failure;
  }

  async shutdown(timeoutSeconds: number): Promise<void> {
    this.#markShutDown(new NotStartedError(`${this.name} was shut down while it came up`));
    await this.executor.shutdown({ timeoutSeconds });
  }
}

function openExecutor(backend: ExecutorBackend, options: ExecutorCreateOptions): Executor {
  try {
    const executor = backend.createExecutor(options);
    return executor instanceof Promise
      ? new PendingExecutor(options.workers, executor)
      : (executor as Executor);
  } catch (error) {
    return new PendingExecutor(options.workers, Promise.reject(error));
  }
}
