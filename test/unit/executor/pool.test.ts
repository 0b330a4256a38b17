import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ExecutorCreateOptions } from '../../../src/executor/executor.ts';
import { WorkerPool } from '../../../src/executor/pool.ts';
import { sharedNow } from '../../../src/ground/clock.ts';
import { BrokenExecutorError, NotStartedError } from '../../../src/ground/errors.ts';
import type { ResolvedTask } from '../../../src/wire/reference.ts';
import { executorOptions, keepingLogger } from '../../support/executor-options.ts';
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
    ['never come up, and cannot be ended', (worker: FakeWorker) => void (worker.endsWhenKilled = false)],
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

  test('S33 a worker without work takes half of what a busy one has not begun', async () => {
    const setting = await setup({ workers: 2 });
    await learn(setting, 0.02);
    setting.pool.submitBatch(testCalls(40));
    const [slow, fast] = setting.workers.all;
    slow.begin();
    fast.work();
    await finishAll({ clock: setting.clock, workers: { live: [fast] } as unknown as FakeWorkers });
    expect(slow.queue.filter(({ index }) => slow.progress.stateOf(index) === 'queued')).toEqual([]);
    expect(setting.workers.begun.length).toBe(40);
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
    for (let round = 0; round < 100; round++) third.work();
    const waiting = [first, second].flatMap(({ queue, progress }) =>
      queue.filter(({ index }) => progress.stateOf(index) === 'queued'),
    );
    expect(waiting).toEqual([]);
    expect(setting.workers.begun.length).toBe(60);
  });
});

test('S33 all calls are made within the ideal time and the longest one (property)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(
        fc.oneof(
          { weight: 9, arbitrary: fc.constant(0.01) },
          { weight: 1, arbitrary: fc.double({ min: 0.01, max: 5, noNaN: true }) },
        ),
        { minLength: 1, maxLength: 300 },
      ),
      async (width, costs) => {
        const setting = await setup({ workers: width });
        await learn(setting, 0.01);
        setting.pool.submitBatch(testCalls(costs.length));
        /** When the call each worker makes is done. */
        const ends = new Map<FakeWorker, number>();
        let now = 0;
        for (;;) {
          for (const worker of setting.workers.all) {
            if (worker.current === undefined && worker.begin() !== undefined)
              ends.set(worker, now + costs[worker.current!.args[0] as number]);
          }
          const passedOver = setting.workers.all.filter((worker) => worker.current === undefined);
          if (passedOver.filter((worker) => worker.send()).length > 0) continue; // They have room now, and may get more.
          if (ends.size === 0) break;
          const [worker, end] = [...ends].reduce((first, each) => (each[1] < first[1] ? each : first));
          const cost = costs[worker.current!.args[0] as number];
          now = end;
          ends.delete(worker);
          worker.finish(null);
          worker.send(cost);
          await setting.clock.flush();
        }
        expect(setting.workers.begun.length).toBe(costs.length);
        const total = costs.reduce((sum, cost) => sum + cost, 0);
        const bound = total / width + Math.max(...costs);
        expect(now).toBeLessThanOrEqual(bound + 1e-9);
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
    expect(pool.takeBack(Object.assign(new TestCall([1]), { seat: 0 }))).toBe(false);
    expect(pool.takeBack(Object.assign(new TestCall([1]), { seat: 5000 }))).toBe(false);
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

  test('settles what runs where it cannot be ended, logs it, lets the process end, and has ended when that has', async () => {
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
    expect(hasEnded).toBe(false);
    worker.exit(1);
    await setting.clock.flush();
    expect(hasEnded).toBe(true);
    expect(setting.clock.timers).toBe(0);
  });

  test('while it comes up ends each worker as soon as that is up, or after a second', async () => {
    const setting = await setup({ workers: 2, onSpawn: () => {} });
    const kills = (): number[] => setting.workers.all.map((worker) => worker.kills);
    let hasEnded = false;
    void setting.pool.shutdown({ timeoutSeconds: 30 }).then(() => (hasEnded = true));
    setting.workers.all[0].up();
    await setting.clock.flush();
    expect(kills()).toEqual([1, 0]);
    await setting.clock.advance(1000);
    expect([kills(), hasEnded]).toEqual([[1, 1], true]);
    expect([setting.workers.all.length, setting.clock.timers]).toEqual([2, 0]);
    expect(setting.events).toEqual([]);
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
              if ('resendFrom' in (worker.words.at(-1) ?? {})) worker.resend(bad);
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
