import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { BrokenExecutorError, PayloadTooLargeError, TimeoutError } from 'leasepool';
import { bullmqBackend, WorkerHost, type WorkerHostOptions } from 'leasepool/bullmq';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { range } from '../support/executor-bench.ts';
import { newQueue, startFleetManager } from '../support/fleet.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import { newManager, recordingLogger, rejection, startGrinder } from '../support/manager-start.ts';
import { noRedis, RedisServer } from '../support/redis-server.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { until } from '../support/until.ts';
import { tasks } from '../tasks/fleet-tasks.js';
import { names, tasks as own } from '../tasks/own-errors.js';

describe.skipIf(noRedis !== undefined)('the backend of a fleet', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  async function startHost(queue: string, more: Partial<WorkerHostOptions> = {}): Promise<WorkerHost> {
    const host = new WorkerHost({
      connection: redis.url,
      queue,
      tasks: [tasksUrl('fleet-tasks.js')],
      manager: { maxPools: 1, workersPerPool: 1 },
      ...more,
    });
    onTestFinished(() => host.stop({ timeoutSeconds: 0 }));
    await host.start();
    return host;
  }

  function queueOf(name: string): Queue {
    const queue = new Queue(name, { connection: { url: redis.url } });
    onTestFinished(() => queue.close());
    return queue;
  }

  test('S29 a job that throws an error of leasepool itself runs once and fails with it, and its host goes on', async () => {
    const queue = newQueue();
    const logger = recordingLogger();
    await startHost(queue, { tasks: [tasksUrl('own-errors.js')], logger });
    const manager = await startFleetManager({ connection: redis.url, queue });
    const grinder = await startGrinder({ executorManager: manager, maxWaitSeconds: 0.001 });
    const ledger = new Ledger();
    const inner = { owner: 'inner owner', taskName: 'inner' };
    for (const name of names) {
      const thrown = grinder.submit(own.throwing, [ledger.path, name, inner], { owner: 'outer' });
      const mate = grinder.submit(own.echo, [name]);
      expect(await rejection(thrown)).toMatchObject({ message: 'mine', ...inner });
      expect(await mate).toBe(name);
    }
    expect(await rejection(grinder.submit(own.usesUnstartedGrinder, [ledger.path]))).toMatchObject({
      code: 'ERR_LEASEPOOL_NOT_STARTED',
    });
    expect(ledger.lines).toEqual([...names, 'unstarted']);
    expect(logger.entries.filter(({ message }) => message.includes('takes no chunks'))).toEqual([]);
  });

  test('M8 a batch travels as one queue job, and nothing of it stays in Redis', async () => {
    const queue = newQueue();
    const host = await startHost(queue);
    const manager = await startFleetManager({ connection: redis.url, queue });
    const grinder = await startGrinder({ executorManager: manager, batchSizeThreshold: 500 });
    const results = await Promise.all(
      range(500).map((value) => grinder.submit(tasks.lengthOf, ['x'.repeat(value)])),
    );
    expect(results).toEqual(range(500));
    expect(host.stats().chunks.taken).toBe(1);
    await grinder.stop();
    await manager.stop();
    const counts = await queueOf(queue).getJobCounts();
    expect(Object.values(counts).every((count) => count === 0)).toBe(true);
    const client = redis.client();
    onTestFinished(() => client.disconnect());
    expect(await client.keys(`bull:${queue}:replies:*`)).toEqual([]);
  });

  test('M8 a lease keeps one chunk in flight; what is sent meanwhile travels with the next', async () => {
    const queue = newQueue();
    const host = await startHost(queue, { manager: { maxPools: 2, workersPerPool: 2 } });
    const manager = await startFleetManager({ connection: redis.url, queue });
    const lease = await manager.acquire();
    const [ledger, gate] = [new Ledger(), new FileGate()];
    const held = lease.run(tasks.hold, [ledger.path, 'held', gate.path]);
    await ledger.untilLines(1);
    const later = [];
    for (const value of range(10)) {
      later.push(lease.run(tasks.lengthOf, ['x'.repeat(value)]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(host.stats().chunks).toMatchObject({ active: 1, taken: 1 });
    gate.open();
    await held;
    expect(await Promise.all(later)).toEqual(range(10));
    expect(host.stats().chunks.taken).toBe(2);
  });

  test('M8 what one item is given or gives is limited in size, and its mates are not concerned', async () => {
    const queue = newQueue();
    await startHost(queue, { maxItemBytes: 10_000 });
    const manager = await startFleetManager({ connection: redis.url, queue, maxItemBytes: 20_000 });
    await manager.withLease(async (lease) => {
      const runs = await Promise.allSettled([
        lease.run(tasks.lengthOf, ['x'.repeat(30_000)]),
        lease.run(tasks.lengthOf, ['x'.repeat(15_000)]),
        lease.run(tasks.bytes, [9_000]),
        lease.run(tasks.bytes, [11_000]),
      ]);
      const [given, fits, gives, givesTooMuch] = runs;
      expect(fits).toEqual({ status: 'fulfilled', value: 15_000 });
      expect(gives).toEqual({ status: 'fulfilled', value: new Uint8Array(9_000) });
      for (const run of [given, givesTooMuch]) {
        const { reason } = run as PromiseRejectedResult;
        expect(reason).toBeInstanceOf(PayloadTooLargeError);
        expect(reason.code).toBe('ERR_LEASEPOOL_PAYLOAD_TOO_LARGE');
      }
    });
  });

  test('M8 a batch of more bytes than a chunk may have travels in several', async () => {
    const queue = newQueue();
    const host = await startHost(queue);
    const manager = await startFleetManager({ connection: redis.url, queue, maxChunkBytes: 50_000 });
    const lengths = await manager.withLease((lease) =>
      lease.runBatch(
        tasks.lengthOf,
        range(10).map((value) => ['x'.repeat(20_000 + value)]),
      ),
    );
    expect(lengths).toEqual(range(10).map((value) => ({ status: 'fulfilled', value: 20_000 + value })));
    expect(host.stats().chunks.taken).toBe(5);
  });

  test('T2 a module that is elsewhere on the hosts goes by a name', async () => {
    const queue = newQueue();
    await startHost(queue, { tasks: { jobs: tasksUrl('fleet-tasks.js') } });
    // Here it has a path the host does not know.
    const elsewhere = new URL('file:///nowhere/else/tasks.js');
    const manager = await startFleetManager({ connection: redis.url, queue, tasks: { jobs: elsewhere } });
    await manager.withLease(async (lease) => {
      const ref = { module: elsewhere.href, name: 'lengthOf' };
      expect(await lease.run(ref, ['four'])).toBe(4);
    });
  });

  test('T2 a host refuses modules it does not serve, and source text never leaves', async () => {
    const queue = newQueue();
    await startHost(queue);
    const manager = await startFleetManager({ connection: redis.url, queue });
    await manager.withLease(async (lease) => {
      const fs = await rejection(lease.run({ module: 'node:child_process', name: 'execSync' }, ['id']));
      expect(fs).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_NOT_FOUND' });
      expect(fs.message).toContain('fleet-tasks.js');
      const other = { module: tasksUrl('conformance-tasks.js').href, name: 'echo' };
      expect(await rejection(lease.run(other, [1]))).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_NOT_FOUND' });
      const source = await rejection(lease.run((value: number) => value * 2, [1]));
      expect(source).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE' });
    });
  });

  test('M8 a chunk has a deadline: without a host its calls fail, and it leaves the queue', async () => {
    const queue = newQueue();
    const manager = await startFleetManager({ connection: redis.url, queue, chunkSeconds: 0.3 });
    await manager.withLease(async (lease) => {
      const error = await rejection(lease.run(tasks.where));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ phase: 'result' });
    });
    const counts = queueOf(queue);
    let waiting = 1;
    await until(() => {
      void counts.getWaitingCount().then((count) => (waiting = count));
      return waiting === 0;
    }, 'the chunk has left the queue');
  });

  test('M4 an expired lease gives back a chunk that no host has, and its items run on the next lease', async () => {
    const queue = newQueue();
    const manager = await startFleetManager({ connection: redis.url, queue });
    const grinder = await startGrinder({
      executorManager: manager,
      batchSizeThreshold: 3,
      leaseSeconds: 0.2,
    });
    const runs = range(3).map((value) => grinder.submit(tasks.lengthOf, ['x'.repeat(value)]));
    await until(() => grinder.stats().totals.batches >= 2, 'the items have a second lease');
    await startHost(queue);
    expect(await Promise.all(runs)).toEqual(range(3));
  });

  test('M4 at hard expiry callers are told at once, though a host runs their jobs on', async () => {
    const queue = newQueue();
    await startHost(queue);
    const manager = await startFleetManager({ connection: redis.url, queue }, { leaseGraceSeconds: 0.1 });
    const lease = await manager.acquire({ leaseSeconds: 0.2 });
    const [ledger, gate] = [new Ledger(), new FileGate()];
    const held = rejection(lease.run(tasks.hold, [ledger.path, 'held', gate.path]));
    expect(await held).toMatchObject({ code: 'ERR_LEASEPOOL_LEASE_EXPIRED' });
    gate.open();
    expect(await manager.withLease((next) => next.run(tasks.lengthOf, ['next']))).toBe(4);
  });

  test('S28 a cancelled job that no host has is taken out of the queue', async () => {
    const queue = newQueue();
    const manager = await startFleetManager({ connection: redis.url, queue });
    const lease = await manager.acquire();
    const future = lease.enqueue(tasks.where);
    const counts = queueOf(queue);
    let waiting = 0;
    const look = (): void => void counts.getWaitingCount().then((count) => (waiting = count));
    await until(() => {
      look();
      return waiting === 1;
    }, 'the chunk is in the queue');
    expect(future.cancel()).toBe(true);
    await until(() => {
      look();
      return waiting === 0;
    }, 'it has left the queue');
    await lease.release();
  });

  test('S24 options are checked, and those that belong to the hosts are refused', async () => {
    const connection = redis.url;
    expect(() => bullmqBackend({ connection, queue: 'a:b' })).toThrow(TypeError);
    expect(() => bullmqBackend({ connection: 'http://x', queue: 'a' })).toThrow(TypeError);
    expect(() => bullmqBackend({ connection, queue: 'a', chunkSeconds: 0 })).toThrow(RangeError);
    expect(() => bullmqBackend({ connection, queue: 'a', chunkSecond: 1 } as never)).toThrow(/chunkSeconds/);
    expect(() => new WorkerHost({ connection, queue: 'a', tasks: ['./tasks.js'] })).toThrow(/relative/);
    const manager = newManager({ backend: bullmqBackend({ connection, queue: 'a' }), workerData: 1 });
    const error = await rejection(manager.start());
    expect(error).toBeInstanceOf(BrokenExecutorError);
    expect(error.message).toContain('"workerData" has no effect on a fleet');
  });

  test('M6 a manager that cannot reach Redis does not start', async () => {
    const gone = await RedisServer.start();
    await gone.stop();
    const backend = bullmqBackend({ connection: gone.url, queue: newQueue() });
    const error = await rejection(newManager({ backend, startTimeoutSeconds: 0.3 }).start());
    expect(error).toBeInstanceOf(BrokenExecutorError);
    expect(error.message).toContain('ECONNREFUSED');
  });

  test('N5 an idle manager of a fleet does not keep its process alive', async () => {
    const queue = newQueue();
    await startHost(queue);
    const program = spawn(process.execPath, [fileURLToPath(tasksUrl('fleet-program.js')), redis.url, queue], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void program.kill('SIGKILL'));
    let printed = '';
    program.stdout.on('data', (text: Buffer) => (printed += String(text)));
    const [exitCode] = (await once(program, 'exit')) as [number];
    expect([exitCode, printed]).toEqual([0, '4\n']);
  });

  test('M8 chunks of a manager that is gone are not run', async () => {
    const queue = newQueue();
    const manager = await startFleetManager({ connection: redis.url, queue });
    const lease = await manager.acquire();
    const ledger = new Ledger();
    const lost = rejection(lease.run(tasks.busy, [ledger.path, 1, 0]));
    const counts = queueOf(queue);
    let waiting = 0;
    await until(() => {
      void counts.getWaitingCount().then((count) => (waiting = count));
      return waiting === 1;
    }, 'the chunk is in the queue');
    // As if it had been killed: its stream goes, its chunk stays.
    const client = redis.client();
    onTestFinished(() => client.disconnect());
    await client.del(...(await client.keys(`bull:${queue}:replies:*`)));
    const host = await startHost(queue);
    await until(() => host.stats().chunks.unwanted === 1, 'the host passes over it');
    expect(ledger.lines).toEqual([]);
    await manager.stop({ timeoutSeconds: 0 });
    await lost;
  });
});
