import { Math, Object } from '../core/globals.ts';
import { type Logger, readLogger } from '../core/logger.ts';
import {
  readInteger,
  readDurationMs,
  invalidType,
  readOneOf,
  outOfRange,
  readOptions,
  readString,
} from '../core/options.ts';
import type { LeasedExecutorManager } from '../lease/manager.ts';

export interface WorkGrinderOptions {
  /** Where leases come from. Stop the grinder before it. */
  readonly executorManager: LeasedExecutorManager;
  /** A batch starts once this many items wait. At least 1. @defaultValue `20` */
  readonly batchSizeThreshold?: number | undefined;
  /** … or once the oldest has waited this long ("linger"), counted from its submission. Above 0. @defaultValue `0.01` */
  readonly maxWaitSeconds?: number | undefined;
  /** Length of each batch's lease. A batch that lasts longer goes on with a new lease; only a job still running after the grace period is cut off. Above 0. @defaultValue `60` */
  readonly leaseSeconds?: number | undefined;
  /** Batch leases are owned by `<ownerPrefix>-batch-<n>`. @defaultValue `"work-grinder"` */
  readonly ownerPrefix?: string | undefined;
  /** Most items one batch takes; not below `batchSizeThreshold`. @defaultValue the larger of `1000` and `batchSizeThreshold` */
  readonly maxBatchSize?: number | undefined;
  /** Most batches, hence leases, at once. At least 1. @defaultValue the manager's `maxPools` */
  readonly maxConcurrentBatches?: number | undefined;
  /**
   * `"threshold"`: by count or age, as above. `"natural"`: sends as soon as a worker is free, and gathers only while
   * all are busy (work-conserving batching, as in group commit). @defaultValue `"threshold"`
   */
  readonly dispatch?: 'threshold' | 'natural' | undefined;
  /** Most items waiting; more are refused with `QueueFullError`. At least 1. @defaultValue `Infinity` */
  readonly maxQueueSize?: number | undefined;
  /** Silent unless given. */
  readonly logger?: Logger | undefined;
}

/** Options as read and checked, durations in milliseconds. */
export interface GrinderSettings {
  readonly manager: LeasedExecutorManager;
  readonly batchSizeThreshold: number;
  readonly maxWaitSeconds: number;
  readonly maxWaitMs: number;
  readonly leaseSeconds: number;
  readonly leaseMs: number;
  readonly ownerPrefix: string;
  readonly maxBatchSize: number;
  readonly maxConcurrentBatches: number;
  readonly dispatch: 'threshold' | 'natural';
  readonly maxQueueSize: number;
  readonly logger: Logger;
}

const optionKeys: readonly (keyof WorkGrinderOptions)[] = [
  'executorManager',
  'batchSizeThreshold',
  'maxWaitSeconds',
  'leaseSeconds',
  'ownerPrefix',
  'maxBatchSize',
  'maxConcurrentBatches',
  'dispatch',
  'maxQueueSize',
  'logger',
];

/** @throws TypeError `ERR_INVALID_ARG_TYPE`, RangeError `ERR_OUT_OF_RANGE` */
export function readGrinderOptions(options: unknown): GrinderSettings {
  const given = readOptions<WorkGrinderOptions>('WorkGrinder', options, optionKeys);
  const manager = readManager(given.executorManager);
  const batchSizeThreshold = readInteger('batchSizeThreshold', given.batchSizeThreshold, { min: 1 }) ?? 20;
  const maxBatchSize =
    readInteger('maxBatchSize', given.maxBatchSize, { min: 1 }) ?? Math.max(1000, batchSizeThreshold);
  if (maxBatchSize < batchSizeThreshold) {
    throw outOfRange(
      `"maxBatchSize" must not be below "batchSizeThreshold" (${batchSizeThreshold})`,
      maxBatchSize,
    );
  }
  return {
    manager,
    batchSizeThreshold,
    maxWaitSeconds: (given.maxWaitSeconds as number | undefined) ?? 0.01,
    maxWaitMs: readDurationMs('maxWaitSeconds', given.maxWaitSeconds, { orZero: false }) ?? 10,
    leaseSeconds: (given.leaseSeconds as number | undefined) ?? 60,
    leaseMs: readDurationMs('leaseSeconds', given.leaseSeconds, { orZero: false }) ?? 60_000,
    ownerPrefix: readString('ownerPrefix', given.ownerPrefix) ?? 'work-grinder',
    maxBatchSize,
    maxConcurrentBatches:
      readInteger('maxConcurrentBatches', given.maxConcurrentBatches, { min: 1 }) ?? manager.maxPools,
    dispatch: readOneOf('dispatch', given.dispatch, ['threshold', 'natural']) ?? 'threshold',
    maxQueueSize: readInteger('maxQueueSize', given.maxQueueSize, { min: 1, orInfinity: true }) ?? Infinity,
    logger: readLogger(given.logger),
  };
}

/** By shape: it may be of another copy of the package. */
function readManager(value: unknown): LeasedExecutorManager {
  const { acquire, leaseSource, onStop } = Object(value) as Partial<LeasedExecutorManager>;
  if ([acquire, leaseSource, onStop].every((method) => typeof method === 'function'))
    return value as LeasedExecutorManager;
  const expected = '"executorManager" must be a LeasedExecutorManager';
  throw invalidType(`${expected}: new WorkGrinder({ executorManager: manager })`, value);
}
