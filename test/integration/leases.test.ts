import {
  BrokenExecutorError,
  CancelledError,
  type ExecutorLease,
  type LeasedExecutorManagerOptions,
  LeaseExpiredError,
  LeaseUnavailableError,
  NotCloneableError,
  TaskReferenceError,
} from 'leasepool';
import { describe, expect, test } from 'vitest';
import { untilAfterCollection } from '../support/collected.ts';
import { FakeBackend } from '../support/fake-backend.ts';
import { Gate } from '../support/gate.ts';
import { ManualBackend, type ManualOptions } from '../support/manager-backend.ts';
import {
  type LogEntry,
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

/** A lease of the only pool, whose one worker is a thread. */
async function setup(options: LeasedExecutorManagerOptions = {}) {
  const manager = await startManager({ checkIntervalSeconds: hour, ...options });
  const lease = await manager.acquire();
  const gate = new Gate();
  return { manager, lease, gate, log: new SharedLog() };
}

/** The same, with a job at the gate. */
async function setupHeld(options: LeasedExecutorManagerOptions = {}) {
  const bundle = await setup(options);
  const held = bundle.lease.enqueue(tasks.hold, [bundle.gate.cells, 'held']);
  await bundle.gate.untilBegun();
  return { ...bundle, held };
}

/** A job at the gate on a lease that will soon be revoked. */
async function setupExpiring(options: LeasedExecutorManagerOptions = {}) {
  const { manager, lease: warmUp, gate, log } = await setup({ leaseGraceSeconds: 0, ...options });
  const threads = await threadsOf(warmUp, options.workersPerPool ?? 1);
  await warmUp.release();
  const lease = await manager.acquire({ leaseSeconds: 0.6 });
  const held = lease.enqueue(tasks.hold, [gate.cells, 'held']);
  await gate.untilBegun();
  return { manager, lease, gate, log, held, threads };
}

/** The threads of a pool. */
function threadsOf(lease: ExecutorLease, workers: number): Promise<number[]> {
  const { cells } = new Gate();
  return Promise.all(Array.from({ length: workers }, () => lease.run(tasks.meet, [cells, workers])));
}

/** A lease of the only pool, which does what the test says. */
async function setupManual(manual: ManualOptions = {}, options: LeasedExecutorManagerOptions = {}) {
  const backend = new ManualBackend(manual);
  const manager = await startManager({ checkIntervalSeconds: hour, ...options, backend });
  const lease = await manager.acquire();
  return { backend, manager, lease, executor: backend.executors[0]! };
}

function untilTime(seconds: number): Promise<void> {
  return until(() => performance.now() / 1000 > seconds);
}

describe('releasing', () => {
  test('M3 a released pool is free for the next', async () => {
    const { manager, lease } = await setup();
    const thread = await lease.run(tasks.whichThread);
    await lease.release();
    expect(lease.active).toBe(false);
    expect(manager.stats()).toMatchObject({ available: 1, leased: 0, leases: [] });
    const next = await manager.acquire({ wait: false });
    expect(await next.run(tasks.whichThread)).toBe(thread);
  });

  test('M3 releasing again does nothing, however often and whenever', async () => {
    const { manager, lease, gate } = await setupHeld();
    const releases = [lease.release(), lease.release()];
    gate.open();
    await Promise.all([...releases, lease.release()]);
    await lease.release();
    expect(manager.stats()).toMatchObject({ available: 1, leased: 0 });
    await manager.stop();
    await lease.release();
  });

  test('M3 a lease released with work in flight drains: no new work, no other holder, results delivered', async () => {
    const { manager, lease, gate, held } = await setupHeld();
    const behind = lease.run(tasks.echo, ['behind']);
    await turns(2);
    const released = lease.release();
    expect(lease.active).toBe(false);
    expect(manager.stats()).toMatchObject({ available: 0, leased: 1 });
    expect(manager.stats().leases).toMatchObject([{ leaseId: lease.leaseId, draining: true, pending: 2 }]);
    await expect(lease.run(tasks.nothing)).rejects.toBeInstanceOf(LeaseExpiredError);
    await expect(manager.acquire({ wait: false })).rejects.toBeInstanceOf(LeaseUnavailableError);
    const next = manager.acquire();
    gate.open();
    expect(await held).toBe('held');
    expect(await behind).toBe('behind');
    await released;
    expect((await next).active).toBe(true);
    expect(manager.stats().leases).toMatchObject([{ draining: false, pending: 0 }]);
  });

  test('M3 work sent in the very turn of the release still runs, and the pool comes back after it', async () => {
    const { manager, lease, gate } = await setup();
    const job = lease.run(tasks.hold, [gate.cells, 'in time']);
    const released = lease.release();
    await gate.untilBegun();
    expect(manager.stats()).toMatchObject({ available: 0, leased: 1 });
    gate.open();
    expect(await job).toBe('in time');
    await released;
    expect(manager.availableCount).toBe(1);
  });

  test('M3 a released lease says so to whoever uses it', async () => {
    const { lease } = await setup();
    await lease.release();
    for (const error of [
      await rejection(lease.run(tasks.nothing)),
      await rejection(lease.runBatch(tasks.nothing, [[]])),
      thrown(() => lease.enqueue(tasks.nothing)),
    ]) {
      expect(error).toBeInstanceOf(LeaseExpiredError);
      expect(error.code).toBe('ERR_LEASEPOOL_LEASE_EXPIRED');
      expect(error.message).toContain('released');
    }
  });

  test('M3 the signal of a lease does not abort on release', async () => {
    const { lease } = await setup();
    await lease.release();
    await turns();
    expect(lease.signal.aborted).toBe(false);
  });

  test('M3 a cancelled job that still runs keeps its pool draining', async () => {
    const { manager, lease, gate, held } = await setupHeld();
    expect(held.cancel()).toBe(true);
    await expect(held).rejects.toBeInstanceOf(CancelledError);
    const released = lease.release();
    await turns();
    expect(manager.stats()).toMatchObject({ available: 0, leased: 1 });
    gate.open();
    await released;
    expect(manager.availableCount).toBe(1);
  });

  test('M3 a lease whose last queued job is cancelled ends at once', async () => {
    const { manager, lease, executor } = await setupManual();
    const job = lease.enqueue(tasks.nothing);
    await turns(1);
    const released = lease.release();
    expect(manager.leasedCount).toBe(1);
    job.cancel();
    await released;
    expect(executor.held).toEqual([]);
    expect(manager.availableCount).toBe(1);
    await rejection(job);
  });
});

describe('expiry', () => {
  test('M4 after soft expiry a direct holder may still submit', async () => {
    const { manager, lease } = await setup({ defaultLeaseSeconds: 0.01, leaseGraceSeconds: hour });
    await untilTime(lease.softExpiresAt);
    await turns();
    expect(await lease.run(tasks.echo, ['still here'])).toBe('still here');
    expect(lease.active).toBe(true);
    expect(lease.signal.aborted).toBe(false);
    const [stats] = manager.stats().leases;
    expect(stats!.secondsUntilSoftExpiry).toBe(0);
    expect(stats!.secondsUntilHardExpiry).toBeGreaterThan(hour - 100);
  });

  test('M4 a lease that is not released is logged at soft expiry, with its owner and the place that acquired it', async () => {
    const logger = recordingLogger();
    const manager = await startManager({ logger, defaultLeaseSeconds: 0.02, leaseGraceSeconds: hour });
    const forgetful = (): Promise<ExecutorLease> => manager.acquire({ owner: 'forgetful' });
    const [lease, released] = [await forgetful(), manager.withLease(() => {}, { leaseSeconds: hour })];
    const warnings = (): LogEntry[] => logger.entries.filter(({ level }) => level === 'warn');
    await until(() => warnings().length > 0);
    await lease.release();
    await released;
    expect(warnings()).toEqual([
      {
        level: 'warn',
        message: 'a lease has reached the end of its time and was not released',
        fields: {
          lease: lease.leaseId,
          owner: 'forgetful',
          leaseSeconds: 0.02,
          acquiredAt: expect.stringMatching(/^ +at forgetful .*leases\.test\.ts/),
        },
      },
    ]);
  });

  test('M4 a lease that nobody can release any more is logged, and its pool comes back', async () => {
    const logger = recordingLogger();
    const manager = await startManager({ logger });
    const forgetful = async (): Promise<void> => void (await manager.acquire({ owner: 'forgetful' }));
    await forgetful();
    await untilAfterCollection(() => manager.availableCount === 1, 'the forgotten lease is noticed');
    expect(logger.entries).toContainEqual({
      level: 'warn',
      message: 'a lease was garbage collected without having been released',
      fields: expect.objectContaining({
        owner: 'forgetful',
        acquiredAt: expect.stringMatching(/^ +at forgetful .*leases\.test\.ts/),
      }),
    });
  });

  test('M4 the leases of a grinder are not logged', async () => {
    const logger = recordingLogger();
    const manager = await startManager({ logger, leaseGraceSeconds: hour });
    const grinder = await startGrinder({
      executorManager: manager,
      leaseSeconds: 0.02,
      dispatch: 'natural',
    });
    const gate = new Gate();
    const job = grinder.submit(tasks.hold, [gate.cells, 'held']);
    await gate.untilBegun();
    await until(() => manager.stats().leases[0]!.secondsUntilSoftExpiry === 0);
    await turns();
    gate.open();
    await job;
    expect(logger.entries.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  test('M4 at hard expiry an unused lease is revoked on time, although the next check is an hour away', async () => {
    const { manager, lease } = await setup({ defaultLeaseSeconds: 0.05, leaseGraceSeconds: 0.05 });
    const aborted = new Promise((resolve) => lease.signal.addEventListener('abort', resolve, { once: true }));
    await aborted;
    expect(performance.now() / 1000).toBeGreaterThanOrEqual(lease.hardExpiresAt - 0.001);
    expect(lease.active).toBe(false);
    expect(lease.signal.reason).toBeInstanceOf(LeaseExpiredError);
    await expect(lease.run(tasks.nothing)).rejects.toMatchObject({
      code: 'ERR_LEASEPOOL_LEASE_EXPIRED',
      message: expect.stringMatching(/expired|revoked/),
    });
    expect(() => lease.enqueue(tasks.nothing)).toThrow(LeaseExpiredError);
    const next = await manager.acquire({ wait: false, leaseSeconds: hour });
    expect(await next.run(tasks.echo, ['usable again'])).toBe('usable again');
  });

  test('M4 a lease is not revoked before its hard expiry', async () => {
    const { lease, gate, held } = await setupHeld({ defaultLeaseSeconds: 0.02, leaseGraceSeconds: hour });
    await untilTime(lease.softExpiresAt + 0.02);
    gate.open();
    expect(await held).toBe('held');
  });

  test('M4 without grace a lease is revoked when its time is over', async () => {
    const { lease } = await setup({ defaultLeaseSeconds: 0.02, leaseGraceSeconds: 0 });
    expect(lease.hardExpiresAt).toBe(lease.softExpiresAt);
    await until(() => lease.signal.aborted);
    expect(performance.now() / 1000).toBeGreaterThanOrEqual(lease.hardExpiresAt - 0.001);
  });

  test('M4 at hard expiry what runs fails, and so does what is not begun, which then never runs', async () => {
    const { manager, lease, held, log } = await setupExpiring();
    const behind = [1, 2, 3].map((entry) => rejection(lease.run(tasks.record, [log.cells, entry])));
    const error = await rejection(held);
    expect(error).toBeInstanceOf(LeaseExpiredError);
    expect(error.code).toBe('ERR_LEASEPOOL_LEASE_EXPIRED');
    for (const each of await Promise.all(behind)) expect(each).toBeInstanceOf(LeaseExpiredError);
    const next = await manager.acquire();
    await next.run(tasks.record, [log.cells, 4]);
    expect(log.entries).toEqual([4]);
  });

  test('M4 the error of a job says which it was, how long it ran, and which options set the limit', async () => {
    const { lease, held, log } = await setupExpiring();
    const behind = rejection(lease.run(tasks.record, [log.cells, 1], { owner: 'tenant-7' }));
    const limit = `lease ${lease.leaseId} has expired and was revoked (leaseSeconds: ${lease.leaseSeconds} of acquire(), leaseGraceSeconds: 0 of the manager)`;
    const [, seconds, rest] = /^'hold' was ended after it had run for ([\d.]+) s: (.*)$/.exec(
      (await rejection(held)).message,
    )!;
    expect(rest).toBe(limit);
    expect(Number(seconds)).toBeLessThanOrEqual(performance.now() / 1000 - lease.leasedAt);
    expect(await behind).toMatchObject({
      message: `'record' had not begun: ${limit}`,
      owner: 'tenant-7',
      taskName: 'record',
    });
  });

  test('S11 owner and task name are on the errors of calls of a lease that is over', async () => {
    const { lease, held } = await setupExpiring();
    await rejection(held);
    const about = { code: 'ERR_LEASEPOOL_LEASE_EXPIRED', owner: 'tenant-7', taskName: 'record' };
    const options = { owner: 'tenant-7' };
    const calls = [
      lease.run(tasks.record, [[], 1] as never, options),
      (async () => lease.enqueue(tasks.record, [[], 1] as never, options))(),
      lease.runBatch(tasks.record, [[[], 1]] as never, options),
    ];
    for (const call of calls) expect(await rejection(call)).toMatchObject(about);
    expect(await rejection(lease.run(tasks.record, [[], 1] as never))).not.toHaveProperty('owner');
  });

  test('M4 at hard expiry only the workers that run something are replaced', async () => {
    const { manager, held, threads } = await setupExpiring({ workersPerPool: 2 });
    expect(await rejection(held)).toBeInstanceOf(LeaseExpiredError);
    const after = await threadsOf(await manager.acquire(), 2);
    expect(threads.filter((thread) => after.includes(thread))).toHaveLength(1);
    expect(manager.totalCount).toBe(1);
  });

  test('M4 a lease that drains is revoked at hard expiry like any other', async () => {
    const { manager, lease, held } = await setupExpiring();
    const released = lease.release();
    expect(await rejection(held)).toBeInstanceOf(LeaseExpiredError);
    await released;
    const next = await manager.acquire();
    expect(await next.run(tasks.echo, [1])).toBe(1);
  });

  test('M4 a job cancelled while running is ended at hard expiry, so that its pool comes back', async () => {
    const { manager, lease, held } = await setupExpiring();
    held.cancel();
    await expect(held).rejects.toBeInstanceOf(CancelledError);
    await until(() => !lease.active);
    const next = await manager.acquire();
    expect(await next.run(tasks.echo, [1])).toBe(1);
  });

  test.each([
    ['a timer', (run: () => void) => void setTimeout(run)],
    [
      'a check phase, after which due timers come before messages',
      (run: () => void) => void setImmediate(run),
    ],
  ])(
    'M4 a result that is here when the lease expires wins: this thread was busy in %s',
    async (_where, schedule) => {
      const { manager, lease: warmUp, gate } = await setup({ leaseGraceSeconds: 0 });
      await warmUp.run(tasks.nothing);
      await warmUp.release();
      const lease = await manager.acquire({ leaseSeconds: 0.3 });
      const finished = lease.run(tasks.echo, ['in time']);
      // It begins when the result of the first has left the worker: S3.
      const running = rejection(lease.run(tasks.hold, [gate.cells, 0]));
      await new Promise<void>((resolve) =>
        schedule(() => {
          blockUntil(() => gate.begun === 1 && performance.now() / 1000 > lease.hardExpiresAt + 0.01);
          resolve();
        }),
      );
      expect(await finished).toBe('in time');
      expect(await running).toBeInstanceOf(LeaseExpiredError);
      await until(() => manager.availableCount === 1);
    },
  );

  test('M4 a lease used after its time, before the timer has seen it, is revoked then', async () => {
    const { lease } = await setup({ defaultLeaseSeconds: 0.02, leaseGraceSeconds: 0 });
    blockUntil(() => performance.now() / 1000 > lease.hardExpiresAt);
    expect(() => lease.enqueue(tasks.nothing)).toThrow(LeaseExpiredError);
    expect(lease.active).toBe(false);
  });

  test('M4 revoking ends exactly the calls that run, with the reason their callers get', async () => {
    const { backend, lease, executor, manager } = await setupManual(
      {},
      { defaultLeaseSeconds: 0.4, leaseGraceSeconds: 0 },
    );
    const [running, queued] = [lease.run(tasks.echo, ['running']), lease.run(tasks.echo, ['queued'])].map(
      rejection,
    );
    await turns(1);
    executor.held[0]!.begin();
    const reason = await running;
    expect(executor.ended.map(({ calls }) => calls.map((call) => call.task.name))).toEqual([['echo']]);
    expect(reason).toBeInstanceOf(LeaseExpiredError);
    expect(await queued).toBeInstanceOf(LeaseExpiredError);
    expect(executor.shutdowns).toEqual([]);
    await until(() => manager.availableCount === 1);
    expect(backend.executors).toHaveLength(1);
  });

  test('M4 a pool that cannot end single calls is retired when a lease with work running is revoked', async () => {
    const { lease, executor, manager } = await setupManual(
      { withoutEndCalls: true },
      { defaultLeaseSeconds: 0.4, leaseGraceSeconds: 0 },
    );
    const running = rejection(lease.run(tasks.nothing));
    await turns(1);
    executor.held[0]!.begin();
    expect(await running).toBeInstanceOf(LeaseExpiredError);
    await until(() => executor.shutdowns.length === 1);
    await until(() => manager.leasedCount === 0);
  });

  test('M4 a pool that cannot end single calls is kept when nothing ran', async () => {
    const { lease, executor, manager } = await setupManual(
      { withoutEndCalls: true },
      { defaultLeaseSeconds: 0.02, leaseGraceSeconds: 0 },
    );
    await until(() => !lease.active);
    await until(() => manager.availableCount === 1);
    expect(executor.shutdowns).toEqual([]);
  });

  function blockUntil(condition: () => boolean): void {
    const giveUpAt = performance.now() + 5_000;
    while (!condition())
      if (performance.now() > giveUpAt) throw new Error(`still not true: ${String(condition)}`);
  }
});

describe('running jobs', () => {
  test('M10 run() gives the result and runBatch() the outcomes in the order of the calls', async () => {
    const { lease } = await setup({ workersPerPool: 2 });
    expect(await lease.run(tasks.add, [20, 22])).toBe(42);
    expect(
      await lease.runBatch(tasks.add, [
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
    ).toEqual([3, 7, 11].map((value) => ({ status: 'fulfilled', value })));
    expect(await lease.runBatch(tasks.add, [])).toEqual([]);
  });

  test('M10 the outcomes of a batch are in call order although its jobs end in another', async () => {
    const { lease } = await setup({ workersPerPool: 2 });
    const gates = [new Gate(), new Gate()];
    const batch = lease.runBatch(
      tasks.hold,
      gates.map((gate, index) => [gate.cells, index] as const),
    );
    await Promise.all(gates.map((gate) => gate.untilBegun()));
    gates[1]!.open();
    await gates[1]!.untilFinished();
    gates[0]!.open();
    expect(await batch).toEqual([0, 1].map((value) => ({ status: 'fulfilled', value })));
  });

  test('M10 a batch with failures resolves all the same', async () => {
    const { lease } = await setup();
    const outcomes = await lease.runBatch(tasks.fail, [['a'], ['b']]);
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { message: 'a' } },
      { status: 'rejected', reason: { message: 'b' } },
    ]);
    const mixed = await lease.runBatch(tasks.echo, [['fine'], [() => {}], ['fine too']]);
    expect(mixed.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(mixed[1]).toMatchObject({ reason: { code: 'ERR_LEASEPOOL_NOT_CLONEABLE' } });
  });

  test('M10 a batch rejects only when its lease is not active', async () => {
    const { lease } = await setup();
    let outside = 1;
    const outcomes = await lease.runBatch(() => outside++, [[], []]);
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual([
      'ERR_LEASEPOOL_TASK_NOT_PORTABLE',
      'ERR_LEASEPOOL_TASK_NOT_PORTABLE',
    ]);
    const aborted = await lease.runBatch(tasks.echo, [[1], [2]], { signal: AbortSignal.abort() });
    expect(aborted.every(({ status }) => status === 'rejected')).toBe(true);
    await lease.release();
    await expect(lease.runBatch(tasks.echo, [[1]])).rejects.toBeInstanceOf(LeaseExpiredError);
  });

  test('M10 a batch whose lease is revoked underway resolves with what became of each call', async () => {
    const { manager, lease: warmUp, gate } = await setup({ leaseGraceSeconds: 0 });
    await warmUp.run(tasks.nothing);
    await warmUp.release();
    const lease = await manager.acquire({ leaseSeconds: 0.6 });
    const outcomes = await lease.runBatch(tasks.holdUnless, [
      [gate.cells, 'first'],
      [gate.cells, undefined],
      [gate.cells, 'third'],
    ]);
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', value: 'first' },
      { status: 'rejected', reason: { code: 'ERR_LEASEPOOL_LEASE_EXPIRED' } },
      { status: 'rejected', reason: { code: 'ERR_LEASEPOOL_LEASE_EXPIRED' } },
    ]);
  });

  const misuse: readonly [string, (lease: any, how: 'run' | 'enqueue') => unknown, object][] = [
    ['no task', (lease, how) => lease[how](), { code: 'ERR_LEASEPOOL_TASK_INVALID' }],
    ['a task that is a string', (lease, how) => lease[how]('square'), { code: 'ERR_LEASEPOOL_TASK_INVALID' }],
    [
      'a bound function',
      (lease, how) => lease[how](tasks.echo.bind(null)),
      { code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE' },
    ],
    [
      'arguments that are no array',
      (lease, how) => lease[how](tasks.echo, 7),
      { code: 'ERR_INVALID_ARG_TYPE' },
    ],
    [
      'an unknown option',
      (lease, how) => lease[how](tasks.echo, [1], { ownr: 'me' }),
      { code: 'ERR_INVALID_ARG_TYPE' },
    ],
    [
      'a wrong option',
      (lease, how) => lease[how](tasks.echo, [1], { timeoutSeconds: 0 }),
      { code: 'ERR_OUT_OF_RANGE' },
    ],
  ];

  test.each(misuse)('M10 given %s, run() rejects and enqueue() throws', async (_what, use, expected) => {
    const { lease } = await setup();
    expect(await rejection(use(lease, 'run') as Promise<unknown>)).toMatchObject(expected);
    expect(thrown(() => use(lease, 'enqueue'))).toMatchObject(expected);
    expect(await lease.run(tasks.echo, ['unharmed'])).toBe('unharmed');
  });

  test('M10 run() rejects with what its job threw, or with what could not be sent', async () => {
    const { lease } = await setup();
    await expect(lease.run(tasks.fail, ['on purpose'])).rejects.toThrow('on purpose');
    await expect(lease.run(tasks.echo, [() => {}])).rejects.toBeInstanceOf(NotCloneableError);
    await expect(lease.run({ module: import.meta.url, name: 'none' })).rejects.toBeInstanceOf(
      TaskReferenceError,
    );
  });

  test('M10 calls made in one synchronous loop travel together', async () => {
    const backend = new FakeBackend((call) => call.fulfil(call.args[0]));
    const manager = await startManager({ backend });
    const lease = await manager.acquire();
    const values = Array.from({ length: 100 }, (_, value) => value);
    expect(await Promise.all(values.map((value) => lease.run(tasks.echo, [value])))).toEqual(values);
    await lease.runBatch(
      tasks.echo,
      values.map((value) => [value] as const),
    );
    expect(backend.sent).toEqual([values, values]);
  });

  test('M10 an executor is told what it needs to know of a call', async () => {
    const { lease, executor } = await setupManual();
    const { buffer } = new Uint8Array(8);
    const job = lease.run(tasks.echo, [buffer], { owner: 'me', transfer: [buffer], timeoutSeconds: 5 });
    await turns(1);
    const { call } = executor.held[0]!;
    expect(call.task).toMatchObject({ kind: 'reference', name: 'echo' });
    expect(call).toMatchObject({ owner: 'me', timeoutSeconds: 5, beginBeforeMs: undefined });
    expect(call.args[0]).toBe(buffer);
    expect(call.transfer).toEqual([buffer]);
    executor.held[0]!.fulfil('done');
    expect(await job).toBe('done');
  });

  test('M10 what an executor does not take fails with its reason, and what it took has its own outcome', async () => {
    const { lease, executor } = await setupManual();
    const error = new Error('no more room');
    executor.pool.refuseNext = { after: 2, error };
    const batch = lease.runBatch(tasks.echo, [[0], [1], [2], [3]]);
    await turns(1);
    expect(executor.held).toHaveLength(2);
    executor.held[1]!.reject(new Error('its own'));
    executor.held[0]!.fulfil('its own');
    expect(await batch).toEqual([
      { status: 'fulfilled', value: 'its own' },
      { status: 'rejected', reason: expect.objectContaining({ message: 'its own' }) },
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
    expect(lease.active).toBe(true);
  });

  test('M10 an executor that throws although it must not fails only what it was given', async () => {
    const { lease, executor } = await setupManual();
    executor.pool.throwNext = new Error('breaks the rule');
    await expect(lease.run(tasks.nothing)).rejects.toThrow('breaks the rule');
    const next = lease.run(tasks.nothing);
    await turns(1);
    executor.held[0]!.fulfil('fine');
    expect(await next).toBe('fine');
  });

  test('M10 a call that comes back unbegun fails with the reason', async () => {
    const { lease, executor } = await setupManual();
    const job = rejection(lease.run(tasks.nothing));
    await turns(1);
    const reason = new BrokenExecutorError('gone');
    executor.held[0]!.giveBack(reason);
    expect(await job).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR', message: 'gone' });
  });

  test('M10 a job cancelled before it began is taken back and never runs', async () => {
    const { lease, gate, held, log } = await setupHeld();
    const queued = lease.enqueue(tasks.record, [log.cells, 1], { owner: 'me' });
    await turns(2);
    expect(queued.running()).toBe(true);
    expect(queued.cancel('not needed')).toBe(true);
    expect([queued.done(), queued.cancelled(), queued.running()]).toEqual([true, true, false]);
    const error = await rejection(queued);
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ cause: 'not needed', owner: 'me', taskName: 'record' });
    gate.open();
    await held;
    await lease.run(tasks.record, [log.cells, 2]);
    expect(log.entries).toEqual([2]);
  });

  test('M10 a job cancelled while its pool is being made is never sent', async () => {
    const backend = new ManualBackend({ opensLater: true });
    const manager = await startManager({ backend, minPools: 0 });
    const lease = await manager.acquire();
    const jobs = [1, 2, 3].map((value) => lease.enqueue(tasks.echo, [value]));
    await turns(2);
    expect(jobs[1]!.cancel()).toBe(true);
    backend.open();
    await until(() => backend.batches.length > 0);
    expect(backend.batches.flat().map((call) => call.args[0])).toEqual([1, 3]);
    for (const call of backend.batches.flat()) call.fulfil(call.args[0]);
    expect(await Promise.all([jobs[0], jobs[2]])).toEqual([1, 3]);
    await rejection(jobs[1]!);
  });

  test('M10 where nothing can be taken back, cancelling ends only the wait', async () => {
    const { manager, lease, executor } = await setupManual({ withoutTakeBack: true });
    const job = lease.enqueue(tasks.nothing);
    await turns(1);
    expect(job.cancel()).toBe(true);
    await expect(job).rejects.toBeInstanceOf(CancelledError);
    expect(executor.held).toHaveLength(1);
    void lease.release();
    expect(manager.leasedCount).toBe(1);
    executor.held[0]!.fulfil('unheard');
    await until(() => manager.availableCount === 1);
  });

  test('M10 a future that settled is not cancelled any more', async () => {
    const { lease } = await setup();
    const future = lease.enqueue(tasks.echo, ['done']);
    expect(future.done()).toBe(false);
    expect(await future).toBe('done');
    expect([future.done(), future.cancelled(), future.running()]).toEqual([true, false, false]);
    expect(future.cancel()).toBe(false);
    expect(await future).toBe('done');
  });

  test('M10 a signal cancels the jobs it was given to', async () => {
    const { lease, gate, held } = await setupHeld();
    const abort = new AbortController();
    const jobs = [1, 2].map((value) => rejection(lease.run(tasks.echo, [value], { signal: abort.signal })));
    const other = lease.run(tasks.echo, ['other']);
    await turns(2);
    abort.abort('why');
    for (const error of await Promise.all(jobs))
      expect(error).toMatchObject({ code: 'ABORT_ERR', cause: 'why' });
    gate.open();
    expect(await held).toBe('held');
    expect(await other).toBe('other');
  });

  test('M2 a signal that throws costs neither a lease nor a job', async () => {
    const { manager, lease } = await setup({ maxPools: 1 });
    const { signal } = new AbortController();
    signal.addEventListener = () => {
      throw new Error('no listeners here');
    };
    const refused = { message: 'no listeners here' };
    expect(await rejection(lease.run(tasks.echo, [1], { signal }))).toMatchObject(refused);
    expect(await rejection(manager.acquire({ signal }))).toMatchObject(refused);
    expect(manager.stats().waiting).toBe(0);
    await lease.release();
    expect(manager.stats().leases).toEqual([]);
    expect(await rejection(manager.acquire({ signal }))).toMatchObject(refused);
    expect(manager.stats()).toMatchObject({ available: 1, leased: 0 });
  });

  test('M10 a lease that several callers share serves them all', async () => {
    const { lease } = await setup({ workersPerPool: 3 });
    const values = Array.from({ length: 300 }, (_, value) => value);
    const callers = [0, 1, 2].map(async (caller) => {
      const own = values.filter((value) => value % 3 === caller);
      const results: number[] = [];
      for (const value of own) results.push(await lease.run(tasks.echo, [value]));
      expect(results).toEqual(own);
    });
    await Promise.all(callers);
  });
});

describe('disposal', () => {
  test('S35 a lease is released at the end of its block, also when that throws, and the error wins', async () => {
    const { manager, lease } = await setup();
    await lease[Symbol.asyncDispose]();
    expect(lease.active).toBe(false);
    expect(manager.availableCount).toBe(1);
    await lease[Symbol.asyncDispose]();

    const throwing = async (): Promise<void> => {
      await using used = await manager.acquire();
      expect(manager.leasedCount).toBe(1);
      await used.run(tasks.nothing);
      throw new Error('of the block');
    };
    await expect(throwing()).rejects.toThrow('of the block');
    expect(manager.stats()).toMatchObject({ available: 1, leased: 0 });
  });

  test('S35 withLease() gives the result and releases, also when its function throws or rejects', async () => {
    const { manager, lease } = await setup();
    await lease.release();
    expect(await manager.withLease((used) => used.run(tasks.add, [1, 2]), { owner: 'me' })).toBe(3);
    expect(await manager.withLease((used) => used.owner, { owner: 'me' })).toBe('me');
    await expect(manager.withLease(() => Promise.reject(new Error('rejected')))).rejects.toThrow('rejected');
    const throwing = (): never => {
      throw new Error('thrown');
    };
    await expect(manager.withLease(throwing)).rejects.toThrow('thrown');
    expect(manager.stats()).toMatchObject({ available: 1, leased: 0 });
  });

  test('S35 a manager is stopped at the end of its block, also when that throws, and twice is fine', async () => {
    const kept: { manager?: ReturnType<typeof newManager>; lease?: ExecutorLease } = {};
    const throwing = async (): Promise<void> => {
      await using manager = newManager();
      kept.manager = manager;
      await manager.start();
      kept.lease = await manager.acquire();
      throw new Error('of the block');
    };
    await expect(throwing()).rejects.toThrow('of the block');
    expect(kept.lease!.active).toBe(false);
    expect(kept.manager!.stats()).toMatchObject({ started: false, total: 0 });
    await kept.manager![Symbol.asyncDispose]();
  });

  test('S35 a manager that was never started can be disposed of', async () => {
    await newManager()[Symbol.asyncDispose]();
  });
});

/** What the function throws. */
function thrown(call: () => unknown): any {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('it did not throw');
}
