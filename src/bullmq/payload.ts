/** What one call is given or gives, on its way, of a limited size. Every type that structured clone keeps is kept. */

import { decodeThrow, encodeThrow, type EncodedThrow, fromBytes, notCloneable, toBytes } from '../backend.ts';
import { type CallOutcome, PayloadTooLargeError } from '../index.ts';
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
  const bytes = pack('args', args, maxBytes);
  return { args: bytes, bytes: bytes.byteLength };
}

export function unpackArgs(args: readonly unknown[] | Uint8Array): readonly unknown[] {
  if (!(args instanceof Uint8Array)) return args;
  try {
    return fromBytes(args) as unknown[];
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
    if (plain === undefined) return { kind: 'fulfilled', index, bytes: pack('result', value, maxBytes) };
    refuseLarge('result', plain.bytes, maxBytes);
    return { kind: 'plain', index, value: plain.value };
  } catch (error) {
    return { kind: 'rejected', index, bytes: packThrown(error, maxBytes) };
  }
}

export function unpackOutcome(reply: Reply): CallOutcome {
  if (reply.kind === 'plain') return { status: 'fulfilled', value: reply.value };
  const { kind, bytes } = reply;
  try {
    const content = fromBytes(bytes);
    if (kind === 'fulfilled') return { status: 'fulfilled', value: content };
    const reason = decodeThrow(content as EncodedThrow);
    return { status: kind === 'returned' ? 'returned' : 'rejected', reason };
  } catch (error) {
    return { status: 'rejected', reason: notCloneable('result', undefined, error) };
  }
}

function packThrown(reason: unknown, maxBytes: number): Uint8Array {
  try {
    return pack('thrown', encodeThrow(reason), maxBytes);
  } catch (error) {
    return toBytes(encodeThrow(error));
  }
}

function pack(what: string, value: unknown, maxBytes: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = toBytes(value);
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
