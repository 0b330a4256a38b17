import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TimerQueue } from '../../../src/core/timer-queue.ts';
import { BrokenExecutorError } from '../../../src/core/errors.ts';
import type { PoolEntry } from '../../../src/lease/pool-entry.ts';
import { type LeasedExecutorManagerOptions, readManagerOptions } from '../../../src/lease/manager-options.ts';
import { PoolSet } from '../../../src/lease/pool-set.ts';
import { Deferred } from '../../support/deferred.ts';
import { keepingLogger } from '../../support/executor-options.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FakeExecutor, FakePools } from '../../support/fake-executor.ts';
import { heard } from '../../support/heard.ts';

/** The pools of a manager, and what they told it. */
function setup(options: LeasedExecutorManagerOptions = {}) {
  const clock = new FakeClock();
  const timers = new TimerQueue(clock);
  const backend = new FakePools();
  const { logger, entries } = keepingLogger();
  const settings = readManagerOptions({ backend, logger, idleSeconds: 60, ...options });
  const told: string[] = [];
  const pools: PoolSet = new PoolSet(settings, backend, clock, timers, {
    poolFree: () => void told.push('free'),
    poolsResized: () => {},
    workerFreed: (pool) => void told.push(`${pool.name} has a free worker`),
    poolBroke: (pool) => void told.push(`${pool.name} broke`),
  });
  const counts = (): object => {
    const { states } = pools;
    const [starting, available, leased, closing] = (
      ['starting', 'available', 'leased', 'closing'] as const
    ).map((state) => states.count(state));
    return { starting, available, leased, closing };
  };
  return { clock, timers, backend, pools, told, entries, counts };
}

async function started(options: LeasedExecutorManagerOptions = {}) {
  const setting = setup(options);
  await setting.pools.start();
  await setting.clock.flush();
  setting.told.length = 0;
  return setting;
}

/** The pool has a worker that cannot be ended. @returns what ends it after all */
function leaveBehind(executor: FakeExecutor): () => void {
  const ended = new Deferred();
  executor.leftBehind = ended.promise;
  return () => {
    executor.leftBehind = undefined;
    ended.resolve();
  };
}

/** How the promise stands. */
function watched(promise: Promise<unknown>): { state: string; error: any } {
  const watch = { state: 'pending', error: undefined as any };
  promise.then(
    () => (watch.state = 'resolved'),
    (error: unknown) => {
      watch.state = 'rejected';
      watch.error = error;
    },
  );
  return watch;
}

describe('M6 starting', () => {
  test('opens the desired number of pools, and is done when they are up', async () => {
    const { clock, backend, pools, counts } = setup({
      maxPools: 5,
      minPools: 1,
      unitsPerPool: 10,
      sizeProvider: () => 25,
    });
    backend.comeUp = false;
    const start = watched(pools.start());
    await clock.flush();
    expect(backend.options.map(({ name }) => name)).toEqual(['leasepool-1', 'leasepool-2', 'leasepool-3']);
    expect([start.state, counts()]).toEqual([
      'pending',
      { starting: 3, available: 0, leased: 0, closing: 0 },
    ]);
    for (const executor of backend.all) executor.isUp.resolve();
    await clock.flush();
    expect([start.state, counts()]).toEqual([
      'resolved',
      { starting: 0, available: 3, leased: 0, closing: 0 },
    ]);
  });

  test('opens none when none is desired', async () => {
    const { backend, counts } = await started({ minPools: 0 });
    expect(backend.all).toEqual([]);
    expect(counts()).toEqual({ starting: 0, available: 0, leased: 0, closing: 0 });
  });

  test('gives every pool the settings of the manager', async () => {
    const { backend } = await started({
      workersPerPool: 3,
      namePrefix: 'thumbs',
      asyncTasks: 'reject',
      preload: ['file:///warm-up.js'],
      workerData: { depth: 1 },
      startTimeoutSeconds: 5,
    });
    expect(backend.options[0]).toMatchObject({
      workers: 3,
      name: 'thumbs-1',
      asyncTasks: 'reject',
      preload: ['file:///warm-up.js'],
      workerData: { depth: 1 },
      startTimeoutSeconds: 5,
    });
  });

  test('fails with a BrokenExecutorError and its cause when no pool comes up', async () => {
    const { clock, backend, pools } = setup({ maxPools: 2, minPools: 2 });
    backend.comeUp = false;
    const start = watched(pools.start());
    backend.all[0].break(new BrokenExecutorError('no worker', { cause: 'why' }));
    await clock.flush();
    expect(start.state).toBe('pending');
    backend.all[1].break(new Error('of another package'));
    await clock.flush();
    expect(start.error).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR', cause: 'why' });
  });

  test('says BrokenExecutorError whatever a backend breaks with, or throws', async () => {
    const broken = setup();
    broken.backend.comeUp = false;
    broken.backend.onCreate = (executor) => executor.break(new TypeError('mine'));
    await expect(broken.pools.start()).rejects.toMatchObject({
      code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR',
      cause: expect.any(TypeError),
    });
    const throwing = setup();
    throwing.backend.refusal = new TypeError('not today');
    await expect(throwing.pools.start()).rejects.toMatchObject({
      code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR',
      cause: throwing.backend.refusal,
    });
  });

  test('succeeds with the pools that come up', async () => {
    const { clock, backend, pools, counts } = setup({ maxPools: 2, minPools: 2 });
    backend.comeUp = false;
    const start = watched(pools.start());
    backend.all[0].break(new Error('broken'));
    backend.all[1].isUp.resolve();
    await clock.flush();
    expect([start.state, counts()]).toEqual([
      'resolved',
      { starting: 0, available: 1, leased: 0, closing: 0 },
    ]);
  });

  test('that is interrupted by a stop does not hang', async () => {
    const { clock, backend, pools } = setup();
    backend.comeUp = false;
    const start = watched(pools.start());
    void pools.stop(30);
    await clock.flush();
    expect(start).toMatchObject({ state: 'rejected', error: { code: 'ERR_LEASEPOOL_NOT_STARTED' } });
  });
});

describe('what can be seen of pools', () => {
  const listen = (): ReturnType<typeof heard> =>
    heard(...['open', 'up', 'break', 'close'].map((event) => `leasepool:pool:${event}`));

  test('is that they open, come up and close', async () => {
    const events = listen();
    const { pools, clock } = await started({ workersPerPool: 3 });
    const pool = 'leasepool-1';
    expect(events).toEqual([
      ['leasepool:pool:open', { pool, backend: 'fake', workers: 3 }],
      ['leasepool:pool:up', { pool }],
    ]);
    const stopped = pools.stop(0);
    await clock.flush();
    await stopped;
    expect(events.slice(2)).toEqual([['leasepool:pool:close', { pool }]]);
  });

  test('is why they break', async () => {
    const { backend, clock } = await started();
    const events = listen();
    const error = new BrokenExecutorError('no worker comes up');
    backend.all[0].break(error);
    await clock.flush();
    expect(events).toEqual([
      ['leasepool:pool:break', { pool: 'leasepool-1', error }],
      ['leasepool:pool:close', { pool: 'leasepool-1' }],
    ]);
  });

  test('is how long their calls run and their chunks travel, as they tell it', async () => {
    const { backend, clock, pools } = await started();
    const { meter } = backend.options[0];
    meter!.callsRan(4, 0.02);
    meter!.chunkCarried(0.001);
    expect(pools.meter.runs.read(clock.now())).toMatchObject({ count: 4, mean: 0.005, max: 0.005 });
    expect(pools.meter.transports.read(clock.now())).toMatchObject({ count: 1, mean: 0.001 });
  });
});

describe('M2 lending', () => {
  test('gives a free pool, else opens one, else gives none', async () => {
    const { backend, pools, counts } = await started({ maxPools: 2 });
    const first = pools.lend();
    const second = pools.lend();
    expect([first?.name, second?.name]).toEqual(['leasepool-1', 'leasepool-2']);
    expect(pools.lend()).toBeUndefined();
    expect([backend.all.length, counts()]).toEqual([2, { starting: 0, available: 0, leased: 2, closing: 0 }]);
  });

  test('gives a pool that is still coming up', () => {
    const { backend, pools, counts } = setup();
    backend.comeUp = false;
    void pools.start();
    expect(pools.lend()?.name).toBe('leasepool-1');
    expect(counts()).toEqual({ starting: 0, available: 0, leased: 1, closing: 0 });
  });

  test('a pool that comes back is free, and that is told', async () => {
    const { pools, told, counts } = await started();
    const pool = pools.lend()!;
    pools.takeBack(pool, false);
    expect([told, counts()]).toEqual([['free'], { starting: 0, available: 1, leased: 0, closing: 0 }]);
    pools.takeBack(pool, false);
    expect(told).toEqual(['free']);
  });

  test('a pool that comes back before it is up is starting again', async () => {
    const { clock, backend, pools, counts } = setup();
    backend.comeUp = false;
    void pools.start();
    pools.takeBack(pools.lend()!, false);
    expect(counts()).toEqual({ starting: 1, available: 0, leased: 0, closing: 0 });
    backend.last.isUp.resolve();
    await clock.flush();
    expect(counts()).toEqual({ starting: 0, available: 1, leased: 0, closing: 0 });
  });

  test('M4 a pool that is to be retired is closed when it comes back, and its place is then free', async () => {
    const { clock, backend, pools, told, counts } = await started();
    backend.last.endsLater = true;
    pools.takeBack(pools.lend()!, true);
    expect([told, counts()]).toEqual([[], { starting: 0, available: 0, leased: 0, closing: 1 }]);
    expect(pools.lend()).toBeUndefined();
    backend.last.endShutdown();
    await clock.flush();
    expect([told, counts()]).toEqual([['free'], { starting: 0, available: 0, leased: 0, closing: 0 }]);
    expect(pools.lend()?.name).toBe('leasepool-2');
  });
});

describe('M6 a pool that breaks', () => {
  test('while it idles is closed, logged and told', async () => {
    const { clock, backend, told, counts, entries } = await started({ maxPools: 2 });
    const error = new BrokenExecutorError('worn out');
    backend.last.break(error);
    await clock.flush();
    expect(told).toEqual(['leasepool-1 broke', 'free']);
    expect(counts()).toEqual({ starting: 0, available: 0, leased: 0, closing: 0 });
    expect(entries).toContainEqual(['error', 'pool broke and is retired', { pool: 'leasepool-1', error }]);
  });

  test('while it is leased is closed when it comes back', async () => {
    const { clock, backend, pools, told, counts } = await started({ maxPools: 2 });
    const pool = pools.lend()!;
    backend.last.break(new Error('worn out'));
    await clock.flush();
    expect([told, counts()]).toEqual([
      ['leasepool-1 broke'],
      { starting: 0, available: 0, leased: 1, closing: 0 },
    ]);
    pools.takeBack(pool, false);
    await clock.flush();
    expect(counts()).toEqual({ starting: 0, available: 0, leased: 0, closing: 0 });
  });

  test('keeps new ones from being opened for 5 s: lending says why, growing waits', async () => {
    const { clock, backend, pools } = await started({ maxPools: 3, minPools: 2, checkIntervalSeconds: 1 });
    const error = new BrokenExecutorError('worn out');
    backend.all[0].break(error);
    await clock.flush();
    expect(pools.lend()?.name).toBe('leasepool-2');
    expect(pools.lend()).toBeUndefined();
    expect(pools.refusal).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR', cause: error });
    await clock.advance(4999);
    expect(pools.canLend).toBe(false);
    expect(pools.refusal).toBeInstanceOf(BrokenExecutorError);
    expect(backend.all).toHaveLength(2);
    await clock.advance(1);
    expect(pools.lend()?.name).toBe('leasepool-3');
  });

  test('is replaced at the next check after that', async () => {
    const { clock, backend, counts } = await started({ checkIntervalSeconds: 4 });
    backend.last.break(new Error('worn out'));
    await clock.advance(4000);
    expect(backend.all).toHaveLength(1);
    await clock.advance(4000);
    expect([backend.all.length, counts()]).toEqual([2, { starting: 0, available: 1, leased: 0, closing: 0 }]);
  });

  test('M1 N3 because its workers cannot be ended counts until they have, and another is opened at once where it may', async () => {
    const { clock, backend, pools, told, counts } = await started({ maxPools: 2 });
    const first = pools.lend()!;
    const ended = leaveBehind(backend.all[0]);
    backend.all[0].break(new BrokenExecutorError('stuck'));
    await clock.flush();
    expect([pools.refusal, pools.canLend]).toEqual([undefined, true]);
    pools.takeBack(first, false);
    await clock.flush();
    expect(counts()).toEqual({ starting: 0, available: 0, leased: 0, closing: 1 });
    expect(pools.lend()?.name).toBe('leasepool-2');
    expect([pools.lend(), pools.refusal]).toEqual([undefined, undefined]);
    told.length = 0;
    ended();
    await clock.flush();
    expect([told, counts()]).toEqual([['free'], { starting: 0, available: 0, leased: 1, closing: 0 }]);
    expect(pools.lend()?.name).toBe('leasepool-3');
  });

  test('N3 because its workers cannot be ended, and holds the last place, is the reason why no other is opened', async () => {
    const { clock, backend, pools } = await started();
    const pool = pools.lend()!;
    const ended = leaveBehind(backend.last);
    const error = new BrokenExecutorError('stuck');
    backend.last.break(error);
    await clock.flush();
    const refusal = { code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR', cause: error };
    expect(pools.refusal).toMatchObject(refusal);
    pools.takeBack(pool, false);
    await clock.advance(60_000);
    expect([pools.canLend, pools.states.total]).toEqual([false, 1]);
    expect(pools.refusal).toMatchObject(refusal);
    ended();
    await clock.flush();
    expect([pools.canLend, pools.refusal]).toEqual([true, undefined]);
  });

  test('M6 because its workers neither come up nor can be ended keeps new ones from being opened for 5 s', async () => {
    const { clock, backend, pools } = setup({ maxPools: 2 });
    backend.comeUp = false;
    const starting = watched(pools.start());
    leaveBehind(backend.last);
    backend.last.break(new BrokenExecutorError('stuck'));
    await clock.flush();
    expect([starting.state, pools.canLend]).toEqual(['rejected', false]);
    await clock.advance(5_000);
    expect(pools.canLend).toBe(true);
  });

  test('while it closes is not news', async () => {
    const { clock, backend, pools, told } = await started();
    backend.last.endsLater = true;
    pools.takeBack(pools.lend()!, true);
    backend.last.break(new Error('worn out'));
    await clock.flush();
    expect(told).toEqual([]);
  });

  test('does not count after the manager has been started anew', async () => {
    const { clock, backend, pools } = await started();
    backend.last.break(new Error('worn out'));
    await clock.flush();
    await pools.stop(0);
    await pools.start();
    expect(pools.lend()?.name).toBe('leasepool-2');
  });
});

describe('M5 growing and shrinking', () => {
  test('a look grows to the desired number, and closes what idles above it', async () => {
    let units = 0;
    const { clock, backend, pools, counts } = await started({
      maxPools: 4,
      unitsPerPool: 1,
      sizeProvider: () => units,
    });
    units = 3;
    pools.resize(0);
    await clock.flush();
    expect(counts()).toEqual({ starting: 0, available: 3, leased: 0, closing: 0 });
    units = 1;
    pools.resize(0);
    await clock.flush();
    expect(counts()).toEqual({ starting: 0, available: 1, leased: 0, closing: 0 });
    expect(backend.all.map(({ shutdowns }) => shutdowns.length)).toEqual([1, 1, 0]);
  });

  test('a pool above the desired number closes only after idleSeconds without a lease, counted from its last', async () => {
    const { clock, pools, counts } = await started({
      maxPools: 2,
      minPools: 0,
      idleSeconds: 10,
      checkIntervalSeconds: 3600,
    });
    const pool = pools.lend()!;
    await clock.advance(60_000);
    expect(counts()).toMatchObject({ leased: 1 });
    pools.takeBack(pool, false);
    await clock.advance(5_000);
    pools.takeBack(pools.lend()!, false);
    await clock.advance(9_999);
    expect(counts()).toMatchObject({ available: 1 });
    await clock.advance(1);
    expect(counts()).toMatchObject({ available: 0, closing: 0 });
  });

  test('several close one after the other, each in its time', async () => {
    const { clock, pools, counts } = await started({ maxPools: 3, minPools: 0, idleSeconds: 10 });
    const leased = [pools.lend()!, pools.lend()!, pools.lend()!];
    for (const pool of leased) {
      pools.takeBack(pool, false);
      await clock.advance(1000);
    }
    await clock.advance(7000);
    expect(counts()).toMatchObject({ available: 2 });
    await clock.advance(1000);
    expect(counts()).toMatchObject({ available: 1 });
    await clock.advance(1000);
    expect(counts()).toMatchObject({ available: 0 });
  });

  test('one that is leased never closes, and the desired ones stay', async () => {
    const { clock, pools, counts } = await started({ maxPools: 3, minPools: 1, idleSeconds: 1 });
    pools.lend();
    pools.takeBack(pools.lend()!, false);
    await clock.advance(3_600_000);
    expect(counts()).toEqual({ starting: 0, available: 0, leased: 1, closing: 0 });
    const other = await started({ maxPools: 3, minPools: 2, idleSeconds: 1 });
    await other.clock.advance(3_600_000);
    expect(other.counts()).toMatchObject({ available: 2 });
  });

  test('one that comes up above the desired number is closed then, unless it is wanted again', async () => {
    let units = 2;
    const { clock, backend, pools, counts } = setup({
      maxPools: 2,
      minPools: 0,
      unitsPerPool: 1,
      sizeProvider: () => units,
    });
    backend.comeUp = false;
    void pools.start();
    units = 1;
    pools.resize(0);
    expect(counts()).toMatchObject({ starting: 2 });
    backend.all[0].isUp.resolve();
    await clock.flush();
    expect(counts()).toEqual({ starting: 1, available: 0, leased: 0, closing: 0 });
    backend.all[1].isUp.resolve();
    await clock.flush();
    expect(counts()).toMatchObject({ available: 1 });

    const again = setup({ maxPools: 2, minPools: 0, unitsPerPool: 1, sizeProvider: () => units });
    units = 2;
    again.backend.comeUp = false;
    void again.pools.start();
    units = 0;
    again.pools.resize(0);
    units = 2;
    again.pools.resize(0);
    for (const executor of again.backend.all) executor.isUp.resolve();
    await again.clock.flush();
    expect(again.counts()).toMatchObject({ available: 2 });
  });

  test('the demand is looked at every checkIntervalSeconds', async () => {
    let units = 1;
    let looks = 0;
    const sizeProvider = (): number => {
      looks++;
      return units;
    };
    const { clock, counts } = await started({
      maxPools: 5,
      unitsPerPool: 1,
      sizeProvider,
      checkIntervalSeconds: 7,
    });
    units = 4;
    const before = looks;
    await clock.advance(6999);
    expect(looks).toBe(before);
    await clock.advance(1);
    expect(counts()).toMatchObject({ available: 4 });
    await clock.advance(7000 * 5);
    expect(looks).toBe(before + 6);
  });

  test('a provider that throws, or gives no demand, counts as 0 and is logged', async () => {
    for (const sizeProvider of [
      () => {
        throw new Error('database down');
      },
      () => NaN,
      () => -1,
      () => '5' as unknown as number,
      () => Promise.resolve(5) as unknown as number,
    ]) {
      const { pools, entries } = await started({ maxPools: 3, minPools: 1, unitsPerPool: 1, sizeProvider });
      expect(pools.updateDesired()).toBe(1);
      expect(entries.some(([level, message]) => level === 'warn' && message.includes('counted as 0'))).toBe(
        true,
      );
    }
  });

  test('S7 a provider that asks in turn gets the answer before, without recursion', async () => {
    const asked: number[] = [];
    const setting = setup({
      maxPools: 9,
      minPools: 2,
      unitsPerPool: 1,
      sizeProvider: () => {
        asked.push(setting.pools.updateDesired());
        setting.pools.resize(0);
        return 5;
      },
    });
    await setting.pools.start();
    expect(asked).toEqual([2]);
    expect(setting.pools.updateDesired()).toBe(5);
    expect(asked).toEqual([2, 5]);
  });

  test('S22 a provider that stops everything leaves nothing open', async () => {
    let mayStop = false;
    const setting = setup({
      maxPools: 4,
      unitsPerPool: 1,
      sizeProvider: () => {
        if (mayStop) void setting.pools.stop(0);
        return 3;
      },
    });
    await setting.pools.start();
    mayStop = true;
    setting.pools.resize(0);
    await setting.clock.advance(3_600_000);
    expect(setting.counts()).toEqual({ starting: 0, available: 0, leased: 0, closing: 0 });
    expect(setting.clock.timers).toBe(0);
  });
});

describe('M7 stopping', () => {
  test('closes every pool, leased ones too, and gives each the time', async () => {
    const { backend, pools, clock, timers, counts } = await started({ maxPools: 3, minPools: 2 });
    pools.lend();
    await pools.stop(12);
    expect(backend.all.map(({ shutdowns }) => shutdowns)).toEqual([[12], [12]]);
    expect(counts()).toEqual({ starting: 0, available: 0, leased: 0, closing: 0 });
    expect([clock.timers, timers.size]).toEqual([0, 0]);
  });

  test('always ends: a pool that does not shut down is left behind and logged, and counts until it has', async () => {
    const { backend, pools, clock, entries, counts } = await started();
    backend.last.endsLater = true;
    const stop = watched(pools.stop(3));
    await clock.advance(3000);
    expect(stop.state).toBe('pending');
    await clock.advance(5000);
    expect(stop.state).toBe('resolved');
    expect(entries.some(([level, message]) => level === 'error' && message.includes('left behind'))).toBe(
      true,
    );
    expect([counts(), clock.timers]).toEqual([{ starting: 0, available: 0, leased: 0, closing: 1 }, 0]);
    backend.last.endShutdown();
    await clock.flush();
    expect(counts()).toEqual({ starting: 0, available: 0, leased: 0, closing: 0 });
  });

  test('ends also when a pool fails to shut down', async () => {
    const { backend, pools, clock, entries, counts } = await started();
    backend.last.shutdown = () => Promise.reject(new Error('no'));
    await pools.stop(3);
    await clock.flush();
    expect(
      entries.some(([level, message]) => level === 'error' && message.includes('failed to shut down')),
    ).toBe(true);
    expect([counts(), clock.timers]).toEqual([{ starting: 0, available: 0, leased: 0, closing: 0 }, 0]);
  });

  test('waits for pools that were closing already', async () => {
    const { backend, pools, clock } = await started({ maxPools: 2, minPools: 2 });
    backend.all[0].endsLater = true;
    pools.takeBack(pools.lend()!, false);
    const pool = pools.states.inState('available').find(({ name }) => name === 'leasepool-1')!;
    pools.states.move(pool, 'leased');
    pools.takeBack(pool, true);
    const stop = watched(pools.stop(30));
    await clock.flush();
    expect(stop.state).toBe('pending');
    backend.all[0].endShutdown();
    await clock.flush();
    expect(stop.state).toBe('resolved');
  });

  test('N5 nothing that waits for later keeps the process alive before', async () => {
    const { pools, clock } = await started({ maxPools: 2, minPools: 0 });
    pools.takeBack(pools.lend()!, false);
    expect(clock.timers).toBe(1);
    expect(clock.keepsAlive).toBe(false);
  });
});

describe('M1 whatever happens', () => {
  const act = fc.oneof(
    fc.constant({ kind: 'lend' as const }),
    fc.record({
      kind: fc.constantFrom('takeBack' as const, 'break' as const, 'up' as const, 'endShutdown' as const),
      which: fc.nat(),
    }),
    fc.record({ kind: fc.constant('resize' as const), units: fc.nat(6) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(8000) }),
  );

  test('there are never more pools than maxPools, each is closed once, and after a stop there is none (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(act, { maxLength: 40 }),
        async (maxPools, acts) => {
          let units = 1;
          const { backend, pools, clock, counts } = setup({
            maxPools,
            minPools: 0,
            unitsPerPool: 1,
            idleSeconds: 3,
            checkIntervalSeconds: 5,
            sizeProvider: () => units,
          });
          backend.comeUp = false;
          backend.onCreate = (executor) => (executor.endsLater = backend.all.length % 2 === 0);
          const closed = (executor: FakeExecutor): boolean => executor.shutdowns.length > 0;
          pools.start().catch(() => {});
          const leased: PoolEntry[] = [];
          for (const each of acts) {
            const executor = backend.all['which' in each ? each.which % Math.max(1, backend.all.length) : 0];
            if (each.kind === 'lend') {
              try {
                const pool = pools.lend();
                if (pool !== undefined) leased.push(pool);
              } catch (error) {
                expect(error).toBeInstanceOf(BrokenExecutorError);
              }
            } else if (each.kind === 'takeBack' && leased.length > 0) {
              pools.takeBack(leased.splice(each.which % leased.length, 1)[0], each.which % 5 === 0);
            } else if (each.kind === 'break') executor?.break(new Error('worn out'));
            else if (each.kind === 'up') executor?.isUp.resolve();
            else if (each.kind === 'endShutdown') executor?.endShutdown();
            else if (each.kind === 'resize') {
              units = each.units;
              pools.resize(0);
            } else if (each.kind === 'wait') await clock.advance(each.ms);
            await clock.flush();
            expect(pools.states.total).toBeLessThanOrEqual(maxPools);
            const { starting, available, leased: lent, closing } = counts() as Record<string, number>;
            expect(starting + available + lent + closing).toBe(pools.states.total);
            expect(lent).toBe(leased.length);
            for (const other of backend.all) expect(other.shutdowns.length).toBeLessThanOrEqual(1);
          }
          void pools.stop(1);
          for (const executor of backend.all) executor.endShutdown();
          await clock.advance(60_000);
          expect(backend.all.every(closed)).toBe(true);
          expect([pools.states.total, clock.timers]).toEqual([0, 0]);
        },
      ),
      { numRuns: 100 },
    );
  });
});
