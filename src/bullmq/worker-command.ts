import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { suggestion, withoutSecrets } from '../backend.ts';
import type { LeasedExecutorManagerOptions, Logger } from '../index.ts';
import type { HostStats } from './host-stats.ts';
import { WorkerHost } from './worker-host.ts';
import { workerOptions, workerUsage } from './worker-usage.ts';

type Values = ReturnType<typeof parseArgs<{ options: typeof workerOptions }>>['values'];

/**
 * `leasepool worker`: runs a host until SIGTERM or SIGINT, then drains it; a second signal ends it at once.
 * @param argv what stands behind `worker`
 * @returns the exit code
 */
export async function runWorkerCommand(argv: readonly string[]): Promise<number> {
  let host: WorkerHost;
  let drainSeconds: number | undefined;
  try {
    const { values } = parseArgs({ args: [...argv], options: workerOptions });
    if (values.help === true) {
      process.stdout.write(workerUsage);
      return 0;
    }
    drainSeconds = number(values['drain-seconds']);
    host = newHost(values);
  } catch (error) {
    process.stderr.write(`${withoutSecrets(problemOf(error as Error))}\n\n${workerUsage}`);
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

/** @returns what is wrong, and what an unknown option may have meant */
function problemOf({ message }: Error): string {
  const [said, name] = /^Unknown option '--?([^'=]+)'/.exec(message) ?? [];
  if (name === undefined) return message;
  const known = Object.keys(workerOptions);
  return said + suggestion('leasepool worker', name, known, (option) => `--${option}`);
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
