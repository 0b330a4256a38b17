/** Managers, leases, grinders, futures and errors. Checked by the compiler, never run. */
import {
  CancelledError,
  LeasedExecutorManager,
  LeasepoolError,
  NotCloneableError,
  TaskReferenceError,
  TimeoutError,
  WorkerCrashedError,
  WorkGrinder,
} from 'leasepool';
import type {
  Executor,
  ExecutorBackend,
  ExecutorCall,
  ExecutorLease,
  GrinderStats,
  LeaseStats,
  ManagerStats,
  ResolvedTask,
  WorkFuture,
} from 'leasepool';
import { expectTypeOf } from 'vitest';

// Managers.
declare const backend: ExecutorBackend;
const manager = new LeasedExecutorManager();
void new LeasedExecutorManager({ backend, logger: console, sizeProvider: () => 3 });
void new LeasedExecutorManager({ backend: 'process', maxPools: undefined, workerData: { any: 'thing' } });
void new LeasedExecutorManager({
  workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 64 }, env: {} },
});
void new LeasedExecutorManager({ preload: ['package', new URL('./tasks.js', import.meta.url)] });
// @ts-expect-error no such backend
void new LeasedExecutorManager({ backend: 'fiber' });
// @ts-expect-error a typo
void new LeasedExecutorManager({ workerPerPool: 4 });
// @ts-expect-error a string is no number
void new LeasedExecutorManager({ workersPerPool: '4' });
// @ts-expect-error options of workers that are the package's own
void new LeasedExecutorManager({ workerOptions: { name: 'mine' } });
// @ts-expect-error a number of milliseconds is not what it takes
void new LeasedExecutorManager({ idleMs: 1000 });
// @ts-expect-error half a logger
void new LeasedExecutorManager({ logger: { info() {} } });
// @ts-expect-error counts are read only
manager.leasedCount = 1;
expectTypeOf(manager).toExtend<AsyncDisposable>();
expectTypeOf(manager.acquire()).toEqualTypeOf<Promise<ExecutorLease>>();
expectTypeOf(manager.withLease(() => 1)).toEqualTypeOf<Promise<number>>();
expectTypeOf(manager.withLease(async (lease) => lease.leaseId)).toEqualTypeOf<Promise<string>>();
expectTypeOf(manager.stats()).toEqualTypeOf<ManagerStats>();
expectTypeOf(manager.stats().leases).toEqualTypeOf<readonly LeaseStats[]>();
expectTypeOf(manager.desiredExecutorCount()).toEqualTypeOf<number>();
// @ts-expect-error a typo
void manager.acquire({ timeout: 1 });
// @ts-expect-error there is no such option
void manager.stop({ cancelPending: true });

// Leases.
declare const lease: ExecutorLease;
expectTypeOf(lease).toExtend<AsyncDisposable>();
expectTypeOf(lease.signal).toEqualTypeOf<AbortSignal>();
expectTypeOf(lease.owner).toEqualTypeOf<string | undefined>();
// @ts-expect-error read only
lease.active = false;

// Grinders.
const grinder = new WorkGrinder({ executorManager: manager });
void new WorkGrinder({ executorManager: manager, maxQueueSize: Infinity, logger: undefined });
// @ts-expect-error which manager
void new WorkGrinder();
// @ts-expect-error which manager
void new WorkGrinder({ batchSizeThreshold: 1 });
// @ts-expect-error the manager is an option
void new WorkGrinder(manager);
// @ts-expect-error a typo
void new WorkGrinder({ executorManager: manager, batchSizeTreshold: 1 });
// @ts-expect-error another word
void new WorkGrinder({ executorManager: manager, dispatch: 'eager' });
expectTypeOf(grinder).toExtend<AsyncDisposable>();
expectTypeOf(grinder.stats()).toEqualTypeOf<GrinderStats>();
expectTypeOf(grinder.astats()).toEqualTypeOf<Promise<GrinderStats>>();
expectTypeOf(grinder.waitForRoom()).toEqualTypeOf<Promise<void>>();
void grinder.stop({ cancelPending: true, timeoutSeconds: 0 });
// @ts-expect-error a typo
void grinder.stop({ cancelQueued: true });
// @ts-expect-error what is inside is nobody's business
void grinder.settled;

// Futures are promises, so awaiting one gives the result.
declare const future: WorkFuture<number>;
expectTypeOf(future).toExtend<Promise<number>>();
expectTypeOf<Awaited<typeof future>>().toEqualTypeOf<number>();
expectTypeOf(Promise.all([future, future])).toEqualTypeOf<Promise<[number, number]>>();
expectTypeOf(future.cancel('why')).toEqualTypeOf<boolean>();
expectTypeOf([future.done(), future.cancelled(), future.running()]).toEqualTypeOf<boolean[]>();
// @ts-expect-error the result has no such method: a future that was awaited is none any more
void (async () => (await future).cancel());
// @ts-expect-error a promise is no future
void ((): WorkFuture<number> => Promise.resolve(7));

// Errors.
declare const error: unknown;
if (error instanceof LeasepoolError) expectTypeOf(error.code).toEqualTypeOf<string>();
if (error instanceof TaskReferenceError) {
  expectTypeOf(error.taskName).toEqualTypeOf<string>();
  expectTypeOf(error.freeVariables).toEqualTypeOf<readonly string[] | undefined>();
  expectTypeOf(
    error.code,
  ).toEqualTypeOf<`ERR_LEASEPOOL_TASK_${'INVALID' | 'NOT_PORTABLE' | 'MODULE' | 'NOT_FOUND' | 'DUPLICATE'}`>();
  // @ts-expect-error no code of this class
  void (error.code === 'ERR_LEASEPOOL_TIMEOUT');
}
if (error instanceof TimeoutError) {
  expectTypeOf(error.phase).toEqualTypeOf<'acquire' | 'queue' | 'run' | 'result'>();
}
if (error instanceof WorkerCrashedError) {
  expectTypeOf(error.exitCode).toEqualTypeOf<number | undefined>();
  expectTypeOf(error.phase).toEqualTypeOf<'queued' | 'running' | 'finished'>();
}
if (error instanceof NotCloneableError) expectTypeOf(error.path).toEqualTypeOf<string | undefined>();
expectTypeOf(new CancelledError('over')).toExtend<Error>();

// A backend of one's own: the outcome of each call is told by methods of that call.
const own: ExecutorBackend = {
  name: 'own',
  createExecutor: ({ workers }): Executor => ({
    workers,
    submitBatch(calls: readonly ExecutorCall[]) {
      for (const { task, args } of calls)
        expectTypeOf([name(task), args]).toEqualTypeOf<(string | readonly unknown[])[]>();
      calls[0]?.settle({ status: 'fulfilled', value: 1 });
      // @ts-expect-error no such outcome
      calls[0]?.settle({ status: 'done' });
      return { submitted: calls.length };
    },
    async shutdown({ timeoutSeconds }) {
      expectTypeOf(timeoutSeconds).toEqualTypeOf<number>();
    },
  }),
};
void own;

function name(task: ResolvedTask): string {
  return task.kind === 'source' ? task.source : task.module;
}
