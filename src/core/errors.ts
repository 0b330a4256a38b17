import { defineField } from './define-field.ts';
import { Error, Object, WeakSet } from './globals.ts';

/** Every error the library raises, one class per `code`. Test `error.code`: it survives threads and duplicate copies of the package. */

export interface ErrorDetails {
  readonly cause?: unknown;
  /** `owner` of the item the error is about. */
  readonly owner?: string | undefined;
  /** Name of the task the error is about. */
  readonly taskName?: string | undefined;
}

/** Base class of all errors raised by the library. */
export class LeasepoolError extends Error {
  static {
    named(this, 'LeasepoolError');
  }

  /** Stable identifier, `ERR_LEASEPOOL_…` (for {@link CancelledError}: `ABORT_ERR`). */
  readonly code: string;
  /** `owner` of the item it is about, when it is about one that has one. */
  declare readonly owner?: string | undefined;
  /** Name of the task, likewise. */
  declare readonly taskName?: string | undefined;

  constructor(code: string, message: string, details?: ErrorDetails) {
    super(message);
    // Not as an option: one that is left out would be looked for in Object.prototype.
    if (details !== undefined && Object.hasOwn(details, 'cause'))
      defineField(this, 'cause', details.cause, false);
    this.code = code;
    if (details?.owner !== undefined) this.owner = details.owner;
    if (details?.taskName !== undefined) this.taskName = details.taskName;
  }
}

/** `ERR_LEASEPOOL_NOT_STARTED`: the manager or grinder is not started, or was stopped before the work began. */
export class NotStartedError extends LeasepoolError {
  static {
    named(this, 'NotStartedError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_NOT_STARTED', message, details);
  }
}

/** `ERR_LEASEPOOL_STOPPING`: submitted while the grinder was stopping. */
export class GrinderStoppingError extends LeasepoolError {
  static {
    named(this, 'GrinderStoppingError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_STOPPING', message, details);
  }
}

/** `ERR_LEASEPOOL_STOPPED`: from another thread, the grinder has stopped or its thread has exited. */
export class GrinderStoppedError extends LeasepoolError {
  static {
    named(this, 'GrinderStoppedError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_STOPPED', message, details);
  }
}

/** `ERR_LEASEPOOL_WRONG_THREAD`: the call belongs to another thread; the message names the one to use instead. */
export class WrongThreadError extends LeasepoolError {
  static {
    named(this, 'WrongThreadError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_WRONG_THREAD', message, details);
  }
}

/** `ERR_LEASEPOOL_QUEUE_FULL`: `maxQueueSize` items are waiting already. */
export class QueueFullError extends LeasepoolError {
  static {
    named(this, 'QueueFullError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_QUEUE_FULL', message, details);
  }
}

/** `ERR_LEASEPOOL_LEASE_UNAVAILABLE`: `acquire({ wait: false })` found every pool leased. */
export class LeaseUnavailableError extends LeasepoolError {
  static {
    named(this, 'LeaseUnavailableError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_LEASE_UNAVAILABLE', message, details);
  }
}

/** `ERR_LEASEPOOL_LEASE_EXPIRED`: the lease has ended; the message says how: expired, revoked or released. */
export class LeaseExpiredError extends LeasepoolError {
  static {
    named(this, 'LeaseExpiredError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_LEASE_EXPIRED', message, details);
  }
}

export interface CrashDetails extends ErrorDetails {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly phase: 'queued' | 'running' | 'finished';
}

/** `ERR_LEASEPOOL_WORKER_CRASHED`: the worker this job was with died. */
export class WorkerCrashedError extends LeasepoolError {
  static {
    named(this, 'WorkerCrashedError');
  }

  /** Exit code of the thread or process, where it has one. */
  readonly exitCode: number | undefined;
  /** Signal that ended the process, where one did. */
  readonly signal: string | undefined;
  /** `"queued"`: it never ran (its transferred memory is gone, or each worker died that was sent it); `"running"`: it may have run in part; `"finished"`: it ran, its result is lost. */
  readonly phase: 'queued' | 'running' | 'finished';

  constructor(message: string, details: CrashDetails) {
    super('ERR_LEASEPOOL_WORKER_CRASHED', message, details);
    this.exitCode = details.exitCode;
    this.signal = details.signal;
    this.phase = details.phase;
  }
}

/** `ERR_LEASEPOOL_BROKEN_EXECUTOR`: the pool can run nothing any more; `cause` says why. */
export class BrokenExecutorError extends LeasepoolError {
  static {
    named(this, 'BrokenExecutorError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_BROKEN_EXECUTOR', message, details);
  }
}

/** `ERR_LEASEPOOL_UNSUPPORTED_RUNTIME`: this runtime cannot block a thread for a grinder's answer. */
export class UnsupportedRuntimeError extends LeasepoolError {
  static {
    named(this, 'UnsupportedRuntimeError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_UNSUPPORTED_RUNTIME', message, details);
  }
}

/** `ERR_LEASEPOOL_UNSUPPORTED_BACKEND`: `backend` is neither a known name nor an `ExecutorBackend`, or this runtime cannot have it. */
export class UnsupportedBackendError extends LeasepoolError {
  static {
    named(this, 'UnsupportedBackendError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_UNSUPPORTED_BACKEND', message, details);
  }
}

export interface TimeoutDetails extends ErrorDetails {
  readonly phase: 'acquire' | 'queue' | 'run' | 'result';
}

/** `ERR_LEASEPOOL_TIMEOUT`; `name` is `"TimeoutError"`, as for `AbortSignal.timeout()`. */
export class TimeoutError extends LeasepoolError {
  static {
    named(this, 'TimeoutError');
  }

  /** What took too long. `"acquire"` and `"queue"`: the job never ran. `"run"`: its worker was ended. `"result"`: only the wait ended. */
  readonly phase: 'acquire' | 'queue' | 'run' | 'result';

  constructor(message: string, details: TimeoutDetails) {
    super('ERR_LEASEPOOL_TIMEOUT', message, details);
    this.phase = details.phase;
  }
}

/** Somebody cancelled. `name` is `"AbortError"` and `code` `"ABORT_ERR"`, as everywhere in Node; `cause` is the reason. */
export class CancelledError extends LeasepoolError {
  static {
    named(this, 'AbortError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ABORT_ERR', message, details);
  }
}

export type TaskErrorCode =
  | 'ERR_LEASEPOOL_TASK_INVALID'
  | 'ERR_LEASEPOOL_TASK_NOT_PORTABLE'
  | 'ERR_LEASEPOOL_TASK_MODULE'
  | 'ERR_LEASEPOOL_TASK_NOT_FOUND'
  | 'ERR_LEASEPOOL_TASK_DUPLICATE';

export interface TaskErrorDetails extends ErrorDetails {
  readonly taskName: string;
  readonly freeVariables?: readonly string[] | undefined;
  readonly taskNames?: readonly string[] | undefined;
}

/** The task cannot be found or cannot be sent; the message says why and what to do. */
export class TaskReferenceError extends LeasepoolError {
  static {
    named(this, 'TaskReferenceError');
  }

  declare readonly code: TaskErrorCode;
  declare readonly taskName: string;
  /** For `NOT_PORTABLE`: the outer variables it uses. */
  readonly freeVariables?: readonly string[] | undefined;
  /** For `NOT_FOUND`: the tasks that the module has. */
  readonly taskNames?: readonly string[] | undefined;

  constructor(code: TaskErrorCode, message: string, details: TaskErrorDetails) {
    super(code, message, details);
    if (details.freeVariables !== undefined) this.freeVariables = details.freeVariables;
    if (details.taskNames !== undefined) this.taskNames = details.taskNames;
  }
}

/** `ERR_LEASEPOOL_ASYNC_TASK`: with `asyncTasks: "reject"`, the job returned a promise. */
export class AsyncTaskError extends LeasepoolError {
  static {
    named(this, 'AsyncTaskError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_ASYNC_TASK', message, details);
  }
}

/** `ERR_LEASEPOOL_IMPORT_REENTRY`: a worker imported a task's module and that module starts a manager itself. */
export class ImportReentryError extends LeasepoolError {
  static {
    named(this, 'ImportReentryError');
  }

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_LEASEPOOL_IMPORT_REENTRY', message, details);
  }
}

export interface CloneDetails extends ErrorDetails {
  readonly path?: string | undefined;
}

/** `ERR_LEASEPOOL_NOT_CLONEABLE`: an argument or a result cannot be copied; only that call fails. */
export class NotCloneableError extends LeasepoolError {
  static {
    named(this, 'NotCloneableError');
  }

  /** The offending part, where it can be found: `result.headers.transform`. */
  readonly path: string | undefined;

  constructor(message: string, details?: CloneDetails) {
    super('ERR_LEASEPOOL_NOT_CLONEABLE', message, details);
    this.path = details?.path;
  }
}

/** `ERR_LEASEPOOL_PAYLOAD_TOO_LARGE`: what a call is given or gives is larger than its backend carries; only that call fails. */
export class PayloadTooLargeError extends LeasepoolError {
  static {
    named(this, 'PayloadTooLargeError');
  }

  /** Its size, in bytes as serialised. */
  readonly bytes: number;

  constructor(message: string, details: ErrorDetails & { readonly bytes: number }) {
    super('ERR_LEASEPOOL_PAYLOAD_TOO_LARGE', message, details);
    this.bytes = details.bytes;
  }
}

/** `ERR_LEASEPOOL_POISON_ITEM`: machines died while they ran this job, so often that it is not tried again. */
export class PoisonItemError extends LeasepoolError {
  static {
    named(this, 'PoisonItemError');
  }

  /** Machines that died while they ran it. */
  readonly hostDeaths: number;

  constructor(message: string, details: ErrorDetails & { readonly hostDeaths: number }) {
    super('ERR_LEASEPOOL_POISON_ITEM', message, details);
    this.hostDeaths = details.hostDeaths;
  }
}

/** Errors of these classes that jobs threw: a job may use this package itself. */
const thrownByJobs = new WeakSet<object>();

/** A job threw it: whatever its class, it tells nothing about the pool the job ran in. @returns it */
export function ofJob(thrown: unknown): unknown {
  if (thrown instanceof LeasepoolError) thrownByJobs.add(thrown);
  return thrown;
}

/** Whether this library raised it about the item that gets it, and not the item's own job. */
export function isOfLibrary(reason: unknown): reason is LeasepoolError {
  return reason instanceof LeasepoolError && !thrownByJobs.has(reason);
}

/**
 * The error one item gets: it says which item that is. Errors of a job's own pass as they are; an error that was
 * made for many items (a lease revoked, a manager stopped) gives each a copy of its own.
 */
export function errorForItem(error: unknown, owner: string | undefined, taskName: string): unknown {
  if (!isOfLibrary(error)) return error;
  const own = (error.taskName === undefined ? error : copyOf(error)) as { owner?: string; taskName?: string };
  if (owner !== undefined) own.owner = owner;
  own.taskName ??= taskName;
  return own;
}

/** Whether a pool says so of itself; its package may have a copy of this class of its own. */
export function isBrokenExecutor(error: unknown): boolean {
  return Object(error).code === 'ERR_LEASEPOOL_BROKEN_EXECUTOR';
}

/** Another error that says the same, about no item yet. */
export function copyOf<E extends LeasepoolError>(error: E): E {
  const { taskName: _, owner: __, ...fields } = error;
  const copy = Object.setPrototypeOf(new Error(error.message), Object.getPrototypeOf(error) as object) as E;
  defineField(copy, 'stack', error.stack, false);
  if (Object.hasOwn(error, 'cause')) defineField(copy, 'cause', error.cause, false);
  for (const [key, value] of Object.entries(fields)) defineField(copy, key, value, true);
  return copy;
}

/** Names are set by hand because minifiers rename classes. A declaration, so that the static blocks above can use it. */
function named(target: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(target.prototype, 'name', { value: name, writable: true, configurable: true });
}
