/// <reference types="node" preserve="true" />
/**
 * What a backend needs besides the seam when its workers are in other processes or on other machines: values and
 * thrown values as bytes, and the errors of a value that cannot be copied.
 *
 * @module leasepool/backend
 */

export { notCloneable } from './wire/cloneable.ts';
export { decodeThrow, encodeThrow } from './wire/error-codec.ts';
export type { EncodedThrow } from './wire/error-envelope.ts';
export { fromBytes, toBytes } from './wire/serialize.ts';

/** @internal The integrations of this package read the clock and their options as its core does. */
export { type Clock, sharedNow, systemClock, type Timer } from './core/clock.ts';
/** @internal */
export { observeItems, secondsLimits, sizeLimits } from './diagnostics/item-times.ts';
/** @internal */
export { listen } from './diagnostics/listen.ts';
/** @internal */
export type { MetricDescriptor } from './diagnostics/metric-descriptor.ts';
/** @internal */
export { grinderMetrics } from './grinder/metrics.ts';
/** @internal */
export { managerMetrics } from './lease/metrics.ts';
/** @internal */
export { isOfLibrary, ofJob } from './core/errors.ts';
/** @internal */
export { readLogger } from './core/logger.ts';
/** @internal */
export {
  readFunction,
  readInteger,
  readDurationMs,
  readBoolean,
  type Unvalidated,
  invalidType,
  readList,
  readOneOf,
  outOfRange,
  readOptions,
  readString,
  readObjectWith,
} from './core/options.ts';
/** @internal */
export { suggestion } from './core/suggestion.ts';
/** @internal */
export { hidden, isSecretName, withoutSecrets } from './core/secrets.ts';
/** @internal */
export { encodeErrors } from './wire/error-codec.ts';
/** @internal */
export { reviveErrors } from './wire/error-envelope.ts';
/** @internal */
export { noSnapshot, snapshot } from './wire/shape-encoding.ts';
/** @internal */
export { moduleString } from './task/reference.ts';
