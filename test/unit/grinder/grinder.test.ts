import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WorkerPool } from '../../../src/executor/worker-pool.ts';
import { WorkGrinder } from '../../../src/grinder/grinder.ts';
import type { ExecutorCreateOptions } from '../../../src/executor/executor.ts';
import { BrokenExecutorError } from '../../../src/core/errors.ts';
import type { WorkFuture } from '../../../src/job/future.ts';
import type { ExecutorLease } from '../../../src/lease/executor-lease.ts';
import { LeasedExecutorManager } from '../../../src/lease/manager.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FakeExecutor, FakePools } from '../../support/fake-executor.ts';
import { FakeWorkers } from '../../support/fake-workers.ts';

interface Setup {
  readonly maxPools?: number;
  readonly workers?: number;
  readonly maxConcurrentBatches?: number;
  readonly dispatch?: 'threshold' | 'natural';
  readonly maxQueueSize?: number;
}

/** A grinder on a manager on pools that do what the test says. */
async function setup({ maxPools = 1, workers = 1, ...options }: Setup = {}) {
  const clock = new FakeClock();
  const backend = new FakePools();
  const manager = new LeasedExecutorManager(
    { backend, maxPools, workersPerPool: workers, leaseGraceSeconds: 2 },
    clock,
  );
  const grinder = new WorkGrinder(
    {
      executorManager: manager,
      batchSizeThreshold: 3,
      maxBatchSize: 6,
      maxWaitSeconds: 0.02,
      leaseSeconds: 5,
      ...options,
    },
    clock,
  );
  await manager.start();
  await grinder.start();
  return { clock, backend, manager, grinder };
}

const echo = (value: number): number => value;

/** The workers of a pool die: what they had begun fails, the rest comes back. */
function crash(executor: FakeExecutor, reason: Error): void {
  for (const call of executor.begun) {
    executor.held.delete(call);
    call.settle({ status: 'rejected', reason: new Error('crashed') });
  }
  executor.begun.clear();
  executor.giveBack(reason);
}

test('S33 a due item takes the place of one that was sent and withdrawn before it began, by a cancel or a queue timeout', async () => {
  for (const options of [{}, { queueTimeoutSeconds: 0.1 }]) {
    const { clock, backend, grinder } = await setup({ workers: 2, dispatch: 'natural' });
    void grinder.enqueue(echo, [0]);
    const sent = grinder.enqueue(echo, [1], options);
    void grinder.enqueue(echo, [2]);
    await clock.flush();
    void grinder.enqueue(echo, [3]);
    await clock.flush();
    backend.last.begin(1);
    backend.last.finish(1); // Two of three are left.
    const sizes = (): number[] => backend.batches.map(({ length }) => length);
    expect([sizes(), grinder.stats().pending]).toEqual([[3], 1]);
    if (options.queueTimeoutSeconds === undefined) sent.cancel();
    await clock.advance(100);
    expect(sent.done()).toBe(true);
    expect([sizes(), grinder.stats().pending]).toEqual([[3, 1], 0]);
  }
});

test('S1 S32 what was refused or cancelled at once makes no later item older than it is', async () => {
  const { clock, grinder } = await setup({ maxQueueSize: 1 });
  void grinder.submit(echo, [0], { signal: AbortSignal.abort() }).catch(() => {});
  await clock.advance(15);
  const first = grinder.enqueue(echo, [1]);
  expect(grinder.stats().oldestWaitSeconds).toBe(0);
  await clock.advance(5);
  expect(() => grinder.enqueue(echo, [2])).toThrow('waiting already');
  await clock.advance(10);
  first.cancel();
  void grinder.enqueue(echo, [3]);
  expect(grinder.stats().oldestWaitSeconds).toBe(0);
  await clock.advance(19);
  expect(grinder.stats().pending).toBe(1);
});

test('N3 an item given back after its queue timeout fails then, and does not wait for another worker to refuse it', async () => {
  const { clock, backend, grinder } = await setup({ dispatch: 'natural' });
  const first = grinder.enqueue(echo, [0], { queueTimeoutSeconds: 0.1 });
  await clock.flush();
  backend.last.takeBack = () => false;
  await clock.advance(100);
  expect(first.done()).toBe(false);
  backend.last.giveBack(new Error('never begun'));
  await expect(first).rejects.toMatchObject({ name: 'TimeoutError', phase: 'queue' });
  await clock.flush();
  expect(backend.batches).toHaveLength(1);
});

const pool = { pool: fc.nat() };
const act = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      count: fc.integer({ min: 1, max: 6 }),
      queueTimeoutMs: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
      hasSignal: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('begin' as const, 'finish' as const, 'reject' as const),
      count: fc.integer({ min: 1, max: 4 }),
      ...pool,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('crash' as const, 'break' as const), ...pool }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(30), fc.nat(20_000)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'abort' as const,
        'stop' as const,
        'cancelling stop' as const,
        'start' as const,
        'acquire' as const,
        'release' as const,
        'stop manager' as const,
        'start manager' as const,
      ),
    }),
  },
);

describe('S27 S32 S22 M1 whatever happens', () => {
  test('every item settles once, all counts balance in every turn, and after a stop nothing is left (property)', async () => {
    const settings = fc.record({
      maxPools: fc.integer({ min: 1, max: 3 }),
      workers: fc.integer({ min: 1, max: 3 }),
      maxConcurrentBatches: fc.integer({ min: 1, max: 3 }),
      dispatch: fc.constantFrom('threshold' as const, 'natural' as const),
    });
    await fc.assert(
      fc.asyncProperty(settings, fc.array(act, { maxLength: 60 }), async (given, acts) => {
        const { clock, backend, manager, grinder } = await setup(given);
        const futures: WorkFuture<number>[] = [];
        const leases: ExecutorLease[] = [];
        let controller = new AbortController();

        const balance = (): void => {
          const { pending, inFlight, totals } = grinder.stats();
          const { submitted, fulfilled, rejected, cancelled } = totals;
          expect(submitted).toBe(pending + inFlight + fulfilled + rejected + cancelled);
          expect(inFlight).toBe(futures.filter((future) => future.running()).length);
          expect(pending).toBe(futures.filter((future) => !future.done() && !future.running()).length);
          const { total, starting, available, leased, closing, maxPools } = manager.stats();
          expect(total).toBe(starting + available + leased + closing);
          expect(total).toBeLessThanOrEqual(maxPools);
        };

        for (const each of acts) {
          const open = backend.all.filter(({ shutdowns }) => shutdowns.length === 0);
          const executor = open['pool' in each ? each.pool % Math.max(1, open.length) : 0];
          if (each.kind === 'submit') {
            for (let i = 0; i < each.count && grinder.stats().started; i++) {
              const queueTimeoutSeconds =
                each.queueTimeoutMs === undefined ? undefined : each.queueTimeoutMs / 1000;
              const signal = each.hasSignal ? controller.signal : undefined;
              futures.push(grinder.enqueue(echo, [futures.length], { queueTimeoutSeconds, signal }));
            }
          } else if (each.kind === 'begin') executor?.begin(each.count);
          else if (each.kind === 'finish') executor?.finish(each.count);
          else if (each.kind === 'reject') executor?.reject(new Error('mine'), each.count);
          else if (each.kind === 'crash' && executor !== undefined)
            crash(executor, new Error('its worker died'));
          else if (each.kind === 'break' && executor !== undefined) {
            executor.break(new BrokenExecutorError('worn out'));
            await clock.flush();
            crash(executor, new BrokenExecutorError('worn out'));
          } else if (each.kind === 'cancel') futures[each.which % Math.max(1, futures.length)]?.cancel();
          else if (each.kind === 'wait') await clock.advance(each.ms);
          else if (each.kind === 'abort') {
            controller.abort();
            controller = new AbortController();
          } else if (each.kind === 'stop') void grinder.stop();
          else if (each.kind === 'cancelling stop') void grinder.stop({ cancelPending: true });
          else if (each.kind === 'start') void grinder.start();
          else if (each.kind === 'acquire') {
            const acquired = manager.acquire({ leaseSeconds: 3, timeoutSeconds: 1 });
            acquired.then(
              (lease) => leases.push(lease),
              () => {},
            );
          } else if (each.kind === 'release') void leases.shift()?.release();
          else if (each.kind === 'stop manager') void manager.stop({ timeoutSeconds: 1 });
          else if (each.kind === 'start manager') manager.start().catch(() => {});
          balance();
          await clock.flush();
          balance();
        }

        let hasStopped = false;
        void grinder.stop().then(() => (hasStopped = true));
        for (const lease of leases) void lease.release();
        for (let round = 0; round < 300 && !hasStopped; round++) {
          await clock.flush();
          for (const executor of backend.all) executor.finish();
          if (round % 10 === 9) await clock.advance(3000);
        }
        expect(hasStopped).toBe(true);
        balance();
        expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 0, batchesInFlight: 0 });
        expect(futures.every((future) => future.done())).toBe(true);

        let hasEnded = false;
        void manager.stop({ timeoutSeconds: 1 }).then(() => (hasEnded = true));
        await clock.advance(10_000);
        expect(hasEnded).toBe(true);
        expect(manager.stats()).toMatchObject({ total: 0, waiting: 0, leases: [] });
        expect(clock.timers).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});

test('S33 in a closed loop of short jobs a message carries what it is worth, whichever worker is done first (property)', async () => {
  const costMs = 0.003;
  const setups = fc.constantFrom(
    [1, 2, 50, 5],
    [1, 2, 200, 12],
    [2, 1, 200, 12],
    [1, 4, 50, 2.5],
    [2, 2, 200, 6],
  );
  await fc.assert(
    fc.asyncProperty(
      setups,
      fc.constantFrom('threshold' as const, 'natural' as const),
      fc.infiniteStream(fc.nat()),
      async ([maxPools, workersPerPool, callers, least], dispatch, choices) => {
        const clock = new FakeClock();
        const workers = new FakeWorkers();
        workers.onSpawn = (worker) => worker.up();
        const backend = {
          name: 'fake workers',
          createExecutor: (options: ExecutorCreateOptions) => new WorkerPool(options, workers.spawn, clock),
        };
        const manager = new LeasedExecutorManager(
          { backend, maxPools, minPools: maxPools, workersPerPool },
          clock,
        );
        const grinder = new WorkGrinder({ executorManager: manager, dispatch }, clock);
        const started = manager.start();
        await clock.flush();
        await started;
        await grinder.start();
        let settled = 0;
        let isOver = false;
        const call = async (): Promise<void> => {
          for (; !isOver; settled++) await grinder.submit(echo, [settled]);
        };
        const calls = Array.from({ length: callers }, call);
        const messages = (): number => workers.all.reduce((sum, { chunks }) => sum + chunks.length, 0);
        const work = async (rounds: number): Promise<void> => {
          for (let round = 0; round < rounds; round++) {
            await clock.flush();
            const busy = workers.all.filter(({ queue }) => queue.length > 0);
            if (busy.length === 0) await clock.advance(1); // What is not enough for a batch is due by its age.
            const worker = busy[choices.next().value % Math.max(1, busy.length)];
            worker?.work(Infinity, worker.queue.length * costMs);
          }
        };
        await work(60);
        const before = [settled, messages()];
        await work(60);
        expect((settled - before[0]) / (messages() - before[1])).toBeGreaterThanOrEqual(least);
        isOver = true;
        const stopped = grinder.stop();
        for (let round = 0; round < 20; round++) await work(5);
        await Promise.all([...calls, stopped]);
        const end = manager.stop();
        await clock.advance(1000);
        await end;
        expect(clock.timers).toBe(0);
      },
    ),
    { numRuns: 8 },
  );
});
