import { setImmediate } from 'node:timers/promises';
import { connectGrinder, GrinderStoppedError, NotStartedError, WrongThreadError } from 'leasepool';
import { describe, expect, test } from 'vitest';
import { Gate } from '../support/gate.ts';
import { never, threadGrinder } from '../support/grinder.ts';
import { client, owner, Thread } from '../support/thread.ts';
import { turns, until } from '../support/until.ts';
import { echo, hold } from '../tasks/grinder-tasks.js';
import { postGarbage, submitNested } from '../tasks/threads-tasks.js';

const range = (count: number, first = 0): number[] => Array.from({ length: count }, (_, i) => first + i);

/** Blocks this thread until another one lets it go on. */
function blockUntil(done: Int32Array): void {
  Atomics.wait(done, 0, 0, 5_000);
  expect(Atomics.load(done, 0)).toBe(1);
}

/** Lets a thread that waits for it go on. */
function raise(flag: Int32Array): void {
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}

const word = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));

describe('the handle', () => {
  test('S13 it is plain data that works in workerData, on the first tick of the other thread', async () => {
    const { grinder } = await threadGrinder();
    const handle = grinder.threadHandle();
    expect(handle).toEqual({
      leasepool: 'grinder/1',
      id: expect.any(String),
      threadId: 0,
      pid: process.pid,
      state: expect.any(SharedArrayBuffer),
    });
    const copy = structuredClone(handle);
    expect(copy.id).toBe(handle.id);
    expect(await client('blockingResult', handle).told('result')).toBe(49);
    expect(await client('blockingResult', copy).told('result')).toBe(49);
  });

  test('S13 it works in postMessage() without a transfer list', async () => {
    const { grinder } = await threadGrinder();
    const thread = client('posted', undefined);
    thread.worker.postMessage(grinder.threadHandle());
    expect(await thread.told('result')).toBe(81);
  });

  test('S13 after a restart the old handle is refused and a new one is given', async () => {
    const { grinder } = await threadGrinder();
    const old = grinder.threadHandle();
    expect(grinder.threadHandle()).toBe(old);
    await grinder.stop();
    await grinder.start();
    const handle = grinder.threadHandle();
    expect(handle.id).not.toBe(old.id);
    expect(await client('connect', old).told('result')).toMatchObject({
      type: 'GrinderStoppedError',
      code: 'ERR_LEASEPOOL_STOPPED',
    });
    expect(await client('blockingResult', handle).told('result')).toBe(49);
  });

  test('S13 it is given while the grinder runs, not before and not after', async () => {
    const { grinder } = await threadGrinder();
    await grinder.stop();
    expect(() => grinder.threadHandle()).toThrow(NotStartedError);
  });

  test('S13 what is no handle of this process is refused with a TypeError', async () => {
    const { grinder } = await threadGrinder();
    const handle = grinder.threadHandle();
    const wrong = [
      undefined,
      null,
      'handle',
      {},
      { ...handle, leasepool: 'grinder/2' },
      { ...handle, pid: process.pid + 1 },
      { ...handle, state: new ArrayBuffer(8) },
      { ...handle, state: new SharedArrayBuffer(12) },
      { ...handle, id: 'leasepool/grinder/0/1' },
      { ...handle, id: `${handle.id}0` },
      { ...handle, threadId: '0' },
    ];
    for (const value of wrong) {
      expect(() => connectGrinder(value as typeof handle)).toThrow(
        expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
      );
    }
    const refused = await client('connectTo', handle, { handles: wrong }).told('result');
    expect(refused.map(({ type }: { type: string }) => type)).toEqual(wrong.map(() => 'TypeError'));
  });
});

describe('a job that was given no handle', () => {
  test('S13 reaches neither a grinder nor the port of its worker', async () => {
    const { grinder, manager } = await threadGrinder();
    grinder.threadHandle();
    const seen = await manager.withLease((lease) =>
      lease.run(postGarbage, [range(20).map((number) => `leasepool/grinder/0/${number}`)]),
    );
    expect(seen).toEqual([]);
    expect(await grinder.submit(echo, [7])).toBe(7);
  });
});

describe('submitFromThread()', () => {
  test('S14 result() blocks until the outcome is there', async () => {
    const { grinder, gate } = await threadGrinder();
    const thread = client('block', grinder.threadHandle(), { gate: gate.cells });
    await thread.told('blocking');
    await gate.untilBegun();
    let isOver = false;
    const result = thread.told('result').finally(() => (isOver = true));
    await turns();
    expect(isOver).toBe(false);
    gate.open();
    expect(await result).toBe('let go');
    expect(await thread.exited).toBe(0);
  });

  test('S14 it can be awaited, also with then() and finally()', async () => {
    const { grinder } = await threadGrinder();
    expect(await client('awaitedResult', grinder.threadHandle()).told('result')).toEqual([64, true, 65, 64]);
    const errors = await client('awaitedErrors', grinder.threadHandle()).told('result');
    expect(errors.map(({ message }: Error) => message)).toEqual(Array(3).fill('on purpose'));
  });

  test('S14 S9 a failure that nobody awaits raises no unhandledRejection', async () => {
    const { grinder } = await threadGrinder();
    const thread = client('forgottenError', grinder.threadHandle());
    expect(await thread.told('result')).toBe('still here');
    expect(await thread.exited).toBe(0);
  });

  test('S14 S29 a job that throws fails with that very error', async () => {
    const { grinder } = await threadGrinder();
    const { built, value, nothing } = await client('errors', grinder.threadHandle()).told('result');
    expect(built).toMatchObject({ type: 'RangeError', message: 'too far', code: 'E_FAR' });
    expect(built.cause).toMatchObject({ type: 'TypeError', message: 'the cause' });
    expect(built.stack).toContain('leasepool:');
    expect(value).toEqual({ thrown: { plain: 'object' } });
    expect(nothing).toEqual({ thrown: undefined });
  });

  test('S14 S29 errors in arguments, results and fields keep what they have, either way', async () => {
    const { grinder } = await threadGrinder();
    const [echoed, inField] = await client('errorsInside', grinder.threadHandle()).told('result');
    for (const error of [echoed, inField])
      expect(error).toMatchObject({ type: 'RangeError', message: 'inside', code: 'E_INSIDE' });
  });

  test('S14 S11 owner and task name are on the errors raised at the call', async () => {
    const { grinder } = await threadGrinder();
    const errors = await client('refusedCalls', grinder.threadHandle()).told('result');
    const about = { owner: 'tenant-7', taskName: 'square' };
    expect(errors).toEqual([
      expect.objectContaining({ type: 'TaskReferenceError', owner: 'tenant-7', taskName: 'closure' }),
      expect.objectContaining({ type: 'WrongThreadError', ...about }),
      expect.objectContaining({ type: 'GrinderStoppedError', ...about }),
    ]);
  });

  test('S14 S30 what cannot be copied fails alone, either way', async () => {
    const { grinder } = await threadGrinder();
    const { values, args, result } = await client('notCloneable', grinder.threadHandle()).told('result');
    expect(values).toEqual([1, 2, 3]);
    expect(args).toMatchObject({
      type: 'NotCloneableError',
      path: 'args[0].deep.callback',
      owner: 'tenant-7',
      taskName: 'echo',
    });
    expect(result).toMatchObject({ type: 'NotCloneableError', taskName: 'giveFunction' });
  });

  test('S14 S30 an argument or a result nested too deep to be read fails alone, and nobody hangs', async () => {
    const mates = ['number', 'object', 'number'];
    const tooDeep = expect.objectContaining({ type: 'NotCloneableError' });
    const { grinder } = await threadGrinder({ batchSizeThreshold: 3 });
    const args = await client('tooDeep', grinder.threadHandle(), { depth: 5_000 }).told('result');
    expect([args[0], args[2]]).toEqual([mates[0], mates[2]]);
    expect(['object', tooDeep]).toContainEqual(args[1]);

    // The owner is a worker, whose stack is larger than the main thread's.
    const thread = owner({ batchSizeThreshold: 3 });
    const remote = connectGrinder(await thread.told('handle'));
    const deepen = (depth: number): unknown => {
      let value: unknown = [];
      for (let level = 1; level < depth; level++) value = [value];
      return value;
    };
    const futures = [1, 5_000, 1].map((depth) => remote.submitFromThread(deepen, [depth]));
    expect(futures[0].result()).toEqual([]);
    expect(futures[2].result()).toEqual([]);
    const error = futures[1].exception();
    expect([undefined, expect.objectContaining({ name: 'NotCloneableError' })]).toContainEqual(error);
    remote.close();
  });

  test('S14 after a timeout of result() the work goes on', async () => {
    const { grinder, gate } = await threadGrinder();
    const thread = client('timeout', grinder.threadHandle(), { gate: gate.cells });
    const timeouts = await thread.told('timed out');
    expect(timeouts).toEqual([0, 1].map(() => expect.objectContaining({ name: 'TimeoutError' })));
    expect(timeouts[0]).toMatchObject({ phase: 'result', owner: 'tenant-7', taskName: 'hold' });
    await gate.untilBegun();
    gate.open();
    expect(await thread.told('result')).toEqual([false, 'it went on']);
  });

  test('S14 done() takes in what has arrived, without blocking', async () => {
    const { grinder } = await threadGrinder();
    const thread = client('done', grinder.threadHandle(), { go: word() });
    expect(await thread.told('result')).toEqual([false, 9, undefined]);
  });

  test('S14 cancel() removes queued work promptly and lets running work be', async () => {
    const { grinder, gate, log } = await threadGrinder({ batchSizeThreshold: 1 });
    const [go, goOn] = [word(), word()];
    const thread = client('cancel', grinder.threadHandle(), { gate: gate.cells, log: log.cells, go, goOn });
    await thread.told('queued');
    await gate.untilBegun();
    raise(go);
    await thread.told('cancelled');
    await until(() => grinder.stats().totals.cancelled === 1);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 1 });
    raise(goOn);
    await until(() => grinder.stats().totals.cancelled === 2);
    gate.open();
    const { before, thrown, awaited, runningCancelled, late } = await thread.told('result');
    expect(before).toEqual([false, false, true, true, true]);
    for (const error of [thrown, awaited]) {
      expect(error).toMatchObject({ type: 'CancelledError', code: 'ABORT_ERR', owner: 'tenant-7' });
    }
    expect(runningCancelled).toBe(true);
    expect(late).toEqual([false, false]);
    await gate.untilFinished();
    expect(log.entries).toEqual([]);
    expect(grinder.stats().totals).toMatchObject({ submitted: 3, cancelled: 2, fulfilled: 1 });
  });

  test('S14 what is cancelled in the turn of its submission never runs', async () => {
    const { grinder, log } = await threadGrinder({ batchSizeThreshold: 1 });
    const thread = client('cancelUnsent', grinder.threadHandle(), { log: log.cells });
    const [cancelled, totals, pending] = await thread.told('result');
    expect([cancelled, totals.cancelled, pending]).toEqual([true, 1, 0]);
    expect(log.entries).toEqual([]);
  });

  test('S14 functions, references and source text are found as on the owning thread', async () => {
    const { grinder } = await threadGrinder();
    expect(await client('kindsOfTasks', grinder.threadHandle()).told('result')).toEqual([4, 9, 16, 5, false]);
  });

  test('S14 N11 an object given to two calls reaches each as its own copy', async () => {
    const { grinder } = await threadGrinder({ batchSizeThreshold: 2 });
    expect(await client('sharedArgument', grinder.threadHandle()).told('result')).toEqual([[1], [2]]);
  });

  test('S14 N3 timeoutSeconds and queueTimeoutSeconds hold for it', async () => {
    const { grinder, gate, log } = await threadGrinder({ batchSizeThreshold: 1 });
    const thread = client('queueTimeout', grinder.threadHandle(), { gate: gate.cells, log: log.cells });
    await thread.told('timed out');
    gate.open();
    const [queued, , run] = await thread.told('result');
    expect(queued).toMatchObject({ type: 'TimeoutError', phase: 'queue' });
    expect(run).toMatchObject({ type: 'TimeoutError', phase: 'run' });
    expect(log.entries).toEqual([]);
  });

  test('S14 N3 queueTimeoutSeconds counts from the call, however long the owner takes to hear of it', async () => {
    const { grinder, log } = await threadGrinder({ batchSizeThreshold: 1 });
    const [go, done] = [word(), word()];
    const thread = client('lateQueueTimeout', grinder.threadHandle(), { log: log.cells, go, done });
    await thread.told('connected');
    raise(go);
    blockUntil(done);
    expect(await thread.told('result')).toMatchObject({ type: 'TimeoutError', phase: 'queue' });
    await turns();
    expect(log.entries).toEqual([]);
  });

  test('S14 a full queue refuses it through the future', async () => {
    const { grinder } = await threadGrinder({
      batchSizeThreshold: 10,
      maxWaitSeconds: never,
      maxQueueSize: 2,
    });
    expect(await client('queueFull', grinder.threadHandle()).told('result')).toEqual([
      'ERR_LEASEPOOL_TIMEOUT',
      'ERR_LEASEPOOL_TIMEOUT',
      'ERR_LEASEPOOL_QUEUE_FULL',
    ]);
  });

  test('S24 misuse throws at once, and the message names what is wrong', async () => {
    const { grinder } = await threadGrinder();
    const thrown = await client('misuse', grinder.threadHandle()).told('result');
    const type = { type: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
    const value = { type: 'RangeError', code: 'ERR_OUT_OF_RANGE' };
    expect(thrown).toMatchObject({
      'no task': { type: 'TaskReferenceError' },
      closure: { type: 'TaskReferenceError', code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE' },
      'missing module': { type: 'TaskReferenceError' },
      'arguments of no array': { ...type, message: expect.stringContaining('args') },
      signal: { ...type, message: expect.stringContaining('signal') },
      transfer: { ...type, message: expect.stringContaining('transfer') },
      'wrong key': { ...type, message: expect.stringContaining('timeoutSeconds') },
      'owner of no string': { ...type, message: expect.stringContaining('owner') },
      'timeout 0': { ...value, message: expect.stringContaining('timeoutSeconds') },
      'queue timeout text': { ...type, message: expect.stringContaining('queueTimeoutSeconds') },
      'result NaN': value,
      'result text': type,
      'result key': { ...type, message: expect.stringContaining('timeoutSeconds') },
      'exception negative': value,
      'stats infinite': value,
      'stats true': type,
      'posting it': { name: 'DataCloneError' },
      'posting a future': { name: 'DataCloneError' },
    });
  });
});

describe('statsFromThread()', () => {
  test("S15 it blocks for the owner's stats", async () => {
    const { grinder } = await threadGrinder({ batchSizeThreshold: 7 });
    expect(await client('stats', grinder.threadHandle()).told('result')).toEqual(grinder.stats());
  });

  test('S15 it gives up after its timeout, and works again later', async () => {
    const { grinder } = await threadGrinder();
    const [go, done] = [word(), word()];
    const thread = client('statsTimeout', grinder.threadHandle(), { go, done });
    await thread.told('connected');
    raise(go);
    blockUntil(done);
    const { timeouts, later } = await thread.told('result');
    expect(timeouts).toEqual(
      [0, 1].map(() => expect.objectContaining({ name: 'TimeoutError', phase: 'result' })),
    );
    expect(later).toBe(true);
  });
});

describe('the wrong thread', () => {
  test('S16 on the owning thread the calls for other threads are refused', async () => {
    const { grinder } = await threadGrinder();
    const calls = [
      () => grinder.submitFromThread(echo, [1]),
      () => grinder.statsFromThread({ timeoutSeconds: 1 }),
      () => connectGrinder(grinder.threadHandle()),
    ];
    for (const call of calls) {
      expect(call).toThrow(WrongThreadError);
      expect(call).toThrow(/stats\(\)|enqueue\(\)/);
    }
  });

  test("S16 on another thread the owner's methods are refused, and the method to use is named", async () => {
    const { grinder } = await threadGrinder();
    const thrown = await client('ownersMethods', grinder.threadHandle()).told('result');
    const refusal = (method: string) =>
      expect.objectContaining({ type: 'WrongThreadError', message: expect.stringContaining(method) });
    expect(thrown).toEqual({
      submit: refusal('submitFromThread()'),
      enqueue: refusal('submitFromThread()'),
      stats: refusal('statsFromThread()'),
      astats: refusal('statsFromThread()'),
      start: refusal('start()'),
      stop: refusal('close()'),
    });
  });
});

describe('many at once', () => {
  test('S18 calls before the first result() travel together', async () => {
    const { grinder } = await threadGrinder({ batchSizeThreshold: 20, maxWaitSeconds: never });
    const [results, batches] = await client('together', grinder.threadHandle(), { count: 20 }).told('result');
    expect(results).toEqual(range(20).map((value) => value * value));
    expect(batches).toBe(1);
  });

  test('S18 S4 a thread is served in the order of its calls', async () => {
    const { grinder, log } = await threadGrinder();
    await client('inOrder', grinder.threadHandle(), { count: 500, log: log.cells }).told('result');
    expect(log.entries).toEqual(range(500));
  });

  test('S18 an answer wakes who waits for it, who need not look', async () => {
    const { grinder } = await threadGrinder({ batchSizeThreshold: 1 });
    const thread = client('oneByOne', grinder.threadHandle(), { count: 100 });
    const begun = performance.now();
    expect(await thread.told('result')).toEqual(range(100));
    // Looking takes 250 ms each time, so 25 s.
    expect(performance.now() - begun).toBeLessThan(12_000);
  });

  test('S13 S14 eight threads use one handle', async () => {
    const { grinder } = await threadGrinder({ manager: { workersPerPool: 2 }, dispatch: 'natural' });
    const count = 1_000;
    const threads = range(8).map((i) => client('many', grinder.threadHandle(), { count, first: i * count }));
    const results = await Promise.all(threads.map((thread) => thread.told('result')));
    expect(results).toEqual(range(8).map((i) => range(count, i * count)));
    expect(grinder.stats().totals).toMatchObject({ submitted: 8 * count, fulfilled: 8 * count });
  });

  test('S18 the main thread blocks on a grinder that a worker owns', async () => {
    const thread = owner();
    const remote = connectGrinder(await thread.told('handle'));
    const futures = range(3).map((value) => remote.submitFromThread(echo, [value]));
    expect(futures.map((future) => future.result({ timeoutSeconds: 5 }))).toEqual(range(3));
    expect(remote.statsFromThread({ timeoutSeconds: 5 }).totals.fulfilled).toBe(3);
    remote[Symbol.dispose]();
    expect(() => remote.statsFromThread()).toThrow(GrinderStoppedError);
  });

  test('S18 a worker reaches a grinder of another worker while the main thread is blocked', async () => {
    const thread = owner();
    const [go, done] = [word(), word()];
    const user = new Thread('threads-while-main-blocks.js', {
      handle: await thread.told('handle'),
      go,
      done,
    });
    await user.told('ready');
    raise(go);
    blockUntil(done);
    expect(await user.told('result')).toEqual([25, true]);
  });

  test('X9 a job may submit to the grinder that runs it, as long as a worker is free', async () => {
    const { grinder } = await threadGrinder({
      manager: { workersPerPool: 2 },
      dispatch: 'natural',
    });
    const nested = await grinder.submit(submitNested, [grinder.threadHandle(), 5]);
    expect(nested).toBe(25);
    const busy = new Gate();
    const holding = grinder.submit(hold, [busy.cells]);
    await busy.untilBegun();
    const deadlocked = grinder.submit(submitNested, [grinder.threadHandle(), 0.05]);
    await expect(deadlocked).rejects.toMatchObject({ name: 'TimeoutError', phase: 'result' });
    busy.open();
    await holding;
  });
});

test('S22 after a stop no channel, no port and no listener is left', async () => {
  const ports = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort').length;
  const { grinder, manager } = await threadGrinder();
  await setImmediate();
  const before = [ports(), process.listenerCount('exit')];
  const thread = client('blockingResult', grinder.threadHandle());
  await thread.told('result');
  expect(process.listenerCount('exit')).toBe(before[1] + 1);
  await thread.exited;
  await grinder.stop();
  await until(() => ports() <= before[0]);
  expect(process.listenerCount('exit')).toBe(before[1]);
  await manager.stop();
});
