import { availableParallelism } from 'node:os';
import { SHARE_ENV } from 'node:worker_threads';
import { builtInNames, type BuiltInName } from '../executor/backends.ts';
import type { ExecutorBackend, WorkerSettings } from '../executor/executor.ts';
import { UnsupportedBackendError } from '../core/errors.ts';
import { Math, Object, URL } from '../core/globals.ts';
import { type Logger, readLogger } from '../core/logger.ts';
import {
  readFunction,
  readInteger,
  readDurationMs,
  readBoolean,
  invalidType,
  readList,
  readOneOf,
  outOfRange,
  readOptions,
  readString,
  readObjectWith,
} from '../core/options.ts';
import { withoutPrototype } from '../core/without-prototype.ts';
import { moduleString } from '../task/reference.ts';
import { notCloneable } from '../wire/cloneable.ts';
import { cloneWithErrors, encodeErrors } from '../wire/error-codec.ts';
import { type EncodedValues, revived } from '../wire/error-envelope.ts';
import { assertTravels, fromBytes, serializationFailure, toBytes } from '../wire/serialize.ts';
import type { SizingLimits } from './sizing.ts';

export interface LeasedExecutorManagerOptions {
  /**
   * `"thread"` (worker_threads), `"process"` (child processes), `"inline"` (runs jobs in the calling thread: for
   * tests and debugging), or a backend of your own. Another string: `UnsupportedBackendError`. @defaultValue `"thread"`
   */
  readonly backend?: 'thread' | 'process' | 'inline' | ExecutorBackend | undefined;
  /** Most pools alive at once, leased ones included. Workers in all: `maxPools` x `workersPerPool`. At least 1. @defaultValue `1` */
  readonly maxPools?: number | undefined;
  /** Pools kept even when idle; `0` is allowed; not above `maxPools`. @defaultValue `1` */
  readonly minPools?: number | undefined;
  /** A pool above the desired number is closed after being idle this long, counted from the end of its last lease. Above 0. @defaultValue `60` */
  readonly idleSeconds?: number | undefined;
  /** Units of {@link sizeProvider} one pool serves. At least 1. @defaultValue `10` */
  readonly unitsPerPool?: number | undefined;
  /** Current demand, in units. A throw, or anything but a finite number of 0 or more, counts as 0 and is logged. */
  readonly sizeProvider?: (() => number) | undefined;
  /** Longest time between checks of size. Leases expire on time whatever it is. Above 0. @defaultValue `120` */
  readonly checkIntervalSeconds?: number | undefined;
  /** Lease length when `acquire()` names none, counted from the grant. Above 0. @defaultValue `300` */
  readonly defaultLeaseSeconds?: number | undefined;
  /** Time after expiry before a lease is revoked; `0` is allowed. @defaultValue `15` */
  readonly leaseGraceSeconds?: number | undefined;
  /** Workers in each pool. At least 1. @defaultValue the smaller of 4 and `os.availableParallelism()` */
  readonly workersPerPool?: number | undefined;
  /** Pools are named `<namePrefix>-<n>`; workers carry the name as thread name or process title. @defaultValue `"leasepool"` */
  readonly namePrefix?: string | undefined;
  /** Silent unless given. */
  readonly logger?: Logger | undefined;
  /** A job that returns a promise: `"await"` holds its worker until it settles, `"reject"` fails it with `AsyncTaskError`. @defaultValue `"await"` */
  readonly asyncTasks?: 'await' | 'reject' | undefined;
  /** Modules every worker imports once, before its first job: file URLs, paths or bare specifiers. */
  readonly preload?: readonly (string | URL)[] | undefined;
  /** Cloned into every worker; a job reads it with `workerData()`. It is copied once, at construction. */
  readonly workerData?: unknown;
  /**
   * How long a worker may take to come up before that counts as a failed start, and to load a task's module before
   * that fails its item with `TaskReferenceError` (`TASK_MODULE`). Above 0. @defaultValue `30`
   */
  readonly startTimeoutSeconds?: number | undefined;
  /** Given to every worker thread. Child processes take `env`, `execArgv` and the heap and stack limits (as flags); the rest is refused for them. */
  readonly workerOptions?: WorkerSettings | undefined;
}

/** Options as read and checked, durations in milliseconds. */
export interface ManagerSettings extends SizingLimits {
  readonly backend: BuiltInName | ExecutorBackend;
  readonly idleMs: number;
  readonly sizeProvider: (() => number) | undefined;
  readonly checkIntervalMs: number;
  readonly defaultLeaseMs: number;
  readonly leaseGraceMs: number;
  readonly workersPerPool: number;
  readonly namePrefix: string;
  readonly logger: Logger;
  readonly asyncTasks: 'await' | 'reject';
  readonly preload: readonly string[];
  readonly workerData: unknown;
  readonly startTimeoutSeconds: number;
  readonly workerOptions: WorkerSettings | undefined;
}

const optionKeys: readonly (keyof LeasedExecutorManagerOptions)[] = [
  'backend',
  'maxPools',
  'minPools',
  'idleSeconds',
  'unitsPerPool',
  'sizeProvider',
  'checkIntervalSeconds',
  'defaultLeaseSeconds',
  'leaseGraceSeconds',
  'workersPerPool',
  'namePrefix',
  'logger',
  'asyncTasks',
  'preload',
  'workerData',
  'startTimeoutSeconds',
  'workerOptions',
];

/** @throws TypeError `ERR_INVALID_ARG_TYPE`, RangeError `ERR_OUT_OF_RANGE`, `UnsupportedBackendError`, `NotCloneableError` */
export function readManagerOptions(options: unknown): ManagerSettings {
  const given = readOptions<LeasedExecutorManagerOptions>('LeasedExecutorManager', options, optionKeys);
  const maxPools = readInteger('maxPools', given.maxPools, { min: 1 }) ?? 1;
  const minPools = readInteger('minPools', given.minPools, { min: 0 }) ?? Math.min(1, maxPools);
  if (minPools > maxPools)
    throw outOfRange(`"minPools" must not be above "maxPools" (${maxPools})`, minPools);
  const backend = readBackend(given.backend);
  return {
    backend,
    maxPools,
    minPools,
    idleMs: readDurationMs('idleSeconds', given.idleSeconds, { orZero: false }) ?? 60_000,
    unitsPerPool: readInteger('unitsPerPool', given.unitsPerPool, { min: 1 }) ?? 10,
    sizeProvider: readFunction<() => number>('sizeProvider', given.sizeProvider),
    checkIntervalMs:
      readDurationMs('checkIntervalSeconds', given.checkIntervalSeconds, { orZero: false }) ?? 120_000,
    defaultLeaseMs:
      readDurationMs('defaultLeaseSeconds', given.defaultLeaseSeconds, { orZero: false }) ?? 300_000,
    leaseGraceMs: readDurationMs('leaseGraceSeconds', given.leaseGraceSeconds, { orZero: true }) ?? 15_000,
    workersPerPool:
      readInteger('workersPerPool', given.workersPerPool, { min: 1 }) ?? Math.min(4, availableParallelism()),
    namePrefix: readString('namePrefix', given.namePrefix) ?? 'leasepool',
    logger: readLogger(given.logger),
    asyncTasks: readOneOf('asyncTasks', given.asyncTasks, ['await', 'reject']) ?? 'await',
    preload: readPreload(given.preload),
    workerData: readWorkerData(given.workerData, backend),
    startTimeoutSeconds:
      (readDurationMs('startTimeoutSeconds', given.startTimeoutSeconds, { orZero: false }) ?? 30_000) / 1000,
    workerOptions: readWorkerOptions(given.workerOptions, backend),
  };
}

function readBackend(value: unknown): ManagerSettings['backend'] {
  if (value === undefined) return 'thread';
  if (typeof value === 'string') {
    const name = builtInNames.find((each) => each === value);
    if (name === 'process') requireSerialization();
    if (name !== undefined) return name;
    const expected = builtInNames.map((each) => `"${each}"`).join(', ');
    throw new UnsupportedBackendError(
      `"backend" must be ${expected} or an ExecutorBackend; received "${value}"`,
    );
  }
  const backend = readObjectWith<ExecutorBackend>('backend', value, ['createExecutor'])!;
  if (typeof backend.name !== 'string') throw invalidType('"backend.name" must be a string', backend.name);
  return backend;
}

function requireSerialization(): void {
  const cause = serializationFailure();
  if (cause === undefined) return;
  const message = 'this runtime has no node:v8 Serializer, which backend "process" needs; use "thread"';
  throw new UnsupportedBackendError(message, { cause });
}

function readPreload(value: unknown): readonly string[] {
  return (readList('preload', value) ?? []).map((module) => {
    if (typeof module === 'string' || module instanceof URL) return moduleString(module, 'preload');
    throw invalidType('"preload" must hold module URLs, paths or specifiers', module);
  });
}

/** The copy the workers get, so that a later change of the original has no effect. */
function readWorkerData(value: unknown, backend: ManagerSettings['backend']): unknown {
  try {
    if (backend !== 'process') return cloneWithErrors(value);
    return revived(fromBytes(toBytes(encodeErrors([value]))) as EncodedValues)[0];
  } catch (error) {
    throw notCloneable('workerData', value, error, backend === 'process' ? assertTravels : undefined);
  }
}

const workerKeys: readonly (keyof WorkerSettings)[] = [
  'env',
  'execArgv',
  'resourceLimits',
  'stdout',
  'stderr',
];

/** Below these, a worker's death can take the whole process along (measured on Node 20 to 26). */
const safeLimits = { maxOldGenerationSizeMb: 16, stackSizeMb: 0.5 };

function readWorkerOptions(value: unknown, backend: ManagerSettings['backend']): WorkerSettings | undefined {
  if (value === undefined) return undefined;
  const given = readOptions<WorkerSettings>('workerOptions', value, workerKeys) as WorkerSettings;
  const limits = readLimits(given.resourceLimits);
  const options = { ...given, ...copiedSettings(given), ...(limits && { resourceLimits: limits }) };
  if (backend === 'process') refuseForProcesses(options);
  return withoutPrototype(options);
}

function readLimits(value: unknown): WorkerSettings['resourceLimits'] {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null)
    throw invalidType('"workerOptions.resourceLimits" must be an object', value);
  const limits: NonNullable<WorkerSettings['resourceLimits']> = withoutPrototype(value);
  for (const [key, least] of Object.entries(safeLimits)) {
    const limit = limits[key as keyof typeof safeLimits];
    if (limit === undefined) continue;
    const expected = `"workerOptions.resourceLimits.${key}" must be at least ${least}: a smaller one can kill the whole process`;
    if (typeof limit !== 'number') throw invalidType(expected, limit);
    if (!(limit >= least)) throw outOfRange(expected, limit);
  }
  return limits;
}

/** Checked, and copied where a later change of the original could have an effect. */
function copiedSettings({ env, execArgv, stdout, stderr }: WorkerSettings): WorkerSettings {
  readBoolean('workerOptions.stdout', stdout);
  readBoolean('workerOptions.stderr', stderr);
  const flags = readList('workerOptions.execArgv', execArgv) as readonly string[] | undefined;
  const wrong = flags?.find((each) => typeof each !== 'string');
  if (wrong !== undefined) throw invalidType('"workerOptions.execArgv" must hold strings', wrong);
  const isShared = env === SHARE_ENV;
  if (env !== undefined && !isShared && (typeof env !== 'object' || env === null)) {
    throw invalidType('"workerOptions.env" must be an object or worker_threads.SHARE_ENV', env);
  }
  return {
    ...(env === undefined ? {} : { env: typeof env === 'object' ? { ...env } : env }),
    ...(flags === undefined ? {} : { execArgv: [...flags] }),
  };
}

/** A process prints to its parent's output, and V8 has no flag for the range of its code. */
function refuseForProcesses(options: WorkerSettings): void {
  const { stdout, stderr, resourceLimits } = withoutPrototype(options);
  const codeRangeSizeMb = resourceLimits?.codeRangeSizeMb;
  for (const [key, value] of Object.entries({ stdout, stderr, codeRangeSizeMb })) {
    if (value !== undefined)
      throw outOfRange(`"workerOptions" for the process backend cannot have "${key}"`, value);
  }
}
