import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { LeasedExecutorManagerOptions, Logger } from '../index.ts';
import type { HostStats } from './host-stats.ts';
import { WorkerHost } from './worker-host.ts';

const usage = `Usage: leasepool worker --redis URL --queue NAME --tasks MODULE [--tasks NAME=MODULE ...]

Takes chunks of jobs from a queue and runs them here. Serves the tasks of the named modules only.

  --redis URL            redis://[user:password@]host[:port][/db], or rediss://
  --queue NAME           the queue; the same as in bullmqBackend({ queue })
  --tasks [NAME=]MODULE  a module with tasks, by path or specifier; with the name that managers use for it
  --backend KIND         thread (default) or process
  --pools N              chunks to run at once (default 2)
  --workers N            workers in each pool (default: they share the cores)
  --lock-seconds N       silence after which this host's chunks count as lost (default 5)
  --drain-seconds N      time for running chunks after SIGTERM (default 30)
  --fleet-limit N        most chunks that all hosts of the queue run at once
  --prefix TEXT          BullMQ's prefix of all keys (default bull)
  --health-port N        serves /health and /metrics; --health-host ADDRESS (default 127.0.0.1)
  --verbose              tells more
`;

const options = {
  redis: { type: 'string' },
  queue: { type: 'string' },
  tasks: { type: 'string', multiple: true },
  backend: { type: 'string' },
  pools: { type: 'string' },
  workers: { type: 'string' },
  'lock-seconds': { type: 'string' },
  'drain-seconds': { type: 'string' },
  'fleet-limit': { type: 'string' },
  prefix: { type: 'string' },
  'health-port': { type: 'string' },
  'health-host': { type: 'string' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

/**
 * `leasepool worker`: runs a host until SIGTERM or SIGINT, then drains it; a second signal ends it at once.
 * @param argv what stands behind `worker`
 * @returns the exit code
 */
export async function runWorkerCommand(argv: readonly string[]): Promise<number> {
  let host: WorkerHost;
  let drainSeconds: number | undefined;
  try {
    const { values } = parseArgs({ args: [...argv], options });
    if (values.help === true) {
      process.stdout.write(usage);
      return 0;
    }
    drainSeconds = number(values['drain-seconds']);
    host = newHost(values);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  const told = untilTold();
  try {
    const ended = await Promise.race([host.start().then(() => false), told.once.then(() => true)]);
    if (!ended) {
      say('ready', host.healthUrl === undefined ? {} : { health: host.healthUrl });
      await told.once;
    }
    say('draining', summary(host.stats()));
    const drained = host.stop(drainSeconds === undefined ? {} : { timeoutSeconds: drainSeconds });
    await Promise.race([drained, told.twice.then(() => host.stop({ timeoutSeconds: 0 }))]);
    say('stopped', summary(host.stats()));
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  } finally {
    told.stop();
  }
}

function newHost(values: Values): WorkerHost {
  const { redis, queue, tasks, prefix } = values;
  if (redis === undefined || queue === undefined || tasks === undefined)
    throw new TypeError('--redis, --queue and --tasks are required');
  const port = number(values['health-port']);
  return new WorkerHost({
    connection: redis,
    queue,
    tasks: readTasks(tasks),
    manager: managerOptions(values),
    prefix,
    lockSeconds: number(values['lock-seconds']),
    fleetLimit: number(values['fleet-limit']),
    health: port === undefined ? undefined : { port, host: values['health-host'] },
    logger: loggerTo(values.verbose === true),
  });
}

function managerOptions({ backend, pools, workers }: Values): LeasedExecutorManagerOptions {
  return {
    ...(backend === undefined ? {} : { backend: backend as 'thread' }),
    maxPools: number(pools),
    workersPerPool: number(workers),
  };
}

/** `NAME=MODULE`, or a module that is known by its own URL. */
function readTasks(given: readonly string[]): Record<string, string | URL> {
  return Object.fromEntries(
    given.map((each) => {
      const [, name, module] = /^(?:([\w-]+)=)?(.+)$/s.exec(each) ?? [];
      const location = locate(module ?? each);
      return [name ?? String(location), location];
    }),
  );
}

function locate(module: string): string {
  if (module.startsWith('file:')) return module;
  const path = resolve(module);
  return existsSync(path) ? pathToFileURL(path).href : module;
}

function number(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** Lines of JSON on stderr. */
function loggerTo(isVerbose: boolean): Logger {
  const at =
    (level: string) =>
    (message: string, fields?: object): void =>
      say(message, { level, ...fields });
  const silent = (): void => {};
  return { debug: isVerbose ? at('debug') : silent, info: at('info'), warn: at('warn'), error: at('error') };
}

function say(message: string, fields: object): void {
  const plain = (_key: string, value: unknown): unknown =>
    value instanceof Error ? `${value.name}: ${value.message}` : value;
  process.stderr.write(`${JSON.stringify({ message, ...fields }, plain)}\n`);
}

function summary({ chunks, items }: HostStats): object {
  return { chunks, items };
}

function untilTold(): { once: Promise<void>; twice: Promise<void>; stop(): void } {
  let count = 0;
  const resolvers: (() => void)[] = [];
  const [once, twice] = [0, 1].map(() => new Promise<void>((done) => resolvers.push(done)));
  const told = (): void => resolvers[count++]?.();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, told);
  const stop = (): void => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, told);
  };
  return { once, twice, stop };
}
