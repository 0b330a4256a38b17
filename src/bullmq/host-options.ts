import { availableParallelism } from 'node:os';
import { readInteger, readDurationMs, invalidType, readLogger, readOptions, readString } from '../backend.ts';
import type { LeasedExecutorManagerOptions, Logger } from '../index.ts';
import { defaultItemBytes, type FleetConnection, readConnection, readQueue } from './backend-options.ts';
import { readTaskModules, type TaskModules } from './task-modules.ts';

export interface HealthAddress {
  /** Port to listen at; `0` takes a free one. */
  readonly port: number;
  /** Address to listen at. @defaultValue `"127.0.0.1"` */
  readonly host?: string | undefined;
}

export interface WorkerHostOptions {
  /** Where Redis is. */
  readonly connection: FleetConnection;
  /** Name of the queue; the managers that use the fleet have the same. */
  readonly queue: string;
  /** BullMQ's prefix of all keys, the same on both sides. @defaultValue `"bull"` */
  readonly prefix?: string | undefined;
  /**
   * The modules whose tasks this host runs, and no others: a list of URLs, paths or specifiers, or an object of them by
   * the names that managers use.
   */
  readonly tasks: TaskModules;
  /**
   * Options of the local manager. Each of its pools runs one chunk at a time. @defaultValue two pools, which share the
   * machine's cores
   */
  readonly manager?: LeasedExecutorManagerOptions | undefined;
  /**
   * How long a host may be silent before its chunks count as lost. A host renews at half of it. Above 0; the same on
   * all hosts of a queue. @defaultValue `5`
   */
  readonly lockSeconds?: number | undefined;
  /** Most bytes the result of one item may have, as serialised. At least 1. @defaultValue `8388608` (8 MiB) */
  readonly maxItemBytes?: number | undefined;
  /** Most chunks that all hosts of the queue run at once; kept in Redis, for all hosts. Without it, as many as they have pools. At least 1. */
  readonly fleetLimit?: number | undefined;
  /** Serves `/health` and `/metrics` over HTTP. Without it, nothing is served. */
  readonly health?: HealthAddress | undefined;
  /** Silent unless given. */
  readonly logger?: Logger | undefined;
}

export interface HostSettings {
  readonly connection: FleetConnection;
  readonly queue: string;
  readonly prefix: string;
  readonly modules: ReadonlyMap<string, string>;
  readonly manager: LeasedExecutorManagerOptions;
  /** Chunks it runs at once. */
  readonly slots: number;
  readonly lockMs: number;
  readonly maxItemBytes: number;
  readonly fleetLimit: number | undefined;
  readonly health: { readonly port: number; readonly host: string } | undefined;
  readonly logger: Logger;
}

const optionKeys: readonly (keyof WorkerHostOptions)[] = [
  'connection',
  'queue',
  'prefix',
  'tasks',
  'manager',
  'lockSeconds',
  'maxItemBytes',
  'fleetLimit',
  'health',
  'logger',
];

const defaultPools = 2;

/** @throws TypeError, RangeError, `TaskReferenceError` */
export function readHostOptions(options: unknown): HostSettings {
  const given = readOptions<WorkerHostOptions>('WorkerHost', options, optionKeys);
  const logger = readLogger(given.logger);
  const manager = readManager(given.manager, logger);
  return {
    connection: readConnection(given.connection),
    queue: readQueue(given.queue),
    prefix: readString('prefix', given.prefix) ?? 'bull',
    modules: readTaskModules(given.tasks),
    manager,
    slots: manager.maxPools!,
    lockMs: readDurationMs('lockSeconds', given.lockSeconds, { orZero: false }) ?? 5_000,
    maxItemBytes: readInteger('maxItemBytes', given.maxItemBytes, { min: 1 }) ?? defaultItemBytes,
    fleetLimit: readInteger('fleetLimit', given.fleetLimit, { min: 1 }),
    health: readHealth(given.health),
    logger,
  };
}

/** What the manager itself checks is left to it. */
function readManager(value: unknown, logger: Logger): LeasedExecutorManagerOptions {
  if (value !== undefined && (typeof value !== 'object' || value === null))
    throw invalidType('"manager" must be an object of options', value);
  const given = { ...(value as LeasedExecutorManagerOptions | undefined) };
  const maxPools = given.maxPools ?? defaultPools;
  const workersPerPool = given.workersPerPool ?? Math.max(1, Math.ceil(availableParallelism() / maxPools));
  return { leaseGraceSeconds: 0, minPools: maxPools, logger, ...given, maxPools, workersPerPool };
}

function readHealth(value: unknown): HostSettings['health'] {
  if (value === undefined) return undefined;
  const given = readOptions<HealthAddress>('health', value, ['port', 'host']);
  const port = readInteger('health.port', given.port, { min: 0 });
  if (port === undefined) throw invalidType('"health.port" must be a port', port);
  return { port, host: readString('health.host', given.host) ?? '127.0.0.1' };
}
