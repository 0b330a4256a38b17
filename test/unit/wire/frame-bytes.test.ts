import { BlockList } from 'node:net';
import { describe, expect, test } from 'vitest';
import { encodeThrow } from '../../../src/wire/error-codec.ts';
import { frameToBytes } from '../../../src/wire/frame-bytes.ts';
import { fromBytes } from '../../../src/wire/serialize.ts';

const answers = { first: 0, values: [1, { deep: [2] }], trees: undefined, failed: undefined, workMs: 0 };

describe('a frame in bytes', () => {
  test('is read as it was written', () => {
    const failed = [{ offset: 0, thrown: encodeThrow(new Error('it')) }];
    for (const frame of [answers, { ...answers, failed }, { nackResultsFrom: 3 }])
      expect(fromBytes(frameToBytes(frame))).toEqual(frame);
  });

  test('M8 is refused when an object of the platform is in one of its values', () => {
    const list = new BlockList();
    const thrown = { kind: 'value', value: { list } } as const;
    const withArgs = {
      answered: 0,
      first: 0,
      newTasks: undefined,
      tasks: 0,
      count: 1,
      arity: 1,
      args: [[list]],
      trees: undefined,
      repeatedArgs: undefined,
      hasTimeout: undefined,
      beginBefore: undefined,
    };
    const frames = [
      withArgs,
      { ...answers, values: [{ list }] },
      { ...answers, failed: [{ offset: 0, thrown }] },
      { up: false, thrown },
      { dying: thrown },
    ];
    for (const frame of frames) expect(() => frameToBytes(frame)).toThrow('could not be cloned');
  });

  test('of more bytes than one message may have is refused', () => {
    expect(() =>
      frameToBytes({ ...answers, values: [Buffer.alloc(5_000), 'x'.repeat(5_000)] }, 10_000),
    ).toThrow(RangeError);
  });
});
