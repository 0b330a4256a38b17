import { bullmqBackend } from 'leasepool/bullmq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { range } from '../support/executor-bench.ts';
import { HostProcess, newQueue, startFleetManager } from '../support/fleet.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import { startGrinder, startManager } from '../support/manager-start.ts';
import { noRedis, RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { tasks } from '../tasks/fleet-tasks.js';

/** The most jobs that ran at once, by a ledger of begins and ends. */
function mostAtOnce(lines: readonly string[]): number {
  let running = 0;
  return Math.max(...lines.map((line) => (line.startsWith('begin') ? ++running : --running)));
}

describe.skipIf(noRedis !== undefined)('the hosts of a fleet', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  test('M7 a host that is told to end finishes what it has, and takes nothing more', async () => {
    const queue = newQueue();
    const host = await HostProcess.start(redis.url, queue, { args: ['--health-port', '0'] });
    const manager = await startFleetManager({ connection: redis.url, queue }, { maxPools: 2 });
    const [ledger, gate] = [new Ledger(), new FileGate()];
    const [first, second] = await Promise.all([manager.acquire(), manager.acquire()]);
    const held = first.run(tasks.hold, [ledger.path, 'held', gate.path]);
    await ledger.untilLines(1);
    host.signal('SIGTERM');
    await until(() => host.hasTold('draining'), 'it drains');
    const url = host.lines.find(({ message }) => message === 'ready')!['health'] as string;
    expect((await fetch(`${url}/health`)).status).toBe(503);
    const waiting = second.run(tasks.where);
    gate.open();
    expect(await held).toBe(host.pid);
    expect(await host.ended()).toBe(0);
    const next = await HostProcess.start(redis.url, queue);
    expect(await waiting).toBe(next.pid);
  });

  test('M7 a second signal ends what still runs, and its caller is told', async () => {
    const queue = newQueue();
    const host = await HostProcess.start(redis.url, queue);
    const manager = await startFleetManager({ connection: redis.url, queue });
    const [ledger, gate] = [new Ledger(), new FileGate()];
    await manager.withLease(async (lease) => {
      const held = Promise.allSettled([lease.run(tasks.hold, [ledger.path, 'held', gate.path])]);
      await ledger.untilLines(1);
      host.signal('SIGTERM');
      await until(() => host.hasTold('draining'), 'it drains');
      host.signal('SIGTERM');
      expect(await held).toMatchObject([
        { reason: { code: 'ERR_LEASEPOOL_WORKER_CRASHED', phase: 'running' } },
      ]);
      expect(await host.ended()).toBe(0);
    });
  });

  test('S32 a host tells how it is, for people and for Prometheus', async () => {
    const queue = newQueue();
    const host = await HostProcess.start(redis.url, queue, { args: ['--health-port', '0'] });
    const manager = await startFleetManager({ connection: redis.url, queue });
    await manager.withLease((lease) => lease.runBatch(tasks.lengthOf, [['a'], ['ab']]));
    const url = host.lines.find(({ message }) => message === 'ready')!['health'] as string;
    const health = await fetch(`${url}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ up: true, queue, items: { fulfilled: 2 } });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain(`leasepool_host_items_total{queue="${queue}",outcome="fulfilled"} 2\n`);
    expect(metrics).toContain(`leasepool_host_up{queue="${queue}"} 1\n`);
    expect((await fetch(`${url}/else`)).status).toBe(404);
  });

  test('S24 a command line that cannot work ends with code 2 and says what it needs', async () => {
    await expect(HostProcess.start(redis.url, 'a:b')).rejects.toThrow(/Usage: leasepool worker/);
    await expect(HostProcess.start(redis.url, 'q', { args: ['--pools', 'x'] })).rejects.toThrow(/maxPools/);
    for (const option of ['--pool', '--concurrency'])
      await expect(HostProcess.start(redis.url, 'q', { args: [option, '1'] })).rejects.toThrow(
        `Unknown option '${option}'; did you mean --pools?\n`,
      );
  });

  test('M2 two managers share a fleet by the leases they hold', async () => {
    const queue = newQueue();
    const hosts = await Promise.all(range(2).map(() => HostProcess.start(redis.url, queue)));
    const ledger = new Ledger();
    /** Every manager offers more than its leases can have in flight. */
    const offer = async (name: string, maxPools: number): Promise<void> => {
      const backend = bullmqBackend({ connection: redis.url, queue });
      const manager = await startManager({ backend, maxPools });
      const options = { executorManager: manager, batchSizeThreshold: 1, maxBatchSize: 1 };
      const grinder = await startGrinder(options);
      const runs = range(60).map((entry) => grinder.submit(tasks.busy, [ledger.path, `${name} ${entry}`, 4]));
      await Promise.all(runs);
    };
    await Promise.all([offer('equal-a', 3), offer('equal-b', 3)]);
    // While both had work: the first two thirds of what was done.
    const begun = ledger.lines.filter((line) => line.startsWith('begin')).slice(20, 80);
    const share = begun.filter((line) => line.includes('equal-a')).length / begun.length;
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.7);
    expect(hosts).toHaveLength(2);
  });

  test('M2 a fleet-wide limit holds over all hosts and managers', async () => {
    const queue = newQueue();
    const args = ['--pools', '3', '--workers', '1', '--fleet-limit', '2'];
    await Promise.all(range(2).map(() => HostProcess.start(redis.url, queue, { args })));
    const ledger = new Ledger();
    await Promise.all(
      ['a', 'b'].map(async (name) => {
        const manager = await startFleetManager({ connection: redis.url, queue }, { maxPools: 6 });
        const grinder = await startGrinder({
          executorManager: manager,
          batchSizeThreshold: 1,
          maxBatchSize: 1,
        });
        await Promise.all(
          range(30).map((entry) => grinder.submit(tasks.busy, [ledger.path, name + entry, 10])),
        );
      }),
    );
    expect(mostAtOnce(ledger.lines)).toBe(2);
  });
});
