import { expect, test } from 'vitest';
import { decodeReplies, encodeReplies, nothing, type Reply } from '../../../src/bullmq/reply-codec.ts';

const inBytes: Reply[] = [
  { kind: 'fulfilled', index: 0, bytes: Buffer.from('value') },
  { kind: 'rejected', index: 70_000, bytes: Buffer.from([0, 1, 255]) },
  { kind: 'returned', index: 2, bytes: nothing },
  { kind: 'begun', index: 3, bytes: nothing },
  { kind: 'lost', index: 0, bytes: nothing },
];
const plain: Reply[] = [
  { kind: 'plain', index: 5, value: { text: 'ü', list: [null, true] } },
  { kind: 'plain', index: 4, value: 7 },
];

const shown = (reply: Reply): unknown =>
  reply.kind === 'plain' ? reply : [reply.kind, reply.index, [...reply.bytes]];

test.each([
  ['in bytes', inBytes],
  ['plain', plain],
  ['of both kinds', [...inBytes, ...plain]],
  ['none at all', []],
])('M8 replies arrive as they were written: %s', (_what, replies) => {
  expect(decodeReplies(encodeReplies(replies)).map(shown)).toEqual(replies.map(shown));
});

test('M8 a reply that was cut short, or is none, is refused', () => {
  const { rest } = encodeReplies(inBytes.slice(0, 1));
  expect(() => decodeReplies({ plain: '', rest: rest.subarray(0, -1) })).toThrow(RangeError);
  expect(() => decodeReplies({ plain: '', rest: rest.subarray(0, 4) })).toThrow(RangeError);
  expect(() => decodeReplies({ plain: '', rest: Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 0]) })).toThrow(
    RangeError,
  );
  expect(() => decodeReplies({ plain: '[', rest: nothing })).toThrow(SyntaxError);
});
