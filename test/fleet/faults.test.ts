import { setTimeout } from 'node:timers/promises';
import { PoisonItemError, WorkerCrashedError } from 'leasepool';
import { bullmqBackend } from 'leasepool/bullmq';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { BlackHole } from '../support/black-hole.ts';
import { range } from '../support/executor-bench.ts';
import { HostProcess, newQueue, startFleetManager } from '../support/fleet.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import { newManager, recordingLogger, rejection, startGrinder } from '../support/manager-start.ts';
import { noRedis, RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { tasks } from '../tasks/fleet-tasks.js';

/** Where the job with this entry ran, in the order of its runs. */
function hostsOf(ledger: Ledger, entry: string): number[] {
  return ledger.lines
    .filter((line) => line.startsWith(`${entry} `))
    .map((line) => Number(line.split(' ')[1]));
}

describe.skipIf(noRedis !== undefined)('a fleet whose hosts fail', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  /** A chunk of jobs that its host does not finish: what happens to the host is up to the test. */
  async function heldChunk(queue: string, urls: readonly string[]) {
    const hosts = await Promise.all(urls.map((url) => HostProcess.start(url, queue)));
    const manager = await startFleetManager({ connection: redis.url, queue });
    const lease = await manager.acquire();
    const [ledger, gate] = [new Ledger(), new FileGate()];
    const settled: unknown[] = [];
    const runs = [
      ...range(5).map((value) => lease.run(tasks.lengthOf, ['x'.repeat(value)])),
      lease.run(tasks.hold, [ledger.path, 'held', gate.path]),
      lease.run(tasks.lengthOf, ['behind']),
    ];
    const note = (value: unknown): unknown => settled.push(value);
    for (const run of runs) run.then(note, note);
    await until(() => hostsOf(ledger, 'held').length === 1, 'a host runs the job');
    const holder = hosts.find(({ pid }) => pid === hostsOf(ledger, 'held')[0])!;
    return { hosts, holder, other: hosts.find((host) => host !== holder)!, ledger, gate, runs, settled };
  }

  test('M8 a host that is killed loses nothing: another runs what is left of its chunk', async () => {
    const { holder, other, ledger, gate, runs, settled } = await heldChunk(newQueue(), [
      redis.url,
      redis.url,
    ]);
    await until(() => settled.length >= 5, 'what is finished is answered at once');
    holder.signal('SIGKILL');
    await until(() => hostsOf(ledger, 'held').length === 2, 'the other host runs it');
    gate.open();
    expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4, other.pid, 6]);
    expect(hostsOf(ledger, 'held')).toEqual([holder.pid, other.pid]);
  });

  test('M8 a host that was paused is too late: its answers are dropped', async () => {
    const { holder, other, ledger, gate, runs, settled } = await heldChunk(newQueue(), [
      redis.url,
      redis.url,
    ]);
    holder.signal('SIGSTOP');
    await until(() => hostsOf(ledger, 'held').length === 2, 'the other host runs it');
    gate.open();
    expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4, other.pid, 6]);
    holder.signal('SIGCONT');
    await until(() => settled.length === runs.length);
    holder.signal('SIGTERM');
    expect(await holder.ended()).toBe(0);
    expect(holder.lines.at(-1)).toMatchObject({ items: { fulfilled: 7 } });
    expect(settled).toHaveLength(7);
  });

  test('M8 a host that is cut off is replaced, and comes back when the network does', async () => {
    const hole = await BlackHole.to(redis.port);
    onTestFinished(() => hole.close());
    const queue = newQueue();
    const { hosts, holder, ledger, gate, runs } = await heldChunk(queue, [hole.url]);
    hole.cut();
    const other = await HostProcess.start(redis.url, queue);
    await until(() => hostsOf(ledger, 'held').length === 2, 'the other host runs it');
    gate.open();
    expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4, other.pid, 6]);
    other.signal('SIGTERM');
    await other.ended();
    hole.mend();
    const manager = await startFleetManager({ connection: redis.url, queue });
    expect(await manager.withLease((lease) => lease.run(tasks.where))).toBe(holder.pid);
    expect(hosts).toHaveLength(1);
  });

  test('N2 a job that kills every host it runs on fails alone, after three hosts', async () => {
    const queue = newQueue();
    let deaths = 0;
    let isOver = false;
    const keepUp = async (): Promise<void> => {
      while (!isOver) {
        const host = HostProcess.spawn(redis.url, queue); // It may be killed before it tells that it is ready.
        while (!host.hasEnded && !isOver) await setTimeout(5);
        if (host.process.signalCode === 'SIGKILL') deaths++;
      }
    };
    const keeping = keepUp();
    const manager = await startFleetManager({ connection: redis.url, queue });
    const grinder = await startGrinder({ executorManager: manager, batchSizeThreshold: 40 });
    const ledger = new Ledger();
    const outcomes = await Promise.allSettled(
      range(40).map((entry) => grinder.submit(tasks.killHost, [ledger.path, entry, 17])),
    );
    isOver = true;
    await keeping;
    const failed = range(40).filter((entry) => outcomes[entry].status === 'rejected');
    expect(failed).toEqual([17]);
    const { reason } = outcomes[17] as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(PoisonItemError);
    expect(reason).toMatchObject({ code: 'ERR_LEASEPOOL_POISON_ITEM', hostDeaths: 2, taskName: 'killHost' });
    expect(deaths).toBe(3);
  }, 60_000);

  test('N2 a job that ends its worker is the affair of its host, which goes on', async () => {
    const queue = newQueue();
    const host = await HostProcess.start(redis.url, queue, { args: ['--backend', 'process'] });
    const manager = await startFleetManager({ connection: redis.url, queue });
    await manager.withLease(async (lease) => {
      const error = await rejection(lease.run(tasks.exit));
      expect(error).toBeInstanceOf(WorkerCrashedError);
      expect(error).toMatchObject({ phase: 'running', exitCode: 3 });
      expect(await lease.run(tasks.lengthOf, ['goes on'])).toBe(7);
    });
    expect(host.process.exitCode).toBe(null);
  });
});

describe.skipIf(noRedis !== undefined)('a fleet whose Redis fails', () => {
  for (const persistence of ['aof', 'none'] as const) {
    test(`M8 Redis may be killed twice while chunks are on their way: persistence ${persistence}`, async () => {
      const redis = await RedisServer.start({ persistence });
      onTestFinished(() => redis.stop());
      const queue = newQueue();
      await Promise.all(range(2).map(() => HostProcess.start(redis.url, queue)));
      const manager = await startFleetManager({ connection: redis.url, queue }, { maxPools: 4 });
      const grinder = await startGrinder({
        executorManager: manager,
        batchSizeThreshold: 5,
        maxBatchSize: 5,
      });
      const ledger = new Ledger();
      const settled: number[] = [];
      const runs = range(300).map(async (entry) => {
        settled.push(await grinder.submit(tasks.busy, [ledger.path, entry, 5]));
      });
      for (const done of [40, 160]) {
        await until(() => settled.length >= done, `${done} jobs are done`);
        await redis.kill();
        await redis.up();
      }
      await Promise.all(runs);
      expect(settled.toSorted((a, b) => a - b)).toEqual(range(300));
    }, 60_000);
  }

  test.each(['waits for a host', 'runs on a host', 'is sent afterwards'])(
    'M8 what a flush of Redis takes along is missed at the next look and runs at the one after it: a chunk that %s',
    async (when) => {
      const redis = await RedisServer.start();
      onTestFinished(() => redis.stop());
      const client = redis.client();
      onTestFinished(() => client.disconnect());
      const queue = newQueue();
      const logger = recordingLogger();
      const [ledger, gate] = [new Ledger(), new FileGate()];
      const manager = await startFleetManager({ connection: redis.url, queue }, { logger });
      const lease = await manager.acquire();
      if (when !== 'waits for a host') {
        await HostProcess.start(redis.url, queue);
        await lease.run(tasks.lengthOf, ['the host knows this manager']);
      }
      const run = () => lease.run(tasks.hold, [ledger.path, 'held', gate.path]);
      const early = when === 'is sent afterwards' ? undefined : run();
      if (when === 'runs on a host') await ledger.untilLines(1);
      if (when === 'waits for a host') {
        let waiting = 0;
        await until(() => {
          void client.llen(`bull:${queue}:wait`).then((length) => (waiting = length));
          return waiting === 1;
        }, 'the chunk is in the queue');
      }
      await client.flushall();
      const result = early ?? run();
      if (when === 'waits for a host') await HostProcess.start(redis.url, queue);
      gate.open();
      expect(await result).toBeGreaterThan(0);
      const lost = logger.entries.filter(({ message }) => message === 'a chunk was lost');
      expect(lost.length).toBeLessThanOrEqual(1);
    },
  );

  test('M6 a manager that Redis refuses for want of memory says so', async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    const client = redis.client();
    onTestFinished(() => client.disconnect());
    await client.config('SET', 'maxmemory', '1');
    const backend = bullmqBackend({ connection: redis.url, queue: newQueue() });
    const error = await rejection(newManager({ backend }).start());
    expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR' });
    expect(error.message).toContain("OOM command not allowed when used memory > 'maxmemory'");
  });

  test('M6 a host that Redis refuses for want of memory says so, and goes on when there is some', async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    const client = redis.client();
    onTestFinished(() => client.disconnect());
    await client.config('SET', 'maxmemory', '1');
    const queue = newQueue();
    const host = await HostProcess.start(redis.url, queue);
    await until(() => host.told.includes('OOM command not allowed'), 'it tells');
    expect(host.lines.find(({ level }) => level === 'warn')!['error']).toContain('OOM command not allowed');
    await client.config('SET', 'maxmemory', '0');
    const manager = await startFleetManager({ connection: redis.url, queue });
    expect(await manager.withLease((lease) => lease.run(tasks.where))).toBe(host.pid);
  });

  test('M6 when Redis stays away, calls fail with BrokenExecutorError', async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    const manager = await startFleetManager({
      connection: redis.url,
      queue: newQueue(),
      brokenAfterSeconds: 0.5,
    });
    const lease = await manager.acquire();
    const run = rejection(lease.run(tasks.where)); // No host will take it.
    await redis.kill();
    expect(await run).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR' });
    expect(lease.active).toBe(false);
  });
});
