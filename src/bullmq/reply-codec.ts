/** What a host says of the items of a chunk, as the body of one entry of the reply stream. Pure. */

/** In the order of their numbers on the wire. */
const kinds = ['fulfilled', 'rejected', 'returned', 'begun', 'lost', 'fulfilled with errors'] as const;

export interface BytesReply {
  /**
   * `"begun"`: a careful chunk is about to run it. `"returned"`: certainly never begun. `"lost"`: the whole chunk
   * has been with a host before that did not finish it. `"fulfilled with errors"`: there are errors in the value.
   */
  readonly kind: (typeof kinds)[number];
  /** Place of the item in its chunk. */
  readonly index: number;
  /** The value, or the value or thrown value with its errors beside it, serialised. */
  readonly bytes: Uint8Array;
}

/** A result that JSON carries without loss. */
export interface PlainReply {
  readonly kind: 'plain';
  readonly index: number;
  readonly value: unknown;
}

export type Reply = BytesReply | PlainReply;

export const nothing: Uint8Array = new Uint8Array(0);

/** Kind, place, length. */
const headBytes = 9;

/** One entry: plain results as JSON, `[indices, values]`, and everything else in a form of its own. */
export interface ReplyBody {
  readonly plain: string;
  readonly rest: Uint8Array;
}

export function encodeReplies(replies: readonly Reply[]): ReplyBody {
  const indices: number[] = [];
  const values: unknown[] = [];
  const rest: BytesReply[] = [];
  for (const reply of replies) {
    if (reply.kind === 'plain') {
      indices.push(reply.index);
      values.push(reply.value);
    } else rest.push(reply);
  }
  return {
    plain: indices.length === 0 ? '' : JSON.stringify([indices, values]),
    rest: rest.length === 0 ? nothing : encodeBytes(rest),
  };
}

/** @throws RangeError, SyntaxError when it is not what {@link encodeReplies} made */
export function decodeReplies({ plain, rest }: ReplyBody): Reply[] {
  const replies: Reply[] = rest.byteLength === 0 ? [] : decodeBytes(rest);
  if (plain === '') return replies;
  const [indices, values] = JSON.parse(plain) as [number[], unknown[]];
  for (const [place, index] of indices.entries())
    replies.push({ kind: 'plain', index, value: values[place] });
  return replies;
}

function encodeBytes(replies: readonly BytesReply[]): Buffer {
  const length = replies.reduce((sum, { bytes }) => sum + headBytes + bytes.byteLength, 0);
  const body = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { kind, index, bytes } of replies) {
    at = body.writeUInt8(kinds.indexOf(kind), at);
    at = body.writeUInt32LE(index, at);
    at = body.writeUInt32LE(bytes.byteLength, at);
    body.set(bytes, at);
    at += bytes.byteLength;
  }
  return body;
}

function decodeBytes({ buffer, byteOffset, byteLength }: Uint8Array): BytesReply[] {
  const body = Buffer.from(buffer, byteOffset, byteLength);
  const replies: BytesReply[] = [];
  let at = 0;
  while (at < body.byteLength) {
    const kind = kinds[body.readUInt8(at)];
    const index = body.readUInt32LE(at + 1);
    const from = at + headBytes;
    at = from + body.readUInt32LE(at + 5);
    if (kind === undefined || at > body.byteLength) throw new RangeError('a reply is cut short');
    replies.push({ kind, index, bytes: body.subarray(from, at) });
  }
  return replies;
}
