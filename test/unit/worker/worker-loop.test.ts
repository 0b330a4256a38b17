import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type * as Clock from '../../../src/core/clock.ts';
import { AsyncTaskError, TaskReferenceError, TimeoutError } from '../../../src/core/errors.ts';
import { move } from '../../../src/task/move.ts';
import type { AnyFunction } from '../../../src/task/reference.ts';
import { decodeThrow } from '../../../src/wire/error-codec.ts';
import { unpackTrees } from '../../../src/wire/shape-encoding.ts';
import type { CallFrame, WorkerFrame } from '../../../src/wire/frame.ts';
import { packCalls, TaskNumbers } from '../../../src/wire/pack.ts';
import { ProgressWords } from '../../../src/wire/progress-words.ts';
import type { ResolvedTask } from '../../../src/wire/reference.ts';
import type { TaskLoader } from '../../../src/worker/load.ts';
import { WorkerLoop, type WorkerLoopOptions } from '../../../src/worker/worker-loop.ts';
import { Deferred } from '../../support/deferred.ts';
import { until } from '../../support/until.ts';

/** The time that the loop sees; jobs move it on. */
const time = vi.hoisted(() => ({ now: 0 }));

vi.mock('../../../src/core/clock.ts', async (original) => {
  const clock = await original<typeof Clock>();
  return { ...clock, systemClock: { ...clock.systemClock, now: () => time.now }, sharedNow: () => time.now };
});

beforeEach(() => void (time.now = 1000));

interface Call {
  readonly run: AnyFunction;
  readonly args?: readonly unknown[];
  readonly timeoutSeconds?: number;
  readonly beginBeforeMs?: number;
  /** Source tasks are told what they lack. */
  readonly kind?: 'source';
}

/** A job that takes so long. */
const taking =
  (ms: number, result: unknown = 'done'): AnyFunction =>
  () => {
    time.now += ms;
    return result;
  };

interface Setup extends Partial<Pick<WorkerLoopOptions, 'asyncTasks' | 'runInScope' | 'leave'>> {
  readonly find?: (task: ResolvedTask, run: AnyFunction) => AnyFunction | Promise<AnyFunction>;
  readonly printing?: () => Promise<void> | undefined;
  readonly afterInput?: () => Promise<void>;
}

/** A server whose host is the test: what is posted is copied as a message port copies it. */
function setup({
  find = (_, run) => run,
  printing,
  afterInput,
  asyncTasks = 'await',
  runInScope,
  leave,
}: Setup = {}) {
  const posted: WorkerFrame[] = [];
  const progress = new ProgressWords();
  const numbers = new TaskNumbers();
  const tasks = new Map<AnyFunction, ResolvedTask>();
  const runs = new Map<string, AnyFunction>();
  let sent = 0;

  const taskOf = ({ run, kind }: Call): ResolvedTask => {
    let task = tasks.get(run);
    if (task === undefined) {
      const name = `task${tasks.size}`;
      task =
        kind === 'source'
          ? { kind, source: String(run), name }
          : { kind: 'reference', module: 'file:///tasks.js', name };
      tasks.set(run, task);
      runs.set(name, run);
    }
    return task;
  };
  const loader = { find: (task: ResolvedTask) => find(task, runs.get(task.name)!) };
  const server = new WorkerLoop({
    port: {
      post: (frame, transfer) =>
        void posted.push(structuredClone(frame, { transfer: transfer as ArrayBuffer[] })),
      ...(printing && { stdioFlushed: printing }),
      ...(afterInput && { afterPoll: afterInput }),
    },
    asyncTasks,
    progress,
    loader: loader as unknown as TaskLoader,
    ...(runInScope && { runInScope }),
    ...(leave && { leave }),
  });

  const pack = (calls: readonly Call[], answered = 0): CallFrame => {
    const packed = calls.map((call) => ({
      task: taskOf(call),
      args: call.args ?? [],
      timeoutSeconds: call.timeoutSeconds,
      beginBeforeMs: call.beginBeforeMs,
    }));
    const frame = packCalls(packed, sent, answered, numbers, []);
    for (let index = sent; index < sent + calls.length; index++) progress.queue(index);
    sent += calls.length;
    return structuredClone(frame);
  };
  return {
    server,
    progress,
    posted,
    pack,
    send: (...calls: readonly Call[]) => server.receive(pack(calls)),
    /** The same job many times. */
    sendMany: (run: AnyFunction, count: number) =>
      server.receive(pack(Array.from({ length: count }, () => ({ run })))),
    /** Indices of the calls that each message answers. */
    get messages(): number[][] {
      return posted.flatMap((frame) =>
        'values' in frame ? [unpackTrees(frame).map((_, offset) => frame.first + offset)] : [],
      );
    },
    /** What became of each call: its value, what it threw, or `'nothing'`. */
    get outcomes(): unknown[] {
      const outcomes: unknown[] = [];
      for (const frame of posted) {
        if (!('values' in frame)) continue;
        for (const [offset, value] of unpackTrees(frame).entries()) {
          const failure = frame.failed?.find((each) => each.offset === offset);
          const thrown = failure?.thrown;
          outcomes[frame.first + offset] =
            failure === undefined ? value : thrown === undefined ? 'nothing' : decodeThrow(thrown);
        }
      }
      return outcomes;
    },
  };
}

type Setting = ReturnType<typeof setup>;

/** Lets the server see a function run short so often that it trusts it. */
function trust({ sendMany, posted }: Setting, run: AnyFunction): void {
  sendMany(run, 16);
  posted.length = 0;
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

describe('S3 a finished result leaves before the next job begins', () => {
  test('(b) unless that is of a function that has just run 16 times in a row in under 0.2 ms', () => {
    const setting = setup();
    setting.sendMany(taking(0.19), 20);
    expect(setting.messages).toEqual([...range(0, 15).map((index) => [index]), range(15, 5)]);
  });

  test('(b) of a function that took 0.2 ms once it has to be seen 16 times more', () => {
    const setting = setup();
    const durations = [...range(0, 16).map(() => 0.1), 0.2, ...range(0, 16).map(() => 0.01), 0.01];
    const run = (): void => void (time.now += durations.shift()!);
    setting.sendMany(run, 34);
    const together = setting.messages.filter((indices) => indices.length > 1);
    expect(together).toEqual([
      [15, 16],
      [32, 33],
    ]);
  });

  test('(b) trust in one function is no trust in another', () => {
    const setting = setup();
    const known = taking(0.01);
    trust(setting, known);
    setting.send({ run: known }, { run: taking(0.01) }, { run: known }, { run: known });
    expect(setting.messages).toEqual([[16], [17, 18, 19]]);
  });

  test('(b) a job that fails counts as a run', () => {
    const setting = setup();
    const run = (): never => {
      throw new Error('short');
    };
    setting.sendMany(run, 20);
    expect(setting.messages.at(-1)).toEqual(range(15, 5));
  });

  test('(a) when that has timeoutSeconds', () => {
    const setting = setup();
    const run = taking(0.01);
    trust(setting, run);
    setting.send({ run }, { run }, { run, timeoutSeconds: 1 }, { run });
    expect(setting.messages).toEqual([
      [16, 17],
      [18, 19],
    ]);
  });

  test('(c) once 1 ms of work has passed since the last send', () => {
    const setting = setup();
    const run = taking(0.15);
    trust(setting, run);
    setting.sendMany(run, 16);
    expect(setting.messages).toEqual([range(16, 7), range(23, 7), range(30, 2)]);
  });

  test('when it is an object, so that no later job can change what was returned', () => {
    const setting = setup();
    const scratch = { value: -1 };
    const run = (value: number): unknown => {
      scratch.value = value;
      return { scratch };
    };
    trust(setting, run);
    setting.send(...range(0, 5).map((value) => ({ run, args: [value] })));
    expect(setting.outcomes.slice(16)).toEqual(range(0, 5).map((value) => ({ scratch: { value } })));
  });

  test('two jobs that return one object give each caller its own', () => {
    const setting = setup();
    const shared = { list: [1] };
    const run = (): unknown => shared;
    trust(setting, run);
    setting.sendMany(run, 2);
    const [first, second] = setting.outcomes.slice(16);
    expect(first).toEqual(shared);
    expect(first).not.toBe(second);
  });

  test('and all that is finished leaves with the last job of a message', () => {
    const setting = setup();
    const run = taking(0.01);
    trust(setting, run);
    setting.sendMany(run, 3);
    expect(setting.messages).toEqual([[16, 17, 18]]);
  });
});

describe('S4 the jobs of a message', () => {
  test('begin in order, each with its own arguments, and without a this', () => {
    const { send } = setup();
    const seen: unknown[] = [];
    const run = function (this: unknown, ...args: unknown[]): void {
      seen.push([this, ...args]);
    };
    send({ run }, { run, args: [1] }, { run, args: [2, 'b', undefined] }, { run, args: [[]] });
    expect(seen).toEqual([[undefined], [undefined, 1], [undefined, 2, 'b', undefined], [undefined, []]]);
  });

  test('N11 get copies of what one object was, whatever the others do to theirs', () => {
    const setting = setup();
    const shared = { count: 0 };
    const run = (object: { count: number }): number => ++object.count;
    setting.send({ run, args: [shared] }, { run, args: [shared] }, { run, args: [shared] });
    expect(setting.outcomes).toEqual([1, 1, 1]);
  });

  test('S29 fail alone', () => {
    const setting = setup();
    const error = Object.assign(new TypeError('bad'), { code: 'E_BAD' });
    const fails = (): never => {
      throw error;
    };
    setting.send({ run: taking(0) }, { run: fails }, { run: taking(0) });
    expect(setting.outcomes).toEqual(['done', error, 'done']);
    expect((setting.outcomes[1] as Error).stack).toBe(error.stack);
  });

  test('S30 whose result cannot be copied fail alone', () => {
    const setting = setup();
    setting.send({ run: taking(0) }, { run: () => ({ f: () => {} }) }, { run: taking(0) });
    expect(setting.outcomes).toEqual([
      'done',
      expect.objectContaining({ code: 'ERR_LEASEPOOL_NOT_CLONEABLE', path: 'result.f' }),
      'done',
    ]);
  });

  test('S30 whose result has a throwing getter called then fail with what it throws', () => {
    const setting = setup();
    const error = new Error('trap');
    const run = (): unknown => ({
      get then() {
        throw error;
      },
    });
    setting.send({ run }, { run: taking(0) });
    expect(setting.outcomes).toEqual([error, 'done']);
  });

  test('T3 move their results', () => {
    const setting = setup();
    const buffer = new Uint8Array([5]).buffer;
    setting.send({ run: () => move({ buffer }, [buffer]) });
    expect(setting.outcomes).toEqual([{ buffer: new Uint8Array([5]).buffer }]);
    expect(buffer.byteLength).toBe(0);
  });

  test('are begun and finished where the host can see it', () => {
    const setting = setup();
    const states = (): string[] => range(0, 3).map((index) => setting.progress.stateOf(index));
    let during: string[] = [];
    setting.send({ run: taking(0) }, { run: () => void (during = states()) }, { run: taking(0) });
    expect(during).toEqual(['finished', 'begun', 'queued']);
    expect(states()).toEqual(['finished', 'finished', 'finished']);
  });

  test('N3 with a longest run note when they began', () => {
    const setting = setup();
    let runningMs = -1;
    const run = (): void => {
      time.now += 40;
      runningMs = setting.progress.runningMs(time.now);
    };
    setting.send({ run: taking(100) }, { run, timeoutSeconds: 1 });
    expect(runningMs).toBe(40);
  });

  test('N1 say at the last moment what is finished', () => {
    const setting = setup();
    let left: number[][] = [];
    const leaves = (value: unknown): unknown => {
      if (value !== 'exit') return value;
      setting.server.flushOnExit();
      left = setting.messages;
      return 'too late';
    };
    trust(setting, leaves);
    setting.send({ run: leaves, args: [1] }, { run: leaves, args: [2] }, { run: leaves, args: ['exit'] });
    expect(left.flat()).toEqual([16, 17]);
  });

  test('run in their surroundings', () => {
    const where: boolean[] = [];
    let inside = false;
    const runInScope = <T>(run: () => T): T => {
      inside = true;
      try {
        return run();
      } finally {
        inside = false;
      }
    };
    const find = (_: ResolvedTask, run: AnyFunction): AnyFunction => {
      where.push(inside);
      return run;
    };
    const setting = setup({ runInScope, find });
    setting.send({ run: () => void where.push(inside) });
    where.push(inside);
    expect(where).toEqual([true, true, false]);
  });

  test('N7 that lack a variable as source text are told so', () => {
    const setting = setup();
    const run = (): never => {
      throw new ReferenceError('somethingOutside is not defined');
    };
    setting.send({ run: Object.assign(run, { toString: () => '() => somethingOutside' }), kind: 'source' });
    expect(setting.outcomes).toEqual([expect.any(TaskReferenceError)]);
    expect(setting.outcomes[0]).toMatchObject({ freeVariables: ['somethingOutside'] });
  });
});

describe('S29 a job that throws something hostile', () => {
  const trap = (): never => {
    throw new Error('trap');
  };
  const endless = (): object => ({
    get next() {
      throw endless();
    },
  });
  const hostile: readonly (readonly [string, () => unknown])[] = [
    [
      'a proxy that throws at every look',
      () => new Proxy({}, { getPrototypeOf: trap, get: trap, ownKeys: trap }),
    ],
    ['an object that throws another such object when it is copied', endless],
    [
      'a ReferenceError whose message cannot be read',
      () => Object.defineProperty(new ReferenceError('x'), 'message', { get: trap }),
    ],
  ];

  test.each(hostile)('fails alone, and the answers stay in step: %s', async (_, make) => {
    for (const kind of ['source', undefined] as const) {
      const setting = setup();
      const now = (): never => {
        throw make();
      };
      const later = async (): Promise<never> => {
        throw make();
      };
      const ok = (value: unknown): unknown => value;
      const options = kind === undefined ? {} : { kind };
      setting.send(
        { run: now, ...options },
        { run: ok, args: ['a'] },
        { run: later, ...options },
        { run: ok, args: ['b'] },
      );
      await setImmediate();
      expect(setting.outcomes).toEqual([expect.any(Error), 'a', expect.any(Error), 'b']);
    }
  });
});

describe('S27 a call that was taken back', () => {
  test('does not run, and its mates keep their places', () => {
    const setting = setup();
    const seen: number[] = [];
    const run = (value: number): number => seen.push(value) && value;
    const frame = setting.pack(range(0, 4).map((value) => ({ run, args: [value] })));
    setting.progress.takeBack(0);
    setting.progress.takeBack(2);
    setting.server.receive(frame);
    expect(seen).toEqual([1, 3]);
    expect(setting.outcomes).toEqual(['nothing', 1, 'nothing', 3]);
  });

  test('cannot be, once it has begun', () => {
    const setting = setup();
    const run = (): boolean => setting.progress.takeBack(0) || setting.progress.takeBack(1);
    setting.send({ run }, { run: taking(0) });
    expect(setting.outcomes).toEqual([true, 'nothing']);
  });
});

describe('N3 a call that came too late', () => {
  test('never runs, and fails with a TimeoutError', () => {
    const setting = setup();
    const run = vi.fn();
    setting.send(
      { run: taking(50), beginBeforeMs: 1000 },
      { run, beginBeforeMs: 1049.9 },
      { run: taking(0), beginBeforeMs: 1050 },
      { run: taking(0) },
    );
    expect(run).not.toHaveBeenCalled();
    expect(setting.outcomes).toEqual(['done', expect.any(TimeoutError), 'done', 'done']);
    expect(setting.outcomes[1]).toMatchObject({ phase: 'queue' });
    expect(setting.progress.stateOf(1)).toBe('finished');
  });
});

describe('N4 a job that returns a promise', () => {
  test('holds its worker until it settles', async () => {
    const setting = setup();
    const { promise, resolve } = new Deferred<string>();
    const next = vi.fn();
    setting.send({ run: () => promise }, { run: next });
    setting.send({ run: next });
    await setImmediate();
    expect(next).not.toHaveBeenCalled();
    expect(setting.progress.stateOf(0)).toBe('begun');
    resolve('at last');
    await setImmediate();
    expect(setting.outcomes[0]).toBe('at last');
    expect(next).toHaveBeenCalledTimes(2);
  });

  test('fails with what it rejects with', async () => {
    const setting = setup();
    const error = new RangeError('later');
    setting.send({ run: () => Promise.reject(error) }, { run: taking(0) });
    await setImmediate();
    expect(setting.outcomes).toEqual([error, 'done']);
  });

  test('may return any thenable', async () => {
    const setting = setup();
    const thenable = { then: (resolve: (value: string) => void) => resolve('of a kind') };
    setting.send({ run: () => thenable });
    await setImmediate();
    expect(setting.outcomes).toEqual(['of a kind']);
  });

  test.each([
    ['calls back twice', (settle: (value: string) => void) => [settle('once'), settle('twice')]],
    ['calls back at once', (settle: (value: string) => void) => settle('once')],
    ['gives nothing back', (settle: (value: string) => void) => queueMicrotask(() => settle('once'))],
  ])('is answered once, whatever its own then does: it %s', async (_, then) => {
    const setting = setup();
    const promise = Object.assign(Promise.resolve('not asked'), { then });
    setting.send({ run: () => promise }, { run: () => 'of the next' });
    await setImmediate();
    expect(setting.outcomes).toEqual(['once', 'of the next']);
  });

  test('does not keep the results of its mates waiting', () => {
    const setting = setup();
    const run = (value: unknown): unknown => (value === 'slow' ? new Promise(() => {}) : value);
    trust(setting, run);
    setting.send(...['a', 'b', 'slow'].map((value) => ({ run, args: [value] })));
    expect(setting.messages).toEqual([[16, 17]]);
  });

  test('moves what it resolves with', async () => {
    const setting = setup();
    const buffer = new ArrayBuffer(8);
    setting.send({ run: async () => move(buffer, [buffer]) });
    await setImmediate();
    expect(setting.outcomes).toEqual([expect.any(ArrayBuffer)]);
    expect(buffer.byteLength).toBe(0);
  });

  test('fails with AsyncTaskError where promises are refused, and what it rejects with harms nobody', async () => {
    const setting = setup({ asyncTasks: 'reject' });
    const rejections: unknown[] = [];
    const note = (reason: unknown): number => rejections.push(reason);
    process.on('unhandledRejection', note);
    setting.send({ run: () => Promise.reject(new Error('unseen')) }, { run: taking(0) });
    expect(setting.outcomes).toEqual([expect.any(AsyncTaskError), 'done']);
    await setImmediate();
    process.off('unhandledRejection', note);
    expect(rejections).toEqual([]);
  });
});

describe('T5 a module that', () => {
  test('is being loaded holds the worker, and its call begins after that', async () => {
    const { promise, resolve } = new Deferred<AnyFunction>();
    const setting = setup({ find: () => promise });
    const run = taking(0);
    setting.send({ run }, { run });
    await setImmediate();
    expect(setting.progress.stateOf(0)).toBe('queued');
    expect([setting.posted, setting.outcomes]).toEqual([[{ loading: 0 }], []]);
    resolve(run);
    await setImmediate();
    expect(setting.outcomes).toEqual(['done', 'done']);
    expect(setting.posted[1]).toEqual({ loading: undefined });
  });

  test('is being loaded uses up no time of its call, nor does that take a measure of it', async () => {
    const { promise, resolve } = new Deferred<AnyFunction>();
    const setting = setup({ find: () => promise });
    setting.send({ run: taking(30), timeoutSeconds: 1 });
    await setImmediate();
    time.now += 5_000;
    resolve(taking(30));
    await setImmediate();
    expect(setting.progress.runningMs(time.now)).toBe(30);
    expect(setting.posted.at(-1)).toMatchObject({ first: 0, workMs: 30 });
  });

  test('S27 is being loaded for a call that is taken back is not in vain', async () => {
    const { promise, resolve } = new Deferred<AnyFunction>();
    const find = vi.fn(() => promise);
    const setting = setup({ find });
    const run = vi.fn();
    setting.send({ run }, { run });
    await setImmediate();
    expect(setting.progress.takeBack(0)).toBe(true);
    resolve(run);
    await setImmediate();
    expect([run.mock.calls.length, find.mock.calls.length]).toEqual([1, 1]);
    expect(setting.messages).toEqual([[0], [1]]);
  });

  test('N3 is being loaded until it is too late for its call to begin', async () => {
    const { promise, resolve } = new Deferred<AnyFunction>();
    const setting = setup({ find: () => promise });
    const run = vi.fn();
    setting.send({ run, beginBeforeMs: time.now + 1_000 }, { run });
    await setImmediate();
    time.now += 1_001;
    resolve(run);
    await setImmediate();
    expect(setting.outcomes).toEqual([expect.any(TimeoutError), undefined]);
    expect(run).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['rejects', (error: Error) => Promise.reject(error)],
    [
      'throws',
      (error: Error) => {
        throw error;
      },
    ],
  ])('cannot be loaded (%s) fails that item, and is tried again by the next', async (_, failWith) => {
    const error = new TaskReferenceError('ERR_LEASEPOOL_TASK_MODULE', 'no such module', {
      taskName: 'task0',
    });
    let attempts = 0;
    const setting = setup({
      find: (_task, run) => (++attempts < 3 ? failWith(error) : Promise.resolve(run)),
    });
    const run = taking(0);
    setting.send({ run }, { run }, { run }, { run });
    await setImmediate();
    expect(setting.outcomes).toEqual([error, error, 'done', 'done']);
    expect(attempts).toBe(3);
  });

  test('is loaded is not looked up again', () => {
    const find = vi.fn((_: ResolvedTask, run: AnyFunction) => run);
    const setting = setup({ find });
    setting.sendMany(taking(0), 5);
    setting.sendMany(taking(0), 5);
    expect(find).toHaveBeenCalledTimes(2);
  });
});

describe('M9 what a job prints', () => {
  test('arrives before its result, and before the next job begins', async () => {
    const { promise, resolve } = new Deferred();
    const prints = [promise];
    const setting = setup({ printing: () => prints.shift() });
    const next = vi.fn();
    setting.send({ run: taking(0) }, { run: next });
    await setImmediate();
    expect(setting.posted).toEqual([]);
    expect(next).not.toHaveBeenCalled();
    resolve();
    await setImmediate();
    expect(setting.messages).toEqual([[0], [1]]);
  });

  test('is waited for at the end of a message, too, and calls that come meanwhile wait', async () => {
    const { promise, resolve } = new Deferred();
    const prints = [promise];
    const setting = setup({ printing: () => prints.shift() });
    setting.send({ run: taking(0) });
    const next = vi.fn();
    setting.send({ run: next });
    await setImmediate();
    expect(setting.posted).toEqual([]);
    expect(next).not.toHaveBeenCalled();
    resolve();
    await setImmediate();
    expect(setting.messages).toEqual([[0], [1]]);
  });
});

describe('answers the host could not read', () => {
  test('are sent again, also while a job is awaited', async () => {
    const setting = setup();
    setting.send({ run: () => 'a' }, { run: () => new Promise(() => {}) });
    await setImmediate();
    setting.posted.length = 0;
    setting.server.receive({ nackResultsFrom: 0 });
    expect(setting.posted).toEqual([
      { retransmitResultsTo: 1 },
      expect.objectContaining({ first: 0, values: ['a'] }),
    ]);
  });
});

describe('S30 calls this worker could not read', () => {
  test('are reported once, and what was sent behind them is left alone', () => {
    const setting = setup();
    const run = vi.fn((value: number) => value);
    setting.send({ run, args: [0] });
    setting.posted.length = 0;
    setting.pack([{ run, args: [1] }]); // Never arrives.
    setting.server.unreadable(new RangeError('too deep'));
    setting.send({ run, args: [2] });
    setting.server.unreadable(new RangeError('too deep'));
    expect(setting.posted).toEqual([{ nackCallsFrom: 1, why: 'too deep' }]);
    expect(run).toHaveBeenCalledTimes(1);
  });

  test('S39 are those of which it can make nothing, too, whatever was sent before', () => {
    const setting = setup();
    const run = (value: number): number => value;
    setting.send({ run, args: [0] });
    const frame = setting.pack([{ run, args: [1] }]);
    setting.server.receive({ ...frame, trees: { count: 1, shapes: [], shapeOf: 1 } });
    expect(setting.posted.at(-1)).toMatchObject({ nackCallsFrom: 1, why: expect.stringMatching(/./) });
    setting.server.receive({ retransmitCallsFrom: 1 });
    setting.server.receive(frame);
    expect(setting.outcomes).toEqual([0, 1]);
  });

  test('S39 are told from other messages by their own fields', () => {
    const setting = setup();
    const frame = setting.pack([{ run: (value: number): number => value, args: [1] }]);
    for (const field of ['nackResultsFrom', 'retransmitCallsFrom'])
      Object.defineProperty(Object.prototype, field, { value: 0, configurable: true });
    setting.server.receive(frame);
    for (const field of ['nackResultsFrom', 'retransmitCallsFrom'])
      Reflect.deleteProperty(Object.prototype, field);
    expect(setting.outcomes).toEqual([1]);
  });

  test('are made when they come again', () => {
    const setting = setup();
    const run = (value: number): number => value;
    setting.send({ run, args: [0] });
    const lost = setting.pack([{ run, args: [1] }]);
    setting.server.unreadable(new RangeError('too deep'));
    setting.server.receive({ retransmitCallsFrom: 1 });
    setting.server.receive(lost);
    setting.send({ run, args: [2] });
    expect(setting.outcomes).toEqual([0, 1, 2]);
    setting.server.unreadable(new RangeError('too deep'));
    expect(setting.posted.at(-1)).toEqual({ nackCallsFrom: 3, why: 'too deep' });
  });
});

describe('a worker that is asked to end', () => {
  test('W3 leaves', () => {
    const leave = vi.fn();
    const { server } = setup({ leave });
    server.receive({ end: true });
    expect(leave).toHaveBeenCalledOnce();
  });

  test('S39 is not one that only finds the word on Object.prototype', () => {
    const leave = vi.fn();
    const setting = setup({ leave });
    Object.defineProperty(Object.prototype, 'end', { value: 1, configurable: true, writable: true });
    onTestFinished(() => void Reflect.deleteProperty(Object.prototype, 'end'));
    setting.send({ run: () => 'answered' });
    expect([setting.outcomes, leave.mock.calls]).toEqual([['answered'], []]);
  });
});

describe('W5 where input has to be taken in first', () => {
  /** A server, and how often it has waited for that. */
  function setupWaiting(options: Setup = {}) {
    const afterInput = vi.fn(() => setImmediate() as Promise<void>);
    const setting = setup({ ...options, afterInput });
    return { setting, waits: (): number => afterInput.mock.calls.length };
  }

  test('a call that may be slow waits, and those that have come meanwhile run with it', async () => {
    const { setting, waits } = setupWaiting();
    const run = taking(0.1);
    setting.send({ run }, { run });
    setting.send({ run });
    expect([setting.messages, waits()]).toEqual([[], 1]);
    await until(() => setting.outcomes.length === 3);
    expect(waits()).toBe(1);
  });

  test('calls that are known to be short do not', async () => {
    const { setting, waits } = setupWaiting();
    const [short, other] = [taking(0.1), taking(0.1)];
    setting.sendMany(short, 16);
    await until(() => setting.outcomes.length === 16);
    setting.send({ run: short });
    expect([setting.outcomes.length, waits()]).toEqual([17, 1]);
    setting.send({ run: short }, { run: other });
    expect([setting.outcomes.length, waits()]).toEqual([18, 2]);
    await until(() => setting.outcomes.length === 19);
  });

  test('a call waits again behind one that has been waited for', async () => {
    const { setting, waits } = setupWaiting();
    setting.send({ run: () => setImmediate() }, { run: taking(0.1) });
    await until(() => setting.outcomes.length === 2);
    expect(waits()).toBe(2);
  });
});
