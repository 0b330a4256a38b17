import type { RedisOptions } from 'ioredis';
import { readInteger, readDurationMs, invalidType, readOptions, readString } from '../backend.ts';
import { readTaskModules, type TaskModules } from './task-modules.ts';

/** Where the fleet's Redis is: a URL (`redis://` or `rediss://`), or options of ioredis. */
export type FleetConnection = string | URL | RedisOptions;

export interface BullmqBackendOptions {
  /** Where Redis is. */
  readonly connection: FleetConnection;
  /** Name of the queue; the hosts of the fleet have the same. */
  readonly queue: string;
  /** BullMQ's prefix of all keys, the same on both sides. @defaultValue `"bull"` */
  readonly prefix?: string | undefined;
  /**
   * Modules that are elsewhere on the hosts, by the name under which they are known there. A module that is not named
   * goes by its URL, which must then be the same on every machine.
   */
  readonly tasks?: Readonly<Record<string, string | URL>> | undefined;
  /** Most items one chunk (one queue job) carries. At least 1. @defaultValue `1000` */
  readonly maxChunkItems?: number | undefined;
  /** Most bytes of arguments in one chunk, unless a single item has more. At least 1. @defaultValue `4194304` (4 MiB) */
  readonly maxChunkBytes?: number | undefined;
  /** Most bytes the arguments of one item may have, as serialised; an item with more fails with `PayloadTooLargeError`. At least 1. @defaultValue `8388608` (8 MiB) */
  readonly maxItemBytes?: number | undefined;
  /**
   * Longest wait for a chunk, from the moment it is sent. Then its items fail with a `TimeoutError` of phase
   * `"result"`, and a host that still runs it ends it. Above 0. @defaultValue `300`
   */
  readonly chunkSeconds?: number | undefined;
  /** So many hosts may die while they run one item, before it fails with a `PoisonItemError`. At least 1. @defaultValue `2` */
  readonly maxHostDeaths?: number | undefined;
  /** How long Redis may be out of reach before the pools break. Above 0. @defaultValue `30` */
  readonly brokenAfterSeconds?: number | undefined;
  /** How often the queue is asked about a chunk whose answers have not come. Above 0. @defaultValue `2.5` */
  readonly watchSeconds?: number | undefined;
}

export interface BackendSettings {
  readonly connection: FleetConnection;
  readonly queue: string;
  readonly prefix: string;
  readonly modules: ReadonlyMap<string, string>;
  readonly maxChunkItems: number;
  readonly maxChunkBytes: number;
  readonly maxItemBytes: number;
  readonly chunkMs: number;
  readonly maxHostDeaths: number;
  readonly brokenAfterMs: number;
  readonly watchMs: number;
}

const optionKeys: readonly (keyof BullmqBackendOptions)[] = [
  'connection',
  'queue',
  'prefix',
  'tasks',
  'maxChunkItems',
  'maxChunkBytes',
  'maxItemBytes',
  'chunkSeconds',
  'maxHostDeaths',
  'brokenAfterSeconds',
  'watchSeconds',
];

export const defaultItemBytes: number = 8 * 1024 * 1024;

/** @throws TypeError, RangeError, `TaskReferenceError` */
export function readBackendOptions(options: unknown): BackendSettings {
  const given = readOptions<BullmqBackendOptions>('bullmqBackend', options, optionKeys);
  return {
    connection: readConnection(given.connection),
    queue: readQueue(given.queue),
    prefix: readString('prefix', given.prefix) ?? 'bull',
    modules: readTaskModules((given.tasks ?? {}) as TaskModules),
    maxChunkItems: readInteger('maxChunkItems', given.maxChunkItems, { min: 1 }) ?? 1000,
    maxChunkBytes: readInteger('maxChunkBytes', given.maxChunkBytes, { min: 1 }) ?? 4 * 1024 * 1024,
    maxItemBytes: readInteger('maxItemBytes', given.maxItemBytes, { min: 1 }) ?? defaultItemBytes,
    chunkMs: readDurationMs('chunkSeconds', given.chunkSeconds, { orZero: false }) ?? 300_000,
    maxHostDeaths: readInteger('maxHostDeaths', given.maxHostDeaths, { min: 1 }) ?? 2,
    brokenAfterMs:
      readDurationMs('brokenAfterSeconds', given.brokenAfterSeconds, { orZero: false }) ?? 30_000,
    watchMs: readDurationMs('watchSeconds', given.watchSeconds, { orZero: false }) ?? 2_500,
  };
}

export function readConnection(value: unknown): FleetConnection {
  const expected = '"connection" must be a redis:// or rediss:// URL or an object of ioredis options';
  if (typeof value === 'string' || value instanceof URL) {
    if (isRedisUrl(String(value))) return value;
    // Where the password of something that is no such URL begins and ends, nobody can say.
    throw invalidType(expected, String(value).replace(/^([a-z][a-z\d+.-]*:\/\/)?.*$/is, '$1***'));
  }
  if (typeof value === 'object' && value !== null) return value as RedisOptions;
  throw invalidType(expected, value);
}

function isRedisUrl(text: string): boolean {
  if (!/^rediss?:\/\//.test(text)) return false;
  try {
    const { username, password } = new URL(text);
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

export function readQueue(value: unknown): string {
  const queue = readString('queue', value);
  if (queue !== undefined && /^[^:]+$/.test(queue)) return queue;
  throw invalidType('"queue" must be a name without a colon', value);
}
