import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ExecutorCall } from '../../../src/executor/executor.ts';
import { Dispatcher } from '../../../src/grinder/dispatcher.ts';
import type { GrinderSettings } from '../../../src/grinder/grinder-options.ts';
import { ItemQueue } from '../../../src/grinder/item-queue.ts';
import { TimerQueue } from '../../../src/core/timer-queue.ts';
import { BrokenExecutorError, NotStartedError } from '../../../src/core/errors.ts';
import type { Job } from '../../../src/job/job.ts';
import type { LeaseRequest, LeaseSource } from '../../../src/lease/lease-broker.ts';
import { Lease } from '../../../src/lease/lease.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeExecutor, FakeLoadedExecutor } from '../../support/fake-executor.ts';
import { newJob, type TestJob } from '../../support/test-jobs.ts';

/** Lends so many pools, first come, first served. */
class FakeSource implements LeaseSource {
  readonly free: FakeExecutor[];
  readonly pools: FakeExecutor[];
  readonly waiting = new Set<LeaseRequest>();
  readonly watchers = new Set<() => void>();
  readonly loans: { loan: Lease; executor: FakeExecutor; owner: string | undefined }[] = [];
  refusal: Error | undefined;

  constructor(pools: number, workers: number, tellLoad: boolean) {
    const Pool = tellLoad ? FakeLoadedExecutor : FakeExecutor;
    this.pools = Array.from({ length: pools }, (_, number) => new Pool({ workers, name: `pool-${number}` }));
    this.free = [...this.pools];
  }

  get canLend(): boolean {
    return this.free.length > 0;
  }

  hasIdlePool(onIdle: () => void): boolean {
    if (this.free.length > 0) return true;
    this.watchers.add(onIdle);
    return false;
  }

  lendable(limit: number): number {
    return Math.min(limit, this.free.length);
  }

  acquire(request: LeaseRequest): () => void {
    if (this.refusal !== undefined) request.refused(this.refusal);
    else if (this.free.length > 0) this.#grant(request);
    else this.waiting.add(request);
    return () => this.waiting.delete(request);
  }

  wantsMore(): void {}

  giveBack(executor: FakeExecutor): void {
    this.free.push(executor);
    const [next] = this.waiting;
    if (next === undefined) {
      for (const watcher of this.watchers) watcher();
      this.watchers.clear();
      return;
    }
    this.waiting.delete(next);
    this.#grant(next);
  }

  #grant(request: LeaseRequest): void {
    const executor = this.free.shift()!;
    const { owner, leaseMs } = request;
    const terms = {
      id: executor.name,
      owner,
      leaseMs,
      graceMs: 0,
      leasedAtMs: 0,
      softExpiresAtMs: 1e12,
      hardExpiresAtMs: 1e12,
    };
    const loan = new Lease(terms, executor, {
      leaseEnded: () => this.giveBack(executor),
    });
    this.loans.push({ loan, executor, owner });
    request.granted(loan);
  }
}

interface Setup extends Partial<
  Pick<
    GrinderSettings,
    'batchSizeThreshold' | 'maxWaitMs' | 'maxBatchSize' | 'maxConcurrentBatches' | 'dispatch'
  >
> {
  readonly pools?: number;
  readonly workers?: number;
  /** Whether the pools tell how busy they are. */
  readonly tellLoad?: boolean;
}

function setup({ pools = 1, workers = 2, tellLoad = false, ...settings }: Setup = {}) {
  const clock = new FakeClock();
  const timers = new TimerQueue(clock);
  const source = new FakeSource(pools, workers, tellLoad);
  const manager = { isRunning: true, leaseSource: () => source };
  const places = { freed: 0 };
  const events: string[] = [];
  const pending: ItemQueue = new ItemQueue(() => {
    places.freed++;
    dispatcher.schedule();
  });
  const dispatcher: Dispatcher = new Dispatcher(
    {
      manager,
      batchSizeThreshold: 3,
      maxWaitMs: 10,
      maxBatchSize: 1000,
      maxConcurrentBatches: pools,
      dispatch: 'threshold',
      ownerPrefix: 'grinder',
      leaseMs: 60_000,
      ...settings,
    } as unknown as GrinderSettings,
    pending,
    clock,
    timers,
    {
      placesFreed: (count) => void (places.freed += count),
      batchBegun: () => void events.push('batch'),
      itemRequeued: () => {},
      idle: () => void events.push('idle'),
    },
  );
  const items: TestJob[] = [];
  const submit = (count: number): TestJob[] => {
    const more = Array.from({ length: count }, (_, index) =>
      newJob({
        args: [items.length + index],
        order: items.length + index,
        acceptedAtMs: Math.ceil(clock.now()),
      }),
    );
    items.push(...more);
    for (const { job } of more) pending.push(job);
    dispatcher.schedule();
    return more;
  };
  /** Places in the order of acceptance, of each batch sent, pool by pool. */
  const sent = (): number[][] =>
    source.pools.flatMap(({ batches }) => batches.map((batch) => batch.map((call) => (call as Job).order)));
  return { clock, timers, source, manager, pending, dispatcher, places, events, items, submit, sent };
}

const states = (items: readonly TestJob[]): string[] => items.map(({ job }) => job.state);

describe('S1 a batch', () => {
  test('begins once the threshold is reached, at the end of that turn, and not before', async () => {
    const { clock, pending, events, submit, sent } = setup();
    submit(2);
    await clock.flush();
    expect(sent()).toEqual([]);
    submit(1);
    expect([sent(), pending.size]).toEqual([[], 3]);
    await clock.flush();
    expect([sent(), pending.size, events]).toEqual([[[0, 1, 2]], 0, ['batch']]);
  });

  test('begins once the oldest has waited long enough, never earlier', async () => {
    const { clock, submit, sent } = setup();
    clock.earlyMs = 0.9;
    submit(1);
    await clock.advance(6);
    submit(1);
    await clock.advance(3.99);
    expect(sent()).toEqual([]);
    await clock.advance(1.1);
    expect(sent()).toEqual([[0, 1]]);
  });

  test('waits for the next oldest when the oldest is cancelled', async () => {
    const { clock, submit, sent } = setup();
    const [first] = submit(1);
    await clock.advance(6);
    submit(1);
    first.job.cancel(undefined);
    await clock.advance(9);
    expect(sent()).toEqual([]);
    await clock.advance(1);
    expect(sent()).toEqual([[1]]);
  });

  test('S22 leaves no timer when there is nothing left to wait for', async () => {
    const { clock, timers, submit, source } = setup();
    const [item] = submit(1);
    await clock.flush();
    expect(clock.keepsAlive).toBe(true);
    item.job.cancel(undefined);
    await clock.flush();
    expect([timers.size, clock.timers]).toEqual([0, 0]);
    submit(3);
    await clock.flush();
    source.pools[0].finish();
    await clock.flush();
    expect([timers.size, clock.timers]).toEqual([0, 0]);
  });
});

describe('S2 S5 leases', () => {
  test('are one for each batch, owned by its number, and given back once', async () => {
    const { clock, source, submit } = setup();
    for (let round = 0; round < 3; round++) {
      submit(3);
      await clock.flush();
      source.pools[0].finish();
      await clock.flush();
    }
    expect(source.loans.map(({ owner }) => owner)).toEqual([
      'grinder-batch-1',
      'grinder-batch-2',
      'grinder-batch-3',
    ]);
    expect(source.free).toHaveLength(1);
  });

  test('are as many at once as maxConcurrentBatches, and as there are pools', async () => {
    const { clock, dispatcher, submit, sent } = setup({ pools: 3, maxConcurrentBatches: 2, maxBatchSize: 3 });
    submit(9);
    await clock.flush();
    expect([sent(), dispatcher.batchesInFlight]).toEqual([
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      2,
    ]);
  });

  test('are waited for in line, once; what waits stays pending, can be cancelled, and is cut when the lease is there', async () => {
    const { clock, source, pending, submit, sent } = setup({ workers: 1, maxConcurrentBatches: 2 });
    submit(3);
    await clock.flush();
    const second = submit(3);
    await clock.flush();
    submit(2);
    await clock.flush();
    expect([source.waiting.size, pending.size]).toEqual([1, 5]);
    second[0].job.cancel(undefined);
    source.pools[0].finish();
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2],
      [4, 5, 6, 7],
    ]);
    expect(source.waiting.size).toBe(0);
  });

  test('are not waited for any longer when what was due is gone, and one that comes for nothing goes back', async () => {
    const { clock, source, dispatcher, submit } = setup({ workers: 1, maxConcurrentBatches: 2 });
    submit(3);
    await clock.flush();
    const second = submit(3);
    await clock.flush();
    expect(source.waiting.size).toBe(1);
    for (const { job } of second) job.cancel(undefined);
    source.pools[0].finish(); // Before the dispatcher has looked.
    await clock.flush();
    expect([source.waiting.size, source.free.length, dispatcher.batchesInFlight]).toEqual([0, 1, 0]);
    const third = submit(3);
    await clock.flush();
    submit(3);
    await clock.flush();
    expect(states(third)).toEqual(['sent', 'sent', 'sent']);
  });

  test('S34 places are free once items have left for a batch', async () => {
    const { clock, places, submit } = setup();
    submit(3);
    await clock.flush();
    expect(places.freed).toBe(3);
  });
});

describe('S4 what batches take', () => {
  test('is at most maxBatchSize each, in the order of acceptance', async () => {
    const { clock, source, submit, sent } = setup({ maxBatchSize: 4 });
    submit(10);
    for (let round = 0; round < 4; round++) {
      await clock.flush();
      source.pools[0].finish();
    }
    await clock.advance(10);
    expect(sent()).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
  });

  test('is a share for each batch that can begin', async () => {
    const { clock, submit, sent } = setup({ pools: 3 });
    submit(12);
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ]);
  });
});

describe('S32 what is recorded of batches', () => {
  test('is how long each item had waited when it was sent', async () => {
    const { clock, dispatcher, submit } = setup();
    submit(1);
    await clock.advance(6);
    submit(1);
    await clock.advance(4);
    expect(dispatcher.queueWaits.read(clock.now())).toMatchObject({ count: 2, mean: 0.007, max: 0.01 });
    submit(3);
    await clock.flush();
    expect(dispatcher.queueWaits.read(clock.now()).count).toBe(2);
  });

  test('is how many items each took, those that joined it included, once it has ended', async () => {
    const { clock, dispatcher, source, submit } = setup({ workers: 2 });
    submit(3);
    await clock.flush();
    source.pools[0].finish(2);
    submit(3);
    await clock.flush();
    expect(source.pools[0].batches.map((jobs) => jobs.length)).toEqual([3, 3]);
    expect(dispatcher.batchSizes.read(clock.now()).count).toBe(0);
    source.pools[0].finish();
    expect(dispatcher.batchSizes.read(clock.now())).toMatchObject({ count: 1, mean: 6, p50: 6, max: 6 });
    submit(2);
    await clock.advance(10);
    source.pools[0].finish();
    expect(dispatcher.batchSizes.read(clock.now())).toMatchObject({ count: 2, mean: 4, max: 6 });
  });
});

describe('S33 due items join an open batch', () => {
  test('when no further one can begin and a worker has nothing to do, all that wait, and begin none', async () => {
    const { clock, source, events, submit, sent } = setup({ workers: 4 });
    submit(3);
    await clock.flush();
    submit(6);
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2],
      [3, 4, 5, 6, 7, 8],
    ]);
    submit(6);
    source.pools[0].finish(4);
    await clock.flush();
    expect(sent()).toHaveLength(2);
    source.pools[0].finish(2);
    await clock.flush();
    expect(sent()[2]).toEqual([9, 10, 11, 12, 13, 14]);
    expect(events).toEqual(['batch']);
  });

  test('but only when they are due', async () => {
    const { clock, submit, sent } = setup({ workers: 8 });
    submit(3);
    await clock.flush();
    submit(2);
    await clock.flush();
    expect(sent()).toEqual([[0, 1, 2]]);
    await clock.advance(10);
    expect(sent()).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
  });

  test('as long as that has taken fewer than maxBatchSize', async () => {
    const { clock, submit, sent } = setup({ workers: 8, maxBatchSize: 4 });
    submit(3);
    await clock.flush();
    submit(3);
    await clock.flush();
    expect(sent()).toEqual([[0, 1, 2], [3]]);
  });

  test('not when another batch can begin', async () => {
    const { clock, submit, sent } = setup({ pools: 2, workers: 8 });
    submit(3);
    await clock.flush();
    submit(3);
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
  });

  test('M4 not one past its soft expiry, which counts no more against maxConcurrentBatches', async () => {
    const { clock, source, dispatcher, submit, sent } = setup({
      pools: 2,
      workers: 2,
      maxConcurrentBatches: 1,
    });
    submit(3);
    await clock.flush();
    source.pools[0].begin(1);
    source.loans[0].loan.expireSoftly();
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2],
      [1, 2],
    ]);
    expect(dispatcher.batchesInFlight).toBe(2);
    source.pools[0].finish();
    await clock.flush();
    expect(dispatcher.batchesInFlight).toBe(1);
  });
});

describe('S33 pools that tell how busy they are', () => {
  /** Two batches of three are open. */
  async function twoOpen(settings: Setup = {}) {
    const setting = setup({ pools: 2, tellLoad: true, ...settings });
    setting.submit(6);
    await setting.clock.flush();
    const [first, second] = setting.source.pools as FakeLoadedExecutor[];
    return { ...setting, first, second };
  }

  test('get what is due when they say that a worker has nothing to do, and not before', async () => {
    const { clock, source, submit, sent } = setup({ tellLoad: true });
    submit(3);
    await clock.flush();
    const pool = source.pools[0] as FakeLoadedExecutor;
    pool.finish(2);
    submit(5);
    await clock.flush();
    expect(sent()).toEqual([[0, 1, 2]]);
    pool.idleWorkers = 1;
    source.loans[0].loan.workerFreed();
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2],
      [3, 4, 5, 6, 7],
    ]);
  });

  test('share what waits, but get at least what a message is worth', async () => {
    for (const [worth, taken] of [
      [1, [3, 2]],
      [4, [4, 1]],
      [9, [5]],
    ] as const) {
      const { clock, first, second, submit } = await twoOpen();
      for (const pool of [first, second]) pool.idleWorkers = 1;
      first.worth = worth;
      submit(5);
      await clock.flush();
      const joined = [first, second].flatMap(({ batches }) => batches.slice(1).map((jobs) => jobs.length));
      expect(joined).toEqual(taken);
    }
  });

  test('give to a batch with an idle worker what is worth a message at once, and less when it was not begun for a millisecond', async () => {
    for (const [workMs, atOnce] of [
      [0.4, true],
      [0.1, false],
    ] as const) {
      const { clock, first, second, submit } = await twoOpen();
      first.begin(1);
      first.left = { calls: 2, workMs, ageMs: 0.5 };
      second.idleWorkers = 1;
      submit(0);
      await clock.flush();
      expect(second.batches.length).toBe(atOnce ? 2 : 1);
      first.left = { calls: 2, workMs, ageMs: 1 };
      await clock.advance(1);
      expect(second.batches[1]).toHaveLength(1);
    }
  });

  test('S2 give all that they have not begun to a free pool at once when none of their workers is up, and end', async () => {
    const { clock, source, submit, sent, dispatcher } = setup({ pools: 2, tellLoad: true });
    submit(3);
    await clock.flush();
    const [first] = source.pools as FakeLoadedExecutor[];
    Object.assign(first, { workersUp: 0, left: { calls: 3, workMs: 0.01, ageMs: 0 } });
    source.loans[0].loan.workerFreed();
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(source.loans.map(({ executor }) => executor.name)).toEqual(['pool-0', 'pool-1']);
    expect([dispatcher.batchesInFlight, source.free]).toEqual([1, [first]]);
  });

  test('M4 end the batch and the lease when that was the last of an expired one', async () => {
    const { clock, source, submit, dispatcher, items, sent } = setup({
      pools: 2,
      tellLoad: true,
      maxConcurrentBatches: 1,
    });
    submit(3);
    await clock.flush();
    const [first, second] = source.pools as FakeLoadedExecutor[];
    dispatcher.leasesWithoutProgress = 2; // The first item stays.
    source.loans[0].loan.expireSoftly();
    await clock.flush();
    Object.assign(first, { workersUp: 0, left: { calls: 1, workMs: Infinity, ageMs: 1 } });
    second.idleWorkers = 1;
    dispatcher.schedule();
    await clock.flush();
    expect(sent()).toEqual([[0, 1, 2], [1, 2], [0]]);
    second.finish();
    await clock.flush();
    expect([states(items), dispatcher.batchesInFlight, source.free]).toEqual([
      ['fulfilled', 'fulfilled', 'fulfilled'],
      0,
      [first, second],
    ]);
  });
});

describe('S33 a dispatcher that waits for a loan', () => {
  test('wants as many pools as it has batches for, as far as more may be open', async () => {
    const { clock, source, dispatcher, submit } = setup({ pools: 3, workers: 1 });
    const [, ...others] = source.free.splice(0);
    submit(3);
    await clock.flush();
    expect(dispatcher.wants).toBe(1);
    submit(6);
    expect(dispatcher.wants).toBe(3);
    submit(6);
    expect(dispatcher.wants).toBe(3);
    await clock.flush();
    source.giveBack(others[0]);
    expect(dispatcher.wants).toBe(1);
  });
});

describe('S6 natural dispatch', () => {
  test('sends as soon as a worker is free, a burst as a whole', async () => {
    const { clock, submit, sent } = setup({ dispatch: 'natural', workers: 1 });
    submit(5);
    await clock.flush();
    expect(sent()).toEqual([[0, 1, 2, 3, 4]]);
  });

  test('gathers while all are busy', async () => {
    const { clock, source, submit, sent } = setup({ dispatch: 'natural', workers: 1 });
    submit(1);
    await clock.flush();
    for (let i = 0; i < 3; i++) {
      submit(1);
      await clock.advance(100);
    }
    expect(sent()).toEqual([[0]]);
    source.pools[0].finish();
    await clock.flush();
    expect(sent()).toEqual([[0], [1, 2, 3]]);
  });
});

describe('S33 S6 what waits in one batch while others idle', () => {
  test('joins an open batch with workers to spare, and begins none', async () => {
    const { clock, events, submit, sent } = setup({ pools: 2, workers: 2, batchSizeThreshold: 1 });
    submit(1);
    await clock.flush();
    submit(4);
    await clock.flush();
    expect(sent()).toEqual([[0], [4], [1, 2, 3, 4]]);
    expect(events).toEqual(['batch', 'batch']);
  });

  test('stays when it has begun, or its executor takes nothing back', async () => {
    const { clock, source, submit, sent } = setup({ pools: 2, workers: 1, dispatch: 'natural' });
    submit(6);
    await clock.flush();
    source.pools[0].begin();
    source.pools[1].finish();
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
  });

  test('goes in halves to a pool that is free', async () => {
    const { clock, source, submit, sent } = setup({ pools: 2, workers: 1, dispatch: 'natural' });
    submit(14);
    await clock.flush();
    source.pools[1].finish();
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2, 3, 4, 5, 6],
      [7, 8, 9, 10, 11, 12, 13],
      [4, 5, 6],
    ]);
  });

  test('by threshold only once it has waited as long as it may, on the one timer there is', async () => {
    const { clock, source, submit, sent } = setup({ pools: 2, workers: 1, maxBatchSize: 4 });
    submit(7);
    await clock.flush();
    source.pools[1].finish();
    await clock.flush();
    expect([sent(), clock.timers]).toEqual([
      [
        [0, 1, 2, 3],
        [4, 5, 6],
      ],
      1,
    ]);
    await clock.advance(9.9);
    expect(sent()).toHaveLength(2);
    await clock.advance(0.1);
    expect(sent()).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6],
      [2, 3],
    ]);
  });

  test('goes to a pool that somebody else gives back', async () => {
    const { clock, source, submit, sent } = setup({ pools: 2, workers: 1, dispatch: 'natural' });
    const other = source.free.pop()!;
    submit(4);
    await clock.flush();
    expect([sent(), source.waiting.size]).toEqual([[[0, 1, 2, 3]], 0]);
    source.giveBack(other);
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2, 3],
      [2, 3],
    ]);
  });

  test('stays when as many batches are open as may be', async () => {
    const { clock, submit, sent, source } = setup({
      pools: 2,
      workers: 1,
      dispatch: 'natural',
      maxConcurrentBatches: 1,
    });
    submit(4);
    await clock.flush();
    expect([sent(), source.free.length]).toEqual([[[0, 1, 2, 3]], 1]);
  });
});

describe('M6 items that come back', () => {
  test('from a broken pool run elsewhere, in their old order and at once, and a second time fail', async () => {
    const { clock, source, submit, sent } = setup({ pools: 2, maxConcurrentBatches: 2 });
    const items = submit(3);
    await clock.flush();
    submit(1);
    const error = new BrokenExecutorError('worn out');
    source.pools[0].giveBack(error);
    await clock.flush();
    expect(sent()).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(states(items)).toEqual(['sent', 'sent', 'sent']);
    const holder = source.pools.find(({ held }) => held.size > 0)!;
    holder.giveBack(error);
    await clock.flush();
    expect(states(items)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(items[0].promise).rejects.toMatchObject({
      code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR',
      taskName: 'resize',
    });
  });

  test('from broken pools not in a row run elsewhere', async () => {
    const { clock, source, submit } = setup();
    const items = submit(3);
    for (const reason of [new BrokenExecutorError('a'), new Error('died'), new BrokenExecutorError('b')]) {
      await clock.flush();
      source.pools[0].giveBack(reason);
    }
    await clock.flush();
    source.pools[0].finish();
    expect(states(items)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  test('for another reason run elsewhere as often as it takes', async () => {
    const { clock, source, submit } = setup();
    const items = submit(3);
    for (let round = 0; round < 5; round++) {
      await clock.flush();
      source.pools[0].giveBack(new Error('its worker died'));
    }
    await clock.flush();
    source.pools[0].finish();
    expect(states(items)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  test('S31 because the executor is broken and did not take them run elsewhere, and what it took stays', async () => {
    const { clock, source, submit, sent } = setup({ pools: 2 });
    source.pools[0].refuseNext = { after: 1, error: new BrokenExecutorError('worn out') };
    const items = submit(3);
    await clock.flush();
    expect(sent()).toEqual([[0], [1, 2]]);
    for (const pool of source.pools) pool.finish();
    expect(states(items)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  test('S31 because the executor refuses them fail with what it says', async () => {
    const { clock, source, submit } = setup();
    source.pools[0].refuseNext = { after: 1, error: new RangeError('full') };
    const items = submit(3);
    await clock.flush();
    source.pools[0].finish();
    expect(states(items)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await expect(items[2].promise).rejects.toThrow(RangeError);
  });

  test('S23 after the manager has stopped fail with NotStartedError, whatever the reason was', async () => {
    const { clock, source, manager, submit } = setup();
    const items = submit(3);
    await clock.flush();
    manager.isRunning = false;
    source.pools[0].giveBack(new Error('the pool was shut down'));
    await clock.flush();
    expect(states(items)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(items[0].promise).rejects.toBeInstanceOf(NotStartedError);
  });
});

describe('when there is nobody to lend', () => {
  test('S23 due items fail with NotStartedError', async () => {
    const { clock, manager, places, events, submit } = setup();
    manager.isRunning = false;
    const items = submit(3);
    await clock.flush();
    expect(states(items)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(items[0].promise).rejects.toBeInstanceOf(NotStartedError);
    expect([places.freed, new Set(events)]).toEqual([3, new Set(['idle'])]);
  });

  test('M6 all that wait are refused with the reason', async () => {
    const { clock, source, submit } = setup();
    source.refusal = new BrokenExecutorError('no pool is opened just after one broke');
    const items = submit(4);
    await clock.flush();
    expect(states(items)).toEqual(new Array(4).fill('rejected'));
    const errors = await Promise.all(items.map(({ promise }) => promise.catch((error: unknown) => error)));
    expect(new Set(errors).size).toBe(4);
  });
});

describe('S19 S20 stopping', () => {
  test('draining sends what waits without waiting for count or age, and is idle when all has settled', async () => {
    const { clock, source, dispatcher, events, submit, sent } = setup();
    submit(1);
    dispatcher.draining = true;
    await clock.flush();
    expect([sent(), events]).toEqual([[[0]], ['batch']]);
    source.pools[0].finish();
    await clock.flush();
    expect(events).toEqual(['batch', 'idle']);
  });

  test('draining with nothing to do is idle at the end of the turn', async () => {
    const { clock, dispatcher, events } = setup();
    dispatcher.draining = true;
    expect(events).toEqual([]);
    await clock.flush();
    expect(events).toEqual(['idle']);
  });

  test('cancelling takes back what is not begun, drops what runs, leaves the line, and its lease drains', async () => {
    const { clock, source, dispatcher, timers, pending, submit } = setup({
      workers: 1,
      maxConcurrentBatches: 2,
    });
    const first = submit(3);
    await clock.flush();
    submit(3);
    await clock.flush();
    source.pools[0].begin(1);
    expect(source.waiting.size).toBe(1);
    dispatcher.cancel('stopped');
    expect(states(first)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect([source.pools[0].calls.length, source.waiting.size, source.free.length]).toEqual([1, 0, 0]);
    for (const job of pending.all()) job.cancel('stopped');
    await clock.flush();
    source.pools[0].finish();
    await clock.flush();
    expect([source.free.length, dispatcher.batchesInFlight, timers.size]).toEqual([1, 0, 0]);
  });
});

test('S27 S32 every item settles once, in order it begins, and every lease goes back, whatever happens (property)', async () => {
  const act = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('submit' as const), count: fc.integer({ min: 1, max: 6 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('begin' as const, 'finish' as const, 'reject' as const),
        pool: fc.nat(),
        count: fc.integer({ min: 1, max: 4 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('giveBack' as const, 'expire' as const, 'revoke' as const),
        pool: fc.nat(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(25) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom('threshold' as const, 'natural' as const),
      fc.constantFrom(5, 1000),
      fc.array(act, { maxLength: 60 }),
      async (pools, workers, dispatch, maxBatchSize, acts) => {
        const { clock, timers, source, dispatcher, pending, items, submit } = setup({
          pools,
          workers,
          dispatch,
          maxBatchSize,
        });
        for (const each of acts) {
          const executor = source.pools['pool' in each ? each.pool % pools : 0];
          const loan = source.loans.findLast((open) => open.executor === executor)?.loan;
          if (each.kind === 'submit') submit(each.count);
          else if (each.kind === 'begin') executor.begin(each.count);
          else if (each.kind === 'finish') executor.finish(each.count);
          else if (each.kind === 'reject') executor.reject(new Error('mine'), each.count);
          else if (each.kind === 'giveBack') {
            const begun = [...executor.begun];
            for (const call of begun) call.settle({ status: 'fulfilled', value: null });
            for (const call of begun) executor.held.delete(call);
            executor.begun.clear();
            executor.giveBack(new Error('its worker died'));
          } else if (each.kind === 'expire') loan?.expireSoftly();
          else if (each.kind === 'revoke') loan?.revoke();
          else if (each.kind === 'cancel' && items.length > 0)
            items[each.which % items.length].job.cancel(undefined);
          else if (each.kind === 'wait') await clock.advance(each.ms);
          await clock.flush();
          const open = items.filter(({ job }) => !job.hasSettled).map(({ job }) => job);
          const waiting = pending.all();
          expect(waiting.map(({ order }) => order)).toEqual(
            waiting.map(({ order }) => order).toSorted((a, b) => a - b),
          );
          expect(open.filter(({ state }: Job) => state === 'pending')).toEqual(waiting);
          expect(source.waiting.size).toBeLessThanOrEqual(1);
          if (pending.size >= 3 || (dispatch === 'natural' && pending.size > 0)) {
            expect(source.free).toEqual([]);
          }
          expect(clock.timers).toBeLessThanOrEqual(1);
          if (maxBatchSize < 1000) continue;
          // S33: no worker of an open batch idles while an item is due, or waits in another batch.
          const loans = source.loans.map((each) => each.loan);
          const idles = loans.some((loan) => loan.active && loan.inFlight < workers);
          const isDue = pending.size >= 3 || (dispatch === 'natural' && pending.size > 0);
          expect(idles && isDue).toBe(false);
          const couldMove = source.loans.some(
            ({ loan, executor }) =>
              loan.inFlight > workers &&
              loan.jobs().some((job) => executor.held.has(job) && !executor.begun.has(job)),
          );
          expect(idles && couldMove).toBe(false);
          if (dispatch === 'natural') expect(couldMove && source.free.length > 0).toBe(false);
        }
        dispatcher.draining = true;
        for (let round = 0; round < 200 && (pending.size > 0 || dispatcher.batchesInFlight > 0); round++) {
          await clock.flush();
          for (const executor of source.pools) executor.finish();
        }
        await clock.flush();
        expect(items.filter(({ job }) => !job.hasSettled)).toEqual([]);
        expect([source.free.length, dispatcher.batchesInFlight, timers.size, clock.timers]).toEqual([
          pools,
          0,
          0,
          0,
        ]);
      },
    ),
    { numRuns: 150 },
  );
});

test('S6 S33 all are done within the ideal time and the longest item, whatever each takes (property)', async () => {
  const bursts = fc.array(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 }), {
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
      bursts,
      async (pools, workers, costsOfBursts) => {
        const { clock, source, submit, items } = setup({ pools, workers, dispatch: 'natural' });
        const costs = costsOfBursts.flat();
        const endsAt = new Map<ExecutorCall, number>();
        let now = 0;
        const beginAll = async (): Promise<void> => {
          await clock.flush();
          for (const executor of source.pools) {
            for (const call of executor.calls) {
              if (executor.begun.size === workers) break;
              if (executor.begun.has(call)) continue;
              executor.begun.add(call);
              endsAt.set(call, now + costs[(call as Job).order]);
            }
          }
        };
        for (const burst of costsOfBursts) {
          submit(burst.length);
          await beginAll();
        }
        while (endsAt.size > 0) {
          now = Math.min(...endsAt.values());
          for (const [call, at] of endsAt) {
            if (at > now) continue;
            endsAt.delete(call);
            source.pools.find(({ held }) => held.has(call))!.finishCall(call);
          }
          await beginAll();
        }
        expect(items.every(({ job }) => job.state === 'fulfilled')).toBe(true);
        // Graham, 1966: while the last one to begin waited, no worker idled.
        const total = costs.reduce((sum, cost) => sum + cost, 0);
        expect(now).toBeLessThanOrEqual(total / (pools * workers) + Math.max(...costs));
      },
    ),
    { numRuns: 60 },
  );
});
