import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CallFrame } from '../../../src/wire/frame.ts';
import { packCalls, type PackedCall, TaskNumbers } from '../../../src/wire/pack.ts';
import type { ResolvedTask } from '../../../src/wire/reference.ts';
import { unpackTrees } from '../../../src/wire/shape-encoding.ts';

const tasks: ResolvedTask[] = ['a', 'b', 'c', 'd'].map((name) => ({
  kind: 'reference',
  module: 'file:///m',
  name,
}));

const call = (task: ResolvedTask, args: readonly unknown[], rest: Partial<PackedCall> = {}): PackedCall => ({
  task,
  args,
  timeoutSeconds: undefined,
  beginBeforeMs: undefined,
  ...rest,
});

const pack = (
  calls: readonly PackedCall[],
  first: number,
  numbers: TaskNumbers,
  newTasks: ResolvedTask[] = [],
): CallFrame => packCalls(calls, first, 0, numbers, newTasks);

/** A worker's view of frames: the tasks it knows, and the calls as it makes them. */
function reader() {
  const known: ResolvedTask[] = [];
  return (frame: CallFrame) => {
    known.push(...(frame.newTasks ?? []));
    const unpacked = unpackTrees({ values: frame.args, trees: frame.trees });
    let place = 0;
    return Array.from({ length: frame.count }, (_, offset) => {
      const arity = typeof frame.arity === 'number' ? frame.arity : frame.arity[offset];
      const args = unpacked.slice(place, place + arity);
      place += arity;
      const before =
        frame.beginBefore?.findIndex((value, index) => index % 2 === 0 && value === offset) ?? -1;
      return {
        task: known[typeof frame.tasks === 'number' ? frame.tasks : frame.tasks[offset]],
        args,
        isTimed: frame.hasTimeout?.includes(offset) === true,
        beginBeforeMs: before < 0 ? undefined : frame.beginBefore![before + 1],
      };
    });
  };
}

const tree = fc.oneof(
  fc.record({ id: fc.integer(), tags: fc.array(fc.string(), { maxLength: 3 }) }),
  fc.array(fc.record({ at: fc.date({ noInvalidDate: true }) }), { maxLength: 2 }),
);

const anyCall = fc
  .record({
    task: fc.constantFrom(...tasks),
    args: fc.array(fc.oneof(fc.integer(), fc.string(), fc.constant(undefined), tree), { maxLength: 4 }),
    timeoutSeconds: fc.option(fc.integer({ min: 1 }), { nil: undefined }),
    beginBeforeMs: fc.option(fc.integer({ min: 1 }), { nil: undefined }),
  })
  .map((each): PackedCall => each);

describe('calls in frames', () => {
  test('are unpacked as they were packed, frame after frame, also when some frames did not leave (property)', () => {
    const frames = fc.array(
      fc.record({ calls: fc.array(anyCall, { minLength: 1, maxLength: 12 }), leaves: fc.boolean() }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(frames, (sent) => {
        const numbers = new TaskNumbers();
        const read = reader();
        let first = 0;
        for (const { calls, leaves } of sent) {
          const newTasks: ResolvedTask[] = [];
          const frame = pack(calls, first, numbers, newTasks);
          if (!leaves) {
            numbers.forget(newTasks);
            continue;
          }
          expect(frame.first).toBe(first);
          first += calls.length;
          expect(read(structuredClone(frame))).toEqual(
            calls.map(({ task, args, timeoutSeconds, beginBeforeMs }) => ({
              task,
              args,
              isTimed: timeoutSeconds !== undefined,
              beginBeforeMs,
            })),
          );
        }
      }),
    );
  });

  test('of one task and one number of arguments say both once', () => {
    const calls = [1, 2, 3].map((value) => call(tasks[0], [value]));
    const frame = packCalls(calls, 7, 5, new TaskNumbers(), []);
    expect(frame).toEqual({
      answered: 5,
      first: 7,
      newTasks: [tasks[0]],
      tasks: 0,
      count: 3,
      arity: 1,
      args: [1, 2, 3],
      trees: undefined,
      errors: undefined,
      isPlain: true,
      copies: undefined,
      timed: undefined,
      beginBefore: undefined,
    });
  });

  test('of several say it for each from the start, also when only the last differs', () => {
    const frame = pack([call(tasks[0], []), call(tasks[0], []), call(tasks[1], [1])], 0, new TaskNumbers());
    expect(frame.tasks).toEqual([0, 0, 1]);
    expect(frame.arity).toEqual([0, 0, 1]);
  });

  test('introduce a task once', () => {
    const numbers = new TaskNumbers();
    expect(pack([call(tasks[0], [])], 0, numbers).newTasks).toEqual([tasks[0]]);
    expect(pack([call(tasks[0], [])], 1, numbers).newTasks).toBeUndefined();
    expect(pack([call(tasks[1], []), call(tasks[0], [])], 2, numbers)).toMatchObject({
      newTasks: [tasks[1]],
      tasks: [1, 0],
    });
  });

  test('introduce it again when the frame that did has not left', () => {
    const numbers = new TaskNumbers();
    pack([call(tasks[0], [])], 0, numbers);
    const newTasks: ResolvedTask[] = [];
    pack([call(tasks[1], []), call(tasks[2], [])], 1, numbers, newTasks);
    expect(newTasks).toEqual([tasks[1], tasks[2]]);
    numbers.forget(newTasks);
    expect(pack([call(tasks[2], [])], 1, numbers)).toMatchObject({ newTasks: [tasks[2]], tasks: 1 });
    expect(pack([call(tasks[1], [])], 2, numbers)).toMatchObject({ newTasks: [tasks[1]], tasks: 2 });
    expect(pack([call(tasks[0], [])], 3, numbers)).toMatchObject({ newTasks: undefined, tasks: 0 });
  });
});

describe('N11 an object given to two calls', () => {
  const shared = new Date();

  test('is to be copied for all but the first', () => {
    const frame = pack(
      [call(tasks[0], [shared, 1]), call(tasks[0], [2, shared]), call(tasks[0], [shared])],
      0,
      new TaskNumbers(),
    );
    expect(frame.repeatedArgs).toEqual([3, 4]);
    expect(frame.args.filter((arg) => arg === shared)).toHaveLength(3);
  });

  test('needs no copy when it is a tree, which each call gets made for it', () => {
    const config = { retries: [1, 2] };
    const calls = [1, 2, 3].map((value) => call(tasks[0], [value, config]));
    const frame = pack([...calls, call(tasks[0], [4, shared])], 0, new TaskNumbers());
    expect(frame.repeatedArgs).toBeUndefined();
    const [first, second] = reader()(structuredClone(frame)).map(({ args }) => args[1]);
    expect(first).toEqual(config);
    expect(first).not.toBe(second);
  });

  test('is to be copied when only its memory is the same', () => {
    const memory = new ArrayBuffer(8);
    const calls = [new Uint8Array(memory), new Uint16Array(memory), memory, new Uint8Array(memory, 0, 4)];
    const frame = pack(
      calls.map((argument) => call(tasks[0], [argument])),
      0,
      new TaskNumbers(),
    );
    expect(frame.repeatedArgs).toEqual([1, 2]);
  });

  test('stays one for a call that gets it twice', () => {
    const twice = [call(tasks[0], [shared, shared]), call(tasks[0], [1, 2])];
    expect(pack(twice, 0, new TaskNumbers()).repeatedArgs).toBeUndefined();
  });

  test('needs no copy in a frame of its own, and values are no objects', () => {
    const numbers = new TaskNumbers();
    pack([call(tasks[0], [shared])], 0, numbers);
    expect(pack([call(tasks[0], [shared])], 1, numbers).repeatedArgs).toBeUndefined();
    const values = [null, 'text', 5, undefined, 10n];
    expect(pack([call(tasks[0], values), call(tasks[0], values)], 0, numbers).repeatedArgs).toBeUndefined();
  });
});
