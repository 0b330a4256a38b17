import { inspect } from 'node:util';
import { bullmqBackend, type FleetConnection, WorkerHost } from 'leasepool/bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { HostProcess, newQueue } from '../support/fleet.ts';
import { newManager, recordingLogger, rejection } from '../support/manager-start.ts';
import { noRedis, RedisServer } from '../support/redis-server.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { until } from '../support/until.ts';
import { tasks } from '../tasks/fleet-tasks.js';

const password = 'hunter2/=?@';
const user = 'grinding-user';
/** The one that Redis takes. */
const right = 'right-hunter2';

/** All of it that anybody could print. */
const shownOf = (...values: readonly unknown[]): string =>
  inspect(values, { depth: Infinity, showHidden: true, maxStringLength: Infinity, maxArrayLength: Infinity });

function expectNoSecret(shown: string): void {
  for (const secret of [password, encodeURIComponent(password), 'hunter2', user])
    expect(shown).not.toContain(secret);
}

describe.skipIf(noRedis !== undefined)('what a fleet tells of its connection', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
    const client = redis.client();
    await client.config('SET', 'requirepass', right);
    client.disconnect();
  });
  afterAll(() => redis.stop());

  const address = () => ({ host: '127.0.0.1', port: redis.port });

  const connections: Record<string, () => FleetConnection> = {
    'a URL': () => `redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`,
    'a URL object': () =>
      new URL(`redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${redis.port}/1`),
    'a URL without a user': () => `redis://:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`,
    options: () => ({ ...address(), username: user, password }),
    'options of the old protocol': () => ({ ...address(), username: user, password, protocol: 2 }),
    'options with a listener of their own': () => ({ ...address(), password, reconnectOnError: () => false }),
    sentinels: () => ({
      sentinels: [address()],
      name: 'main',
      sentinelUsername: user,
      sentinelPassword: password,
      password,
    }),
    'a key for TLS': () => ({ ...address(), tls: { key: password, passphrase: password }, password }),
  };

  test.each(Object.keys(connections))(
    'S32 a manager that is refused keeps the secrets of %s',
    async (kind) => {
      const logger = recordingLogger();
      const backend = bullmqBackend({ connection: connections[kind](), queue: newQueue() });
      const manager = newManager({ backend, startTimeoutSeconds: 0.5, logger });
      const error = await rejection(manager.start());
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR' });
      expect(logger.entries.some(({ level }) => level === 'warn')).toBe(true);
      expectNoSecret(shownOf(error, logger.entries, manager.stats(), backend));
      expectNoSecret(JSON.stringify(logger.entries.map(({ fields }) => fields)));
    },
  );

  test.each(Object.keys(connections))('S32 a host that is refused keeps the secrets of %s', async (kind) => {
    const logger = recordingLogger();
    const host = new WorkerHost({
      connection: connections[kind](),
      queue: newQueue(),
      tasks: [tasksUrl('fleet-tasks.js')],
      manager: { maxPools: 1, workersPerPool: 1 },
      fleetLimit: 3,
      logger,
    });
    onTestFinished(() => host.stop({ timeoutSeconds: 0 }));
    const started = host.start().catch((error: unknown) => error);
    await until(() => logger.entries.some(({ level }) => level === 'warn'), 'it tells that it is refused');
    await host.stop({ timeoutSeconds: 0 });
    expectNoSecret(shownOf(await started, logger.entries, host.stats(), host));
  });

  test('S32 what works shows nothing of it either: stats, pages, and errors of jobs and commands', async () => {
    const logger = recordingLogger();
    const connection = `redis://:${right}@127.0.0.1:${redis.port}`;
    const queue = newQueue();
    const host = new WorkerHost({
      connection,
      queue,
      tasks: [tasksUrl('fleet-tasks.js')],
      health: { port: 0 },
      logger,
    });
    onTestFinished(() => host.stop({ timeoutSeconds: 0 }));
    await host.start();
    const manager = newManager({ backend: bullmqBackend({ connection, queue }), logger });
    await manager.start();
    const lease = await manager.acquire();
    expect(await lease.run(tasks.lengthOf, ['four'])).toBe(4);
    const client = new Redis({ host: '127.0.0.1', port: redis.port, password: right });
    onTestFinished(() => client.disconnect());
    await client.config('SET', 'maxmemory', '1'); // Commands that write are refused now.
    onTestFinished(() => void client.config('SET', 'maxmemory', '0'));
    const error = await rejection(lease.run(tasks.lengthOf, ['a secret of the job']));
    expect(error.message).toContain('OOM command not allowed');
    const pages = await Promise.all(
      ['health', 'metrics'].map(async (page) => (await fetch(`${host.healthUrl}/${page}`)).text()),
    );
    const shown = shownOf(error, logger.entries, pages, host.stats(), manager.stats());
    expectNoSecret(shown);
    expect(shown).not.toContain('a secret of the job');
  });

  test('S32 a command line keeps what its URL has', async () => {
    const url = `redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`;
    const host = HostProcess.spawn(url, newQueue(), { args: ['--verbose'] });
    await until(() => host.told.includes('WRONGPASS'), 'it tells that it is refused');
    expectNoSecret(host.told);
    for (const args of [[url], ['--redis', `http${url}`], ['--redis', url.slice(0, -20)]]) {
      const misused = HostProcess.spawn(url, newQueue(), { args });
      expect(await misused.ended()).toBe(2);
      expect(misused.told).toContain('Usage: leasepool worker');
      expectNoSecret(misused.told);
    }
  });

  test.each([
    ['http', `http://${user}:${password}@host`],
    ['no scheme', `${user}:${password}@host:6379`],
    ['no host', `redis://${user}:${password}`],
    ['a port that is none', `redis://${user}:hunter2@host:99999999`],
    ['a password that is not encoded right', `redis://${user}:hunter2%zz@host`],
    ['an object of it', new URL(`http://${user}:hunter2@host`)],
  ])('S24 a connection that cannot work is refused at once and not shown: %s', (_kind, connection) => {
    const options = { connection, queue: 'a', tasks: [] };
    for (const make of [() => bullmqBackend({ connection, queue: 'a' }), () => new WorkerHost(options)]) {
      let thrown: unknown;
      try {
        make();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
      expect(String(thrown)).toContain('"connection" must be');
      expectNoSecret(shownOf(thrown));
    }
  });

  test('S24 an option that is given the connection, or what hosts are to have, does not show its secrets', async () => {
    const connection = `redis://${user}:hunter2@host`;
    for (const make of [
      () => bullmqBackend(connection as never),
      () => new WorkerHost(connection as never),
      () => bullmqBackend({ connection: redis.url, queue: connection }),
      () =>
        bullmqBackend({ connection: redis.url, queue: 'a', prefix: { username: user, password } as never }),
    ])
      expect(() => make()).toThrow(
        expect.toSatisfy((error) => !/hunter2|grinding-user/.test(shownOf(error))),
      );
    const backend = bullmqBackend({ connection: redis.url, queue: 'a' });
    const error = await rejection(
      newManager({ backend, workerData: { password, database: connection } }).start(),
    );
    expect(error.message).toContain('"workerData" has no effect on a fleet');
    expectNoSecret(shownOf(error));
  });
});
