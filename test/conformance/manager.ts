/** The rows of the semantics that need more than an executor: leases, pools and grinders over real workers of one kind. */

import {
  BrokenExecutorError,
  type ExecutorLease,
  LeasedExecutorManager,
  type LeasedExecutorManagerOptions,
  LeaseExpiredError,
  NotStartedError,
  WorkerCrashedError,
  type WorkGrinder,
  type WorkGrinderOptions,
} from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { range } from '../support/executor-bench.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import { newManager, rejection, startGrinder, startManager } from '../support/manager-start.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { until } from '../support/until.ts';
import { WarpClock } from '../support/warp-clock.ts';
import { tasks } from '../tasks/conformance-tasks.js';

export type WorkerKind = 'thread' | 'process';

const hour = 3600;

/** Codes and phases of what failed, values of what did not. */
function summaryOf(outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    const { code, phase, message } = outcome.reason as { code?: string; phase?: string; message: string };
    return [code ?? message, phase].filter((sign) => sign !== undefined).join(' ');
  });
}

export function managerConformance(backend: WorkerKind): void {
  const options = (more: LeasedExecutorManagerOptions): LeasedExecutorManagerOptions => ({
    backend,
    checkIntervalSeconds: hour,
    defaultLeaseSeconds: hour,
    ...more,
  });

  /** A lease of the only pool. */
  async function leased(more: LeasedExecutorManagerOptions = {}) {
    const manager = await startManager(options(more));
    return { manager, lease: await manager.acquire(), ledger: new Ledger(), gate: new FileGate() };
  }

  /** A grinder that sends a batch when `batchSizeThreshold` items wait. */
  async function grinding({
    manager: managerOptions,
    ...more
  }: Partial<WorkGrinderOptions> & { manager?: LeasedExecutorManagerOptions } = {}) {
    const manager = await startManager(options(managerOptions ?? {}));
    const grinder = await startGrinder({ executorManager: manager, maxWaitSeconds: hour, ...more });
    return { manager, grinder, ledger: new Ledger(), gate: new FileGate() };
  }

  function expectBalanced(grinder: WorkGrinder): void {
    const { pending, inFlight, totals } = grinder.stats();
    expect(pending + inFlight + totals.fulfilled + totals.rejected + totals.cancelled).toBe(totals.submitted);
  }

  const notesOf = (by: ExecutorLease | WorkGrinder, ledger: Ledger, entries: readonly number[]) =>
    entries.map((entry): Promise<unknown> => {
      const args = [ledger.path, entry] as const;
      return 'run' in by ? by.run(tasks.note, args) : by.submit(tasks.note, args);
    });

  describe('leases that expire', () => {
    test('M4 at hard expiry what runs is ended, only its worker is replaced, and what is not begun never runs', async () => {
      const { lease, manager, ledger, gate } = await leased({
        workersPerPool: 2,
        defaultLeaseSeconds: 1,
        leaseGraceSeconds: 0.5,
      });
      const meeting = new Ledger();
      const met = await Promise.all(range(2).map(() => lease.run(tasks.meet, [meeting.path, 2])));
      const workers = met.map(({ worker }) => worker);
      const held = rejection(lease.run(tasks.hold, [ledger.path, 'held', gate.path]));
      await ledger.untilHas('held');
      // On the other worker, and over in time.
      const [survivor] = await Promise.all([lease.run(tasks.worker), ...notesOf(lease, ledger, range(5))]);
      expect(workers).toContain(survivor);
      expect(await held).toBeInstanceOf(LeaseExpiredError);
      expect(performance.now() / 1000).toBeGreaterThan(lease.hardExpiresAt - 0.001);
      expect(lease.active).toBe(false);
      gate.open();
      const next = await manager.acquire({ leaseSeconds: hour });
      const second = new Ledger();
      const now = await Promise.all(range(2).map(() => next.run(tasks.meet, [second.path, 2])));
      const stayed = now.map(({ worker }) => worker).filter((worker) => workers.includes(worker));
      expect(stayed).toEqual([survivor]);
      expect(ledger.lines).not.toContain('held done');
    });

    test("M4 at hard expiry a direct holder's calls that are not begun fail and never run", async () => {
      const {
        lease: first,
        manager,
        ledger,
        gate,
      } = await leased({ workersPerPool: 1, leaseGraceSeconds: 0.1 });
      await first.run(tasks.add, [1, 2]); // The module is there: the next job begins at once.
      await first.release();
      const lease = await manager.acquire({ leaseSeconds: 0.7 });
      const held = lease.run(tasks.hold, [ledger.path, 'held', gate.path]);
      const waiting = notesOf(lease, ledger, range(30));
      const outcomes = await Promise.allSettled([held, ...waiting]);
      expect(summaryOf(outcomes)).toEqual(range(31).map(() => 'ERR_LEASEPOOL_LEASE_EXPIRED'));
      gate.open();
      const next = await manager.acquire({ leaseSeconds: hour });
      expect(await next.run(tasks.add, [1, 2])).toBe(3);
      expect(ledger.lines).toEqual(['held']);
    });

    test('M4 S27 what is not begun never runs, also behind a job that was short so far: revoked or cancelled', async () => {
      const {
        lease: first,
        manager,
        ledger,
        gate,
      } = await leased({ workersPerPool: 1, leaseGraceSeconds: 0.1 });
      const by = (lease: ExecutorLease) => (entry: number, from?: string, at?: string) =>
        lease.enqueue(tasks.quickUnlessHeld, [from, entry, at]);
      for (const _ of range(3)) await Promise.all(range(300).map((entry) => by(first)(entry)));
      await first.release();

      const quick = by(await manager.acquire({ leaseSeconds: 2 }));
      for (const entry of range(40)) void quick(entry); // Results of the last millisecond may be lost.
      const held = quick(40, ledger.path, gate.path);
      const [cancelled, revoked] = [range(20, 100), range(20, 200)].map((entries) =>
        entries.map((entry) => quick(entry, ledger.path)),
      );
      await ledger.untilHas(40);
      for (const future of cancelled) future.cancel();
      expect(summaryOf(await Promise.allSettled([held, ...cancelled, ...revoked]))).toEqual([
        'ERR_LEASEPOOL_LEASE_EXPIRED',
        ...range(20).map(() => 'ABORT_ERR'),
        ...range(20).map(() => 'ERR_LEASEPOOL_LEASE_EXPIRED'),
      ]);
      gate.open();
      expect(await manager.withLease((next) => next.run(tasks.add, [1, 2]))).toBe(3);
      expect(ledger.lines).toEqual(['40']);
    });

    test('M4 a long backlog of short jobs is never cut off: it goes on with new leases', async () => {
      const { grinder } = await grinding({
        batchSizeThreshold: 300,
        leaseSeconds: 0.25,
        manager: { workersPerPool: 1, leaseGraceSeconds: 1 },
      });
      const spins = range(300).map(() => grinder.submit(tasks.spin, [5]));
      const outcomes = await Promise.allSettled(spins);
      expect(new Set(summaryOf(outcomes))).toEqual(new Set([undefined]));
      expect(grinder.stats().totals.batches).toBeGreaterThan(2);
      expectBalanced(grinder);
    });

    test('M4 when a lease expires in the middle of a batch, what runs too long fails and the rest runs elsewhere', async () => {
      const { grinder, ledger, gate } = await grinding({
        batchSizeThreshold: 41,
        leaseSeconds: 1,
        manager: { workersPerPool: 1, leaseGraceSeconds: 1 },
      });
      const submittedAt = performance.now();
      const before = notesOf(grinder, ledger, range(20));
      const held = rejection(grinder.submit(tasks.hold, [ledger.path, 'held', gate.path], { owner: 'me' }));
      const after = notesOf(grinder, ledger, range(20, 20));
      const reason = await held;
      expect(performance.now() - submittedAt).toBeGreaterThan(1999);
      expect(reason).toBeInstanceOf(LeaseExpiredError);
      expect(reason).toMatchObject({ owner: 'me', taskName: 'hold' });
      expect(await Promise.all([...before, ...after])).toEqual(range(40));
      expect(ledger.entries).toEqual(range(40));
      gate.open();
      await grinder.stop();
      expect(ledger.lines).not.toContain('held done');
      expect(grinder.stats().totals).toMatchObject({ fulfilled: 40, rejected: 1, cancelled: 0 });
    });

    test('M4 at soft expiry the rest goes on with another pool while what runs may finish', async () => {
      const { grinder, ledger, gate } = await grinding({
        batchSizeThreshold: 21,
        leaseSeconds: 0.2,
        manager: { workersPerPool: 1, maxPools: 2, leaseGraceSeconds: hour },
        maxConcurrentBatches: 1,
      });
      const held = grinder.submit(tasks.hold, [ledger.path, 'held', gate.path]);
      const notes = notesOf(grinder, ledger, range(20));
      expect(await Promise.all(notes)).toEqual(range(20));
      gate.open();
      expect(await held).toMatch(/^\d+:\d+$/);
      expect(ledger.sorted).toEqual(range(20));
      expect(grinder.stats().totals).toMatchObject({ fulfilled: 21, rejected: 0 });
      expect(grinder.stats().totals.batches).toBeGreaterThan(1);
    });
  });

  describe('pools whose workers die or do not come up', () => {
    /** Workers come up unless the flag is up. */
    function startsWhile() {
      const ledger = new Ledger();
      const flag = new FileGate();
      const more: LeasedExecutorManagerOptions = {
        workersPerPool: 1,
        preload: [tasksUrl('conformance-preload.js')],
        workerData: { ledger: ledger.path, mode: 'throws while told', flag: flag.path },
      };
      return { attempts: ledger, flag, more };
    }

    test('M6 a job that throws leaves its worker and its pool as they are', async () => {
      const { lease, manager } = await leased({ workersPerPool: 1 });
      const worker = await lease.run(tasks.worker);
      const outcomes = await lease.runBatch(
        tasks.fail,
        range(50).map((index) => [`error ${index}`] as const),
      );
      expect(summaryOf(outcomes)).toEqual(range(50).map((index) => `error ${index}`));
      expect(await lease.run(tasks.worker)).toBe(worker);
      expect(manager.stats()).toMatchObject({ leased: 1, total: 1 });
    });

    test('M6 a worker that dies is replaced within its pool, and the lease goes on', async () => {
      const { lease, manager, ledger } = await leased({ workersPerPool: 1 });
      const worker = await lease.run(tasks.worker);
      for (const round of range(6)) {
        const error = await rejection(lease.run(tasks.endAt, [ledger.path, round, round, 'exit(1)']));
        expect(error).toMatchObject({ phase: 'running', exitCode: 1, taskName: 'endAt' });
      }
      expect(await lease.run(tasks.worker)).not.toBe(worker);
      expect(lease.active).toBe(true);
      expect(manager.stats()).toMatchObject({ leased: 1, total: 1 });
      expect(ledger.entries).toEqual(range(6));
    });

    test('M6 start() rejects when no worker comes up, and may be tried again', async () => {
      const { attempts, flag, more } = startsWhile();
      flag.open();
      const manager = newManager(options(more));
      const error = await rejection(manager.start());
      expect(error).toBeInstanceOf(BrokenExecutorError);
      expect(error.cause).toMatchObject({
        code: 'ERR_LEASEPOOL_TASK_MODULE',
        cause: { message: 'this worker was told not to come up' },
      });
      expect(attempts.lines).toHaveLength(5);
      expect(manager.stats()).toMatchObject({ started: false, stopping: false, total: 0 });
      expect(await rejection(manager.acquire())).toBeInstanceOf(NotStartedError);
      flag.close();
      await manager.start();
      expect(await manager.withLease((lease) => lease.run(tasks.add, [1, 2]))).toBe(3);
    });

    test('M6 a pool whose workers come up no more is retired, and says so to its lease; for five seconds an acquire() that would open one is refused at once', async () => {
      const { attempts, flag, more } = startsWhile();
      const clock = new WarpClock();
      // The seam for time is the second argument, and not part of the public types.
      const Manager = LeasedExecutorManager as unknown as new (
        options: LeasedExecutorManagerOptions,
        clock: WarpClock,
      ) => LeasedExecutorManager;
      const manager = new Manager(options({ ...more, minPools: 0 }), clock);
      onTestFinished(() => manager.stop({ timeoutSeconds: 0 }));
      await manager.start();
      const lease = await manager.acquire();
      expect(await lease.run(tasks.add, [1, 2])).toBe(3);
      flag.open();
      const ledger = new Ledger();
      const dying = lease.run(tasks.endAt, [ledger.path, 1, 1, 'exit(1)']);
      const outcomes = await Promise.allSettled([dying, ...notesOf(lease, ledger, range(5))]);
      expect(summaryOf(outcomes)).toEqual([
        'ERR_LEASEPOOL_WORKER_CRASHED running',
        ...range(5).map(() => 'ERR_LEASEPOOL_BROKEN_EXECUTOR'),
      ]);
      await until(() => !lease.active && lease.signal.aborted, 'the lease is over');
      await until(() => manager.totalCount === 0, 'the pool is gone');
      expect(await rejection(lease.run(tasks.nothing))).toMatchObject({
        code: expect.stringMatching(/^ERR_LEASEPOOL_(BROKEN_EXECUTOR|LEASE_EXPIRED)$/),
      });
      expect(ledger.entries).toEqual([1]);
      const made = attempts.lines.length;
      expect(made).toBeLessThanOrEqual(1 + 5);

      flag.close();
      expect(await rejection(manager.acquire())).toBeInstanceOf(BrokenExecutorError);
      expect(await rejection(manager.acquire({ wait: false }))).toBeInstanceOf(BrokenExecutorError);
      clock.advance(3_000);
      expect(await rejection(manager.acquire())).toBeInstanceOf(BrokenExecutorError);
      expect(attempts.lines).toHaveLength(made);
      clock.advance(2_000);
      const next = await manager.acquire();
      expect(await next.run(tasks.add, [1, 2])).toBe(3);
    });

    test("M6 a grinder's items under a pool that breaks run elsewhere", async () => {
      const { attempts, flag, more } = startsWhile();
      const manager = await startManager(options({ ...more, maxPools: 2 }));
      const kept = await manager.acquire();
      const grinder = await startGrinder({
        executorManager: manager,
        batchSizeThreshold: 5,
        maxWaitSeconds: hour,
      });
      flag.open();
      const ledger = new Ledger();
      const notes = notesOf(grinder, ledger, range(5));
      await attempts.untilLines(2);
      await kept.release();
      expect(await Promise.all(notes)).toEqual(range(5));
      expect(ledger.entries).toEqual(range(5));
    });

    test('M6 items wait for the pool that is left when the other one breaks under them', async () => {
      const { flag, more } = startsWhile();
      const manager = await startManager(options({ ...more, maxPools: 2 }));
      const kept = await manager.acquire();
      const grinder = await startGrinder({
        executorManager: manager,
        batchSizeThreshold: 5,
        maxWaitSeconds: hour,
      });
      flag.open();
      const ledger = new Ledger();
      const early = Promise.allSettled(notesOf(grinder, ledger, range(5)));
      await until(() => manager.totalCount === 2, 'the other pool is opened');
      await until(() => manager.totalCount === 1, 'the other pool has broken');
      const late = Promise.allSettled(notesOf(grinder, ledger, range(5, 5)));
      await until(() => grinder.stats().pending === 10, 'all of them wait');
      await kept.release();
      expect(summaryOf([...(await early), ...(await late)])).toEqual(range(10));
      expect(ledger.sorted).toEqual(range(10));
    });

    test("M6 a grinder's items for which no pool comes up fail with BrokenExecutorError, and nothing hangs", async () => {
      const { attempts, flag, more } = startsWhile();
      const manager = await startManager(options({ ...more, maxPools: 2, minPools: 0 }));
      const grinder = await startGrinder({
        executorManager: manager,
        batchSizeThreshold: 5,
        maxWaitSeconds: hour,
      });
      flag.open();
      const ledger = new Ledger();
      const outcomes = await Promise.allSettled(notesOf(grinder, ledger, range(10)));
      expect(summaryOf(outcomes)).toEqual(range(10).map(() => 'ERR_LEASEPOOL_BROKEN_EXECUTOR'));
      expect(ledger.entries).toEqual([]);
      expect(attempts.lines.length).toBeLessThanOrEqual(15);
      expectBalanced(grinder);
    });
  });

  describe('stopping', () => {
    test('M7 waiters and what is not begun fail at once with NotStartedError, and what runs may finish', async () => {
      const { manager, lease, ledger, gate } = await leased({ workersPerPool: 1 });
      const held = lease.run(tasks.hold, [ledger.path, 'held', gate.path]);
      await ledger.untilHas('held');
      const waiting = notesOf(lease, ledger, range(30));
      const acquiring = manager.acquire();
      const stopped = manager.stop();
      const outcomes = await Promise.allSettled([acquiring, ...waiting]);
      for (const outcome of outcomes)
        expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(NotStartedError);
      gate.open();
      await stopped;
      expect(await held).toMatch(/^\d+:\d+$/);
      expect(ledger.lines).toEqual(['held', 'held done']);
    });

    test('M7 what runs longer than timeoutSeconds is ended: WorkerCrashedError with the stop as its cause', async () => {
      const { manager, lease, ledger, gate } = await leased({ workersPerPool: 2 });
      const held = ['a', 'b'].map((entry) => lease.run(tasks.hold, [ledger.path, entry, gate.path]));
      const errors = Promise.all(held.map(rejection));
      await ledger.untilHas('a', 'b');
      const stoppedAt = performance.now();
      await manager.stop({ timeoutSeconds: 0.2 });
      expect(performance.now() - stoppedAt).toBeGreaterThan(199);
      for (const error of await errors) {
        expect(error).toBeInstanceOf(WorkerCrashedError);
        expect(error).toMatchObject({ phase: 'running', taskName: 'hold' });
        expect(error.cause).toBeInstanceOf(NotStartedError);
      }
      gate.open();
      expect(manager.stats()).toMatchObject({ started: false, total: 0 });
      expect(ledger.lines.toSorted()).toEqual(['a', 'b']);
    });

    test('M7 S23 a stop under a running grinder settles every item, and the manager starts again', async () => {
      const { manager, grinder, ledger, gate } = await grinding({
        batchSizeThreshold: 20,
        manager: { workersPerPool: 1 },
      });
      const held = grinder.submit(tasks.hold, [ledger.path, 'held', gate.path]);
      const notes = notesOf(grinder, ledger, range(45));
      await ledger.untilHas('held');
      const stopped = manager.stop({ timeoutSeconds: 0 });
      const outcomes = await Promise.allSettled([held, ...notes]);
      expect(summaryOf(outcomes)).toEqual([
        'ERR_LEASEPOOL_WORKER_CRASHED running',
        ...range(45).map(() => 'ERR_LEASEPOOL_NOT_STARTED'),
      ]);
      await stopped;
      expectBalanced(grinder);
      expect(grinder.stats().totals).toMatchObject({ rejected: 46, cancelled: 0 });
      await manager.start();
      expect(await manager.withLease((lease) => lease.run(tasks.add, [1, 2]))).toBe(3);
    });
  });

  describe('deaths and time limits under a grinder', () => {
    test('N3 of [fast, endless] on one worker, the fast one has its result before the endless one is ended', async () => {
      const { grinder, ledger, gate } = await grinding({
        batchSizeThreshold: 2,
        manager: { workersPerPool: 1 },
      });
      // The same short function so often that its results may wait for company: a time limit goes before that.
      await Promise.all(range(100).map(() => grinder.submit(tasks.spin, [0])));
      const order: string[] = [];
      const fast = grinder.submit(tasks.spin, [0]).then(() => order.push('fast'));
      const endless = rejection(grinder.submit(tasks.spin, [3_600_000], { timeoutSeconds: 0.3 })).then(
        (error) => {
          order.push('endless');
          return error;
        },
      );
      const submittedAt = performance.now();
      expect(await endless).toMatchObject({ code: 'ERR_LEASEPOOL_TIMEOUT', phase: 'run' });
      expect(performance.now() - submittedAt).toBeGreaterThan(299);
      await fast;
      expect(order).toEqual(['fast', 'endless']);
      gate.open();
      expect(await Promise.all(notesOf(grinder, ledger, range(2)))).toEqual(range(2));
      expectBalanced(grinder);
    });

    test('N3 of [fast, out of memory] on one worker, the fast one keeps its result', async () => {
      const { grinder, ledger } = await grinding({
        batchSizeThreshold: 12,
        manager: { workersPerPool: 1, workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 32 } } },
      });
      const order: string[] = [];
      const before = range(10).map((value) =>
        grinder.submit(tasks.add, [value, 0]).then((sum) => {
          order.push('fast');
          return sum;
        }),
      );
      const hungry = rejection(grinder.submit(tasks.endAt, [ledger.path, 1, 1, 'out of memory'])).then(
        (error) => {
          order.push('out of memory');
          return error;
        },
      );
      const after = grinder.submit(tasks.add, [1, 2]);
      expect(await hungry).toMatchObject({ code: 'ERR_LEASEPOOL_WORKER_CRASHED', phase: 'running' });
      expect(await Promise.all(before)).toEqual(range(10));
      expect(await after).toBe(3);
      expect(order).toEqual([...range(10).map(() => 'fast'), 'out of memory']);
      expect(ledger.entries).toEqual([1]);
    });

    test('N1 of a hundred items that move memory, those sent to a dying worker and not begun fail with phase "queued"', async () => {
      for (const workersPerPool of [1, 2]) {
        const { manager, grinder, ledger, gate } = await grinding({
          batchSizeThreshold: 100,
          manager: { workersPerPool },
        });
        await manager.withLease((lease) =>
          Promise.all(range(workersPerPool).map(() => lease.run(tasks.endIdle, [ledger.path, gate.path]))),
        );
        await until(() => ledger.lines.length === workersPerPool, 'every worker is about to end');
        const buffers = range(100).map(() => new ArrayBuffer(8));
        const items = buffers.map((buffer) => grinder.submit(tasks.keep, [buffer], { transfer: [buffer] }));
        const settled = Promise.allSettled(items);
        await until(() => grinder.stats().inFlight === 100, 'the items have been sent');
        gate.open();
        const outcomes = summaryOf(await settled);
        const queued = outcomes.filter((outcome) => outcome === 'ERR_LEASEPOOL_WORKER_CRASHED queued');
        expect(queued).toHaveLength(workersPerPool);
        expect(outcomes.filter((outcome) => outcome === 8)).toHaveLength(100 - workersPerPool);
        const left = buffers.filter((buffer) => buffer.byteLength > 0).length;
        expect(left).toBe(backend === 'thread' ? 0 : 100);
        expectBalanced(grinder);
      }
    });

    test('N1 deaths in many batches each fail their own item, and nothing runs twice', async () => {
      const { grinder, ledger } = await grinding({
        batchSizeThreshold: 25,
        maxWaitSeconds: 0.01,
        manager: { workersPerPool: 2, maxPools: 2 },
      });
      const ways = ['exit(0)', 'exit(1)', 'an uncaught error', 'an unhandled rejection'];
      const items = range(400).map((entry) => {
        const how = entry % 40 === 17 ? ways[Math.floor(entry / 40) % ways.length] : undefined;
        return grinder.submit(tasks.endAt, [ledger.path, entry, how === undefined ? -1 : entry, how]);
      });
      const outcomes = summaryOf(await Promise.allSettled(items));
      expect(outcomes).toEqual(
        range(400).map((entry) => (entry % 40 === 17 ? 'ERR_LEASEPOOL_WORKER_CRASHED running' : entry)),
      );
      expect(ledger.sorted).toEqual(range(400));
      expectBalanced(grinder);
    });

    test.runIf(backend === 'process')(
      'N1 a killed process loses at most its last millisecond, with phase "finished"',
      async () => {
        const { grinder, ledger } = await grinding({
          batchSizeThreshold: 1000,
          manager: { workersPerPool: 1 },
        });
        const items = range(1000).map((entry) =>
          grinder.submit(tasks.endAt, [ledger.path, entry, 900, 'SIGKILL']),
        );
        const outcomes = summaryOf(await Promise.allSettled(items));
        const lost = range(1000).filter((entry) => outcomes[entry] !== entry);
        expect(outcomes[900]).toBe('ERR_LEASEPOOL_WORKER_CRASHED running');
        expect(lost).toEqual(range(lost.length, 901 - lost.length));
        for (const entry of lost.slice(0, -1))
          expect(outcomes[entry]).toBe('ERR_LEASEPOOL_WORKER_CRASHED finished');
        expect(ledger.sorted).toEqual(range(1000));
        expectBalanced(grinder);
      },
    );
  });
}
