import { describe, expect, test } from 'vitest';
import { readArgs, readSubmitOptions } from '../../../src/job/submit-options.ts';

const wrongType = { code: 'ERR_INVALID_ARG_TYPE' };
const wrongValue = { code: 'ERR_OUT_OF_RANGE' };

describe('the options of a submission', () => {
  test('are nothing by default, without anything to allocate', () => {
    const plain = readSubmitOptions('submit()', undefined);
    expect(plain).toEqual({
      owner: undefined,
      signal: undefined,
      transfer: [],
      timeoutSeconds: undefined,
      queueTimeoutMs: undefined,
    });
    expect(readSubmitOptions('run()', undefined)).toBe(plain);
    expect(readSubmitOptions('run()', {})).toEqual(plain);
    expect(readSubmitOptions('run()', { owner: undefined, signal: undefined })).toEqual(plain);
  });

  test('are read', () => {
    const { signal } = new AbortController();
    const buffer = new ArrayBuffer(8);
    expect(
      readSubmitOptions('submit()', {
        owner: 'me',
        signal,
        transfer: [buffer],
        timeoutSeconds: 0.5,
        queueTimeoutSeconds: 2,
      }),
    ).toEqual({ owner: 'me', signal, transfer: [buffer], timeoutSeconds: 0.5, queueTimeoutMs: 2000 });
  });

  test('S25 a list of what to move is taken as it is now', () => {
    const transfer = [new ArrayBuffer(8)];
    const read = readSubmitOptions('submit()', { transfer });
    transfer.pop();
    expect(read.transfer).toHaveLength(1);
  });

  test.each([
    [{ owner: 5 }, wrongType],
    [{ signal: {} }, wrongType],
    [{ signal: new AbortController() }, wrongType],
    [{ transfer: new ArrayBuffer(8) }, wrongType],
    [{ timeoutSeconds: '5' }, wrongType],
    [{ timeoutSeconds: 0 }, wrongValue],
    [{ timeoutSeconds: NaN }, wrongValue],
    [{ queueTimeoutSeconds: Infinity }, wrongValue],
    [{ queueTimeoutSeconds: -1 }, wrongValue],
    [{ timeout: 5 }, wrongType],
    [null, wrongType],
    [5, wrongType],
  ])('S24 %o is refused', (options, error) => {
    expect(() => readSubmitOptions('submit()', options)).toThrow(expect.objectContaining(error));
  });

  test('S24 a key that is nearly right is told', () => {
    expect(() => readSubmitOptions('enqueue()', { timeoutSecond: 1 })).toThrow(
      'enqueue() has no option "timeoutSecond"; did you mean "timeoutSeconds"?',
    );
  });
});

describe('the arguments of a submission', () => {
  test('are an array, or none', () => {
    const args = [1, 2];
    expect(readArgs(args)).toBe(args);
    expect(readArgs(undefined)).toEqual([]);
  });

  test.each([null, 5, 'text', { length: 1 }, new Set([1]), new Uint8Array(2)])(
    'S24 %o is refused',
    (args) => {
      expect(() => readArgs(args)).toThrow(expect.objectContaining(wrongType));
    },
  );

  test('S24 options in their place are told where they belong', () => {
    expect(() => readArgs({ owner: 'me' })).toThrow(
      `"args" must be an array of the arguments, before any options: [1, 2]; received { owner: 'me' }`,
    );
  });
});
