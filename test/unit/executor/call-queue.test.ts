import { describe, expect, test } from 'vitest';
import { CallQueue } from '../../../src/executor/call-queue.ts';
import type { ResolvedTask } from '../../../src/wire/reference.ts';
import { TestCall, testCalls, testTask } from '../../support/fake-workers.ts';

/** A queue that knows what calls of the task cost. */
function setup(costMs = 0.02): CallQueue {
  const queue = new CallQueue();
  queue.measured(testTask, 1, costMs);
  return queue;
}

const args = (calls: readonly TestCall[]): unknown[] => calls.map((call) => call.args[0]);

describe('calls that wait', () => {
  test('go together as far as one message is worth it, and know what each is taken to cost', () => {
    const queue = setup();
    for (const call of testCalls(40)) queue.push(call);
    const chunk = queue.nextChunk(2, true)!;
    expect(args(chunk.calls as TestCall[])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(chunk.callMs).toBeCloseTo(0.02);
    expect([queue.size, queue.worthMessage(testTask)]).toEqual([30, 5]);
  });

  test('of a task not seen yet go alone, and nobody knows what they cost', () => {
    const queue = new CallQueue();
    const calls = testCalls(2);
    for (const call of calls) queue.push(call);
    expect(queue.nextChunk(1, true)).toEqual({ calls: [calls[0]], callMs: Infinity });
    expect(queue.worthMessage(testTask)).toBe(1);
  });

  test('of another task go along as long as all together take no longer', () => {
    const other: ResolvedTask = { kind: 'source', source: '', name: 'other' };
    const queue = setup(0.1);
    queue.measured(other, 1, 0.3);
    for (const call of testCalls(6)) queue.push(call);
    for (const call of testCalls(6, { task: other }, 6)) queue.push(call);
    const chunks: [number, number][] = [];
    while (queue.size > 0) {
      const { calls, callMs } = queue.nextChunk(1, true)!;
      chunks.push([calls.length, Number((calls.length * callMs).toFixed(6))]);
    }
    expect(chunks).toEqual([
      [6, 0.6],
      [3, 0.9],
      [2, 0.6],
      [1, 0.3],
    ]);
  });

  test('N1 with memory to move go alone, and only to a worker without work', () => {
    const queue = setup();
    const buffer = new ArrayBuffer(1);
    const moving = new TestCall([buffer], { transfer: [buffer] });
    queue.push(moving);
    expect(queue.nextChunk(1, false)).toBeUndefined();
    expect(queue.nextChunk(1, true)).toEqual({ calls: [moving], callMs: Infinity });
  });

  test('can be struck out, and put back before the others', () => {
    const queue = setup();
    const calls = testCalls(4);
    for (const call of calls) queue.push(call);
    expect([queue.remove(calls[1]), queue.remove(calls[1])]).toEqual([true, false]);
    const first = queue.shift() as TestCall;
    queue.requeue([first, calls[1]]);
    const rest = [queue.shift(), queue.shift(), queue.shift(), queue.shift(), queue.shift()];
    expect(rest).toEqual([calls[0], calls[1], calls[2], calls[3], undefined]);
  });
});
