/** What one call is given or gives, on its way, of a limited size. Every type that structured clone keeps is kept. */

import {
  decodeThrow,
  encodeErrors,
  encodeThrow,
  type EncodedThrow,
  fromBytes,
  isOfLibrary,
  notCloneable,
  ofJob,
  reviveErrors,
  toBytes,
} from '../backend.ts';
import { type CallOutcome, LeasepoolError, PayloadTooLargeError } from '../index.ts';
import { plainOf } from './plain.ts';
import type { Reply } from './reply-codec.ts';

export interface PackedArgs {
  readonly args: readonly unknown[] | Uint8Array;
  readonly bytes: number;
}

/** @throws `NotCloneableError`, `PayloadTooLargeError` */
export function packArgs(args: readonly unknown[], maxBytes: number): PackedArgs {
  const plain = plainOf(args);
  if (plain !== undefined) {
    refuseLarge('args', plain.bytes, maxBytes);
    return { args: plain.value as unknown[], bytes: plain.bytes };
  }
  const encoded = encodeErrors(args);
  const bytes = pack('args', args, encoded.errors === undefined ? encoded.values : encoded, maxBytes);
  return { args: bytes, bytes: bytes.byteLength };
}

export function unpackArgs(args: readonly unknown[] | Uint8Array): readonly unknown[] {
  if (!(args instanceof Uint8Array)) return args;
  try {
    const content = fromBytes(args);
    if (Array.isArray(content)) return content;
    const { values, errors } = content as ReturnType<typeof encodeErrors>;
    reviveErrors(errors);
    return values;
  } catch (error) {
    throw notCloneable('args', undefined, error);
  }
}

/** What became of an item, as a reply; a value that cannot travel is a failure of its item. */
export function packOutcome(index: number, outcome: CallOutcome, maxBytes: number): Reply {
  if (outcome.status !== 'fulfilled')
    return { kind: outcome.status, index, bytes: packThrown(outcome.reason, maxBytes) };
  const { value } = outcome;
  try {
    const plain = plainOf(value);
    if (plain === undefined) return packResult(index, value, maxBytes);
    refuseLarge('result', plain.bytes, maxBytes);
    return { kind: 'plain', index, value: plain.value };
  } catch (error) {
    return { kind: 'rejected', index, bytes: packThrown(error, maxBytes) };
  }
}

/** An error of a class of this package that the job itself threw is marked: hosts and managers of 0.1 pass over the mark. */
type WireThrow = EncodedThrow & { readonly isOfJob?: boolean };

function packResult(index: number, value: unknown, maxBytes: number): Reply {
  const { values, errors } = encodeErrors([value]);
  if (errors === undefined)
    return { kind: 'fulfilled', index, bytes: pack('result', value, values[0], maxBytes) };
  const encoded: EncodedThrow = { value: values[0], errors };
  return { kind: 'fulfilled with errors', index, bytes: pack('result', value, encoded, maxBytes) };
}

export function unpackOutcome(reply: Reply): CallOutcome {
  if (reply.kind === 'plain') return { status: 'fulfilled', value: reply.value };
  const { kind, bytes } = reply;
  try {
    const content = fromBytes(bytes);
    if (kind === 'fulfilled') return { status: 'fulfilled', value: content };
    const reason = decodeThrow(content as WireThrow);
    if (kind === 'fulfilled with errors') return { status: 'fulfilled', value: reason };
    if (kind === 'returned') return { status: 'returned', reason };
    return { status: 'rejected', reason: (content as WireThrow).isOfJob === true ? ofJob(reason) : reason };
  } catch (error) {
    return { status: 'rejected', reason: notCloneable('result', undefined, error) };
  }
}

function packThrown(reason: unknown, maxBytes: number): Uint8Array {
  try {
    const isOfJob = reason instanceof LeasepoolError && !isOfLibrary(reason);
    const encoded: WireThrow = isOfJob ? { ...encodeThrow(reason), isOfJob } : encodeThrow(reason);
    return pack('thrown', encoded, encoded, maxBytes);
  } catch (error) {
    return toBytes(encodeThrow(error));
  }
}

/** @param value what is to be packed @param encoded as it travels */
function pack(what: string, value: unknown, encoded: unknown, maxBytes: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = toBytes(encoded);
  } catch (error) {
    throw notCloneable(what, value, error, toBytes);
  }
  refuseLarge(what, bytes.byteLength, maxBytes);
  return bytes;
}

function refuseLarge(what: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new PayloadTooLargeError(
    `${what} of ${bytes} bytes is more than the ${maxBytes} that one item may have (maxItemBytes)`,
    { bytes },
  );
}
