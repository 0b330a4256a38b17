import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { decodeThrow, encodeErrors, encodeThrow } from '../../../src/wire/error-codec.ts';
import type { ResultFrame, CallFrame } from '../../../src/wire/frame.ts';
import { initToPost, postFrame, postItems, received } from '../../../src/wire/post.ts';

/** What arrives at the other end of a channel. */
function posted<T extends object>(post: (port: MessageChannel['port1']) => void): T {
  const { port1, port2 } = new MessageChannel();
  try {
    post(port1);
    return received(receiveMessageOnPort(port2)!.message as T);
  } finally {
    port1.close();
  }
}

const callFrame = (args: readonly unknown[]): CallFrame => ({
  answered: 0,
  first: 0,
  newTasks: undefined,
  tasks: 0,
  count: args.length,
  arity: 1,
  args,
  trees: undefined,
  repeatedArgs: undefined,
  hasTimeout: undefined,
  beginBefore: undefined,
});

const answerFrame = (values: readonly unknown[], failed?: ResultFrame['failed']): ResultFrame => ({
  first: 0,
  values,
  trees: undefined,
  failed,
  workMs: 0,
});

const secret = Buffer.from('the secret of another job');

function expectOwn(buffer: Buffer, text: string): void {
  expect(Buffer.isBuffer(buffer)).toBe(true);
  expect(String(buffer)).toBe(text);
  expect(buffer.buffer.byteLength).toBe(text.length);
  expect(Buffer.from(buffer.buffer).includes(secret)).toBe(false);
}

describe('S38 a Buffer that is posted arrives as one, with its own bytes', () => {
  test('as an argument and inside one', () => {
    const args = [Buffer.from('alone'), { inside: [Buffer.from('inside')] }];
    const frame = posted<CallFrame>((port) => postFrame(port, callFrame(args), []));
    const [alone, { inside }] = frame.args as [Buffer, { inside: Buffer[] }];
    expectOwn(alone, 'alone');
    expectOwn(inside[0], 'inside');
  });

  test('as a result, thrown, and in a field of what is thrown', () => {
    const failed = [
      { offset: 1, thrown: encodeThrow(Buffer.from('thrown')) },
      { offset: 2, thrown: encodeThrow(Object.assign(new Error('it'), { body: [Buffer.from('field')] })) },
    ];
    const values = [Buffer.from('result'), undefined, undefined];
    const frame = posted<ResultFrame>((port) => postFrame(port, answerFrame(values, failed), []));
    expectOwn(frame.values[0] as Buffer, 'result');
    expectOwn(decodeThrow(frame.failed![0].thrown!) as Buffer, 'thrown');
    expectOwn((decodeThrow(frame.failed![1].thrown!) as { body: Buffer[] }).body[0], 'field');
  });

  test('as why a worker is not up, and as workerData', () => {
    const thrown = encodeThrow(Buffer.from('thrown'));
    const boot = posted<{ thrown: never }>((port) => postFrame(port, { up: false, thrown }, []));
    expectOwn(decodeThrow(boot.thrown) as Buffer, 'thrown');
    const workerData = { salt: Buffer.from('salt') };
    const copy = structuredClone(
      initToPost({ asyncTasks: 'await', preload: [], workerData: encodeErrors([workerData]) }),
    );
    expectOwn((received(copy).workerData.values[0] as typeof workerData).salt, 'salt');
  });

  test('to and from a thread that uses the grinder of another', () => {
    const rest = { id: 1, task: { kind: 'source', source: '', name: '' } } as const;
    const options = {
      owner: undefined,
      timeoutSeconds: undefined,
      queueTimeoutMs: undefined,
      submittedAtMs: 0,
    };
    const items = [
      { kind: 'submit', ...rest, args: [{ bytes: Buffer.from('args') }], ...options } as const,
      { id: 2, status: 'fulfilled', value: Buffer.from('value') } as const,
      { id: 3, status: 'rejected', thrown: encodeThrow(Buffer.from('thrown')) } as const,
    ];
    const frame = { received: 0, unreadable: undefined, items };
    const { items: arrived } = posted<{ items: any[] }>((port) => postItems(port, frame));
    expectOwn(arrived[0].args[0].bytes, 'args');
    expectOwn(arrived[1].value, 'value');
    expectOwn(decodeThrow(arrived[2].thrown) as Buffer, 'thrown');
  });
});

describe('S39 a frame without Buffers', () => {
  test('is posted as it is, whatever prototypes have', () => {
    const polluted = { value: [new Uint8Array(2)], configurable: true };
    for (const key of ['buffers', 'args', 'values', 'thrown'])
      Object.defineProperty(Object.prototype, key, polluted);
    let frame: ResultFrame;
    try {
      frame = posted((port) => postFrame(port, answerFrame([1, { deep: [2] }]), []));
    } finally {
      for (const key of ['buffers', 'args', 'values', 'thrown'])
        Reflect.deleteProperty(Object.prototype, key);
    }
    expect(frame).toEqual(answerFrame([1, { deep: [2] }]));
    expect(Buffer.isBuffer(polluted.value[0])).toBe(false);
  });
});

describe('T3 what is listed to be moved', () => {
  const postResult = (value: unknown, transfer: readonly object[]): unknown =>
    posted<ResultFrame>((port) => postFrame(port, answerFrame([value]), transfer)).values[0];

  test('is moved, also when it is listed as the Buffer that it is the memory of', () => {
    for (const list of [(bytes: Buffer) => bytes.buffer, (bytes: Buffer) => bytes]) {
      const bytes = Buffer.alloc(10_000, 7);
      const arrived = postResult({ bytes }, [list(bytes)]) as { bytes: Buffer };
      expect(bytes.byteLength).toBe(0);
      expect(arrived.bytes.equals(Buffer.alloc(10_000, 7))).toBe(true);
      expect(Buffer.isBuffer(arrived.bytes)).toBe(true);
    }
  });

  test('is copied when it lies in a pool, and brings nothing of it', () => {
    for (const list of [(bytes: Buffer) => bytes.buffer, (bytes: Buffer) => bytes]) {
      const bytes = Buffer.from('small');
      expectOwn(postResult(bytes, [list(bytes)]) as Buffer, 'small');
      expectOwn((postResult({ bytes }, [list(bytes)]) as { bytes: Buffer }).bytes, 'small');
      expect(String(bytes)).toBe('small');
    }
  });
});
