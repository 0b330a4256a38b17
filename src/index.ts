/// <reference types="node" preserve="true" />
/**
 * Many async callers, small synchronous jobs, batches on leased worker pools.
 *
 * @module leasepool
 * @example
 * import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
 *
 * await using manager = new LeasedExecutorManager({ workersPerPool: 4 });
 * await using grinder = new WorkGrinder({ executorManager: manager });
 * await manager.start();
 * await grinder.start();
 * const square = await grinder.submit((value: number) => value * value, [7]);
 */

export { defineTasks } from './task/define.ts';
export { importTasks, taskRef } from './task/import.ts';
export { move } from './task/move.ts';
export type { ModuleLocation, Task, TaskModule, TaskRef, Transferable } from './task/reference.ts';
export { workerData } from './task/worker-data.ts';
export type { ResolvedTask } from './wire/reference.ts';

export type { WorkFuture } from './job/future.ts';
export type { SubmitOptions, SubmitRest } from './job/submit-options.ts';

export type {
  CallOutcome,
  Executor,
  ExecutorBackend,
  ExecutorCall,
  ExecutorCreateOptions,
  ExecutorMeter,
  SubmitReceipt,
} from './executor/executor.ts';

export type { AcquireOptions } from './lease/acquire-options.ts';
export { ExecutorLease } from './lease/executor-lease.ts';
export { LeasedExecutorManager, type ManagerStopOptions } from './lease/manager.ts';
export type { LeasedExecutorManagerOptions } from './lease/manager-options.ts';
export type { LeaseStats, ManagerStats } from './lease/stats.ts';

export { WorkGrinder, type GrinderStopOptions } from './grinder/grinder.ts';
export type { WorkGrinderOptions } from './grinder/grinder-options.ts';
export type { MapArgs, MapOptions, MapOutcome } from './grinder/map-options.ts';
export type { MapSource } from './grinder/map-source.ts';
export type { Mapping } from './grinder/mapping.ts';
export type { GrinderStats } from './grinder/stats.ts';

export { connectGrinder } from './threads/connect.ts';
export type { RemoteGrinder, ThreadSubmitOptions } from './threads/remote-grinder.ts';
export type { ThreadFuture } from './threads/thread-future.ts';
export type { GrinderThreadHandle } from './wire/thread-handle.ts';

export type {
  BatchMessage,
  DiagnosedItem,
  DiagnosticsMessages,
  ItemSendMessage,
  ItemSettleMessage,
  ItemSubmitMessage,
  LeaseAcquireMessage,
  LeaseEndMessage,
  LeaseExpireMessage,
  LeaseLoseMessage,
  PoolBreakMessage,
  PoolCloseMessage,
  PoolOpenMessage,
  PoolUpMessage,
  WorkerEndMessage,
  WorkerStartMessage,
  WorkerUpMessage,
} from './diagnostics/channels.ts';
export type { HistogramStats } from './diagnostics/histogram.ts';

export type { Logger } from './core/logger.ts';
export {
  AsyncTaskError,
  BrokenExecutorError,
  CancelledError,
  GrinderStoppedError,
  GrinderStoppingError,
  ImportReentryError,
  LeaseExpiredError,
  LeasepoolError,
  LeaseUnavailableError,
  NotCloneableError,
  NotStartedError,
  PayloadTooLargeError,
  PoisonItemError,
  QueueFullError,
  TaskReferenceError,
  TimeoutError,
  UnsupportedBackendError,
  UnsupportedRuntimeError,
  WorkerCrashedError,
  WrongThreadError,
} from './core/errors.ts';
