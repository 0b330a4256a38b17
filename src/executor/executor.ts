/** The seam between leases and whatever runs the jobs. A backend in another package implements this and nothing else. */

import type { Logger } from '../core/logger.ts';
import type { Transferable } from '../task/reference.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import type { WorkerOptions } from 'node:worker_threads';

export type CallOutcome =
  | { readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly status: 'rejected'; readonly reason: unknown }
  /** Certainly never begun (its worker or pool is gone): a grinder runs it elsewhere, a direct caller gets `reason`. */
  | { readonly status: 'returned'; readonly reason: unknown };

/** One call to make. */
export interface ExecutorCall {
  readonly task: ResolvedTask;
  readonly args: readonly unknown[];
  /** Objects inside `args` to move instead of copy. */
  readonly transfer: readonly Transferable[];
  readonly owner: string | undefined;
  /** Longest run, from the moment a worker begins the call. */
  readonly timeoutSeconds: number | undefined;
  /**
   * In milliseconds on the clock of `process.hrtime()` (a backend on other machines converts it to a remaining
   * time): a worker must not begin the call later, and then settles it with a `TimeoutError` of phase `"queue"`.
   */
  readonly beginBeforeMs: number | undefined;
  /** Called as a method, exactly once for each call the executor took, never before `submitBatch()` has returned. */
  settle(outcome: CallOutcome): void;
}

/** What an executor took of a batch. */
export interface SubmitReceipt {
  /** The first `submitted` calls were taken and will settle. */
  readonly submitted: number;
  /** Why the rest were not; they fail with this. With a `BrokenExecutorError` a grinder runs them elsewhere instead. */
  readonly error?: unknown;
}

/** A pool of workers. */
export interface Executor {
  readonly workers: number;
  /** Takes calls in order; returns at once. Must not throw: a failure goes into the receipt. May be called again while earlier calls run. */
  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt;
  /** Takes a call back if no worker has begun it: `true` means it never will, and `settle` will not be called. Without it, nothing is taken back. */
  takeBack?(call: ExecutorCall): boolean;
  /** Ends the workers that run these calls, which settle with `reason`, and replaces them. Without it, revoking a lease with work running retires the pool. */
  endCalls?: ((calls: readonly ExecutorCall[], reason: unknown) => void) | undefined;
  /** Resolves when the pool can run something; never rejects. An executor that can at once leaves it out. */
  readonly ready?: Promise<void> | undefined;
  /** Resolves when the pool can run nothing any more; the manager then retires it. Never rejects. A backend that cannot break leaves it out. */
  readonly broken?: Promise<Error> | undefined;
  /**
   * Ends the pool: calls not begun settle as `"returned"`; running ones get `timeoutSeconds`. Resolves when nothing of
   * it is left, or nothing but what {@link leftBehind} tells of.
   */
  shutdown(options: { readonly timeoutSeconds: number }): Promise<void>;
  /**
   * While workers are left that cannot be ended (each is in a native call): resolves when they have ended. Until then
   * the pool counts as one of the manager's, also after its shutdown. A backend that can end every worker leaves it out.
   */
  readonly leftBehind?: Promise<void> | undefined;
}

/** What a pool tells of the time its work takes, for the manager's stats. Optional: what is not told is not in them. */
export interface ExecutorMeter {
  /** Workers have made so many calls, which ran so long in all. */
  callsRan(calls: number, runSeconds: number): void;
  /** A chunk has been answered: this is what it took beyond the run of its calls. */
  chunkCarried(transportSeconds: number): void;
}

/** What is passed on to every worker thread. */
export type WorkerSettings = Pick<WorkerOptions, 'env' | 'execArgv' | 'resourceLimits' | 'stdout' | 'stderr'>;

export interface ExecutorCreateOptions {
  readonly workers: number;
  /** `<namePrefix>-<n>` */
  readonly name: string;
  readonly asyncTasks: 'await' | 'reject';
  readonly preload: readonly string[];
  readonly workerData: unknown;
  readonly startTimeoutSeconds: number;
  readonly workerOptions: WorkerSettings | undefined;
  readonly logger: Logger;
  readonly meter?: ExecutorMeter | undefined;
}

/** Makes executors for a manager. */
export interface ExecutorBackend {
  readonly name: string;
  createExecutor(options: ExecutorCreateOptions): Executor | Promise<Executor>;
}
