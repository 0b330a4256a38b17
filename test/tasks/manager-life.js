// A program: `node manager-life.js <scenario> [<backend>]`. What keeps it alive is under test, so it has no handle of its own.
import { createHook } from 'node:async_hooks';
import { readdirSync } from 'node:fs';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';

const timers = new Set();
const track = {
  init: (id, type) => type === 'Timeout' && timers.add(id),
  destroy: (id) => timers.delete(id),
};
createHook(track).enable();

const asleep = (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const say = (text) => console.log(text);
const options = {
  backend: process.argv[3] ?? 'thread',
  workersPerPool: 2,
  checkIntervalSeconds: 3600,
  defaultLeaseSeconds: 3600,
};
const preload = new URL('./manager-slow-start.js', import.meta.url);

async function started(more) {
  const manager = new LeasedExecutorManager({ ...options, ...more });
  await manager.start();
  return manager;
}

/** Runs only if something else keeps the process alive until then. */
const later = (ms, run) => void setTimeout(() => run(), ms).unref();

const scenarios = {
  async 'idle pools'() {
    const manager = await started({ maxPools: 2, minPools: 2 });
    await manager.withLease((lease) => lease.run((value) => value, [1]));
  },
  async 'a lease without work'() {
    const manager = await started();
    const lease = await manager.acquire();
    await lease.run((value) => value, [1]);
  },
  async 'a worker that leaves timers behind'() {
    const manager = await started();
    await manager.withLease((lease) => lease.run(() => void setInterval(() => {}, 10)));
  },
  async 'an idle grinder'() {
    const grinder = new WorkGrinder({
      executorManager: await started(),
      batchSizeThreshold: 2,
      maxWaitSeconds: 0.01,
    });
    await grinder.start();
    await Promise.all([1, 2, 3].map((value) => grinder.submit((given) => given, [value])));
  },
  async 'an idle manager whose demand may change'() {
    await started({ sizeProvider: () => 0, checkIntervalSeconds: 0.05, idleSeconds: 0.05 });
  },
  async 'a job that was cancelled and is over'() {
    const manager = await started();
    const lease = await manager.acquire();
    const future = lease.enqueue(asleep, [50]);
    later(10, () => future.cancel());
    await future.catch(() => {});
  },

  async 'a job that runs'() {
    const manager = await started();
    const lease = await manager.acquire();
    void lease.run(asleep, [300]).then(() => say('it ran'));
  },
  async 'jobs that wait for a worker'() {
    const manager = await started({ workersPerPool: 1 });
    const lease = await manager.acquire();
    for (let count = 0; count < 3; count++) void lease.run(asleep, [100]).then(() => say('it ran'));
  },
  async 'a job that waits for its promise'() {
    const manager = await started();
    const lease = await manager.acquire();
    const slow = () => new Promise((resolve) => setTimeout(resolve, 300));
    void lease.run(slow).then(() => say('it ran'));
  },
  async 'a job whose worker died before it began'() {
    const manager = await started({ workersPerPool: 1 });
    const lease = await manager.acquire();
    void lease.run(() => process.exit(1)).catch(() => say('it crashed'));
    void lease.run((value) => value, ['it ran']).then(say);
  },
  async 'an item that waits for company'() {
    const manager = await started();
    const grinder = new WorkGrinder({
      executorManager: manager,
      batchSizeThreshold: 10,
      maxWaitSeconds: 0.3,
    });
    await grinder.start();
    void grinder.submit((value) => value, ['it ran']).then(say);
  },
  async 'an item that waits for a lease'() {
    const manager = await started();
    const grinder = new WorkGrinder({ executorManager: manager, batchSizeThreshold: 1 });
    await grinder.start();
    const lease = await manager.acquire();
    void grinder.submit((value) => value, ['it ran']).then(say);
    later(200, () => lease.release());
  },
  async 'a waiter in acquire()'() {
    const manager = await started();
    const lease = await manager.acquire();
    void manager.acquire().then(() => say('it was granted'));
    later(200, () => lease.release());
  },
  async 'a waiter with a time limit'() {
    const manager = await started();
    await manager.acquire();
    void manager.acquire({ timeoutSeconds: 0.3 }).catch((error) => say(error.code));
  },
  async 'a pool that starts'() {
    void started({ preload: [preload] }).then(() => say('it has started'));
  },
  async 'a pool that is opened for more demand'() {
    let units = 0;
    const manager = await started({
      maxPools: 2,
      unitsPerPool: 1,
      preload: [preload],
      sizeProvider: () => units,
    });
    units = 2;
    manager.notifyScaleChanged();
    process.on('exit', () => manager.availableCount === 2 && say('it has started'));
  },
  async 'a pool that tries to start again'() {
    const broken = new URL('./manager-start-modes.js', import.meta.url);
    const workerData = new Int32Array(new SharedArrayBuffer(8)).fill(1);
    void started({ preload: [broken], workerData }).catch((error) => say(error.code));
  },
  async 'a stop that waits for a job'() {
    const manager = await started();
    const lease = await manager.acquire();
    const begun = new Int32Array(new SharedArrayBuffer(4));
    void lease.run(asleepFrom, [begun, 300]).then(() => say('it ran'));
    while (begun[0] === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    void manager.stop().then(() => say('it has stopped'));
  },

  async 'after work of all kinds'() {
    await compare(async () => {
      const manager = await started({ maxPools: 2, minPools: 2, idleSeconds: 0.05 });
      const grinder = new WorkGrinder({ executorManager: manager, batchSizeThreshold: 3 });
      await grinder.start();
      const { signal } = new AbortController();
      const submit = (...job) => grinder.submit(...job);
      await Promise.allSettled([
        ...Array.from({ length: 20 }, (_, value) => submit((given) => given, [value], { signal })),
        submit(() => process.exit(1)),
        submit(asleep, [1000], { timeoutSeconds: 0.05 }),
        manager.withLease((lease) => lease.run((value) => value, [1]), { timeoutSeconds: 60, signal }),
      ]);
      await grinder.stop();
      // Each worker has come up again.
      const cells = new Int32Array(new SharedArrayBuffer(4));
      const leases = [await manager.acquire(), await manager.acquire()];
      await Promise.all(
        leases.flatMap((lease) => [lease.run(meet, [cells, 4]), lease.run(meet, [cells, 4])]),
      );
      await manager.stop();
    });
  },
  async 'although its workers were coming up'() {
    let modules = 0;
    await compare(async () => {
      const loaded = new Int32Array(new SharedArrayBuffer(4));
      const many = Array.from(
        { length: 25 },
        (_, n) => new URL(`./manager-counts-itself.js?${n}`, import.meta.url),
      );
      const manager = new LeasedExecutorManager({
        ...options,
        workersPerPool: 2,
        preload: many,
        workerData: loaded,
      });
      manager.start().catch(() => {});
      modules += 5;
      while (loaded[0] < modules) await new Promise((resolve) => setImmediate(resolve));
      await manager.stop();
    }, 8);
  },
  async 'although a worker was to be tried again'() {
    await compare(async () => {
      const broken = new URL('./manager-start-modes.js', import.meta.url);
      const cells = new Int32Array(new SharedArrayBuffer(8)).fill(1, 1);
      const manager = new LeasedExecutorManager({ workersPerPool: 1, preload: [broken], workerData: cells });
      manager.start().catch(() => {});
      while (cells[0] < 3) await new Promise((resolve) => setTimeout(resolve, 1));
      // It fails soon, and the fourth attempt is due 400 ms after that.
      await new Promise((resolve) => setTimeout(resolve, 150));
      await manager.stop();
    }, 2);
  },
};

function asleepFrom(begun, ms) {
  Atomics.store(begun, 0, 1);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function meet(cells, parties) {
  Atomics.add(cells, 0, 1);
  Atomics.notify(cells, 0);
  for (let here = cells[0]; here < parties; here = Atomics.load(cells, 0)) Atomics.wait(cells, 0, here);
}

async function compare(use, rounds = 8) {
  await use();
  const before = await census();
  for (let round = 0; round < rounds; round++) await use();
  say(JSON.stringify([before, await census()]));
}

/** What there is of everything that could be left behind; the standard streams are open before and after. */
async function census() {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  const count = (path) => {
    try {
      return readdirSync(path).length;
    } catch {
      return undefined;
    }
  };
  return {
    resources: process
      .getActiveResourcesInfo()
      .filter((type) => !/^(TTYWrap|PipeWrap|Immediate)$/.test(type)),
    timers: timers.size,
    files: count('/proc/self/fd'),
    threads: count('/proc/self/task'),
    listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  };
}

process.exitCode = 0;
void scenarios[process.argv[2]]();
