import type { Executor, ExecutorBackend, ExecutorCreateOptions } from '../executor/executor.ts';
import { OpeningExecutor } from '../executor/opening.ts';

/** A pool as the manager knows it. */
export class ManagedPool {
  readonly name: string;
  readonly executor: Executor;
  /** Since when nobody has leased it. */
  idleSinceMs: number;
  /** Its workers are up. */
  isUp = false;
  /** It was above the desired number while it came up. */
  isUnwanted = false;
  /** It can run nothing any more. */
  brokenBy: Error | undefined;

  constructor(backend: ExecutorBackend, options: ExecutorCreateOptions, now: number) {
    this.name = options.name;
    this.idleSinceMs = now;
    this.executor = openExecutor(backend, options);
  }

  /** Resolves when it is up, or with the reason when it is broken. */
  async whenUp(): Promise<Error | undefined> {
    const { ready, broken } = this.executor;
    const failure = await Promise.race([ready, ...(broken === undefined ? [] : [broken])]);
    if (failure === undefined) this.isUp = true;
    return failure ?? undefined;
  }
}

function openExecutor(backend: ExecutorBackend, options: ExecutorCreateOptions): Executor {
  try {
    const executor = backend.createExecutor(options);
    return executor instanceof Promise
      ? new OpeningExecutor(options.workers, executor)
      : (executor as Executor);
  } catch (error) {
    return new OpeningExecutor(options.workers, Promise.reject(error));
  }
}
