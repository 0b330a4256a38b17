import { getEventListeners } from 'node:events';
import {
  BrokenExecutorError,
  CancelledError,
  type ExecutorLease,
  LeasedExecutorManager,
  type LeasedExecutorManagerOptions,
  LeaseUnavailableError,
  NotStartedError,
  TimeoutError,
} from 'leasepool';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tasks } from '../tasks/manager-tasks.js';
import { ManualBackend, type ManualOptions } from '../support/manager-backend.ts';
import { newManager, recordingLogger, rejection, startManager } from '../support/manager-start.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { turns, until } from '../support/until.ts';
import { WarpClock } from '../support/warp-clock.ts';

const hour = 3600;

/** A started manager on a backend that the test controls. */
async function setup(options: LeasedExecutorManagerOptions = {}, manual: ManualOptions = {}) {
  const backend = new ManualBackend(manual);
  const manager = newManager({ minPools: 0, ...options, backend });
  if (!manual.opensLater) await manager.start();
  return { backend, manager };
}

/** A started manager on threads whose demand the test sets. */
async function setupDemand(options: LeasedExecutorManagerOptions = {}) {
  const demand = { units: 0, asked: 0 };
  const sizeProvider = (): number => {
    demand.asked += 1;
    return demand.units;
  };
  const bundle = await setup({ minPools: 1, maxPools: 4, unitsPerPool: 10, sizeProvider, ...options });
  return { ...bundle, demand };
}

function expectBalanced(manager: LeasedExecutorManager): void {
  const { starting, available, leased, closing, total, maxPools } = manager.stats();
  expect(starting + available + leased + closing).toBe(total);
  expect(total).toBeLessThanOrEqual(maxPools);
  expect([manager.totalCount, manager.availableCount, manager.leasedCount]).toEqual([
    total,
    available,
    leased,
  ]);
}

/** Where the promises of acquire() have come. */
function watched<T>(promises: readonly Promise<T>[]): { readonly granted: number[] } {
  const granted: number[] = [];
  promises.forEach((promise, index) => void promise.then(() => granted.push(index)));
  return { granted };
}

describe('accounting', () => {
  test('M1 a pool is in one state at a time, from its opening to its end', async () => {
    const { backend, manager } = await setup(
      { maxPools: 2, minPools: 1 },
      { opensLater: true, endsLater: true },
    );
    const starting = manager.start();
    await until(() => backend.opening === 1);
    expect(manager.stats()).toMatchObject({ starting: 1, available: 0, leased: 0, closing: 0, total: 1 });
    backend.open();
    await starting;
    expect(manager.stats()).toMatchObject({ starting: 0, available: 1, leased: 0, closing: 0, total: 1 });
    const lease = await manager.acquire();
    expect(manager.stats()).toMatchObject({ starting: 0, available: 0, leased: 1, closing: 0, total: 1 });
    await lease.release();
    expect(manager.stats()).toMatchObject({ starting: 0, available: 1, leased: 0, closing: 0, total: 1 });
    const stopping = manager.stop();
    await until(() => backend.executors[0]!.shutdowns.length === 1);
    expect(manager.stats()).toMatchObject({ starting: 0, available: 0, leased: 0, closing: 1, total: 1 });
    backend.executors[0]!.endShutdown();
    await stopping;
    expect(manager.stats()).toMatchObject({ starting: 0, available: 0, leased: 0, closing: 0, total: 0 });
  });

  test('M1 a pool that is leased while it opens counts as leased', async () => {
    const { backend, manager } = await setup({}, { opensLater: true });
    await manager.start();
    await manager.acquire();
    expect(manager.stats()).toMatchObject({ starting: 0, available: 0, leased: 1, total: 1 });
    backend.open();
    await turns();
    expect(manager.stats()).toMatchObject({ starting: 0, available: 0, leased: 1, total: 1 });
  });

  test('M1 a released lease whose pool still opens leaves a starting pool', async () => {
    const { backend, manager } = await setup({}, { opensLater: true });
    await manager.start();
    const lease = await manager.acquire();
    await lease.release();
    expect(manager.stats()).toMatchObject({ starting: 1, available: 0, leased: 0, total: 1 });
    backend.open();
    await until(() => manager.availableCount === 1);
    expectBalanced(manager);
  });

  test('M1 a pool that has not ended yet keeps its place', async () => {
    const units = { now: 1 };
    const { backend, manager } = await setup(
      { sizeProvider: () => units.now, unitsPerPool: 1 },
      { endsLater: true },
    );
    expect(manager.totalCount).toBe(1);
    units.now = 0;
    manager.notifyScaleChanged();
    await until(() => manager.stats().closing === 1);
    await expect(manager.acquire({ wait: false })).rejects.toThrow(LeaseUnavailableError);
    const waiting = manager.acquire();
    await turns();
    expect(manager.stats()).toMatchObject({ closing: 1, total: 1, waiting: 1 });
    expect(backend.executors).toHaveLength(1);
    backend.executors[0]!.endShutdown();
    await waiting;
    expect(backend.executors).toHaveLength(2);
    expect(backend.mostLive).toBe(1);
    backend.executors[1]!.endShutdown();
  });

  test('M1 a lease that is released again lends nothing twice', async () => {
    const { manager } = await setup();
    const lease = await manager.acquire();
    await lease.release();
    const next = await manager.acquire();
    await Promise.all([lease.release(), lease.release()]);
    expect(manager.leasedCount).toBe(1);
    await expect(manager.acquire({ wait: false })).rejects.toThrow(LeaseUnavailableError);
    await next.release();
    expect(manager.stats()).toMatchObject({ available: 1, leased: 0, leases: [] });
  });

  test('M1 a lease that was revoked and then released ends once', async () => {
    const { manager } = await setup({ leaseGraceSeconds: 0 });
    const lease = await manager.acquire({ leaseSeconds: 0.01 });
    await until(() => !lease.active);
    await until(() => manager.availableCount === 1);
    await manager.acquire();
    await lease.release();
    expect(manager.stats()).toMatchObject({ available: 0, leased: 1 });
    await expect(manager.acquire({ wait: false })).rejects.toThrow(LeaseUnavailableError);
  });

  test('M1 no lease id is used twice', async () => {
    const { backend, manager } = await setup();
    const ids = new Set<string>();
    for (let count = 0; count < 200; count++) {
      const lease = await manager.acquire();
      ids.add(lease.leaseId);
      await lease.release();
    }
    expect(ids.size).toBe(200);
    expect(backend.executors).toHaveLength(1);
  });

  test('M1 with threads, never more leases are out than there may be pools', async () => {
    const manager = await startManager({ maxPools: 2 });
    let out = 0;
    let most = 0;
    const use = async (lease: ExecutorLease, value: number): Promise<number> => {
      most = Math.max(most, ++out);
      expectBalanced(manager);
      const result = await lease.run(tasks.echo, [value]);
      out -= 1;
      return result;
    };
    const values = Array.from({ length: 40 }, (_, value) => value);
    const results = await Promise.all(values.map((value) => manager.withLease((lease) => use(lease, value))));
    expect(results).toEqual(values);
    expect(most).toBe(2);
    expect(manager.stats()).toMatchObject({ available: 2, leased: 0, waiting: 0 });
  });

  test('M1 the accounts hold whatever happens in whatever order', async () => {
    const step = fc.record({
      what: fc.constantFrom(
        'acquire',
        'try',
        'release',
        'cancel',
        'break',
        'open',
        'end',
        'resize',
        'submit',
      ),
      which: fc.nat(20),
    });
    const walk = fc.asyncProperty(fc.array(step, { maxLength: 40 }), walkThrough);
    await fc.assert(walk, { numRuns: 60, endOnFailure: true });
  });

  async function walkThrough(steps: readonly { what: string; which: number }[]): Promise<void> {
    const backend = new ManualBackend({ opensLater: true, endsLater: true });
    const demand = { units: 0 };
    const manager = newManager({
      backend,
      maxPools: 3,
      minPools: 0,
      unitsPerPool: 1,
      sizeProvider: () => demand.units,
    });
    await manager.start();
    const leases: ExecutorLease[] = [];
    const waits: AbortController[] = [];
    const outcomes: Promise<unknown>[] = [];
    let inAcquire = 0;
    const acquire = (wait: boolean): void => {
      const abort = new AbortController();
      waits.push(abort);
      inAcquire += 1;
      const outcome = manager.acquire({ wait, signal: abort.signal }).then(
        (lease) => void leases.push(lease),
        (error: unknown) => expect(error).toBeInstanceOf(Error),
      );
      outcomes.push(outcome.finally(() => (inAcquire -= 1)));
    };
    const pick = <T>(from: readonly T[], which: number): T | undefined => from[which % (from.length || 1)];
    const actions: Record<string, (which: number) => unknown> = {
      acquire: () => acquire(true),
      try: () => acquire(false),
      release: (which) => pick(leases, which)?.release(),
      cancel: (which) => pick(waits, which)?.abort(),
      break: (which) => pick(backend.executors, which)?.pool.break(new Error('broken by the test')),
      open: () => backend.opening > 0 && backend.open(),
      end: (which) => pick(backend.executors, which)?.endShutdown(),
      resize: (which) => {
        demand.units = which % 5;
        manager.notifyScaleChanged();
      },
      submit: (which) => {
        const lease = pick(leases, which);
        if (lease?.active) void lease.enqueue(tasks.echo, [lease.leaseId]);
      },
    };
    for (const { what, which } of steps) {
      void actions[what]!(which);
      expectBalanced(manager);
      await turns(2);
      expectBalanced(manager);
      expect(manager.stats().waiting).toBe(inAcquire);
      expect(backend.live).toBeLessThanOrEqual(3);
      const active = leases.filter((lease) => lease.active);
      expect(manager.leasedCount).toBeGreaterThanOrEqual(active.length);
      for (const executor of backend.executors) {
        const users = new Set(executor.held.map((call) => call.args[0]));
        expect(active.filter((lease) => users.has(lease.leaseId)).length).toBeLessThanOrEqual(1);
      }
    }
    const stopped = manager.stop({ timeoutSeconds: 0 });
    while (backend.opening > 0) backend.open();
    await turns();
    for (const executor of backend.executors) executor.endShutdown();
    await stopped;
    await Promise.all(outcomes);
    expect(manager.stats()).toMatchObject({ total: 0, waiting: 0, leases: [] });
    expect(backend.live).toBe(0);
  }
});

describe('acquire', () => {
  test('M2 waiters are served first come, first served, and nobody jumps the queue', async () => {
    const { manager } = await setup();
    const held = await manager.acquire();
    const waiting = [0, 1, 2].map(() => manager.acquire());
    expect(manager.stats().waiting).toBe(3);
    void held.release();
    waiting.push(manager.acquire());
    const { granted } = watched(waiting);
    for (const next of waiting) await (await next).release();
    expect(granted).toEqual([0, 1, 2, 3]);
  });

  test('M2 an acquire in the turn of a release does not overtake a waiter', async () => {
    const { manager } = await setup();
    const held = await manager.acquire();
    const first = manager.acquire();
    void held.release();
    await expect(manager.acquire({ wait: false })).rejects.toThrow(LeaseUnavailableError);
    expect((await first).active).toBe(true);
  });

  test('M2 with wait: false a lease that is not to be had is refused', async () => {
    const { manager } = await setup({ maxPools: 2 });
    await manager.acquire();
    const second = await manager.acquire({ wait: false });
    const error = await rejection(manager.acquire({ wait: false }));
    expect(error).toBeInstanceOf(LeaseUnavailableError);
    expect(error.code).toBe('ERR_LEASEPOOL_LEASE_UNAVAILABLE');
    await second.release();
    await expect(manager.acquire({ wait: false })).resolves.toBeDefined();
  });

  test('M2 a wait that is too long ends with a TimeoutError of phase "acquire"', async () => {
    const { manager } = await setup();
    const held = await manager.acquire();
    const askedAt = performance.now();
    const error = await rejection(manager.acquire({ timeoutSeconds: 0.03 }));
    expect(performance.now() - askedAt).toBeGreaterThan(29);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'ERR_LEASEPOOL_TIMEOUT', phase: 'acquire' });
    expect(manager.stats().waiting).toBe(0);
    await held.release();
    await expect(manager.acquire({ wait: false })).resolves.toBeDefined();
  });

  test('M2 timeoutSeconds: 0 tries once', async () => {
    const { manager } = await setup();
    const held = await manager.acquire({ timeoutSeconds: 0 });
    const tried = rejection(manager.acquire({ timeoutSeconds: 0 }));
    expect(manager.stats().waiting).toBe(0);
    await held.release();
    expect(await tried).toMatchObject({ code: 'ERR_LEASEPOOL_TIMEOUT', phase: 'acquire' });
    await expect(manager.acquire({ timeoutSeconds: 0 })).resolves.toBeDefined();
  });

  test('M2 a signal ends the wait of its waiter only', async () => {
    const { manager } = await setup();
    const held = await manager.acquire();
    const abort = new AbortController();
    const before = manager.acquire();
    const cancelled = rejection(manager.acquire({ signal: abort.signal }));
    const after = manager.acquire();
    const why = new Error('no longer needed');
    abort.abort(why);
    const error = await cancelled;
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    expect(error.cause).toBe(why);
    expect(manager.stats().waiting).toBe(2);
    await held.release();
    await (await before).release();
    await (await after).release();
    expect(manager.availableCount).toBe(1);
  });

  test('M2 a signal that has aborted already takes no lease', async () => {
    const { manager } = await setup();
    const error = await rejection(manager.acquire({ signal: AbortSignal.abort('why') }));
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'why' });
    expect(manager.leasedCount).toBe(0);
  });

  test('M2 a wait that is over leaves no listener on its signal', async () => {
    const { manager } = await setup();
    const held = await manager.acquire();
    const { signal } = new AbortController();
    const waiting = manager.acquire({ signal });
    await rejection(manager.acquire({ signal, timeoutSeconds: 0.01 }));
    await held.release();
    await waiting;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('M2 an abort after the lease was granted changes nothing', async () => {
    const { manager } = await setup();
    const abort = new AbortController();
    const lease = await manager.acquire({ signal: abort.signal });
    abort.abort();
    await turns();
    expect(lease.active).toBe(true);
    expect(manager.leasedCount).toBe(1);
  });

  test.each([
    ['right after the release', (abort: () => void) => abort()],
    ['in a microtask after it', (abort: () => void) => queueMicrotask(abort)],
    ['two microtasks after it', (abort: () => void) => queueMicrotask(() => queueMicrotask(abort))],
    ['in the next tick', (abort: () => void) => process.nextTick(abort)],
  ])('M2 a waiter cancelled %s loses no lease', async (_when, schedule) => {
    const { manager } = await setup();
    const held = await manager.acquire();
    const abort = new AbortController();
    const waiting = manager.acquire({ signal: abort.signal });
    const next = manager.acquire();
    void held.release();
    schedule(() => abort.abort());
    const [outcome] = await Promise.allSettled([waiting]);
    if (outcome.status === 'fulfilled') await outcome.value.release();
    else expect(outcome.reason).toBeInstanceOf(CancelledError);
    await (await next).release();
    expect(manager.stats()).toMatchObject({ available: 1, leased: 0, waiting: 0 });
  });

  test('M2 while more pools may be opened, a lease is granted before its workers are there', async () => {
    const { backend, manager } = await setup({ maxPools: 3 }, { opensLater: true });
    await manager.start();
    const first = await manager.acquire({ wait: false });
    const second = await manager.acquire({ timeoutSeconds: 0 });
    const third = await manager.acquire();
    expect(backend.opening).toBe(3);
    await expect(manager.acquire({ wait: false })).rejects.toThrow(LeaseUnavailableError);
    const results = [first, second, third].map((lease, index) => lease.run(tasks.echo, [index]));
    await turns();
    expect(backend.batches).toEqual([]);
    for (let opened = 0; opened < 3; opened++) backend.open();
    await until(() => backend.batches.length === 3);
    for (const [call] of backend.batches) call!.fulfil(call!.args[0]);
    expect(await Promise.all(results)).toEqual([0, 1, 2]);
  });

  test('M2 a free pool is lent before another is opened', async () => {
    const { backend, manager } = await setup({ maxPools: 3, minPools: 1 });
    await (await manager.acquire()).release();
    await manager.acquire();
    expect(backend.executors).toHaveLength(1);
    await manager.acquire();
    expect(backend.executors).toHaveLength(2);
  });

  test('M2 a lease knows its owner, its length and its times', async () => {
    const { manager } = await setup({ maxPools: 2, defaultLeaseSeconds: 40, leaseGraceSeconds: 7 });
    const before = performance.now() / 1000;
    const byDefault = await manager.acquire();
    const asked = await manager.acquire({ leaseSeconds: 90, owner: 'me' });
    expect(byDefault).toMatchObject({ owner: undefined, leaseSeconds: 40, graceSeconds: 7, active: true });
    expect(asked).toMatchObject({ owner: 'me', leaseSeconds: 90, graceSeconds: 7 });
    expect(asked.leasedAt).toBeGreaterThan(before - 0.01);
    expect(asked.leasedAt).toBeLessThan(performance.now() / 1000 + 0.01);
    expect(asked.softExpiresAt - asked.leasedAt).toBeCloseTo(90, 3);
    expect(asked.hardExpiresAt - asked.softExpiresAt).toBeCloseTo(7, 3);
    const stats = manager.stats().leases.find(({ leaseId }) => leaseId === asked.leaseId)!;
    expect(stats).toMatchObject({ owner: 'me', pending: 0, draining: false });
    expect(stats.secondsUntilSoftExpiry).toBeGreaterThan(80);
    expect(stats.secondsUntilSoftExpiry).toBeLessThanOrEqual(90);
    expect(stats.secondsUntilHardExpiry).toBeLessThanOrEqual(97);
  });

  test('M2 a manager that is not started lends nothing', async () => {
    const manager = newManager();
    const error = await rejection(manager.acquire());
    expect(error).toBeInstanceOf(NotStartedError);
    expect(error.code).toBe('ERR_LEASEPOOL_NOT_STARTED');
    expect(error.message).toContain('not started');
    await expect(manager.withLease(() => 1)).rejects.toThrow(NotStartedError);
  });
});

describe('sizing', () => {
  test.each([
    [0, 1],
    [1, 1],
    [10, 1],
    [10.5, 2],
    [11, 2],
    [39, 4],
    [41, 4],
    [1e308, 4],
  ])('M5 %d units are served by %d pools', async (units, pools) => {
    const { manager, demand } = await setupDemand();
    demand.units = units;
    expect(manager.desiredExecutorCount()).toBe(pools);
    manager.notifyScaleChanged();
    await until(() => manager.availableCount === pools);
    expect(manager.stats().desired).toBe(pools);
  });

  test('M5 the desired pools are there when start() resolves', async () => {
    const { backend, manager } = await setup({
      maxPools: 5,
      minPools: 2,
      unitsPerPool: 4,
      sizeProvider: () => 9,
    });
    expect(manager.stats()).toMatchObject({ started: true, available: 3, total: 3, desired: 3 });
    expect(backend.created.map(({ name }) => name)).toEqual(['leasepool-1', 'leasepool-2', 'leasepool-3']);
  });

  const notNumbers: readonly [string, () => unknown][] = [
    ['throws', () => fail()],
    ['gives NaN', () => Number.NaN],
    ['gives "5"', () => '5'],
    ['gives -1', () => -1],
    ['gives Infinity', () => Infinity],
    ['gives -Infinity', () => -Infinity],
    ['gives undefined', () => undefined],
    ['gives 5n', () => 5n],
    ['gives a promise', () => Promise.resolve(5)],
  ];

  function fail(): never {
    throw new Error('no demand to be had');
  }

  test.each(notNumbers)(
    'M5 a provider that %s counts as 0, and that is logged',
    async (_what, sizeProvider) => {
      const logger = recordingLogger();
      const { manager } = await setup({
        minPools: 1,
        maxPools: 4,
        unitsPerPool: 1,
        logger,
        sizeProvider: sizeProvider as () => number,
      });
      expect(manager.desiredExecutorCount()).toBe(1);
      expect(manager.availableCount).toBe(1);
      expect(logger.entries.filter(({ level }) => level === 'warn' || level === 'error')).not.toEqual([]);
    },
  );

  test('M5 notifyScaleChanged() opens what is missing and closes what is idle beyond it', async () => {
    const { backend, manager, demand } = await setupDemand({ idleSeconds: hour });
    demand.units = 40;
    manager.notifyScaleChanged();
    await until(() => manager.availableCount === 4);
    demand.units = 15;
    manager.notifyScaleChanged();
    await until(() => manager.totalCount === 2);
    expect(manager.availableCount).toBe(2);
    expect(backend.live).toBe(2);
  });

  test('M5 a leased pool is never closed, and stays when it comes back before it has been idle long enough', async () => {
    const { backend, manager, demand } = await setupDemand({
      idleSeconds: hour,
      minPools: 0,
      checkIntervalSeconds: 0.01,
    });
    const leases = [await manager.acquire(), await manager.acquire()];
    expect(manager.stats().desired).toBe(0);
    manager.notifyScaleChanged();
    await turns();
    expect(manager.leasedCount).toBe(2);
    for (const lease of leases) await lease.release();
    const { asked } = demand;
    await until(() => demand.asked > asked + 3, 'some more checks');
    expect(manager.availableCount).toBe(2);
    expect(backend.live).toBe(2);
  });

  test('M5 a pool above the desired number is closed once it has been idle for idleSeconds', async () => {
    const { backend, manager } = await setupDemand({ idleSeconds: 0.05, checkIntervalSeconds: 0.01 });
    const leases = [await manager.acquire(), await manager.acquire(), await manager.acquire()];
    const releasedAt = performance.now();
    for (const lease of leases) await lease.release();
    await until(() => manager.totalCount === 1);
    expect(performance.now() - releasedAt).toBeGreaterThan(49);
    expect(backend.live).toBe(1);
  });

  test('M5 a pool that still starts when it is not wanted any more is closed as soon as it is up', async () => {
    const units = { now: 0 };
    const { backend, manager } = await setup(
      { unitsPerPool: 1, sizeProvider: () => units.now },
      { opensLater: true },
    );
    await manager.start();
    units.now = 1;
    manager.notifyScaleChanged();
    await until(() => backend.opening === 1);
    units.now = 0;
    manager.notifyScaleChanged();
    await turns();
    backend.open();
    await until(() => manager.totalCount === 0);
    expect(backend.executors[0]!.shutdowns).toHaveLength(1);
  });

  test('M5 demand that has grown is seen at the next check by itself', async () => {
    const { manager, demand } = await setupDemand({ checkIntervalSeconds: 0.01 });
    expect(manager.totalCount).toBe(1);
    demand.units = 30;
    await until(() => manager.availableCount === 3);
  });

  test('M5 acquire() opens a pool beyond the desired number when none is free', async () => {
    const { manager } = await setupDemand();
    await manager.acquire();
    await manager.acquire();
    expect(manager.stats()).toMatchObject({ desired: 1, leased: 2, total: 2 });
  });

  test('M5 notifyScaleChanged() does nothing before start() and after stop()', async () => {
    const backend = new ManualBackend();
    const manager = newManager({ backend, minPools: 0, unitsPerPool: 1, sizeProvider: () => 1 });
    manager.notifyScaleChanged();
    await turns();
    expect(backend.created).toEqual([]);
    await manager.start();
    await manager.stop();
    manager.notifyScaleChanged();
    await turns();
    expect(backend.created).toHaveLength(1);
    expect(manager.totalCount).toBe(0);
  });

  test('M5 a provider may use the manager', async () => {
    const backend = new ManualBackend();
    const leases: Promise<unknown>[] = [];
    const manager: LeasedExecutorManager = newManager({
      backend,
      maxPools: 2,
      sizeProvider() {
        manager.notifyScaleChanged();
        manager.stats();
        if (leases.length < 2) leases.push(manager.acquire().catch(() => {}));
        return 5;
      },
    });
    await manager.start();
    await Promise.all(leases);
    manager.notifyScaleChanged();
    await turns();
    expectBalanced(manager);
  });
});

describe('workers and pools that fail', () => {
  test('M6 start() rejects when no worker comes up, after at most five attempts', async () => {
    const failing = ['always fail', 'exit', 'hang'].map(async (mode) => {
      const { starts, options } = startsThat(mode);
      const manager = newManager({ ...options, startTimeoutSeconds: mode === 'hang' ? 0.3 : 30 });
      const error = await rejection(manager.start());
      return { manager, error, attempts: starts.attempts };
    });
    for (const { manager, error, attempts } of await Promise.all(failing)) {
      expect(error).toBeInstanceOf(BrokenExecutorError);
      expect(error.code).toBe('ERR_LEASEPOOL_BROKEN_EXECUTOR');
      expect(error.cause).toBeInstanceOf(Error);
      expect(attempts).toBeLessThanOrEqual(5);
      expect(manager.stats()).toMatchObject({ started: false, available: 0, leased: 0, starting: 0 });
    }
    const [thrown] = await Promise.all(failing);
    expect(causes(thrown!.error)).toContain('this worker was told not to come up');
    expect(thrown!.attempts).toBeGreaterThan(1);
  });

  test('M6 a start that failed at first is tried again', async () => {
    const { starts, options } = startsThat('fail twice');
    const manager = newManager(options);
    await manager.start();
    expect(starts.attempts).toBe(3);
    expect(await manager.withLease((lease) => lease.run(tasks.echo, ['up']))).toBe('up');
  });

  test('M6 a pool runs with the workers that come up', async () => {
    const { options } = startsThat('only the first comes up');
    const manager = newManager({ ...options, workersPerPool: 2 });
    await manager.start();
    const lease = await manager.acquire();
    const values = Array.from({ length: 20 }, (_, value) => value);
    expect(await Promise.all(values.map((value) => lease.run(tasks.echo, [value])))).toEqual(values);
    expect(lease.active).toBe(true);
  });

  test('M6 the jobs of a lease whose pool cannot be made fail with a BrokenExecutorError', async () => {
    const { backend, manager } = await setup({}, { opensLater: true });
    await manager.start();
    const lease = await manager.acquire();
    const job = lease.run(tasks.nothing);
    backend.failToOpen(new Error('no room'));
    const error = await rejection(job);
    expect(error).toBeInstanceOf(BrokenExecutorError);
    expect(causes(error)).toContain('no room');
    await until(() => !lease.active);
    expect(lease.signal.aborted).toBe(true);
  });

  test('M6 start() rejects when the backend cannot make a pool', async () => {
    const backend = {
      name: 'none',
      createExecutor(): never {
        throw new Error('no backend today');
      },
    };
    const error = await rejection(newManager({ backend }).start());
    expect(error).toBeInstanceOf(BrokenExecutorError);
    expect(causes(error)).toContain('no backend today');
  });

  test('M6 for a while after a pool broke, an acquire that would have to open one is refused; then it opens one', async () => {
    const backend = new ManualBackend();
    const clock = new WarpClock();
    // The seam for time is the second argument, and not part of the public types.
    const Manager = LeasedExecutorManager as unknown as new (
      options: LeasedExecutorManagerOptions,
      clock: WarpClock,
    ) => LeasedExecutorManager;
    const manager = new Manager({ backend, workersPerPool: 1, maxPools: 2, minPools: 0 }, clock);
    onTestFinished(() => manager.stop({ timeoutSeconds: 0 }));
    await manager.start();
    const kept = await manager.acquire();
    await manager.acquire();
    const breaking = new BrokenExecutorError('worn out');
    backend.executors[1]!.pool.break(breaking);
    await until(() => manager.totalCount === 1);
    await expect(manager.acquire()).rejects.toBeInstanceOf(BrokenExecutorError);
    await expect(manager.acquire({ wait: false })).rejects.toThrow('worn out');
    await kept.release();
    await (await manager.acquire()).release();
    const again = await manager.acquire();
    clock.advance(4_000);
    await expect(manager.acquire()).rejects.toBeInstanceOf(BrokenExecutorError);
    clock.advance(1_000);
    const opened = await manager.acquire();
    expect(again.active).toBe(true);
    expect(opened.active).toBe(true);
    expect(backend.executors).toHaveLength(3);
  });

  test('M6 a broken pool that nobody leases is retired', async () => {
    const { backend, manager } = await setup({ minPools: 1 });
    backend.executors[0]!.pool.break(new Error('worn out'));
    await until(() => backend.executors[0]!.shutdowns.length === 1);
    expectBalanced(manager);
  });

  interface Starts {
    readonly attempts: number;
    mode: string;
  }

  /** Options under which workers come up or do not, as the mode says at that moment. */
  function startsThat(mode: string): {
    readonly starts: Starts;
    readonly options: LeasedExecutorManagerOptions;
  } {
    const modes = ['come up', 'always fail', 'exit', 'hang', 'fail twice', 'only the first comes up'];
    const cells = new Int32Array(new SharedArrayBuffer(8));
    const starts = {
      get attempts() {
        return Atomics.load(cells, 0);
      },
      set mode(next: string) {
        Atomics.store(cells, 1, modes.indexOf(next));
      },
    };
    starts.mode = mode;
    return { starts, options: { preload: [tasksUrl('manager-start-modes.js')], workerData: cells } };
  }

  function causes(error: { readonly message: string; readonly cause?: unknown }): string {
    const cause = error.cause instanceof Error ? causes(error.cause) : '';
    return `${error.message} ${cause}`;
  }
});
