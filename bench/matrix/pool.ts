/** What the situations need of a pool, in one shape for all of them. A pool that has no such thing leaves it out. */
export interface Pool {
  /** Runs one of the jobs; what comes back, or is thrown, is the pool's own. */
  run(job: string, arg?: unknown): Promise<unknown>;
  /** The same, ended after so many milliseconds by whatever the pool has for that: a time limit, a signal. */
  runAtMost?(ms: number, job: string, arg?: unknown): Promise<unknown>;
  /** The same, and how to call it off while it waits. */
  cancellable?(
    job: string,
    arg?: unknown,
  ): { readonly promise: Promise<unknown>; readonly cancel: () => void };
  /** Lets what runs finish, and closes. */
  close?(): Promise<unknown>;
  /** Ends it at once. */
  destroy(): Promise<unknown>;
}

export interface PoolOptions {
  readonly workers: number;
  /** Tasks a worker takes at once, where that can be chosen. */
  readonly perWorker?: number;
  readonly maxQueue?: number;
  readonly memoryMb?: number;
  /** Its worker module throws when it is imported. */
  readonly fails?: boolean;
}

export interface Contestant {
  readonly name: string;
  /** Its package. */
  readonly from: string;
  open(options: PoolOptions): Pool | Promise<Pool>;
  /** Options that cannot be meant: not a number, a fraction, a name that does not exist. */
  readonly nonsense: Readonly<Record<string, () => unknown>>;
}
