// How many times the throughput of a queue job per item does a chunk of 100 items a queue job reach (one number in, one out, one host with two workers, Redis on the same machine)?
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Job, Queue, QueueEvents, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { bullmqBackend, WorkerHost } from 'leasepool/bullmq';
import { alternate, compare, count, type Goal, range, ratio, report, summarizeAll } from './harness.ts';
import { mainThreadCpuNs } from './throughput.ts';
import { jobs } from './workers/jobs.ts';

const question =
  'How many times the throughput of a queue job per item does a chunk of 100 items a queue job reach?\n' +
  '(one number in, one out, one host process with two workers, Redis at $REDIS_URL on the same machine)';
const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const connection = { url, maxRetriesPerRequest: null };
const chunks = 'leasepool-bench-chunks';
const items = 'leasepool-bench-items';
const sandboxedItems = 'leasepool-bench-sandboxed';
const jobsInFlight = 8;
const seconds = 0.5;
const rounds = 5;
/** Lengths of jobs for which the fleet is compared with as many threads of this process. */
const jobMs = [0.01, 0.1, 1];

async function serve(): Promise<void> {
  const host = new WorkerHost({
    connection: url,
    queue: chunks,
    tasks: [new URL('workers/jobs.js', import.meta.url)],
    manager: { maxPools: 2, workersPerPool: 1 },
  });
  await host.start();
  const options = { connection, concurrency: jobsInFlight };
  // The best case of a job per item: it runs in the event loop of its worker, which it blocks.
  const increment = async (job: Job): Promise<number> =>
    jobs.increment((job.data as { value: number }).value);
  // What BullMQ has for jobs that would block it.
  const processor = new URL('workers/sandboxed.js', import.meta.url);
  const workers = [
    new Worker(items, increment, options),
    new Worker(sandboxedItems, processor, { ...options, useWorkerThreads: true }),
  ];
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  process.on('disconnect', () => process.exit()); // The bench has failed.
  process.send!('ready');
  await once(process, 'message');
  await Promise.all(workers.map((worker) => worker.close()));
  await host.stop();
  process.exit();
}

/** Items per second of callers who each await one after the other. */
async function rate(callers: number, run: (value: number) => Promise<number>): Promise<number> {
  let done = 0;
  const began = performance.now();
  const caller = async (_: unknown, first: number): Promise<void> => {
    for (let value = first; performance.now() - began < seconds * 1000; value += callers) {
      if ((await run(value)) !== value + 1) throw new Error('Wrong result');
      done++;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (done / (performance.now() - began)) * 1000;
}

async function spinOn(grinder: WorkGrinder, ms: number, value: number): Promise<number> {
  await grinder.submit(jobs.spin, [ms]);
  return value + 1;
}

async function openGrinder(batchSize: number) {
  const backend = bullmqBackend({ connection: url, queue: chunks });
  const manager = new LeasedExecutorManager({ backend, maxPools: jobsInFlight });
  const options = { batchSizeThreshold: batchSize, maxBatchSize: batchSize };
  const grinder = new WorkGrinder({ executorManager: manager, ...options });
  await manager.start();
  await grinder.start();
  const stop = async (): Promise<void> => {
    await grinder.stop();
    await manager.stop();
  };
  return {
    run: (value: number) => grinder.submit(jobs.increment, [value]),
    spin: (ms: number, value: number) => spinOn(grinder, ms, value),
    stop,
  };
}

/** Microseconds that the thread of Redis has worked on commands. */
async function redisUs(): Promise<number> {
  const client = new Redis(url);
  const stats = await client.info('commandstats');
  client.disconnect();
  return [...stats.matchAll(/,usec=(\d+)/g)].reduce((sum, [, us]) => sum + Number(us), 0);
}

/** What chunks of 100 cost whoever all of them pass: Redis, and the thread of the manager. */
async function costs(run: (value: number) => Promise<number>): Promise<{ chunkUs: number; itemUs: number }> {
  const redisBefore = await redisUs();
  const [threadBefore, began] = [mainThreadCpuNs() ?? NaN, performance.now()];
  const items = ((await rate(2 * 100 * jobsInFlight, run)) * (performance.now() - began)) / 1000;
  const threadNs = (mainThreadCpuNs() ?? NaN) - threadBefore;
  return { chunkUs: ((await redisUs()) - redisBefore) / (items / 100), itemUs: threadNs / 1000 / items };
}

/** A queue job for each item. */
async function openQueue(name: string) {
  const queue = new Queue(name, { connection });
  const events = new QueueEvents(name, { connection });
  for (const each of [queue, events]) each.setMaxListeners(0);
  await events.waitUntilReady();
  return {
    async run(value: number): Promise<number> {
      const job = await queue.add('increment', { value }, { removeOnComplete: { count: 1000 } });
      return (await job.waitUntilFinished(events)) as number;
    },
    async stop(): Promise<void> {
      await events.close();
      await queue.obliterate({ force: true });
      await queue.close();
    },
  };
}

/** BullMQ would wait for a server for ever. */
async function findRedis(): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw new Error(`No Redis at ${url}: start one there, or name yours in REDIS_URL`, { cause: error });
  } finally {
    client.disconnect();
  }
}

async function measure(): Promise<void> {
  await findRedis();
  const host: ChildProcess = fork(fileURLToPath(import.meta.url), ['host'], { execArgv: [] });
  await once(host, 'message');
  const inLoop = await openQueue(items);
  const sandboxed = await openQueue(sandboxedItems);
  const hundred = await openGrinder(100);
  const thousand = await openGrinder(1000);
  const one = await openGrinder(1);
  const local = new LeasedExecutorManager({ workersPerPool: 2 });
  const localGrinder = new WorkGrinder({ executorManager: local, batchSizeThreshold: 100 });
  await local.start();
  await localGrinder.start();

  const runs = summarizeAll(
    await alternate(rounds, {
      'chunks of 100': () => rate(2 * 100 * jobsInFlight, hundred.run),
      'chunks of 1000': () => rate(2 * 1000 * jobsInFlight, thousand.run),
      'chunks of 1': () => rate(jobsInFlight, one.run),
      'BullMQ, a job per item on its threads, 8 in flight': () => rate(jobsInFlight, sandboxed.run),
      'BullMQ, a job per item in its loop, 8 in flight': () => rate(jobsInFlight, inLoop.run),
      'BullMQ, a job per item in its loop, 800 in flight': () => rate(100 * jobsInFlight, inLoop.run),
    }),
  );
  const worth = summarizeAll(
    await alternate(
      rounds,
      Object.fromEntries(
        jobMs.flatMap((ms) => [
          [`fleet, ${ms} ms`, () => rate(1600, (value) => hundred.spin(ms, value))],
          [`local, ${ms} ms`, () => rate(1600, (value) => spinOn(localGrinder, ms, value))],
        ]),
      ) as Record<string, () => Promise<number>>,
    ),
  );

  const paid = await alternate(rounds, { 'chunks of 100': () => costs(hundred.run) });
  const cost = summarizeAll({
    'the thread of Redis, a chunk of 100': paid['chunks of 100'].map(({ chunkUs }) => chunkUs),
    "the manager's thread, an item": paid['chunks of 100'].map(({ itemUs }) => itemUs),
  });

  for (const each of [one, hundred, thousand]) await each.stop();
  await localGrinder.stop();
  await local.stop();
  host.send('end');
  await once(host, 'exit');
  await Promise.all([inLoop.stop(), sandboxed.stop()]);

  const table = [['', 'items/s', 'range', 'chunks of 100 are', 'range']];
  for (const [name, measured] of Object.entries(runs)) {
    const times = compare(runs['chunks of 100'], measured);
    table.push([name, count(measured.median), range(measured), ratio(times.median), range(times, ratio)]);
  }
  const goals = (['on its threads', 'in its loop'] as const).map((where): Goal => {
    const against = `BullMQ, a job per item ${where}, 8 in flight` as const;
    return {
      case: 'fleet',
      mode: 'chunks of 100, 8 in flight',
      against,
      reached: compare(runs['chunks of 100'], runs[against]),
      target: 50,
      atLeast: true,
    };
  });
  table.push(['', 'items/s', 'range', 'of local threads', 'range']);
  for (const ms of jobMs) {
    const fleet = worth[`fleet, ${ms} ms`];
    const share = compare(fleet, worth[`local, ${ms} ms`]);
    table.push([
      `jobs of ${ms} ms, chunks of 100`,
      count(fleet.median),
      range(fleet),
      ratio(share.median),
      range(share, ratio),
    ]);
  }
  table.push(['', 'µs', 'range', '', '']);
  for (const [what, us] of Object.entries(cost)) {
    const [median, lowest, highest] = [us.median, us.lowest, us.highest].map((each) => each.toPrecision(3));
    table.push([what, median, `${lowest} .. ${highest}`, '', '']);
  }
  report('fleet', question, table, { ...runs, ...worth, ...cost }, goals);
}

if (process.argv[2] === 'host') await serve();
else await measure();
