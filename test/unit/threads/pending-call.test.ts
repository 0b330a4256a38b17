import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CancelledError, GrinderStoppedError, TimeoutError } from '../../../src/core/errors.ts';
import { PendingCall, type CallTransport } from '../../../src/threads/pending-call.ts';

/** A line that brings what the test puts on it. */
class TestLine implements CallTransport {
  readonly asked: string[] = [];
  awaited = 0;
  arrives: () => void = () => {};

  receiveAvailable(): void {
    this.arrives();
  }

  block(isDone: () => boolean, longestMs: number): void {
    this.asked.push(`block ${longestMs}`);
    if (!isDone()) this.arrives();
  }

  cancel(id: number): void {
    this.asked.push(`cancel ${id}`);
  }

  keepAlive(on: boolean): void {
    this.awaited += on ? 1 : -1;
  }
}

function newCall() {
  const line = new TestLine();
  return { line, call: new PendingCall<number>(7, line, 'me', 'resize') };
}

const done = { status: 'fulfilled', value: 3 } as const;

describe('a call', () => {
  test('settles once', async () => {
    const { call } = newCall();
    call.settle(done);
    call.fail(new Error('late'));
    call.settleCancelled('late');
    expect([call.done(), call.cancelled(), call.cancel(), call.result(), call.exception()]).toEqual([
      true,
      false,
      false,
      3,
      undefined,
    ]);
    expect(await call).toBe(3);
  });

  test('S14 takes in what has arrived before it is cancelled', () => {
    const { line, call } = newCall();
    line.arrives = () => call.settle(done);
    expect(call.cancel()).toBe(false);
    expect(line.asked).toEqual([]);
  });

  test('S14 cancelled, it tells the owner once and says whose it was', async () => {
    const { line, call } = newCall();
    expect([call.cancel(), call.cancel()]).toEqual([true, true]);
    expect(line.asked).toEqual(['cancel 7']);
    expect(call.exception()).toBeInstanceOf(CancelledError);
    await expect(call.finally(() => {})).rejects.toMatchObject({ owner: 'me', taskName: 'resize' });
  });

  test('S14 S24 blocks for as long as it is told, and a timeout is an error of the wait only', () => {
    const { line, call } = newCall();
    const error = call.exception({ timeoutSeconds: 0 });
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ phase: 'result', owner: 'me', taskName: 'resize' });
    expect(() => call.result({ timeoutSeconds: 2 })).toThrow(TimeoutError);
    expect(call.done()).toBe(false);
    call.settle(done);
    call.result();
    expect(line.asked).toEqual(['block 0', 'block 2000', 'block Infinity']);
    for (const timeoutSeconds of [-1, NaN, Infinity, '5', null, true]) {
      expect(() => call.exception({ timeoutSeconds } as object)).toThrow(/"timeoutSeconds"/);
    }
  });

  test('S11 an error for many calls becomes one of its own for each', () => {
    const error = new GrinderStoppedError('over');
    const calls = ['a', 'b'].map((owner) => new PendingCall(1, new TestLine(), owner, 'resize'));
    for (const call of calls) call.fail(error);
    expect(calls.map((call) => call.exception())).toEqual(
      ['a', 'b'].map((owner) => expect.objectContaining({ owner, taskName: 'resize', message: 'over' })),
    );
  });

  test('N5 keeps its thread alive while somebody awaits it', async () => {
    const { line, call } = newCall();
    expect(line.awaited).toBe(0);
    const all = Promise.all([call, call.then((value) => value + 1), call.catch(() => 0)]);
    await setImmediate();
    expect(line.awaited).toBe(1);
    call.settle(done);
    expect(await all).toEqual([3, 4, 3]);
    expect(line.awaited).toBe(0);
    expect([await call, line.awaited]).toEqual([3, 0]);
  });

  test('S9 that fails unawaited rejects nobody, and still rejects who awaits it later', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', note);
    const { call } = newCall();
    call.fail(new Error('early'));
    await setImmediate();
    expect(rejections).toEqual([]);
    await expect(call).rejects.toThrow('early');
    process.off('unhandledRejection', note);
  });

  test('S12 cannot be posted to another thread', () => {
    expect(() => structuredClone(newCall().call)).toThrow(
      expect.objectContaining({ name: 'DataCloneError' }),
    );
  });
});
