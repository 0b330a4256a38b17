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
export { type Clock, sharedNow, systemClock, type Timer } from './ground/clock.ts';
/** @internal */
export { observeItems, secondsLimits, sizeLimits } from './diagnostics/item-times.ts';
/** @internal */
export { listen } from './diagnostics/listen.ts';
/** @internal */
export type { Measure } from './diagnostics/measure.ts';
/** @internal */
export { grinderMeasures } from './grinder/measures.ts';
/** @internal */
export { managerMeasures } from './lease/measures.ts';
/** @internal */
export { isOfLibrary, ofJob } from './ground/errors.ts';
/** @internal */
export { readLogger } from './ground/logger.ts';
/** @internal */
export {
  callable,
  count,
  durationMs,
  flag,
  type Given,
  invalidType,
  list,
  oneOf,
  outOfRange,
  readOptions,
  text,
  withMethods,
} from './ground/options.ts';
/** @internal */
export { suggestion } from './ground/suggestion.ts';
/** @internal */
export { hidden, isSecretName, withoutSecrets } from './ground/secrets.ts';
/** @internal */
export { encodeErrors } from './wire/error-codec.ts';
/** @internal */
export { reviveErrors } from './wire/error-envelope.ts';
/** @internal */
export { noSnapshot, snapshot } from './wire/trees.ts';
/** @internal */
export { moduleString } from './task/reference.ts';
