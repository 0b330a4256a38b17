import { readdirSync } from 'node:fs';
import type { Executor, ExecutorBackend, ExecutorCreateOptions } from 'leasepool';
import { bullmqBackend, WorkerHost } from 'leasepool/bullmq';
import { afterAll, beforeAll, describe } from 'vitest';
import { executorConformance } from '../conformance/suite.ts';
import { noRedis, RedisServer } from '../support/redis-server.ts';
import { tasksUrl } from '../support/tasks-url.ts';

const served = readdirSync(tasksUrl('.'))
  .filter((file) => file.startsWith('conformance-') || file.startsWith('manager-'))
  .map(tasksUrl);

let redis: RedisServer;
let queues = 0;

/** A fleet of one host, which is given what the executor's workers are to have. */
const fleetOfOne: ExecutorBackend = {
  name: 'bullmq',
  async createExecutor(options: ExecutorCreateOptions): Promise<Executor> {
    const { workers, asyncTasks, preload, workerData, workerOptions, startTimeoutSeconds } = options;
    const queue = `conformance-${++queues}`;
    const connection = redis.url;
    const manager = {
      maxPools: 1,
      workersPerPool: workers,
      asyncTasks,
      preload,
      workerData,
      workerOptions,
      startTimeoutSeconds,
    };
    const host = new WorkerHost({
      connection,
      queue,
      tasks: [...served, tasksUrl('conformance-nowhere.js')],
      manager,
    });
    await host.start();
    const executor = await bullmqBackend({ connection, queue }).createExecutor({
      ...options,
      asyncTasks: 'await',
      preload: [],
      workerData: undefined,
      workerOptions: undefined,
    });
    const shutdown = executor.shutdown.bind(executor);
    executor.shutdown = async (how) => {
      await shutdown(how);
      await host.stop({ timeoutSeconds: 0 });
    };
    return executor;
  },
};

const elsewhere = 'its workers are on other machines';

describe.skipIf(noRedis !== undefined)('a fleet', () => {
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  executorConformance('bullmq', {
    backend: fleetOfOne,
    skips: {
      'sudden deaths': 'its host has threads here, which share their process; faults.test.ts kills hosts',
      'source text': 'hosts run only functions of the modules they serve, and refuse source text',
      'ending calls at once': `${elsewhere}: a caller is told at once, what runs ends by its own limits`,
      'workers of its own': 'a host goes on when a manager that uses it shuts down',
      'several batches at once':
        'one chunk is in flight for a lease; what comes meanwhile travels with the next',
      'taking back what was sent': `${elsewhere}, and a chunk that was sent is taken back as a whole or not at all`,
      moving: 'memory cannot move to another machine: it is copied',
      'moving results': 'memory cannot move to another machine: it is copied',
      sharing: 'machines share nothing: such values are refused with a NotCloneableError',
      breaking: 'whether workers come up is the affair of their host, which stays away from the queue',
      'printing from a worker': `${elsewhere}, and print there`,
      'an IPC channel': 'its host has threads here',
      'a directory of its own': 'its host has threads here',
    },
  });
});
