import { describe, expect, test } from 'vitest';
import { NotCloneableError } from '../../../src/core/errors.ts';
import { decodeThrow } from '../../../src/wire/error-codec.ts';
import type { ResultFrame, WorkerFrame } from '../../../src/wire/frame.ts';
import { unpackTrees } from '../../../src/wire/shape-encoding.ts';
import { Outbox } from '../../../src/worker/outbox.ts';

/** A way to the host that copies as a message port does. */
function setup() {
  const posted: WorkerFrame[] = [];
  const outbox = new Outbox({
    post: (frame, transfer) =>
      void posted.push(structuredClone(frame, { transfer: transfer as ArrayBuffer[] })),
  });
  outbox.begin(0, 0);
  return { outbox, posted };
}

/** What the frames answer: index by index a value, or what was thrown, or nothing. */
function answers(posted: readonly WorkerFrame[]): unknown[][] {
  return posted
    .filter((frame): frame is ResultFrame => 'values' in frame)
    .flatMap(({ failed, first, ...packed }) =>
      unpackTrees(packed).map((value, offset) => {
        const failure = failed?.find((each) => each.offset === offset);
        if (failure === undefined) return [first + offset, value];
        return [first + offset, failure.thrown === undefined ? 'nothing' : decodeThrow(failure.thrown)];
      }),
    );
}

const sizes = (posted: readonly WorkerFrame[]): number[] =>
  posted.map((frame) => ('values' in frame ? unpackTrees(frame).length : 0));

describe('an outbox', () => {
  test('N1 says at the last moment what comes before the answer whose getter ends the worker', () => {
    const { outbox, posted } = setup();
    let left: unknown[][] | undefined;
    const ending = {
      get end(): never {
        if (left !== undefined) throw new Error('it is over');
        left = [];
        outbox.flushOnExit();
        left = answers(posted);
        throw new Error('the worker has ended');
      },
    };
    for (const value of [1, 2, ending]) outbox.add(value, undefined, 0);
    outbox.flush();
    expect(left?.slice(0, 2)).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  test('sends together what was gathered, in order, and then nothing', () => {
    const { outbox, posted } = setup();
    outbox.add(1, undefined, 0.5);
    outbox.addFailure(new RangeError('no'), 0.25);
    outbox.addSkipped();
    outbox.add('x', undefined, 0.25);
    expect([outbox.size, outbox.workMs]).toEqual([4, 1]);
    outbox.flush();
    outbox.flush();
    expect([outbox.size, outbox.workMs]).toEqual([0, 0]);
    expect(posted).toHaveLength(1);
    expect(posted[0]).toMatchObject({ first: 0, workMs: 1 });
    expect(answers(posted)).toEqual([
      [0, 1],
      [1, expect.objectContaining({ name: 'RangeError', message: 'no' })],
      [2, 'nothing'],
      [3, 'x'],
    ]);
  });

  test('numbers its answers through the messages, and anew from the first call of a frame', () => {
    const { outbox, posted } = setup();
    for (const value of ['a', 'b']) {
      outbox.add(value, undefined, 0);
      outbox.flush();
    }
    outbox.begin(10, 2);
    outbox.add('c', undefined, 0);
    outbox.flush();
    expect(answers(posted)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [10, 'c'],
    ]);
  });

  test('S3 what it holds of plain data is safe from later jobs; for anything else it has to leave first', () => {
    const { outbox, posted } = setup();
    const plain = { list: [1] };
    outbox.add('text', undefined, 0);
    outbox.add(null, undefined, 0);
    expect(outbox.copyLastResult()).toBe(true);
    outbox.add(plain, undefined, 0);
    expect(outbox.copyLastResult()).toBe(true);
    plain.list.push(2);
    outbox.add(new Map([[1, 2]]), undefined, 0);
    expect(outbox.copyLastResult()).toBe(false);
    outbox.flush();
    expect(outbox.copyLastResult()).toBe(true);
    expect(answers(posted).map(([, value]) => value)).toEqual([
      'text',
      null,
      { list: [1] },
      new Map([[1, 2]]),
    ]);
  });

  test('S3 what is to be moved has to leave first', () => {
    const { outbox } = setup();
    const bytes = new Uint8Array(1);
    outbox.add({ bytes }, [bytes.buffer], 0);
    expect(outbox.copyLastResult()).toBe(false);
  });

  test('fails alone, and says which part is to blame', () => {
    const { outbox, posted } = setup();
    outbox.add({ fine: true }, undefined, 1);
    outbox.add({ retry: () => {} }, undefined, 1);
    outbox.addFailure(new Error('mine'), 1);
    outbox.add(Symbol('s'), undefined, 1);
    outbox.addSkipped();
    outbox.add('last', undefined, 1);
    outbox.flush();
    expect(answers(posted)).toEqual([
      [0, { fine: true }],
      [1, expect.objectContaining({ code: 'ERR_LEASEPOOL_NOT_CLONEABLE', path: 'result.retry' })],
      [2, expect.objectContaining({ message: 'mine' })],
      [3, expect.any(NotCloneableError)],
      [4, 'nothing'],
      [5, 'last'],
    ]);
    expect(sizes(posted)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('costs its mates neither their place nor their share of the work', () => {
    const { outbox, posted } = setup();
    outbox.add(() => {}, undefined, 3);
    outbox.add(1, undefined, 1);
    outbox.flush();
    outbox.add(2, undefined, 1);
    outbox.flush();
    expect(answers(posted).map(([index]) => index)).toEqual([0, 1, 2]);
    expect(posted.map((frame) => ('workMs' in frame ? frame.workMs : NaN))).toEqual([2, 2, 1]);
  });
});

describe('T3 a result that is moved', () => {
  test('arrives, and its memory is gone from here', () => {
    const { outbox, posted } = setup();
    const buffer = new Uint8Array([1, 2, 3]).buffer;
    outbox.add('before', undefined, 0);
    outbox.add({ buffer }, [buffer], 0);
    outbox.flush();
    expect(buffer.byteLength).toBe(0);
    expect(answers(posted)).toEqual([
      [0, 'before'],
      [1, { buffer: new Uint8Array([1, 2, 3]).buffer }],
    ]);
  });

  test('a second time fails alone, as on the newer versions of Node, and its mates keep theirs', () => {
    const { outbox, posted } = setup();
    const gone = new ArrayBuffer(8);
    structuredClone(gone, { transfer: [gone] });
    const kept = new ArrayBuffer(8);
    outbox.add(gone, [gone], 0);
    outbox.add(kept, [kept], 0);
    outbox.flush();
    expect(answers(posted)).toEqual([
      [0, expect.any(NotCloneableError)],
      [1, expect.any(ArrayBuffer)],
    ]);
    expect(kept.byteLength).toBe(0);
  });

  test('of which a part cannot be copied fails, and its memory stays', () => {
    const { outbox, posted } = setup();
    const buffer = new ArrayBuffer(8);
    outbox.add({ buffer, retry: () => {} }, [buffer], 0);
    outbox.flush();
    expect(answers(posted)).toEqual([[0, expect.objectContaining({ path: 'result.retry' })]]);
    expect(buffer.byteLength).toBe(8);
  });
});

describe('answers that the host could not read', () => {
  test('go once more, each on its own, with those that follow, after a word of how many', () => {
    const { outbox, posted } = setup();
    for (const value of ['a', 'b', 'c']) outbox.add(value, undefined, 0);
    outbox.flush();
    outbox.addFailure(new Error('d'), 0);
    outbox.flush();
    posted.length = 0;
    outbox.resend(0);
    expect(posted[0]).toEqual({ retransmitResultsTo: 4 });
    expect(sizes(posted.slice(1))).toEqual([1, 1, 1, 1]);
    expect(answers(posted)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
      [3, expect.objectContaining({ message: 'd' })],
    ]);
  });

  test('go without what the host has read before, and without what is still gathered', () => {
    const { outbox, posted } = setup();
    outbox.add('read', undefined, 0);
    outbox.flush();
    outbox.add('lost', undefined, 0);
    outbox.flush();
    outbox.add('gathered', undefined, 0);
    posted.length = 0;
    outbox.resend(1);
    expect(posted).toEqual([
      { retransmitResultsTo: 2 },
      expect.objectContaining({ first: 1, values: ['lost'] }),
    ]);
    outbox.flush();
    expect(answers(posted).at(-1)).toEqual([2, 'gathered']);
  });

  test('are let go once the host says that it has read them', () => {
    const { outbox, posted } = setup();
    for (const value of ['a', 'b']) {
      outbox.add(value, undefined, 0);
      outbox.flush();
    }
    outbox.begin(2, 1);
    posted.length = 0;
    outbox.resend(0);
    expect(answers(posted)).toEqual([[1, 'b']]);
  });
});
