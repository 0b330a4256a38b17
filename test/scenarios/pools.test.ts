import { setTimeout as delay } from 'node:timers/promises';
import { LeasedExecutorManager, WorkGrinder, WorkerCrashedError } from 'leasepool';
import { describe, expect, test, vi } from 'vitest';
import { FakeBackend } from '../support/fake-backend.ts';
import { Ledger } from '../support/ledger.ts';
import { runProgram } from '../support/manager-child.ts';
import { rejection, startGrinder, startManager } from '../support/manager-start.ts';
import { until } from '../support/until.ts';
import { tasks } from '../tasks/scenario-tasks.js';

const preload = [new URL('../tasks/scenario-tasks.js', import.meta.url)];
const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

async function grinderOn(options: object = {}, grinderOptions: object = {}) {
  const executorManager = await startManager({ preload, ...options });
  const grinder = await startGrinder({
    executorManager,
    batchSizeThreshold: 5,
    maxWaitSeconds: 0.005,
    ...grinderOptions,
  });
  return { executorManager, grinder };
}

describe('options', () => {
  test('V10 a getter that throws fails the constructor with its own error, and nothing is spawned', () => {
    const backend = new FakeBackend();
    const options = {
      backend,
      get maxPools(): number {
        throw new Error('not today');
      },
    };
    expect(() => new LeasedExecutorManager(options)).toThrow('not today');
    expect(backend.pools).toEqual([]);
  });

  test('V20 frozen options work', async () => {
    const { grinder } = await grinderOn(
      Object.freeze({ workersPerPool: 1 }),
      Object.freeze({ maxBatchSize: 5 }),
    );
    expect(await grinder.submit(tasks.echo, Object.freeze([1]), Object.freeze({ owner: 'me' }))).toBe(1);
  });

  test('V21 B10 the smallest values work: one item a batch, one pool, a wait of a microsecond', async () => {
    const { grinder } = await grinderOn(
      { maxPools: 1, workersPerPool: 1 },
      { batchSizeThreshold: 1, maxBatchSize: 1, maxWaitSeconds: 1e-6 },
    );
    expect(await Promise.all(range(20).map((value) => grinder.submit(tasks.echo, [value])))).toEqual(
      range(20),
    );
    expect(grinder.stats().totals.batches).toBe(20);
  });
});

describe('cancelling', () => {
  test('C7 an item may be cancelled when another one settles', async () => {
    const { grinder } = await grinderOn();
    const last = grinder.enqueue(tasks.echo, ['last'], { owner: 'last' });
    const futures = range(20).map((value) => grinder.enqueue(tasks.echo, [value]));
    last.cancel();
    const cancelled = futures[0].then(() => futures.map((future) => future.cancel()));
    const outcomes = await Promise.allSettled(futures);
    const flags = await cancelled;
    outcomes.forEach((outcome, index) => {
      expect(outcome.status).toBe(flags[index] ? 'rejected' : 'fulfilled');
    });
    expect(await grinder.submit(tasks.echo, ['after'])).toBe('after');
  });

  test.each([
    ['undefined', undefined],
    ['a string', 'gone'],
    ['null', null],
    ['an error', new Error('gone')],
    ['a frozen object', Object.freeze({ gone: true })],
  ])('C10 the reason is the cause, as it is: %s', async (_what, reason) => {
    const { grinder } = await grinderOn();
    const future = grinder.enqueue(tasks.echo, [1]);
    future.cancel(reason);
    const error = await rejection(future);
    expect(error.code).toBe('ABORT_ERR');
    expect(error.cause).toBe(reason);
    const { signal } = Object.assign(new AbortController(), {});
    expect(signal.aborted).toBe(false);
  });

  test('C11 one signal for 100,000 items: one listener, no warning, and its abort cancels them all', async () => {
    const warned = vi.fn();
    process.on('warning', warned);
    const { grinder } = await grinderOn(
      {},
      { batchSizeThreshold: 1e6, maxBatchSize: 1e6, maxWaitSeconds: 3600 },
    );
    const controller = new AbortController();
    const added = vi.spyOn(controller.signal, 'addEventListener');
    const futures = range(100_000).map((value) =>
      grinder.enqueue(tasks.echo, [value], { signal: controller.signal }),
    );
    controller.abort();
    expect(futures.every((future) => future.cancelled())).toBe(true);
    expect(added.mock.calls.length).toBe(1);
    expect(grinder.stats().pending).toBe(0);
    await delay(5);
    process.off('warning', warned);
    expect(warned).not.toHaveBeenCalled();
  });

  test('C20 a storm of submissions and cancels keeps nothing', async () => {
    const { grinder } = await grinderOn(
      {},
      { batchSizeThreshold: 1e6, maxBatchSize: 1e6, maxWaitSeconds: 3600 },
    );
    const kept = grinder.enqueue(tasks.echo, ['kept']);
    for (let round = 0; round < 200; round++) {
      for (const value of range(500)) grinder.enqueue(tasks.echo, [value]).cancel();
      expect(grinder.stats().pending).toBe(1);
    }
    expect(grinder.stats().totals).toMatchObject({ submitted: 100_001, cancelled: 100_000 });
    kept.cancel();
  });
});

describe('stopping', () => {
  test('S26 an item submitted and cancelled right before a stop does not hold it up', async () => {
    const { grinder } = await grinderOn();
    const future = grinder.enqueue(tasks.echo, [1]);
    future.cancel();
    await grinder.stop();
    expect(future.cancelled()).toBe(true);
  });

  test('S27 fifty jobs and a stop', async () => {
    const { grinder, executorManager } = await grinderOn({ workersPerPool: 2 });
    const results = Promise.all(range(50).map((value) => grinder.submit(tasks.echo, [value])));
    await grinder.stop();
    await executorManager.stop();
    expect(await results).toEqual(range(50));
  });

  test.each(['process', 'thread'] as const)(
    'S28 E14 an argument that stops, cancels and submits while it is read, backend %s',
    async (backend) => {
      const { grinder } = await grinderOn({ backend }, { batchSizeThreshold: 3 });
      let stopped: Promise<void> | undefined;
      const other = grinder.enqueue(tasks.echo, ['other']);
      let inside: Promise<unknown> | undefined;
      const first = grinder.submit(tasks.describe, [
        {
          get now() {
            other.cancel();
            inside ??= grinder.submit(tasks.echo, ['inside']).catch((error: unknown) => error);
            stopped ??= grinder.stop();
            return 1;
          },
        },
      ]);
      const last = grinder.submit(tasks.echo, ['last']);
      expect(await first).toMatchObject({ kind: '[object Object]' });
      expect(await last).toBe('last');
      await stopped;
      expect(other.done()).toBe(true);
      const outcome = await inside;
      expect(outcome === 'inside' || (outcome as { code?: string }).code === 'ERR_LEASEPOOL_STOPPING').toBe(
        true,
      );
    },
  );

  test('S29 stop() may be called when a job settles, and by the sizeProvider', async () => {
    let isTime = false;
    let stopped: Promise<void> | undefined;
    const manager: LeasedExecutorManager = await startManager({
      preload,
      sizeProvider: () => {
        if (isTime) stopped ??= manager.stop();
        return 1;
      },
    });
    const grinder = await startGrinder({ executorManager: manager, batchSizeThreshold: 1 });
    const grinderStopped = grinder.submit(tasks.echo, [1]).then(() => grinder.stop());
    await grinderStopped;
    isTime = true;
    manager.notifyScaleChanged();
    expect(stopped).toBeDefined();
    await stopped;
    expect(manager.stats()).toMatchObject({ started: false, total: 0 });
  });

  test('S25 submissions that keep coming do not keep a draining stop from ending, and each settles', async () => {
    const { grinder } = await grinderOn();
    const submitted: Promise<unknown>[] = [];
    let isOver = false;
    const submit = (): void => {
      if (isOver) return;
      const promise = grinder.submit(tasks.echo, [submitted.length]);
      promise.catch(() => {}); // Looked at below.
      submitted.push(promise);
      setImmediate(submit);
    };
    submit();
    await until(() => submitted.length > 20);
    await grinder.stop();
    isOver = true;
    const codes = (await Promise.allSettled(submitted)).map((outcome) =>
      outcome.status === 'fulfilled' ? 'ran' : (outcome.reason as { code: string }).code,
    );
    expect(new Set(codes)).toEqual(new Set(['ran', 'ERR_LEASEPOOL_STOPPING']));
  });

  test('S13 a manager and a grinder start and stop a hundred times', { timeout: 60_000 }, async () => {
    const backend = new FakeBackend((call) => call.fulfil(call.args[0]));
    const manager = new LeasedExecutorManager({ backend });
    const grinder = new WorkGrinder({ executorManager: manager, batchSizeThreshold: 1 });
    for (const round of range(100)) {
      await Promise.all([manager.start(), manager.start()]);
      await Promise.all([grinder.start(), grinder.start()]);
      expect(await grinder.submit(tasks.echo, [round])).toBe(round);
      await Promise.all([grinder.stop(), grinder.stop()]);
      await Promise.all(range(10).map(() => manager.stop()));
    }
    expect(backend.pools.length).toBe(100);
  });
});

describe('programs', () => {
  test.each([
    ['exits while its worker loops', 'exited\n', 0],
    ['is told to end, and stops', 'it ran\nstopped\n', 0],
    ['has a listener of a signal that throws', 'uncaught: of the user\nABORT_ERR\nstill here\n', 0],
    ['has a callback of a result that throws', 'unhandled: of the user\nstill here\n', 0],
    ['prints much, thread', '\nprinted\n', 0],
    ['prints much, process', '\nprinted\n', 0],
    ['is paused beyond the time of a lease', 'result\n', 0],
  ])('S22 S23 C14 E30 Q12 T2 one that %s', { timeout: 40_000 }, async (scenario, stdout, exitCode) => {
    const ended = await runProgram('scenario-program.js', scenario);
    expect({ ...ended, stdout: ended.stdout.replaceAll(/o{100,}/g, '') }).toEqual({
      exitCode,
      stdout,
      stderr: '',
    });
    if (scenario.startsWith('prints')) expect(ended.stdout.length).toBeGreaterThan(300_000);
  });
});

describe('leases that are shorter than the way of a message', () => {
  test.each(['thread', 'process'] as const)(
    'M4 its item runs all the same, backend %s',
    { timeout: 60_000 },
    async (backend) => {
      const { grinder } = await grinderOn(
        { backend, workersPerPool: 1 },
        { leaseSeconds: 0.001, dispatch: 'natural' },
      );
      const large = new Uint8Array(2 ** 22);
      const kinds = await Promise.all(range(3).map(() => grinder.submit(tasks.describe, [large])));
      expect(kinds.map(({ kind }) => kind)).toEqual(range(3).map(() => '[object Uint8Array]'));
    },
  );
});

describe('crashes', () => {
  test('K20 when all workers of the only pool die while others wait for it, those are served', async () => {
    const manager = await startManager({ preload, workersPerPool: 2 });
    const lease = await manager.acquire();
    const waiting = range(3).map(() => manager.withLease((next) => next.run(tasks.echo, ['served'])));
    const dead = await Promise.allSettled([1, 2].map((code) => lease.run(tasks.exit, [code])));
    expect(dead.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await lease.release();
    expect(await Promise.all(waiting)).toEqual(['served', 'served', 'served']);
  });

  test('K36 a crash in a batch of which some are cancelled: those stay cancelled, the others run', async () => {
    const { grinder } = await grinderOn({}, { batchSizeThreshold: 12 });
    const ledger = new Ledger();
    const crash = rejection(grinder.submit(tasks.exit, [3]));
    const futures = range(11).map((value) => grinder.enqueue(tasks.append, [ledger.path, String(value)]));
    await until(() => grinder.stats().inFlight > 0);
    for (const index of [2, 5, 8]) futures[index].cancel();
    expect(await crash).toBeInstanceOf(WorkerCrashedError);
    const outcomes = await Promise.allSettled(futures);
    const ran = range(11).filter((index) => outcomes[index].status === 'fulfilled');
    expect(ran).toEqual(range(11).filter((index) => ![2, 5, 8].includes(index)));
    expect(ledger.sorted).toEqual(ran);
  });
});

describe('fairness', () => {
  test('F3 two grinders on one manager with one pool both get on', async () => {
    const { executorManager, grinder } = await grinderOn({ workersPerPool: 1 }, { maxBatchSize: 10 });
    const other = await startGrinder({
      executorManager,
      batchSizeThreshold: 5,
      maxBatchSize: 10,
      maxWaitSeconds: 0.005,
    });
    const order: string[] = [];
    const submit = (to: WorkGrinder, name: string): Promise<void>[] =>
      range(100).map(async (value) => {
        await to.submit(tasks.echo, [value]);
        order.push(name);
      });
    await Promise.all([...submit(grinder, 'a'), ...submit(other, 'b')]);
    // Neither has to wait until the other is done.
    expect(order.slice(0, 100)).toContain('b');
    expect(order.slice(100)).toContain('a');
  });

  test('F4 one who submits rarely is served in turn beside one who never stops', async () => {
    const { grinder } = await grinderOn({}, { maxBatchSize: 20 });
    let isOver = false;
    let submittedByMany = 0;
    const flood = async (): Promise<void> => {
      while (!isOver) {
        submittedByMany++;
        await grinder.submit(tasks.echo, ['flood']);
      }
    };
    const floods = range(200).map(() => flood());
    for (let rare = 0; rare < 10; rare++) {
      const before = submittedByMany;
      expect(await grinder.submit(tasks.echo, ['rare'])).toBe('rare');
      // At most those before it in the queue, and as many that came while their batches ran.
      expect(submittedByMany - before).toBeLessThan(2000);
    }
    isOver = true;
    await Promise.all(floods);
  });

  test('F6 slow jobs in one pool do not keep other pools from serving', async () => {
    const { grinder } = await grinderOn(
      { maxPools: 2, workersPerPool: 1 },
      { batchSizeThreshold: 1, maxBatchSize: 1 },
    );
    const ledger = new Ledger();
    const slow = grinder.submit(tasks.untilThere, [`${ledger.path}.open`]);
    expect(await Promise.all(range(20).map((value) => grinder.submit(tasks.echo, [value])))).toEqual(
      range(20),
    );
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${ledger.path}.open`, '');
    await slow;
  });

  test('F8 the event loop turns while many jobs come and go', async () => {
    const { grinder } = await grinderOn({}, { dispatch: 'natural' });
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    turn();
    for (let round = 0; round < 20; round++) {
      await Promise.all(range(1000).map((value) => grinder.submit(tasks.echo, [value])));
    }
    isOver = true;
    expect(turns).toBeGreaterThan(20);
  });
});

describe('time', () => {
  test('T1 a clock that is put forward or back changes nothing', async () => {
    const { grinder, executorManager } = await grinderOn({}, { leaseSeconds: 60 });
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const hour = 3_600_000;
      const now = Date.now();
      for (const shift of [hour, -hour, 24 * hour]) {
        const lease = await executorManager.acquire({ leaseSeconds: 30 });
        vi.setSystemTime(now + shift);
        const { secondsUntilSoftExpiry } = executorManager.stats().leases[0];
        expect(secondsUntilSoftExpiry).toBeGreaterThan(20);
        expect(secondsUntilSoftExpiry).toBeLessThanOrEqual(30);
        expect(await lease.run(tasks.echo, [1], { timeoutSeconds: 20, queueTimeoutSeconds: 20 })).toBe(1);
        await lease.release();
        const future = grinder.enqueue(tasks.echo, [2]);
        expect(grinder.stats().oldestWaitSeconds).toBeLessThan(10);
        expect(grinder.stats().oldestWaitSeconds).toBeGreaterThanOrEqual(0);
        expect(await future).toBe(2);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  test.each(['thread', 'process'] as const)(
    'Q8 a main thread that was blocked goes on where it was, backend %s',
    async (backend) => {
      const { grinder } = await grinderOn({ backend, workersPerPool: 2 });
      const first = range(100).map((value) => grinder.submit(tasks.echo, [value]));
      await until(() => grinder.stats().inFlight > 0);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
      const second = range(100).map((value) => grinder.submit(tasks.echo, [value]));
      expect(await Promise.all([...first, ...second])).toEqual([...range(100), ...range(100)]);
    },
  );
});

describe('several managers', () => {
  test('L19 limits are those of each manager', async () => {
    const managers = await Promise.all([1, 2].map(() => startManager({ maxPools: 1, preload })));
    const leases = await Promise.all(managers.map((manager) => manager.acquire({ wait: false })));
    expect(managers.map(({ leasedCount }) => leasedCount)).toEqual([1, 1]);
    for (const manager of managers) {
      expect((await rejection(manager.acquire({ wait: false }))).code).toBe(
        'ERR_LEASEPOOL_LEASE_UNAVAILABLE',
      );
    }
    await leases[0].release();
    expect(managers.map(({ leasedCount }) => leasedCount)).toEqual([0, 1]);
  });
});

describe('sizing', () => {
  test('Z4 demand that changes at each look opens and closes no more than it must', async () => {
    const backend = new FakeBackend((call) => call.fulfil());
    let units = 0;
    const manager = new LeasedExecutorManager({
      backend,
      maxPools: 5,
      unitsPerPool: 1,
      idleSeconds: 60,
      sizeProvider: () => (units = 5 - units),
    });
    await manager.start();
    await Promise.all(range(50).map(() => manager.withLease((lease) => lease.run(tasks.echo, [1]))));
    expect(backend.pools.length).toBeLessThanOrEqual(5);
    expect(manager.totalCount).toBeLessThanOrEqual(5);
    await manager.stop();
  });

  test('Z5 a pool that is not wanted any more finishes its jobs first', async () => {
    let units = 2;
    const ledger = new Ledger();
    const manager = await startManager({ preload, maxPools: 2, unitsPerPool: 1, sizeProvider: () => units });
    const leases = [await manager.acquire(), await manager.acquire()];
    const held = leases.map((lease) => lease.run(tasks.untilThere, [`${ledger.path}.open`]));
    units = 1;
    manager.notifyScaleChanged();
    expect(manager.totalCount).toBe(2);
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${ledger.path}.open`, '');
    await Promise.all(held);
    await Promise.all(leases.map((lease) => lease.release()));
    manager.notifyScaleChanged();
    await until(() => manager.totalCount === 1);
  });
});
