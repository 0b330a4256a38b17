import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type LeasedExecutorManagerOptions,
  LeaseUnavailableError,
  NotStartedError,
  WorkerCrashedError,
  type WorkGrinderOptions,
} from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Gate } from '../support/gate.ts';
import { ManualBackend } from '../support/manager-backend.ts';
import {
  newManager,
  recordingLogger,
  rejection,
  startGrinder,
  startManager,
} from '../support/manager-start.ts';
import { SharedLog } from '../support/shared-log.ts';
import { turns, until } from '../support/until.ts';
import { tasks } from '../tasks/manager-tasks.js';

const hour = 3600;

/** A lease of the only pool, with a job at the gate of its one worker. */
async function setup(options: LeasedExecutorManagerOptions = {}) {
  const manager = await startManager(options);
  const lease = await manager.acquire();
  const gate = new Gate();
  const held = lease.enqueue(tasks.hold, [gate.cells, 'held']);
  await gate.untilBegun();
  return { manager, lease, gate, held, log: new SharedLog() };
}

/** A grinder on a manager with one worker. */
async function setupGrinder(options: Partial<WorkGrinderOptions> = {}) {
  const manager = await startManager();
  const grinder = await startGrinder({ executorManager: manager, ...options });
  return { manager, grinder, gate: new Gate(), log: new SharedLog() };
}

/** Whether the promise has settled by the time of asking. */
function watch(promise: Promise<unknown>): { readonly promise: Promise<unknown>; settled: boolean } {
  const state = { promise, settled: false };
  const settled = (): void => void (state.settled = true);
  promise.then(settled, settled);
  return state;
}

describe('stopping a manager', () => {
  test('M7 those who wait for a lease fail with NotStartedError', async () => {
    const { manager } = await setup();
    const waiting = [manager.acquire(), manager.acquire({ timeoutSeconds: hour })].map(rejection);
    const stopped = manager.stop({ timeoutSeconds: 0 });
    for (const error of await Promise.all(waiting)) {
      expect(error).toBeInstanceOf(NotStartedError);
      expect(error.code).toBe('ERR_LEASEPOOL_NOT_STARTED');
    }
    expect(manager.stats().waiting).toBe(0);
    await stopped;
  });

  test('M7 jobs that are not begun fail with NotStartedError at once, and never run', async () => {
    const { manager, lease, gate, held, log } = await setup();
    const behind = [1, 2, 3].map((entry) => rejection(lease.run(tasks.record, [log.cells, entry])));
    await turns(2);
    const thisTurn = rejection(lease.run(tasks.record, [log.cells, 4]));
    const stopped = manager.stop();
    for (const error of await Promise.all([...behind, thisTurn]))
      expect(error).toBeInstanceOf(NotStartedError);
    expect(gate.finished).toBe(0);
    gate.open();
    expect(await held).toBe('held');
    await stopped;
    expect(log.entries).toEqual([]);
  });

  test('M7 a job that runs may finish, and the stop waits for it', async () => {
    const { manager, gate, held } = await setup();
    const stopped = manager.stop();
    const state = watch(stopped);
    await turns();
    expect(state.settled).toBe(false);
    expect(manager.stats()).toMatchObject({
      started: false,
      stopping: true,
      closing: 1,
      leased: 0,
      total: 1,
    });
    gate.open();
    expect(await held).toBe('held');
    await stopped;
    expect(manager.stats()).toMatchObject({ started: false, stopping: false, total: 0, leases: [] });
  });

  test.each([0, 0.2])(
    'M7 a job that still runs after %d s is ended with its worker',
    async (timeoutSeconds) => {
      const { manager, held } = await setup();
      const failed = rejection(held);
      const stoppedAt = performance.now();
      await manager.stop({ timeoutSeconds });
      expect(performance.now() - stoppedAt).toBeGreaterThan(timeoutSeconds * 1000 - 1);
      const error = await failed;
      expect(error).toBeInstanceOf(WorkerCrashedError);
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_WORKER_CRASHED', phase: 'running' });
      expect(error.cause).toBeInstanceOf(NotStartedError);
      expect(manager.totalCount).toBe(0);
    },
  );

  test('M7 leases become inactive at once, and their signals abort', async () => {
    const { manager, lease, gate } = await setup({ maxPools: 2 });
    const idle = await manager.acquire();
    const stopped = manager.stop();
    for (const each of [lease, idle]) {
      expect(each.active).toBe(false);
      expect(each.signal.aborted).toBe(true);
      expect(await rejection(each.run(tasks.nothing))).toMatchObject({
        code: expect.stringMatching(/^ERR_LEASEPOOL_(NOT_STARTED|LEASE_EXPIRED)$/),
      });
      expect(() => each.enqueue(tasks.nothing)).toThrow();
    }
    gate.open();
    await stopped;
    await lease.release();
    await idle.release();
    expect(manager.stats()).toMatchObject({ total: 0, leases: [] });
  });

  test('M7 a manager that stops or has stopped lends nothing', async () => {
    const { manager, gate } = await setup({ maxPools: 2 });
    const stopped = manager.stop();
    await expect(manager.acquire()).rejects.toBeInstanceOf(NotStartedError);
    gate.open();
    await stopped;
    await expect(manager.acquire({ wait: false })).rejects.toBeInstanceOf(NotStartedError);
  });

  test('M7 stopping again does nothing, and every stop resolves', async () => {
    const { manager, gate, held } = await setup();
    const stops = [manager.stop(), manager.stop(), manager.stop({ timeoutSeconds: hour })];
    const states = stops.map(watch);
    await turns();
    expect(states.map(({ settled }) => settled)).toEqual([false, false, false]);
    gate.open();
    await Promise.all(stops);
    expect(await held).toBe('held');
    await manager.stop();
  });

  test('M7 stopping a manager that was never started does nothing', async () => {
    const manager = newManager();
    await manager.stop();
    expect(manager.stats()).toMatchObject({ started: false, stopping: false, total: 0 });
  });

  test('M7 a manager can be stopped while it starts, and then start() settles too', async () => {
    const manager = newManager({ maxPools: 2, minPools: 2 });
    const starting = watch(manager.start());
    await manager.stop();
    expect(manager.stats()).toMatchObject({ started: false, total: 0 });
    await until(() => starting.settled);
    await manager.start();
    expect(await manager.withLease((lease) => lease.run(tasks.echo, [1]))).toBe(1);
  });

  test('M7 a manager can be stopped while its backend makes a pool', async () => {
    const backend = new ManualBackend({ opensLater: true });
    const manager = newManager({ backend });
    const starting = watch(manager.start());
    await until(() => backend.opening === 1);
    const stopped = manager.stop({ timeoutSeconds: 0 });
    backend.open();
    await stopped;
    expect(manager.stats()).toMatchObject({ started: false, total: 0 });
    expect(backend.live).toBe(0);
    await until(() => starting.settled);
  });

  test('M7 start() during a stop starts once that is over', async () => {
    const { manager, gate, held } = await setup();
    const stopped = manager.stop();
    const started = manager.start();
    gate.open();
    await Promise.all([stopped, started, held]);
    expect(manager.stats()).toMatchObject({ started: true, available: 1 });
    expect(await manager.withLease((lease) => lease.run(tasks.echo, [1]))).toBe(1);
  });

  test('M7 starting twice starts once', async () => {
    const backend = new ManualBackend();
    const manager = newManager({ backend });
    await Promise.all([manager.start(), manager.start()]);
    await manager.start();
    expect(backend.created).toHaveLength(1);
  });

  test('M7 a stopped manager starts again, any number of times', async () => {
    const manager = newManager();
    const threads = new Set<number>();
    for (let round = 0; round < 5; round++) {
      await manager.start();
      threads.add(await manager.withLease((lease) => lease.run(tasks.whichThread)));
      await manager.stop();
      expect(manager.stats()).toMatchObject({ started: false, stopping: false, total: 0, waiting: 0 });
    }
    expect(threads.size).toBe(5);
  });

  test('M7 a job that ignores everything is ended', async () => {
    const manager = await startManager();
    const lease = await manager.acquire();
    const gate = new Gate();
    const looping = rejection(lease.run(tasks.loopFrom, [gate.cells]));
    await gate.untilBegun();
    await manager.stop({ timeoutSeconds: 0 });
    expect(await looping).toBeInstanceOf(WorkerCrashedError);
  });

  test('M7 a job that waits for its promise is ended', async () => {
    const manager = await startManager();
    const lease = await manager.acquire();
    const gate = new Gate();
    const waiting = rejection(lease.run(tasks.holdAsync, [gate.cells, 0]));
    await gate.untilBegun();
    await manager.stop({ timeoutSeconds: 0 });
    expect(await waiting).toBeInstanceOf(WorkerCrashedError);
  });

  test('M7 a worker that dies during the stop does not hold it up', async () => {
    const manager = await startManager();
    const lease = await manager.acquire();
    const gate = new Gate();
    const dying = rejection(lease.run(tasks.holdAndExit, [gate.cells, 4]));
    await gate.untilBegun();
    const stopped = manager.stop();
    gate.open();
    await stopped;
    expect(await dying).toMatchObject({
      code: 'ERR_LEASEPOOL_WORKER_CRASHED',
      phase: 'running',
      exitCode: 4,
    });
  });

  describe('a job in a native call, which cannot be ended', () => {
    async function setupNative() {
      const folder = mkdtempSync(join(tmpdir(), 'leasepool-'));
      const endCall = (): void => rmSync(folder, { recursive: true, force: true });
      onTestFinished(endCall);
      const logger = recordingLogger();
      const manager = await startManager({ logger, minPools: 0 });
      const lease = await manager.acquire();
      const blocked = watch(lease.run(tasks.blockWhile, [folder]));
      await until(() => existsSync(join(folder, 'blocking')));
      return { manager, logger, blocked, endCall };
    }

    test('M7 it is left behind by the stop, and that is logged', async () => {
      const { manager, logger, blocked } = await setupNative();
      await manager.stop({ timeoutSeconds: 0 });
      expect(manager.stats()).toMatchObject({ started: false, stopping: false });
      expect(logger.entries.filter(({ level }) => level === 'warn' || level === 'error')).not.toEqual([]);
      await until(() => blocked.settled, 'whoever waits for the job is told');
      expect(await rejection(blocked.promise)).toBeInstanceOf(WorkerCrashedError);
      expect(manager.stats().leases).toEqual([]);
    });

    test('M1 its pool counts until it has ended', async () => {
      const { manager, endCall } = await setupNative();
      await manager.stop({ timeoutSeconds: 0 });
      expect(manager.stats()).toMatchObject({ closing: 1, total: 1 });
      await manager.start();
      await expect(manager.acquire({ wait: false })).rejects.toBeInstanceOf(LeaseUnavailableError);
      const waiting = manager.acquire();
      endCall();
      expect(await (await waiting).run(tasks.echo, [1])).toBe(1);
    });
  });

  test('M7 the time for running jobs is what the backend is given', async () => {
    for (const [options, expected] of [
      [undefined, 30],
      [{ timeoutSeconds: 7 }, 7],
      [{ timeoutSeconds: 0 }, 0],
    ] as const) {
      const backend = new ManualBackend();
      const manager = await startManager({ backend, maxPools: 2, minPools: 2 });
      await manager.acquire();
      await manager.stop(options);
      expect(backend.executors.map(({ shutdowns }) => shutdowns)).toEqual([[expected], [expected]]);
    }
  });

  test('M7 a backend that fails to shut down does not hold up the stop', async () => {
    const backend = new ManualBackend();
    const manager = await startManager({ backend, maxPools: 3, minPools: 3 });
    backend.executors[0]!.shutdown = () => Promise.reject(new Error('rejects'));
    backend.executors[1]!.shutdown = () => {
      throw new Error('throws');
    };
    await manager.stop();
    expect(manager.stats()).toMatchObject({ started: false, total: 0 });
    expect(backend.executors[2]!.shutdowns).toHaveLength(1);
  });

  test('M7 a backend that never shuts down does not hold up the stop for ever', async () => {
    const backend = new ManualBackend({ endsLater: true });
    const manager = await startManager({ backend });
    await manager.stop({ timeoutSeconds: 0 });
    expect(manager.stats()).toMatchObject({ started: false, stopping: false });
    backend.executors[0]!.endShutdown();
  });

  test('M7 submissions that keep coming do not keep a stop from ending', async () => {
    const { manager, lease, gate } = await setup();
    gate.open();
    let refused = 0;
    const submitAgain = (): unknown => lease.run(tasks.nothing).then(submitAgain, () => (refused += 1));
    for (let chain = 0; chain < 10; chain++) submitAgain();
    await turns();
    await manager.stop();
    await until(() => refused === 10);
  });
});

describe('stopping a manager under a grinder', () => {
  test('S23 pending items fail with NotStartedError at once', async () => {
    const { manager, grinder } = await setupGrinder({ batchSizeThreshold: 1000, maxWaitSeconds: hour });
    const items = [1, 2, 3].map((value) => rejection(grinder.submit(tasks.echo, [value])));
    expect(grinder.stats().pending).toBe(3);
    const stopped = manager.stop();
    for (const error of await Promise.all(items)) {
      expect(error).toBeInstanceOf(NotStartedError);
      expect(error.code).toBe('ERR_LEASEPOOL_NOT_STARTED');
    }
    expect(grinder.stats().pending).toBe(0);
    await stopped;
    await grinder.stop();
  });

  test('S23 items that wait for a lease fail with NotStartedError at once', async () => {
    const { manager, grinder } = await setupGrinder({ batchSizeThreshold: 1 });
    await manager.acquire();
    const item = rejection(grinder.submit(tasks.nothing));
    await turns();
    expect(grinder.stats().pending).toBe(1);
    const stopped = manager.stop();
    expect(await item).toBeInstanceOf(NotStartedError);
    await stopped;
  });

  test('S23 items that run may finish; those sent with them and not begun fail at once and never run', async () => {
    const { manager, grinder, gate, log } = await setupGrinder({
      batchSizeThreshold: 4,
      maxWaitSeconds: hour,
    });
    const running = grinder.submit(tasks.hold, [gate.cells, 'ran']);
    const sent = [1, 2, 3].map((entry) => rejection(grinder.submit(tasks.record, [log.cells, entry])));
    await gate.untilBegun();
    const pending = [4, 5].map((entry) => rejection(grinder.submit(tasks.record, [log.cells, entry])));
    const stopped = manager.stop();
    for (const error of await Promise.all([...sent, ...pending]))
      expect(error).toBeInstanceOf(NotStartedError);
    expect(gate.finished).toBe(0);
    gate.open();
    expect(await running).toBe('ran');
    await stopped;
    expect(log.entries).toEqual([]);
    const { pending: left, inFlight, totals } = grinder.stats();
    expect({ left, inFlight, ...totals }).toMatchObject({
      left: 0,
      inFlight: 0,
      submitted: 6,
      fulfilled: 1,
      rejected: 5,
      cancelled: 0,
    });
    await grinder.stop();
  });

  test('S23 an item that the stop ends fails with WorkerCrashedError', async () => {
    const { manager, grinder, gate } = await setupGrinder({ batchSizeThreshold: 1 });
    const running = rejection(grinder.submit(tasks.hold, [gate.cells, 'ran'], { owner: 'me' }));
    await gate.untilBegun();
    await manager.stop({ timeoutSeconds: 0 });
    const error = await running;
    expect(error).toMatchObject({
      code: 'ERR_LEASEPOOL_WORKER_CRASHED',
      phase: 'running',
      owner: 'me',
      taskName: 'hold',
    });
    expect(error.cause).toBeInstanceOf(NotStartedError);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 0, batchesInFlight: 0 });
  });

  test('S23 what is submitted to a grinder whose manager has stopped fails, and nothing hangs', async () => {
    const { manager, grinder } = await setupGrinder({ batchSizeThreshold: 1 });
    await manager.stop();
    await expect(grinder.submit(tasks.nothing)).rejects.toBeInstanceOf(NotStartedError);
    await grinder.stop();
    expect(grinder.stats()).toMatchObject({ started: false, stopping: false, pending: 0, inFlight: 0 });
  });

  test('S23 nobody sees "cancelled" when nobody cancelled', async () => {
    const { manager, grinder, gate } = await setupGrinder({ batchSizeThreshold: 2, maxWaitSeconds: 0.001 });
    const items = Array.from({ length: 30 }, (_, index) => grinder.enqueue(tasks.hold, [gate.cells, index]));
    await gate.untilBegun();
    await manager.stop({ timeoutSeconds: 0 });
    const outcomes = await Promise.allSettled(items);
    expect(items.some((item) => item.cancelled())).toBe(false);
    const codes = outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code);
    expect(codes.filter((code) => code === 'ERR_LEASEPOOL_WORKER_CRASHED')).toHaveLength(1);
    expect(codes.filter((code) => code === 'ERR_LEASEPOOL_NOT_STARTED')).toHaveLength(29);
  });
});
