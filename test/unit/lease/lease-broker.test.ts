import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TimerQueue } from '../../../src/core/timer-queue.ts';
import { BrokenExecutorError, NotStartedError } from '../../../src/core/errors.ts';
import { LeaseBroker, type LeaseRequest } from '../../../src/lease/lease-broker.ts';
import type { Lease, LeaseEvents } from '../../../src/lease/lease.ts';
import { type LeasedExecutorManagerOptions, readManagerOptions } from '../../../src/lease/manager-options.ts';
import { PoolSet } from '../../../src/lease/pool-set.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FakeLoadedExecutor, FakePools } from '../../support/fake-executor.ts';
import { heard } from '../../support/heard.ts';
import { newJobs } from '../../support/test-jobs.ts';

/** Somebody who wants a loan, and what came of it. */
class Request implements LeaseRequest, LeaseEvents {
  waitsDuringCooldown = false;
  needsWorkers = false;
  wants = 1;
  readonly leaseMs: number;
  readonly owner: string;
  loan: Lease | undefined;
  error: Error | undefined;
  readonly told: string[] = [];

  constructor(owner: string, leaseMs = 60_000) {
    this.owner = owner;
    this.leaseMs = leaseMs;
  }

  granted(loan: Lease): void {
    this.loan = loan;
    loan.holder = this;
    this.told.push('granted');
  }

  refused(error: Error): void {
    this.error = error;
    this.told.push('refused');
  }

  jobOutcome(): void {}

  jobCancelled(): void {}

  workerFreed(): void {
    this.told.push('worker freed');
  }

  leaseIdle(): void {}

  leaseExpired(): void {
    this.told.push('expired');
  }

  leaseInvalidated(): void {
    this.told.push('lost');
  }
}

async function setup(options: LeasedExecutorManagerOptions = {}) {
  const clock = new FakeClock();
  const timers = new TimerQueue(clock);
  const backend = new FakePools();
  const settings = readManagerOptions({ backend, leaseGraceSeconds: 15, ...options });
  const pools: PoolSet = new PoolSet(settings, backend, clock, timers, {
    poolFree: () => lender.serveWaiters(),
    poolsResized: () => lender.wantsMore(),
    workerFreed: (pool) => lender.workerFreed(pool),
    poolBroke: (pool, error) => lender.poolBroke(pool, error),
  });
  const lender = new LeaseBroker(pools, clock, timers, settings.leaseGraceMs);
  await pools.start();
  await clock.flush();
  const borrow = (owner: string, leaseMs?: number) => {
    const request = new Request(owner, leaseMs);
    return { request, leave: lender.acquire(request) };
  };
  /** For somebody who takes no pool that has no worker yet, as a grinder. */
  const borrowUp = (owner: string, wants = 1) => {
    const request = new Request(owner);
    request.waitsDuringCooldown = true;
    request.needsWorkers = true;
    request.wants = wants;
    return { request, leave: lender.acquire(request) };
  };
  return { clock, timers, backend, pools, lender, borrow, borrowUp };
}

const stopped = (): Error => new NotStartedError('stopped');

describe('M2 asking for a loan', () => {
  test('grants it before borrow() returns while a pool may be had', async () => {
    const { lender, borrow } = await setup({ maxPools: 2 });
    const [first, second] = [borrow('a'), borrow('b')];
    expect([first.request.told, second.request.told]).toEqual([['granted'], ['granted']]);
    expect(first.request.loan?.terms.id).toBe('leasepool-1-lease-1');
    expect(second.request.loan?.terms.id).toBe('leasepool-2-lease-2');
    expect([lender.waiting, lender.canLend]).toEqual([0, false]);
  });

  test('waits in line otherwise, and is served first come, first served', async () => {
    const { lender, borrow } = await setup();
    const holder = borrow('holder');
    const waiters = ['a', 'b', 'c'].map((owner) => borrow(owner));
    expect(lender.waiting).toBe(3);
    holder.request.loan!.release();
    expect(waiters.map(({ request }) => request.told)).toEqual([['granted'], [], []]);
    waiters[0].request.loan!.release();
    waiters[1].request.loan!.release();
    expect(waiters[2].request.told).toEqual(['granted']);
    expect(lender.waiting).toBe(0);
  });

  test('comes after those who wait', async () => {
    const { lender, borrow } = await setup();
    const holder = borrow('holder');
    const waiter = borrow('waiter');
    const late: Request[] = [];
    waiter.request.granted = (loan) => {
      late.push(borrow('barger').request);
      Request.prototype.granted.call(waiter.request, loan);
    };
    holder.request.loan!.release();
    expect(waiter.request.told).toEqual(['granted']);
    expect([late[0].told, lender.waiting]).toEqual([[], 1]);
  });

  test('can be given up: whoever leaves the line is not served, and the next one is', async () => {
    const { lender, borrow } = await setup();
    const holder = borrow('holder');
    const [first, second] = [borrow('a'), borrow('b')];
    first.leave();
    first.leave();
    expect(lender.waiting).toBe(1);
    holder.request.loan!.release();
    expect([first.request.told, second.request.told]).toEqual([[], ['granted']]);
  });

  test('given up after it was granted loses no lease', async () => {
    const { borrow } = await setup();
    const holder = borrow('holder');
    const [first, second] = [borrow('a'), borrow('b')];
    holder.request.loan!.release();
    first.leave();
    expect([first.request.loan?.active, second.request.told]).toEqual([true, []]);
    first.request.loan!.release();
    expect(second.request.told).toEqual(['granted']);
  });

  test('tells how many would be granted at once', async () => {
    const { lender, borrow } = await setup({ maxPools: 3 });
    expect([lender.lendable(5), lender.lendable(2), lender.canLend]).toEqual([3, 2, true]);
    borrow('a');
    expect(lender.lendable(5)).toBe(2);
    borrow('b');
    borrow('c');
    expect([lender.lendable(5), lender.canLend]).toEqual([0, false]);
    borrow('waits');
    expect(lender.lendable(5)).toBe(0);
  });

  test('N5 keeps the process alive while it waits', async () => {
    const { clock, borrow } = await setup();
    borrow('holder');
    expect(clock.keepsAlive).toBe(false);
    const waiter = borrow('a');
    expect(clock.keepsAlive).toBe(true);
    waiter.leave();
    expect(clock.keepsAlive).toBe(false);
  });

  test('M7 is refused when the manager stops', async () => {
    const { clock, lender, borrow } = await setup();
    borrow('holder');
    const waiters = [borrow('a').request, borrow('b').request];
    lender.refuseWaiters(stopped);
    expect(waiters.map(({ error }) => error?.message)).toEqual(['stopped', 'stopped']);
    expect(waiters[0].error).not.toBe(waiters[1].error);
    expect([lender.waiting, clock.keepsAlive]).toEqual([0, false]);
  });
});

describe('S6 a pool that idles', () => {
  test('is one that is up and free while nobody waits', async () => {
    const { clock, lender, borrow } = await setup({ maxPools: 2 });
    const told: string[] = [];
    const onIdle = (): void => void told.push('idle');
    expect(lender.hasIdlePool(onIdle)).toBe(true);
    const holders = [borrow('a'), borrow('b')];
    const waiter = borrow('c');
    await clock.flush();
    expect(lender.hasIdlePool(onIdle)).toBe(false);
    holders[0].request.loan!.release();
    expect([waiter.request.told, told, lender.hasIdlePool(onIdle)]).toEqual([['granted'], [], false]);
    holders[1].request.loan!.release();
    expect([told, lender.hasIdlePool(onIdle)]).toEqual([['idle'], true]);
  });

  test('is told once to those who asked', async () => {
    const { lender, borrow } = await setup();
    const told: string[] = [];
    const { request } = borrow('a');
    expect(lender.hasIdlePool(() => void told.push('idle'))).toBe(false);
    request.loan!.release();
    borrow('b').request.loan!.release();
    expect(told).toEqual(['idle']);
  });
});

/** Pools that tell how busy they are. */
async function loaded() {
  const setting = await setup({ maxPools: 2, minPools: 0 });
  setting.backend.tellLoad = true;
  const pool = (number: number) => setting.backend.all[number] as FakeLoadedExecutor;
  return { ...setting, pool };
}

describe('S33 a free pool whose workers are all busy', () => {
  test('is no pool that idles until one of them has nothing to do', async () => {
    const { clock, lender, pool, borrow } = await loaded();
    borrow('opens it').request.loan!.release();
    await clock.flush();
    pool(0).idleWorkers = 0;
    const told: string[] = [];
    expect(lender.hasIdlePool(() => void told.push('idle'))).toBe(false);
    pool(0).idleWorkers = 1;
    pool(0).onWorkerFreed();
    expect([told, lender.hasIdlePool(() => {})]).toEqual([['idle'], true]);
  });

  test('is lent to who needs workers once one of them has nothing to do, and to others when there is no better one', async () => {
    const { clock, pool, borrow, borrowUp } = await loaded();
    const openers = [borrow('opens one'), borrow('opens another')];
    for (const { request } of openers) request.loan!.release();
    await clock.flush();
    pool(1).idleWorkers = 0;
    const requests = [borrowUp('a'), borrowUp('b')].map(({ request }) => request);
    const leases = (): unknown[] => requests.map(({ loan }) => loan?.terms.id);
    expect(leases()).toEqual(['leasepool-1-lease-3', undefined]);
    pool(1).idleWorkers = 1;
    pool(1).onWorkerFreed();
    expect(leases()).toEqual(['leasepool-1-lease-3', 'leasepool-2-lease-4']);
    requests[1].loan!.release();
    pool(1).idleWorkers = 0;
    expect(borrow('c').request.loan?.terms.id).toBe('leasepool-2-lease-5');
  });
});

describe('S33 who needs workers', () => {
  async function starting(maxPools: number) {
    const setting = await setup({ maxPools, minPools: 1 });
    setting.backend.comeUp = false;
    return setting;
  }

  test('gets a pool that is up, or waits for the first to come up or to become free', async () => {
    const { clock, backend, lender, borrowUp } = await starting(2);
    const first = borrowUp('a');
    const second = borrowUp('b');
    expect([first.request.told, second.request.told, backend.all.length]).toEqual([['granted'], [], 2]);
    first.request.loan!.release();
    expect(second.request.loan?.terms.id).toBe('leasepool-1-lease-2');
    const third = borrowUp('c');
    expect([third.request.told, lender.waiting, backend.all.length]).toEqual([[], 1, 2]);
    backend.last.isUp.resolve();
    await clock.flush();
    expect(third.request.loan?.terms.id).toBe('leasepool-2-lease-3');
  });

  test('has as many pools opened as it wants, once, and as there may be', async () => {
    const { backend, lender, borrowUp } = await starting(4);
    borrowUp('holder');
    const { request, leave } = borrowUp('a', 2);
    expect(backend.all.length).toBe(3);
    lender.wantsMore();
    expect(backend.all.length).toBe(3);
    request.wants = 9;
    lender.wantsMore();
    expect(backend.all.length).toBe(4);
    leave();
    expect(lender.waiting).toBe(0);
  });

  test('M2 holds up nobody who does not: that one gets the pool that is coming up, and another is opened', async () => {
    const { clock, backend, lender, borrow, borrowUp } = await starting(3);
    borrowUp('holder');
    const grinder = borrowUp('a');
    expect([backend.all.length, lender.canLend]).toEqual([2, true]);
    const direct = borrow('b');
    expect(direct.request.loan?.terms.id).toBe('leasepool-2-lease-2');
    expect(backend.all.length).toBe(3);
    expect(borrow('c').request.told).toEqual(['granted']);
    const last = borrow('d');
    expect([last.request.told, lender.canLend, lender.waiting]).toEqual([[], false, 2]);
    for (const executor of backend.all) executor.isUp.resolve();
    await clock.flush();
    direct.request.loan!.release();
    expect([grinder.request.told, last.request.told]).toEqual([['granted'], []]);
  });

  test('M2 is served in its turn, before those who came later and after those who came before', async () => {
    const { borrow, borrowUp } = await setup();
    const holder = borrow('holder');
    const line = [borrow('a'), borrowUp('b'), borrow('c'), borrowUp('d')];
    let last = holder;
    for (const next of line) {
      last.request.loan!.release();
      expect(next.request.told).toEqual(['granted']);
      last = next;
    }
  });

  test('gets no pool whose workers have all ended, until one is up again', async () => {
    const { clock, backend, lender, pool, borrow, borrowUp } = await loaded();
    borrow('opens it').request.loan!.release();
    await clock.flush();
    pool(0).workersUp = 0;
    pool(0).idleWorkers = 0;
    expect(lender.hasIdlePool(() => {})).toBe(false);
    const { request } = borrowUp('a');
    expect([request.told, backend.all.length]).toEqual([[], 1]);
    pool(0).workersUp = 1;
    pool(0).idleWorkers = 1;
    pool(0).onWorkerFreed();
    expect(request.loan?.terms.id).toBe('leasepool-1-lease-2');
  });

  test('M2 leaves that pool to whoever waits for its workers', async () => {
    const { clock, pool, borrow, borrowUp } = await loaded();
    borrow('opens it').request.loan!.release();
    await clock.flush();
    pool(0).workersUp = 0;
    pool(0).idleWorkers = 0;
    const { request } = borrowUp('a');
    expect(borrow('b').request.loan?.terms.id).toBe('leasepool-1-lease-2');
    expect(request.told).toEqual([]);
    await clock.flush();
    expect(request.loan?.terms.id).toBe('leasepool-2-lease-3');
  });

  test('is told of a worker of its pool that may be free, and nobody else is', async () => {
    const { pool, borrow } = await loaded();
    const [first, second] = [borrow('a').request, borrow('b').request];
    pool(1).onWorkerFreed();
    expect([first.told, second.told]).toEqual([['granted'], ['granted', 'worker freed']]);
  });

  test('M6 waits out a break, and then has a pool opened again', async () => {
    const { clock, backend, borrowUp, lender } = await starting(2);
    const holder = borrowUp('holder');
    const { request } = borrowUp('a');
    backend.last.break(new BrokenExecutorError('worn out'));
    await clock.flush();
    expect([request.told, backend.all.length]).toEqual([[], 2]);
    await clock.advance(5000);
    expect([request.told, backend.all.length, lender.waiting]).toEqual([[], 3, 1]);
    holder.request.loan!.release();
    expect(request.told).toEqual(['granted']);
  });

  test('M7 is refused when the manager stops', async () => {
    const { clock, lender, borrowUp } = await starting(2);
    borrowUp('holder');
    const { request } = borrowUp('a');
    lender.refuseWaiters(stopped);
    expect([request.error?.message, lender.waiting, clock.keepsAlive]).toEqual(['stopped', 0, false]);
  });
});

describe('M4 a loan', () => {
  test('expires softly, then for good after the grace', async () => {
    const { clock, lender, borrow } = await setup({ checkIntervalSeconds: 1e6 });
    const { request } = borrow('a', 10_000);
    expect(request.loan?.terms).toMatchObject({
      owner: 'a',
      leaseMs: 10_000,
      graceMs: 15_000,
      leasedAtMs: clock.now(),
      softExpiresAtMs: clock.now() + 10_000,
      hardExpiresAtMs: clock.now() + 25_000,
    });
    await clock.advance(9_999);
    expect(request.told).toEqual(['granted']);
    await clock.advance(1);
    expect(request.told).toEqual(['granted', 'expired']);
    await clock.advance(14_999);
    expect(request.loan?.active).toBe(true);
    await clock.advance(1);
    expect(request.told).toEqual(['granted', 'expired', 'lost']);
    expect(lender.leases).toEqual([]);
  });

  test('without grace expires in one step, softly first', async () => {
    const { clock, borrow } = await setup({ leaseGraceSeconds: 0 });
    const { request } = borrow('a', 1000);
    await clock.advance(1000);
    expect(request.told).toEqual(expect.arrayContaining(['granted', 'lost']));
    expect(request.loan?.active).toBe(false);
  });

  test('that nobody gives back is taken back, and goes to whoever waits', async () => {
    const { clock, borrow } = await setup();
    const forgotten = borrow('forgetful', 1000);
    forgotten.request.loan!.submit(newJobs(1));
    const waiter = borrow('waiter');
    await clock.advance(16_000);
    expect(waiter.request.told).toEqual(['granted']);
  });

  test('S22 that has ended leaves no deadline', async () => {
    const { clock, pools, borrow } = await setup();
    const { request } = borrow('a');
    request.loan!.release();
    await pools.stop(0);
    expect(clock.timers).toBe(0);
  });

  test('N5 keeps no process alive by itself', async () => {
    const { clock, borrow } = await setup();
    borrow('a');
    expect(clock.keepsAlive).toBe(false);
  });
});

describe('what can be seen of leases', () => {
  test('is who got which pool after what wait, and how long they had it', async () => {
    const events = heard('leasepool:lease:acquire', 'leasepool:lease:end');
    const { clock, lender, borrow } = await setup();
    const first = borrow('a', 10_000);
    const second = borrow('b', 20_000);
    await clock.advance(3000);
    first.request.loan!.release();
    await clock.advance(500);
    second.request.loan!.release();
    const [a, b] = ['leasepool-1-lease-1', 'leasepool-1-lease-2'].map((leaseId) => ({
      leaseId,
      pool: 'leasepool-1',
    }));
    expect(events).toEqual([
      ['leasepool:lease:acquire', { ...a, owner: 'a', leaseSeconds: 10, waitedSeconds: 0 }],
      ['leasepool:lease:end', { ...a, owner: 'a', heldSeconds: 3 }],
      ['leasepool:lease:acquire', { ...b, owner: 'b', leaseSeconds: 20, waitedSeconds: 3 }],
      ['leasepool:lease:end', { ...b, owner: 'b', heldSeconds: 0.5 }],
    ]);
    expect(lender.waits.read(clock.now())).toMatchObject({ count: 2, mean: 1.5, max: 3 });
  });

  test('is the wait of those who got one: whoever leaves the line is not recorded', async () => {
    const { clock, lender, borrow } = await setup();
    borrow('holder');
    borrow('a').leave();
    expect(lender.waits.read(clock.now()).count).toBe(1);
  });

  test('is that one expires, and is then revoked', async () => {
    const { clock, lender, borrow } = await setup();
    const events = heard('leasepool:lease:expire', 'leasepool:lease:lose', 'leasepool:lease:end');
    const { loan } = borrow('a', 10_000).request;
    await clock.advance(10_000);
    const lease = { leaseId: 'leasepool-1-lease-1', owner: 'a' };
    expect(events).toEqual([['leasepool:lease:expire', lease]]);
    await clock.advance(15_000);
    expect(events.slice(1)).toEqual([
      ['leasepool:lease:lose', { ...lease, error: loan!.invalidatedBy }],
      ['leasepool:lease:end', { ...lease, pool: 'leasepool-1', heldSeconds: 25 }],
    ]);
    expect(lender.leases).toEqual([]);
  });
});

describe('M6 when a pool breaks', () => {
  const error = new BrokenExecutorError('worn out', { cause: 'why' });

  test('its loan is lost, drains, and its pool is retired', async () => {
    const { clock, backend, pools, borrow } = await setup();
    const { request } = borrow('a');
    request.loan!.submit(newJobs(2));
    backend.last.break(error);
    await clock.flush();
    expect([request.told, request.loan?.invalidatedBy, request.loan?.draining]).toEqual([
      ['granted', 'lost'],
      error,
      true,
    ]);
    backend.last.giveBack(error);
    await clock.flush();
    expect(pools.states.total).toBe(0);
  });

  test('N3 whose workers cannot be ended, and none may be opened, who waits or comes is told why', async () => {
    const { clock, backend, borrow } = await setup({ maxPools: 1 });
    const { request } = borrow('a');
    request.loan!.submit(newJobs(1));
    const waiter = borrow('waiter');
    backend.last.leftBehind = new Promise(() => {});
    backend.last.break(error);
    await clock.flush();
    expect(waiter.request.error).toBeInstanceOf(BrokenExecutorError);
    expect(borrow('while it drains').request.error).toBeInstanceOf(BrokenExecutorError);
    backend.last.finish();
    await clock.advance(60_000);
    expect(borrow('later').request.error).toBeInstanceOf(BrokenExecutorError);
  });

  test('others keep their loans', async () => {
    const { clock, backend, borrow } = await setup({ maxPools: 2 });
    const [first, second] = [borrow('a').request, borrow('b').request];
    backend.all[0].break(error);
    await clock.flush();
    expect([first.loan?.active, second.loan?.active]).toEqual([false, true]);
  });

  test('who waits goes on waiting while there is another pool, and is told why when there is none', async () => {
    const { clock, backend, borrow } = await setup({ maxPools: 2 });
    borrow('a');
    const second = borrow('b');
    const waiter = borrow('waiter');
    backend.all[0].break(error);
    await clock.flush();
    expect(waiter.request.error).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR' });
    second.request.loan!.release();
    const again = borrow('again');
    expect(again.request.told).toEqual(['granted']);
  });

  test('nobody hangs: the only pool gone, waiters and newcomers are refused with the reason', async () => {
    const { clock, backend, lender, borrow } = await setup();
    const holder = borrow('holder');
    const waiter = borrow('waiter');
    backend.last.break(error);
    await clock.flush();
    expect(holder.request.told).toEqual(['granted', 'lost']);
    expect(waiter.request.error).toBeInstanceOf(BrokenExecutorError);
    const newcomer = borrow('newcomer');
    expect(newcomer.request.error).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR', cause: error });
    await clock.advance(5000);
    expect(borrow('later').request.told).toEqual(['granted']);
    expect(lender.waiting).toBe(0);
  });
});

describe('whatever happens', () => {
  const act = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: 'borrow' as const }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('release' as const, 'submit' as const, 'leave' as const),
        which: fc.nat(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom('begin' as const, 'finish' as const), which: fc.nat() }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('break' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(30_000) }) },
  );

  test('M1 M2 every request is answered once, in line, no pool is lent twice, and no waiter is left beside a free pool (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(act, { maxLength: 50 }),
        async (maxPools, acts) => {
          const { clock, backend, pools, lender, borrow } = await setup({ maxPools });
          const requests: { request: Request; leave: () => void; hasLeft: boolean }[] = [];
          for (const each of acts) {
            const chosen = requests['which' in each ? each.which % Math.max(1, requests.length) : 0];
            const executor = backend.all['which' in each ? each.which % Math.max(1, backend.all.length) : 0];
            if (each.kind === 'borrow')
              requests.push({ ...borrow(`${requests.length}`, 10_000), hasLeft: false });
            else if (each.kind === 'release') chosen?.request.loan?.release();
            else if (each.kind === 'submit' && chosen?.request.loan?.active)
              chosen.request.loan.submit(newJobs(2));
            else if (each.kind === 'leave' && chosen !== undefined) {
              chosen.leave();
              chosen.hasLeft = true;
            } else if (each.kind === 'begin') executor?.begin(1);
            else if (each.kind === 'finish') executor?.finish(1);
            else if (each.kind === 'break') {
              executor?.break(new BrokenExecutorError('worn out'));
              await clock.flush();
              executor?.giveBack(new BrokenExecutorError('worn out'));
            } else if (each.kind === 'wait') await clock.advance(each.ms);
            await clock.flush();
            const live = lender.leases;
            expect(pools.states.count('leased')).toBe(live.length);
            expect(new Set(live.map(({ terms }) => terms.id.replace(/-lease-.*/, ''))).size).toBe(
              live.length,
            );
            const answers = requests.map(({ request }) =>
              request.told.filter((told) => /granted|refused/.test(told)),
            );
            for (const answered of answers) expect(answered.length).toBeLessThanOrEqual(1);
            const waiting = requests.filter(({ hasLeft }, index) => answers[index].length === 0 && !hasLeft);
            expect(lender.waiting).toBe(waiting.length);
            if (waiting.length > 0) {
              expect(pools.states.lendable()).toBeUndefined();
              expect(pools.states.canOpen).toBe(false);
            }
          }
          lender.refuseWaiters(stopped);
          for (const loan of lender.leases) loan.invalidate(stopped());
          for (const executor of backend.all) executor.finish();
          await pools.stop(0);
          await clock.flush();
          expect([lender.leases.length, clock.timers]).toEqual([0, 0]);
        },
      ),
      { numRuns: 100 },
    );
  });
});
