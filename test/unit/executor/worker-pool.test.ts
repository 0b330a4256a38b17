import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ExecutorCreateOptions } from '../../../src/executor/executor.ts';
import { WorkerPool } from '../../../src/executor/worker-pool.ts';
import { sharedNow } from '../../../src/core/clock.ts';
import { BrokenExecutorError, NotStartedError } from '../../../src/core/errors.ts';
import type { ResolvedTask } from '../../../src/wire/reference.ts';
import { executorOptions, keepingLogger, type LogEntries } from '../../support/executor-options.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FakeWorker, FakeWorkers, TestCall, testCalls } from '../../support/fake-workers.ts';
import { heard } from '../../support/heard.ts';

const up = (worker: FakeWorker): void => worker.up();

/** A pool of fake workers, which come up by themselves unless said otherwise. */
async function setup({
  onSpawn = up,
  ...given
}: Partial<ExecutorCreateOptions> & { onSpawn?: (worker: FakeWorker) => void } = {}) {
  const clock = new FakeClock();
  const workers = new FakeWorkers();
  workers.onSpawn = onSpawn;
  const { logger, entries } = keepingLogger();
  const pool = new WorkerPool(executorOptions({ logger, ...given }), workers.spawn, clock);
  const events: string[] = [];
  void pool.ready.then(() => events.push('ready'));
  void pool.broken.then(() => events.push('broken'));
  await clock.flush();
  return { clock, workers, pool, events, entries };
}

/** Lets the pool learn that calls of the task take so long. */
async function learn(
  { clock, workers, pool }: Awaited<ReturnType<typeof setup>>,
  costMs: number,
): Promise<void> {
  pool.submitBatch([new TestCall(['learn'])]);
  workers.live.find((worker) => worker.queue.length > 0)!.work(1, costMs);
  await clock.flush();
  workers.begun.length = 0;
}

const results = (calls: readonly TestCall[]): unknown[] => calls.map((call) => call.result);
const args = (calls: readonly TestCall[]): unknown[] => calls.map((call) => call.args[0]);
const queued = (worker: FakeWorker): unknown[] => worker.queue.map((call) => call.args[0]);
const notBegun = ({ queue, progress }: FakeWorker): unknown[] =>
  queue.filter(({ index }) => progress.stateOf(index) === 'queued');

/** Lets all workers work until nothing is left. */
async function finishAll({ clock, workers }: { clock: FakeClock; workers: FakeWorkers }): Promise<void> {
  for (let busy = true; busy;) {
    busy = false;
    for (const worker of workers.live) {
      if (worker.current !== undefined) worker.finish(worker.current.args[0]);
      if (worker.queue.length > 0) busy = true;
      worker.work();
    }
    await clock.flush();
  }
}

describe('a pool that starts', () => {
  test('is ready when all its workers are up', async () => {
    const setting = await setup({ workers: 2, onSpawn: () => {} });
    setting.workers.all[0].up();
    await setting.clock.flush();
    expect(setting.events).toEqual([]);
    setting.workers.all[1].up();
    await setting.clock.flush();
    expect(setting.events).toEqual(['ready']);
  });

  test('is ready when one is up and the others were tried', async () => {
    const setting = await setup({ workers: 2, onSpawn: () => {} });
    setting.workers.all[0].exit(1);
    await setting.clock.flush();
    expect(setting.events).toEqual([]);
    setting.workers.all[1].up();
    await setting.clock.flush();
    expect(setting.events).toEqual(['ready']);
  });

  test('M2 takes calls before its workers are up, and hands them over then', async () => {
    const setting = await setup({ onSpawn: () => {} });
    const calls = testCalls(3);
    expect(setting.pool.submitBatch(calls)).toEqual({ submitted: 3 });
    setting.workers.last.up();
    await finishAll(setting);
    expect(results(calls)).toEqual([0, 1, 2]);
    expect(setting.workers.begun).toEqual([0, 1, 2]);
  });

  test('M6 makes 5 attempts to bring a worker up, from 100 ms doubling, and is then broken', async () => {
    const setting = await setup({ onSpawn: (worker) => worker.refuseToComeUp(new Error('no module')) });
    const calls = testCalls(2);
    setting.pool.submitBatch(calls);
    const attemptsAfter = async (ms: number): Promise<number> => {
      await setting.clock.advance(ms);
      return setting.workers.all.length;
    };
    expect(setting.workers.all.length).toBe(1);
    expect([await attemptsAfter(99), await attemptsAfter(1)]).toEqual([1, 2]);
    expect([await attemptsAfter(199), await attemptsAfter(1)]).toEqual([2, 3]);
    expect([await attemptsAfter(399), await attemptsAfter(1)]).toEqual([3, 4]);
    expect([await attemptsAfter(799), await attemptsAfter(1)]).toEqual([4, 5]);
    expect(setting.events).toEqual(['broken']);
    expect(results(calls)).toEqual(['returned BrokenExecutorError', 'returned BrokenExecutorError']);
    expect((await setting.pool.broken).cause).toMatchObject({ message: 'no module' });
    expect(await attemptsAfter(60_000)).toBe(5);
    expect(setting.clock.timers).toBe(0);
    expect(setting.pool.submitBatch(testCalls(1))).toEqual({
      submitted: 0,
      error: await setting.pool.broken,
    });
  });

  test.each([
    ['exit at once', (worker: FakeWorker) => worker.exit(0)],
    ['fail with an error first', (worker: FakeWorker) => (worker.fail(new Error('boot')), worker.exit(1))],
    ['never come up', () => {}],
  ])('M6 is broken when its workers %s', async (_, onSpawn) => {
    const setting = await setup({ workers: 2, onSpawn, startTimeoutSeconds: 1 });
    const calls = testCalls(1);
    setting.pool.submitBatch(calls);
    await setting.clock.advance(60_000);
    expect(setting.events).toEqual(['broken']);
    expect(await setting.pool.broken).toBeInstanceOf(BrokenExecutorError);
    expect(results(calls)).toEqual(['returned BrokenExecutorError']);
    expect(setting.workers.all.length).toBe(10);
    expect(setting.clock.timers).toBe(0);
  });

  test('M6 is broken when more workers than it has neither come up nor can be ended', async () => {
    const onSpawn = (worker: FakeWorker): void => void (worker.endsWhenKilled = false);
    const setting = await setup({ workers: 2, onSpawn, startTimeoutSeconds: 1 });
    const calls = testCalls(1);
    setting.pool.submitBatch(calls);
    await setting.clock.advance(60_000);
    expect(setting.events).toEqual(['broken']);
    expect(await setting.pool.broken).toMatchObject({
      code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR',
      message:
        '3 workers of pool-1 were told to end and did not: they are in native calls that do not return',
      cause: { message: 'the worker was not up within 1 s' },
    });
    expect(results(calls)).toEqual(['returned BrokenExecutorError']);
    expect([setting.workers.all.length, setting.workers.live.length]).toEqual([4, 4]);
    const stopped = setting.pool.shutdown({ timeoutSeconds: 0 });
    await setting.clock.advance(3_000);
    await stopped;
    expect(setting.clock.timers).toBe(0);
  });

  test('M6 is broken when workers cannot even be started', async () => {
    const clock = new FakeClock();
    const workers = new FakeWorkers();
    workers.refusal = new Error('EAGAIN');
    const pool = new WorkerPool(executorOptions(), workers.spawn, clock);
    await clock.advance(60_000);
    const broken = await pool.broken;
    expect(broken).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR', cause: workers.refusal });
    expect(clock.timers).toBe(0);
  });

  test('M6 recovers when a later attempt succeeds', async () => {
    const setting = await setup({ onSpawn: (worker) => worker.exit(1) });
    await setting.clock.advance(300);
    expect(setting.workers.all.length).toBe(3);
    setting.workers.onSpawn = up;
    await setting.clock.advance(400);
    expect(setting.events).toEqual(['ready']);
  });

  test('K22 works on with the workers that do come up', async () => {
    let spawned = 0;
    const setting = await setup({
      workers: 2,
      onSpawn: (worker) => (spawned++ === 0 ? worker.up() : worker.exit(1)),
    });
    await setting.clock.advance(60_000);
    expect(setting.workers.all.length).toBe(6);
    const calls = testCalls(3);
    setting.pool.submitBatch(calls);
    await finishAll(setting);
    expect(results(calls)).toEqual([0, 1, 2]);
    expect(setting.events).toEqual(['ready']);
  });
});

describe('S4 the order of calls', () => {
  test('with one worker is that in which they were submitted', async () => {
    const setting = await setup();
    await learn(setting, 0.01);
    const calls = testCalls(500);
    for (let first = 0; first < 500; first += 100) setting.pool.submitBatch(calls.slice(first, first + 100));
    await finishAll(setting);
    expect(setting.workers.begun).toEqual(args(calls));
    expect(results(calls)).toEqual(args(calls));
  });

  test('is kept by each worker of several (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
        fc.double({ min: 0.001, max: 3, noNaN: true }),
        async (width, batches, costMs) => {
          const setting = await setup({ workers: width });
          await learn(setting, costMs);
          const began = new Map<FakeWorker, number[]>();
          let first = 0;
          for (const size of batches) {
            setting.pool.submitBatch(testCalls(size, {}, first));
            first += size;
          }
          for (let busy = true; busy;) {
            busy = false;
            for (const worker of setting.workers.live) {
              const call = worker.begin();
              if (call === undefined) continue;
              busy = true;
              began.set(worker, [...(began.get(worker) ?? []), call.args[0] as number]);
              worker.finish(null);
              worker.send(costMs);
            }
            await setting.clock.flush();
          }
          expect(setting.workers.begun.length).toBe(first);
          expect(new Set(setting.workers.begun).size).toBe(first);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('calls given back come before those that wait', async () => {
    const setting = await setup();
    await learn(setting, 0.01);
    const calls = testCalls(100);
    setting.pool.submitBatch(calls);
    const [first] = setting.workers.all;
    first.begin();
    first.exit(1);
    await setting.clock.flush();
    await finishAll(setting);
    expect(setting.workers.begun).toEqual(args(calls));
    expect(results(calls).slice(1)).toEqual(args(calls).slice(1));
    expect(calls[0].result).toBe('rejected WorkerCrashedError');
  });
});

describe('the share of each worker', () => {
  test('S3 of calls that were not seen before is one each, and one more to go on with', async () => {
    const { pool, workers } = await setup({ workers: 2 });
    pool.submitBatch(testCalls(10));
    expect(workers.all.map(queued)).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(workers.all.map(({ chunks }) => chunks)).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  test('of short ones is a chunk', async () => {
    const setting = await setup({ workers: 2 });
    await learn(setting, 0.02);
    setting.pool.submitBatch(testCalls(80));
    expect(setting.workers.all.map(({ chunks }) => chunks.slice(-2)).flat()).toEqual(
      expect.arrayContaining([20, 15]),
    );
  });

  test('a short one does not bring a call of a function not seen before along', async () => {
    const setting = await setup();
    await learn(setting, 0.02);
    const unseen: ResolvedTask = { kind: 'source', source: '', name: 'unseen' };
    setting.pool.submitBatch([...testCalls(3), new TestCall([3], { task: unseen }), ...testCalls(3, {}, 4)]);
    expect(setting.workers.last.chunks.slice(1)).toEqual([3, 1]);
    await finishAll(setting);
    expect(setting.workers.begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('S33 a worker without work takes half of what a busy one has not begun, when that is worth a message', async () => {
    const setting = await setup({ workers: 2 });
    await learn(setting, 0.1);
    setting.pool.submitBatch(testCalls(12));
    const [slow, fast] = setting.workers.all;
    slow.begin();
    const before = notBegun(slow).length;
    fast.work();
    fast.work();
    expect([before, notBegun(slow).length]).toEqual([4, 2]);
  });

  test('S33 a chunk that was sent as one message is not halved at once, but after a millisecond in which it was not begun', async () => {
    const setting = await setup({ workers: 2 });
    await learn(setting, 0.003);
    const messages = (): number => setting.workers.all.flatMap(({ chunks }) => chunks).length;
    const before = messages();
    setting.pool.submitBatch(testCalls(30));
    expect(messages() - before).toBe(1);
    const [idle, busy] = setting.workers.all.toSorted((a, b) => a.queue.length - b.queue.length);
    busy.begin();
    setting.pool.submitBatch([]);
    expect([notBegun(idle).length, notBegun(busy).length]).toEqual([0, 29]);
    await setting.clock.advance(1);
    expect([notBegun(idle).length, notBegun(busy).length]).toEqual([15, 14]);
    idle.work();
    expect([notBegun(idle).length, notBegun(busy).length]).toEqual([7, 7]);
    for (let round = 0; round < 5; round++) {
      await setting.clock.advance(1);
      idle.work();
    }
    expect(notBegun(busy)).toEqual([]);
    expect(setting.workers.begun.length).toBe(30);
  });

  test('S33 what it knows of how busy its workers are', async () => {
    const setting = await setup({ workers: 2, onSpawn: () => {} });
    const { pool, workers, clock } = setting;
    let freed = 0;
    pool.onWorkerFreed = () => freed++;
    const load = (): number[] => [pool.workersUp, pool.idleWorkers, pool.backlog().calls, freed];
    const calls = testCalls(5);
    pool.submitBatch(calls);
    expect(load()).toEqual([0, 0, 5, 0]);
    workers.all[0].up();
    expect(load()).toEqual([1, 0, 5, 1]);
    workers.all[0].begin();
    expect(load()).toEqual([1, 0, 4, 1]);
    workers.all[1].up();
    await finishAll(setting);
    expect(load().slice(0, 3)).toEqual([2, 2, 0]);
    expect(freed).toBeGreaterThan(2);
    workers.all[1].exit(1);
    await clock.flush();
    expect(load().slice(0, 3)).toEqual([1, 1, 0]);
    const [withdrawn] = testCalls(1);
    pool.submitBatch([withdrawn]);
    expect([pool.takeBack(withdrawn), pool.idleWorkers]).toEqual([true, 0]);
    const before = freed;
    workers.all[0].work();
    expect([pool.idleWorkers, freed - before]).toEqual([1, 1]);
  });

  test('S33 nothing is looked at again when there is nothing to give, and after the pool was shut down', async () => {
    const setting = await setup({ workers: 2 });
    await learn(setting, 0.003);
    setting.pool.submitBatch(testCalls(30));
    expect(setting.clock.timers).toBe(1);
    expect(setting.clock.keepsAlive).toBe(false);
    await finishAll(setting);
    await setting.clock.advance(1);
    expect(setting.clock.timers).toBe(0);
    setting.pool.submitBatch(testCalls(30));
    const stopped = setting.pool.shutdown({ timeoutSeconds: 1 });
    await finishAll(setting);
    await stopped;
    expect(setting.clock.timers).toBe(0);
  });

  test('S33 a worker without work takes a call of the next busiest when the busiest has begun all of its own', async () => {
    const { pool, workers } = await setup({ workers: 3 });
    pool.submitBatch(testCalls(6));
    const [first, second, third] = workers.all;
    first.begin();
    first.finish('not sent yet');
    first.begin();
    second.begin();
    third.work();
    expect((workers.begun as number[]).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 5]);
    third.work();
    expect((workers.begun as number[]).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('S33 no worker idles while another holds a call it has not begun, whoever gave calls away before', async () => {
    const setting = await setup({ workers: 3 });
    await learn(setting, 0.02);
    setting.pool.submitBatch(testCalls(60));
    const [first, second, third] = setting.workers.all;
    first.begin();
    second.begin();
    for (let round = 0; round < 100; round++) {
      third.work();
      await setting.clock.advance(1);
    }
    expect([first, second].flatMap(notBegun)).toEqual([]);
    expect(setting.workers.begun.length).toBe(60);
  });
});

test('S33 all calls are made within the ideal time, the longest one, and a moment for each time that some are halved (property)', async () => {
  /** What is not worth a message is taken after a millisecond, by a timer that may take another. */
  const momentMs = 2;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(
        fc.oneof(
          { weight: 9, arbitrary: fc.constant(0.01) },
          { weight: 1, arbitrary: fc.double({ min: 0.01, max: 30, noNaN: true }) },
        ),
        { minLength: 1, maxLength: 300 },
      ),
      async (width, costs) => {
        const setting = await setup({ workers: width });
        const { clock, workers, pool } = setting;
        await learn(setting, 0.01);
        const startedAt = clock.now();
        pool.submitBatch(testCalls(costs.length));
        /** When the call each worker makes is done. */
        const ends = new Map<FakeWorker, number>();
        /** Since when each worker has nothing to do while another has calls that it has not begun. */
        const idlesSince = new Map<FakeWorker, number>();
        for (;;) {
          for (const worker of workers.all) {
            if (worker.current === undefined && worker.begin() !== undefined)
              ends.set(worker, clock.now() + costs[worker.current!.args[0] as number]);
          }
          const passedOver = workers.all.filter((worker) => worker.current === undefined);
          if (passedOver.filter((worker) => worker.send()).length > 0) continue; // They have room now, and may get more.
          if (ends.size === 0) break;
          const isLeft = workers.all.some((worker) => notBegun(worker).length > 0);
          for (const worker of workers.all) {
            if (ends.has(worker) || !isLeft) idlesSince.delete(worker);
            else if (!idlesSince.has(worker)) idlesSince.set(worker, clock.now());
            else expect(clock.now() - idlesSince.get(worker)!).toBeLessThanOrEqual(momentMs);
          }
          const [worker, end] = [...ends].reduce((first, each) => (each[1] < first[1] ? each : first));
          if (clock.now() + clock.nextTimerInMs < end) {
            await clock.advance(clock.nextTimerInMs);
            continue;
          }
          const cost = costs[worker.current!.args[0] as number];
          await clock.advance(Math.max(0, end - clock.now()));
          ends.delete(worker);
          worker.finish(null);
          worker.send(cost);
          await clock.flush();
        }
        expect(workers.begun.length).toBe(costs.length);
        const total = costs.reduce((sum, cost) => sum + cost, 0);
        // While the call that ends last waits with a worker, others idle for a moment at most: then some calls go elsewhere.
        const moments = Math.ceil(Math.log2(costs.length + 1)) * momentMs;
        const bound = total / width + Math.max(...costs) + (width > 1 ? moments : 0);
        expect(clock.now() - startedAt).toBeLessThanOrEqual(bound + 1e-6);
      },
    ),
    { numRuns: 200 },
  );
});

describe('N1 a call with transfer', () => {
  const withBuffer = (name: string): TestCall => {
    const buffer = new ArrayBuffer(8);
    return new TestCall([name, buffer], { transfer: [buffer] });
  };

  test('travels in a message of its own, to a worker that is free', async () => {
    const setting = await setup();
    await learn(setting, 0.01);
    const moving = withBuffer('moving');
    setting.pool.submitBatch([...testCalls(3), moving, ...testCalls(3, {}, 3)]);
    const worker = setting.workers.last;
    const before = worker.chunks.length;
    expect(queued(worker)).toEqual([0, 1, 2]);
    worker.work();
    expect(queued(worker)).toEqual(['moving', 3, 4, 5]);
    expect(worker.chunks.slice(before)).toEqual(
      [1, expect.any(Number), expect.any(Number)].slice(0, worker.chunks.length - before),
    );
    expect((moving.args[1] as ArrayBuffer).byteLength).toBe(0);
    await finishAll(setting);
    expect(moving.result).toBe('moving');
  });

  test('keeps its memory while it waits, and goes elsewhere when that worker dies', async () => {
    const setting = await setup();
    const moving = withBuffer('moving');
    setting.pool.submitBatch([new TestCall(['busy']), moving]);
    setting.workers.all[0].begin();
    expect((moving.args[1] as ArrayBuffer).byteLength).toBe(8);
    setting.workers.all[0].exit(1);
    await setting.clock.flush();
    await finishAll(setting);
    expect(moving.result).toBe('moving');
  });

  test('is not given to another worker once it has been sent', async () => {
    const setting = await setup({ workers: 2, onSpawn: () => {} });
    setting.workers.all[0].up();
    const moving = withBuffer('moving');
    setting.pool.submitBatch([moving, ...testCalls(1)]);
    setting.workers.all[1].up();
    expect(queued(setting.workers.all[0])).toContain('moving');
    await finishAll(setting);
    expect(moving.result).toBe('moving');
  });
});

describe('S27 taking a call back', () => {
  test('takes it out of the queue, or from its worker, unless it has begun', async () => {
    const { pool, workers } = await setup();
    const calls = testCalls(5);
    pool.submitBatch(calls);
    workers.last.begin();
    expect(calls.map((call) => pool.takeBack(call))).toEqual([false, true, true, true, true]);
    expect(calls.map((call) => pool.takeBack(call))).toEqual([false, false, false, false, false]);
    workers.last.finish('done');
    workers.last.work();
    expect(results(calls)).toEqual(['done', undefined, undefined, undefined, undefined]);
    expect(workers.begun).toEqual([0]);
  });

  test('of a call the pool never had is refused', async () => {
    const { pool } = await setup();
    expect(pool.takeBack(new TestCall([1]))).toBe(false);
    pool.submitBatch(testCalls(3));
    expect(pool.takeBack(Object.assign(new TestCall([1]), { location: 0 }))).toBe(false);
    expect(pool.takeBack(Object.assign(new TestCall([1]), { location: 5000 }))).toBe(false);
  });
});

describe('a worker that dies', () => {
  test('M6 of a job is replaced at once, however often', async () => {
    const setting = await setup();
    const calls = testCalls(20);
    setting.pool.submitBatch(calls);
    for (let death = 0; death < 20; death++) {
      setting.workers.last.begin();
      setting.workers.last.exit(1);
      await setting.clock.flush();
    }
    expect(setting.workers.all.length).toBe(21);
    expect(new Set(results(calls))).toEqual(new Set(['rejected WorkerCrashedError']));
    expect(setting.events).toEqual(['ready']);
    expect(setting.clock.timers).toBe(0);
  });

  test('N2 between jobs is replaced after a moment, and nothing fails', async () => {
    const setting = await setup();
    setting.workers.last.exit(1);
    const calls = testCalls(2);
    setting.pool.submitBatch(calls);
    await setting.clock.advance(100);
    await finishAll(setting);
    expect(results(calls)).toEqual([0, 1]);
  });

  test('all at once, with calls waiting: each is blamed for one, the rest runs on their successors', async () => {
    const setting = await setup({ workers: 3 });
    const calls = testCalls(12);
    setting.pool.submitBatch(calls);
    for (const worker of setting.workers.live) {
      worker.begin();
      worker.exit(1);
    }
    await setting.clock.flush();
    await finishAll(setting);
    expect(results(calls).filter((result) => result === 'rejected WorkerCrashedError')).toHaveLength(3);
    expect(results(calls).filter((result) => typeof result === 'number')).toHaveLength(9);
  });

  test('is given nothing more while it ends, and a mate of its ended call runs elsewhere at once', async () => {
    const setting = await setup({ workers: 2 });
    const [first, second] = setting.workers.all;
    first.endsWhenKilled = false;
    const slow = new TestCall(['slow'], { timeoutSeconds: 1 });
    setting.pool.submitBatch([slow, new TestCall(['busy']), new TestCall(['mate'])]);
    expect(queued(first)).toEqual(['slow', 'mate']);
    first.begin(sharedNow() - 2000);
    second.begin();
    await setting.clock.advance(1000);
    expect(slow.result).toBe('rejected TimeoutError');
    expect(queued(second)).toEqual(['mate']);
    setting.pool.submitBatch(testCalls(3));
    expect(first.queue.filter(({ index }) => first.progress.stateOf(index) === 'queued')).toEqual([]);
  });

  test('S39 of a message sees its calls sent again one by one, and only the one to blame fails', async () => {
    const setting = await setup();
    await learn(setting, 0.01);
    const calls = ['a', 'b', 'poison', 'c', 'd', 'e'].map((name) => new TestCall([name]));
    setting.pool.submitBatch(calls);
    let deaths = 0;
    for (let turn = 0; turn < 50; turn++) {
      const worker = setting.workers.live.at(-1);
      if (worker !== undefined && queued(worker).includes('poison')) {
        if (deaths++ > 0) expect(queued(worker)).toEqual(['poison']);
        worker.exit(134);
      } else worker?.work();
      await setting.clock.advance(500);
    }
    expect(results(calls)).toEqual(['a', 'b', 'rejected WorkerCrashedError', 'c', 'd', 'e']);
    expect(calls[2].reason).toMatchObject({ phase: 'queued', exitCode: 134 });
    expect(calls[2].reason.message).toContain('the job had not begun, as with the workers before');
    expect(deaths).toBe(3);
    expect(setting.events).toEqual(['ready']);
    expect(setting.entries.filter(([, message]) => message === 'a job ended with its worker')).toHaveLength(
      1,
    );
  });

  test('S39 of a message after it was taken back is blamed on it all the same', async () => {
    const setting = await setup();
    const [call] = testCalls(1);
    for (let death = 0; death < 2; death++) {
      setting.pool.submitBatch([call]);
      expect(setting.pool.takeBack(call)).toBe(true);
      setting.workers.last.exit(134);
      await setting.clock.advance(2000);
    }
    setting.pool.submitBatch([call]);
    setting.workers.last.exit(134);
    expect([call.result, call.reason.message]).toEqual([
      'rejected WorkerCrashedError',
      expect.stringContaining('the job had not begun, as with the workers before'),
    ]);
  });

  test('S39 of a message is blamed once on calls in company, however many workers they had come to', async () => {
    const setting = await setup({ workers: 3 });
    await learn(setting, 0.01);
    const calls = testCalls(2);
    const [first, second, last] = setting.workers.all;
    for (const worker of [first, second, last]) {
      setting.pool.submitBatch(calls);
      expect(notBegun(worker)).toHaveLength(2);
      if (worker !== last) for (const call of calls) setting.pool.takeBack(call);
    }
    for (const worker of [first, second, last]) worker.exit(134);
    await setting.clock.advance(500);
    await finishAll(setting);
    expect(results(calls)).toEqual([0, 1]);
  });

  test('S39 of messages again and again is no failure to start, where others of them work', async () => {
    const setting = await setup();
    await learn(setting, 0.01);
    const calls = Array.from({ length: 20 }, () => new TestCall(['poison']));
    setting.pool.submitBatch(calls);
    for (let turn = 0; turn < 200; turn++) {
      if (queued(setting.workers.last).includes('poison')) setting.workers.last.exit(1);
      await setting.clock.advance(500);
    }
    expect(new Set(results(calls))).toEqual(new Set(['rejected WorkerCrashedError']));
    expect(setting.events).toEqual(['ready']);
  });

  test('S39 before it begins what it was sent is a failure to start, where none has begun anything', async () => {
    const setting = await setup();
    const calls = testCalls(5);
    setting.pool.submitBatch(calls);
    for (let death = 0; death < 5; death++) {
      setting.workers.last.exit(1);
      await setting.clock.advance(2000);
    }
    expect(setting.events).toEqual(['ready', 'broken']);
    expect(results(calls)).toEqual([
      'rejected WorkerCrashedError',
      ...new Array<string>(4).fill('returned BrokenExecutorError'),
    ]);
  });

  test('whose only worker is ended runs what was behind on the next, in order', async () => {
    const setting = await setup();
    const calls = testCalls(4);
    setting.pool.submitBatch(calls);
    setting.workers.last.begin();
    setting.pool.endCalls(calls, new Error('revoked'));
    await setting.clock.flush();
    await finishAll(setting);
    expect(results(calls)).toEqual(['rejected Error', 1, 2, 3]);
    expect(setting.workers.begun).toEqual([0, 1, 2, 3]);
  });
});

describe('N3 a worker that cannot be ended within a second', () => {
  /** Workers that enter a native call with their next job, which is to be ended after a second. */
  async function setupNative(workers = 1) {
    const onSpawn = (worker: FakeWorker): void => {
      worker.endsWhenKilled = false;
      worker.up();
    };
    const setting = await setup({ workers, onSpawn });
    const block = async (): Promise<FakeWorker> => {
      const call = new TestCall(['native'], { timeoutSeconds: 1 });
      setting.pool.submitBatch([call]);
      const worker = setting.workers.live.find(({ queue }) => queue.length > 0)!;
      worker.begin(sharedNow() - 2_000);
      await setting.clock.advance(1_000);
      expect(call.result).toBe('rejected TimeoutError');
      return worker;
    };
    return { ...setting, block };
  }
  const leftBehind = (entries: LogEntries): number[] =>
    entries
      .filter(([level, message]) => level === 'warn' && message.endsWith('was left behind'))
      .map(([, , fields]) => fields.leftBehind as number);

  test('is left behind, logged and replaced', async () => {
    const { clock, workers, pool, block, entries, events } = await setupNative();
    const worker = await block();
    const mates = testCalls(2);
    pool.submitBatch(mates);
    await clock.advance(999);
    expect([workers.all.length, leftBehind(entries)]).toEqual([1, []]);
    await clock.advance(1);
    expect([workers.all.length, leftBehind(entries), worker.keptAlive]).toEqual([2, [1], false]);
    workers.last.work();
    await clock.flush();
    workers.last.work();
    expect(results(mates)).toEqual([0, 1]);
    expect([events, clock.timers]).toEqual([['ready'], 0]);
  });

  test('counts no more once it has ended after all', async () => {
    const { clock, workers, pool, block, entries, events } = await setupNative();
    for (let round = 0; round < 5; round++) {
      const worker = await block();
      await clock.advance(1_000);
      expect(pool.leftBehind).toBeDefined();
      worker.exit(1);
      await clock.flush();
      expect(pool.leftBehind).toBeUndefined();
    }
    expect([events, leftBehind(entries)]).toEqual([['ready'], [1, 1, 1, 1, 1]]);
    expect([workers.all.length, workers.live.length]).toEqual([6, 1]);
  });

  test('is one too many when as many as the pool has workers were left behind: then the pool is broken', async () => {
    const { clock, workers, pool, block, entries, events } = await setupNative(2);
    for (let round = 0; round < 2; round++) {
      await block();
      await clock.advance(1_000);
    }
    expect([events, workers.live.length]).toEqual([['ready'], 4]);
    await block();
    const waiting = new TestCall(['waits'], { transfer: [new ArrayBuffer(1)] });
    const running = new TestCall(['runs']);
    pool.submitBatch([running, new TestCall(['begins']), waiting]);
    const last = workers.live.find(({ queue }) => queue.length > 0)!;
    last.begin();
    await clock.advance(1_000);
    expect(events).toEqual(['ready', 'broken']);
    expect((await pool.broken).message).toMatch(/^3 workers of pool-1 were told to end and did not/);
    expect(leftBehind(entries)).toEqual([1, 2, 3]);
    expect([running.result, waiting.result]).toEqual([undefined, 'returned BrokenExecutorError']);
    expect(pool.submitBatch(testCalls(1))).toMatchObject({ submitted: 0 });
    expect(workers.all.length).toBe(4);
    last.finish('still delivered');
    last.send();
    expect(running.result).toBe('still delivered');
    let hasEnded = false;
    void pool.shutdown({ timeoutSeconds: 0 }).then(() => (hasEnded = true));
    await clock.advance(2_000);
    expect([hasEnded, clock.timers, clock.keepsAlive]).toEqual([true, 0, false]);
    for (const worker of workers.live) worker.exit(1);
    await clock.flush();
    expect(pool.leftBehind).toBeUndefined();
  });
});

test('what can be seen of workers is that they start, come up and end, and why', async () => {
  const events = heard(...['start', 'up', 'end'].map((event) => `leasepool:worker:${event}`));
  const { workers, pool, clock } = await setup({ workers: 2, name: 'pool-7' });
  const [first, second] = [0, 1].map((worker) => ({ pool: 'pool-7', worker }));
  expect(events).toEqual([
    ['leasepool:worker:start', first],
    ['leasepool:worker:start', second],
    ['leasepool:worker:up', first],
    ['leasepool:worker:up', second],
  ]);
  events.length = 0;
  const error = new Error('out of memory');
  workers.all[1].fail(error);
  workers.all[1].exit(1);
  await clock.advance(1000);
  expect(events).toEqual([
    ['leasepool:worker:end', { ...second, error }],
    ['leasepool:worker:start', second],
    ['leasepool:worker:up', second],
  ]);
  events.length = 0;
  const stopped = pool.shutdown({ timeoutSeconds: 1 });
  await clock.flush();
  await stopped;
  expect(events).toEqual([
    ['leasepool:worker:end', { ...first, error: undefined }],
    ['leasepool:worker:end', { ...second, error: undefined }],
  ]);
});

describe('M7 a pool that is shut down', () => {
  test('gives back what is not begun, lets running calls finish, and has then ended', async () => {
    const setting = await setup({ workers: 2 });
    const calls = testCalls(6);
    setting.pool.submitBatch(calls);
    for (const worker of setting.workers.all) worker.begin();
    let hasEnded = false;
    void setting.pool.shutdown({ timeoutSeconds: 30 }).then(() => (hasEnded = true));
    await setting.clock.flush();
    expect(results(calls)).toEqual([
      undefined,
      undefined,
      ...new Array<unknown>(4).fill('returned NotStartedError'),
    ]);
    for (const worker of setting.workers.all) {
      worker.finish('in time');
      worker.work();
    }
    await setting.clock.flush();
    expect(results(calls).slice(0, 2)).toEqual(['in time', 'in time']);
    expect(hasEnded).toBe(true);
    expect(setting.workers.live).toEqual([]);
    expect(setting.clock.timers).toBe(0);
  });

  test('ends running calls when their time is over, with the stop as the cause', async () => {
    const setting = await setup();
    const [call] = testCalls(1);
    setting.pool.submitBatch([call]);
    setting.workers.last.begin();
    let hasEnded = false;
    void setting.pool.shutdown({ timeoutSeconds: 2 }).then(() => (hasEnded = true));
    await setting.clock.advance(1999);
    expect(setting.workers.last.kills).toBe(0);
    await setting.clock.advance(1);
    expect(call.reason).toMatchObject({ name: 'WorkerCrashedError', phase: 'running' });
    expect(call.reason.cause).toBeInstanceOf(NotStartedError);
    expect(hasEnded).toBe(true);
    expect(setting.clock.timers).toBe(0);
  });

  test('at once ends them at once', async () => {
    const setting = await setup();
    const [call] = testCalls(1);
    setting.pool.submitBatch([call]);
    setting.workers.last.begin();
    void setting.pool.shutdown({ timeoutSeconds: 0 });
    await setting.clock.advance(0);
    expect(call.result).toBe('rejected WorkerCrashedError');
  });

  test('settles what runs where it cannot be ended, logs it, lets the process end, and tells when that has ended', async () => {
    const setting = await setup();
    const worker = setting.workers.last;
    worker.endsWhenKilled = false;
    const [call] = testCalls(1);
    setting.pool.submitBatch([call]);
    worker.begin();
    let hasEnded = false;
    void setting.pool.shutdown({ timeoutSeconds: 1 }).then(() => (hasEnded = true));
    await setting.clock.advance(10_000);
    expect(call.reason).toMatchObject({ name: 'WorkerCrashedError', phase: 'running' });
    expect([worker.keptAlive, setting.clock.keepsAlive]).toEqual([false, false]);
    expect(
      setting.entries.some(([level, message]) => level === 'warn' && message.includes('left behind')),
    ).toBe(true);
    expect([hasEnded, setting.clock.timers]).toEqual([true, 0]);
    let isNothingLeft = false;
    void setting.pool.leftBehind!.then(() => (isNothingLeft = true));
    await setting.clock.advance(60_000);
    expect(isNothingLeft).toBe(false);
    worker.exit(1);
    await setting.clock.flush();
    expect([isNothingLeft, setting.pool.leftBehind]).toEqual([true, undefined]);
  });

  test('T5 at once lets a worker load a module first, if it is quick, and begins nothing more', async () => {
    const setting = await setup({ workers: 2 });
    const calls = testCalls(2);
    setting.pool.submitBatch(calls);
    const [first, second] = setting.workers.all;
    for (const worker of [first, second]) worker.load(0);
    let hasEnded = false;
    void setting.pool.shutdown({ timeoutSeconds: 0 }).then(() => (hasEnded = true));
    await setting.clock.advance(999);
    expect([results(calls), first.kills, second.kills]).toEqual([
      ['returned NotStartedError', 'returned NotStartedError'],
      0,
      0,
    ]);
    first.load(undefined);
    first.work();
    await setting.clock.flush();
    expect([first.hasEnded, setting.workers.begun]).toEqual([true, []]);
    await setting.clock.advance(1);
    expect([second.kills, hasEnded, setting.clock.timers]).toEqual([1, true, 0]);
  });

  test('T5 waits for a module that is loading as long as for a job that runs', async () => {
    const setting = await setup();
    setting.pool.submitBatch(testCalls(1));
    setting.workers.last.load(0);
    void setting.pool.shutdown({ timeoutSeconds: 30 });
    await setting.clock.advance(29_999);
    expect(setting.workers.last.kills).toBe(0);
    await setting.clock.advance(1);
    expect([setting.workers.last.kills, setting.clock.timers]).toEqual([1, 0]);
  });

  test('while it comes up ends each worker as soon as that is up, or after a second', async () => {
    const setting = await setup({ workers: 2, onSpawn: () => {} });
    const [first, second] = setting.workers.all;
    let hasEnded = false;
    void setting.pool.shutdown({ timeoutSeconds: 30 }).then(() => (hasEnded = true));
    first.up();
    await setting.clock.flush();
    expect([first.isAskedToEnd, second.kills]).toEqual([true, 0]);
    await setting.clock.advance(1000);
    expect([first.kills, second.kills, second.isAskedToEnd, hasEnded]).toEqual([0, 1, false, true]);
    expect([setting.workers.all.length, setting.clock.timers]).toEqual([2, 0]);
    expect(setting.events).toEqual([]);
  });

  test('W3 at once has idle workers end by themselves, and kills those that work', async () => {
    const setting = await setup({ workers: 2 });
    setting.pool.submitBatch(testCalls(1));
    const [busy, idle] = setting.workers.all;
    busy.begin();
    void setting.pool.shutdown({ timeoutSeconds: 0 });
    await setting.clock.advance(0);
    expect([idle.isAskedToEnd, idle.kills, busy.isAskedToEnd, busy.kills]).toEqual([true, 0, false, 1]);
  });

  test('W3 has a worker end by itself once that has answered what it had', async () => {
    const setting = await setup();
    setting.pool.submitBatch(testCalls(1));
    const worker = setting.workers.last;
    worker.begin();
    void setting.pool.shutdown({ timeoutSeconds: 30 });
    await setting.clock.flush();
    expect(worker.isAskedToEnd).toBe(false);
    worker.finish('in time');
    worker.send();
    expect([worker.isAskedToEnd, worker.kills]).toEqual([true, 0]);
  });

  test('W3 M7 kills an idle worker that takes more than a second to end by itself', async () => {
    const setting = await setup();
    const worker = setting.workers.last;
    worker.endsWhenAsked = false;
    let hasEnded = false;
    void setting.pool.shutdown({ timeoutSeconds: 0 }).then(() => (hasEnded = true));
    await setting.clock.advance(999);
    expect([worker.isAskedToEnd, worker.kills, setting.clock.keepsAlive]).toEqual([true, 0, true]);
    await setting.clock.advance(1);
    expect([worker.kills, hasEnded, setting.clock.timers]).toEqual([1, true, 0]);
  });

  test('W3 leaves nobody behind who becomes idle at the last moment', async () => {
    const setting = await setup();
    const worker = setting.workers.last;
    worker.endsWhenAsked = false;
    setting.pool.submitBatch(testCalls(1));
    worker.begin();
    void setting.pool.shutdown({ timeoutSeconds: 30 });
    await setting.clock.advance(29_999);
    worker.finish('in time');
    worker.send();
    await setting.clock.advance(999);
    expect([worker.isAskedToEnd, worker.kills]).toEqual([true, 0]);
    await setting.clock.advance(1);
    expect([worker.kills, setting.clock.timers]).toEqual([1, 0]);
    expect(setting.entries.filter(([level]) => level === 'warn')).toEqual([]);
  });

  test('between two attempts makes no further one', async () => {
    const setting = await setup({ onSpawn: (worker) => worker.exit(1) });
    await setting.pool.shutdown({ timeoutSeconds: 5 });
    await setting.clock.advance(60_000);
    expect(setting.workers.all.length).toBe(1);
    expect(setting.clock.timers).toBe(0);
    expect(setting.events).toEqual([]);
  });

  test('takes nothing more, and gives back what a dying worker had', async () => {
    const setting = await setup();
    const calls = testCalls(2);
    setting.pool.submitBatch(calls);
    setting.workers.last.begin();
    void setting.pool.shutdown({ timeoutSeconds: 5 });
    expect(setting.pool.submitBatch(testCalls(1))).toEqual({
      submitted: 0,
      error: expect.any(NotStartedError),
    });
    setting.workers.last.exit(1);
    await setting.clock.flush();
    expect(results(calls)).toEqual(['rejected WorkerCrashedError', 'returned NotStartedError']);
    expect(setting.workers.all.length).toBe(1);
  });

  test('twice, or when it is broken, is shut down', async () => {
    const setting = await setup();
    await Promise.all([
      setting.pool.shutdown({ timeoutSeconds: 5 }),
      setting.pool.shutdown({ timeoutSeconds: 0 }),
    ]);
    const broken = await setup({ onSpawn: (worker) => worker.exit(1) });
    await broken.clock.advance(10_000);
    await broken.pool.shutdown({ timeoutSeconds: 5 });
    expect([setting.clock.timers, broken.clock.timers]).toEqual([0, 0]);
  });
});

describe('S30 calls that cannot be sent', () => {
  test('settle, but never before submitBatch() has returned, and harm nobody', async () => {
    const setting = await setup();
    const bad = new TestCall([() => {}]);
    const calls = testCalls(2);
    setting.pool.submitBatch([calls[0], bad, calls[1]]);
    expect(bad.outcomes).toEqual([]);
    await setting.clock.flush();
    expect(bad.result).toBe('rejected NotCloneableError');
    await finishAll(setting);
    expect(results(calls)).toEqual([0, 1]);
  });

  test('alone keep no process alive', async () => {
    const setting = await setup();
    setting.pool.submitBatch([new TestCall([() => {}])]);
    await setting.clock.flush();
    expect(setting.workers.last.keptAlive).toBe(false);
  });

  test('by a buffer that another of the batch moves: the first keeps it', async () => {
    const setting = await setup();
    const buffer = new ArrayBuffer(8);
    const calls = ['first', 'second'].map((name) => new TestCall([name, buffer], { transfer: [buffer] }));
    setting.pool.submitBatch(calls);
    await finishAll(setting);
    expect(results(calls)).toEqual(['first', 'rejected NotCloneableError']);
  });

  test('by the worker hold nobody up: what waits for it goes on', async () => {
    const setting = await setup();
    setting.workers.last.cannotRead = (all) => all.includes('deep');
    const buffer = new ArrayBuffer(8);
    const calls = [new TestCall(['deep']), new TestCall(['moving', buffer], { transfer: [buffer] })];
    setting.pool.submitBatch(calls);
    await finishAll(setting);
    await finishAll(setting);
    expect(results(calls)).toEqual(['rejected NotCloneableError', 'moving']);
    expect(setting.workers.last.keptAlive).toBe(false);
  });
});

describe('whatever happens', () => {
  const act = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('submit' as const),
        count: fc.integer({ min: 1, max: 30 }),
        moves: fc.boolean(),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('work' as const),
        worker: fc.nat(),
        count: fc.integer({ min: 1, max: 12 }),
        ms: fc.constantFrom(0.01, 0.5, 3),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('begin' as const), worker: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('takeBack' as const), call: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('endCall' as const), call: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('die' as const),
        worker: fc.nat(),
        how: fc.constantFrom('exit', 'error first', 'deaf first'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('unreadable' as const), worker: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 500 }) }),
    },
  );

  test('N1 S27 each call begins at most once and settles exactly once, and nothing is left (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(act, { maxLength: 60 }),
        async (width, acts) => {
          const setting = await setup({ workers: width });
          const { pool, workers, clock } = setting;
          const calls: TestCall[] = [];
          const takenBack = new Set<TestCall>();
          const pick = (which: number): FakeWorker | undefined => workers.live[which % workers.live.length];
          for (const each of acts) {
            if (each.kind === 'submit') {
              const batch = testCalls(each.count, {}, calls.length).map((call) => {
                const buffer = new ArrayBuffer(1);
                return each.moves && (call.args[0] as number) % 3 === 0
                  ? new TestCall([call.args[0], buffer], { transfer: [buffer] })
                  : call;
              });
              calls.push(...batch);
              expect(pool.submitBatch(batch)).toEqual({ submitted: batch.length });
            } else if (each.kind === 'work') {
              const worker = pick(each.worker);
              if (worker?.current !== undefined) worker.finish(worker.current.args[0]);
              worker?.work(each.count, each.ms);
            } else if (each.kind === 'begin') pick(each.worker)?.begin();
            else if (each.kind === 'takeBack' && calls.length > 0) {
              const call = calls[each.call % calls.length];
              if (pool.takeBack(call)) {
                expect(takenBack.has(call)).toBe(false);
                takenBack.add(call);
              }
            } else if (each.kind === 'endCall' && calls.length > 0) {
              pool.endCalls([calls[each.call % calls.length]], new Error('ended'));
            } else if (each.kind === 'die') {
              const worker = pick(each.worker);
              if (worker === undefined) continue;
              if (each.how === 'error first') {
                worker.fail(new Error('uncaught'));
                worker.send();
              } else if (each.how === 'deaf first') {
                worker.isDeaf = true;
                const batch = testCalls(3, {}, calls.length);
                calls.push(...batch);
                pool.submitBatch(batch);
              }
              worker.exit(1);
            } else if (each.kind === 'unreadable') {
              const worker = pick(each.worker);
              if (worker?.begin() === undefined) continue;
              worker.finish(worker.current!.args[0]);
              worker.sendUnreadable();
              const bad = (value: unknown): boolean => typeof value === 'number' && value % 2 === 0;
              if ('nackResultsFrom' in (worker.words.at(-1) ?? {})) worker.resend(bad);
            } else if (each.kind === 'wait') await clock.advance(each.ms);
            await clock.flush();
          }
          for (let round = 0; round < 10; round++) {
            await clock.advance(2000);
            await finishAll(setting);
          }
          let hasEnded = false;
          void pool.shutdown({ timeoutSeconds: 1 }).then(() => (hasEnded = true));
          await clock.advance(5000);
          expect(hasEnded).toBe(true);
          expect(clock.timers).toBe(0);
          expect(workers.live).toEqual([]);
          expect(new Set(workers.begun).size).toBe(workers.begun.length);
          for (const call of calls) {
            const ran = workers.begun.includes(call.args[0]);
            if (takenBack.has(call)) expect([call.outcomes.length, ran]).toEqual([0, false]);
            else {
              expect(call.outcomes).toHaveLength(1);
              if (call.outcomes[0].status === 'returned' || call.reason?.phase === 'queued')
                expect(ran).toBe(false);
              if (call.outcomes[0].status === 'fulfilled')
                expect([call.result, ran]).toEqual([call.args[0], true]);
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
