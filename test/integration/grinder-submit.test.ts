import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { MessageChannel, Worker } from 'node:worker_threads';
import {
  BrokenExecutorError,
  CancelledError,
  GrinderStoppingError,
  LeasedExecutorManager,
  LeaseExpiredError,
  NotCloneableError,
  NotStartedError,
  QueueFullError,
  TaskReferenceError,
  taskRef,
  TimeoutError,
  WorkerCrashedError,
  WorkGrinder,
} from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Gate } from '../support/gate.ts';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { runProgram } from '../support/manager-child.ts';
import { recordingLogger, rejection } from '../support/manager-start.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { turns, until } from '../support/until.ts';
import {
  echo,
  exit,
  fail,
  giveFunction,
  hold,
  pause,
  record,
  recordValue,
  square,
  where,
} from '../tasks/grinder-tasks.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('submit() and enqueue()', () => {
  test('S8 submit() gives an ordinary promise of the result', async () => {
    const { grinder } = await threadGrinder();
    const promise = grinder.submit(square, [7]);
    expect(Object.getPrototypeOf(promise)).toBe(Promise.prototype);
    expect(await promise).toBe(49);
    expect(await grinder.submit(where)).toBeGreaterThan(0);
    await expect(grinder.submit(fail, ['bad'])).rejects.toThrow('bad');
  });

  test('S8 enqueue() gives a future at once, which is a native promise', async () => {
    const { grinder } = await threadGrinder();
    const future = grinder.enqueue(square, [7], { owner: 'seven' });
    expect(future).toBeInstanceOf(Promise);
    expect(future.owner).toBe('seven');
    expect(grinder.enqueue(square, [8]).owner).toBeUndefined();
    expect(await future).toBe(49);
    expect(await future.then((value) => value + 1)).toBe(50);
    await expect(grinder.enqueue(fail, ['bad']).finally(() => {})).rejects.toThrow('bad');
    expect(await Promise.all([future, grinder.enqueue(square, [9])])).toEqual([49, 81]);
  });

  test('S8 a future says whether its item waits, runs or has settled', async () => {
    const { grinder, gate } = await threadGrinder({ batchSizeThreshold: 2, maxWaitSeconds: never });
    const states = (future: { running(): boolean; done(): boolean; cancelled(): boolean }): boolean[] => [
      future.running(),
      future.done(),
      future.cancelled(),
    ];
    const future = grinder.enqueue(hold, [gate.cells]);
    expect(states(future)).toEqual([false, false, false]);
    const failing = grinder.enqueue(fail, ['bad']);
    await gate.untilBegun();
    expect(states(future)).toEqual([true, false, false]);
    expect(states(failing)).toEqual([true, false, false]);
    gate.open();
    await future;
    expect(states(future)).toEqual([false, true, false]);
    await expect(failing).rejects.toThrow('bad');
    expect(states(failing)).toEqual([false, true, false]);
    const cancelled = grinder.enqueue(where);
    cancelled.cancel();
    expect(states(cancelled)).toEqual([false, true, true]);
  });

  const outer = { value: 1 };
  const revoked = Proxy.revocable(() => {}, {});
  revoked.revoke();
  const loose = (...call: unknown[]) => call as [typeof where];
  const misuses: [string, [typeof where], object][] = [
    ['no task', loose(undefined), { code: 'ERR_LEASEPOOL_TASK_INVALID' }],
    ['null as task', loose(null), { code: 'ERR_LEASEPOOL_TASK_INVALID' }],
    ['the name of a task', loose('square'), { code: 'ERR_LEASEPOOL_TASK_INVALID' }],
    ['an object that is no reference', loose({ module: 5 }), { code: 'ERR_LEASEPOOL_TASK_INVALID' }],
    ['a closure', loose(() => outer.value), { code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE' }],
    ['a native function', loose(Math.sqrt, [4]), { code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE' }],
    ['a revoked proxy', loose(revoked.proxy), {}],
    ['arguments that are no array', loose(square, 7), { code: 'ERR_INVALID_ARG_TYPE' }],
    ['null as arguments', loose(square, null), { code: 'ERR_INVALID_ARG_TYPE' }],
    ['options that are no object', loose(square, [7], 5), { code: 'ERR_INVALID_ARG_TYPE' }],
    ['an unknown option', loose(square, [7], { timeout: 5 }), { code: 'ERR_INVALID_ARG_TYPE' }],
    ['a wrong option', loose(square, [7], { timeoutSeconds: -1 }), { code: 'ERR_OUT_OF_RANGE' }],
    [
      'an option that throws',
      loose(square, [7], {
        get owner() {
          throw new Error('hostile');
        },
      }),
      { message: 'hostile' },
    ],
  ];

  test.each(misuses)('S8 of %s enqueue() throws and submit() rejects', async (_, call, expected) => {
    const { grinder, backend } = await fakeGrinder({ batchSizeThreshold: 1 });
    expect(() => grinder.enqueue(...call)).toThrow();
    const promise = grinder.submit(...call);
    expect(await rejection(promise)).toMatchObject(expected);
    await turns();
    expect(backend.batches).toEqual([]);
    expect(grinder.stats()).toMatchObject({ pending: 0, totals: { submitted: 0 } });
  });

  test('S8 before start, while stopping and after stop enqueue() throws and submit() rejects', async () => {
    const manager = new LeasedExecutorManager({ workersPerPool: 1 });
    const grinder = new WorkGrinder({ executorManager: manager });
    const gate = new Gate();
    onTestFinished(async () => {
      gate.open();
      await grinder.stop({ cancelPending: true });
      await manager.stop({ timeoutSeconds: 0 });
    });
    const expectRefused = async (
      type: typeof NotStartedError,
      code: string,
      message: string,
    ): Promise<void> => {
      expect(() => grinder.enqueue(where)).toThrow(type);
      const error = await rejection(grinder.submit(where));
      expect(error).toBeInstanceOf(type);
      expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    };
    await expectRefused(NotStartedError, 'ERR_LEASEPOOL_NOT_STARTED', 'not started');

    await manager.start();
    await grinder.start();
    const running = grinder.submit(hold, [gate.cells, 'drained']);
    await gate.untilBegun();
    const stopped = grinder.stop();
    await expectRefused(GrinderStoppingError, 'ERR_LEASEPOOL_STOPPING', 'stopping');
    gate.open();
    expect(await running).toBe('drained');
    await stopped;
    await expectRefused(NotStartedError, 'ERR_LEASEPOOL_NOT_STARTED', 'not started');
  });

  test('S8 of a full queue enqueue() throws and submit() rejects', async () => {
    const { grinder } = await fakeGrinder({ maxQueueSize: 2, maxWaitSeconds: never });
    void grinder.enqueue(square, [0]);
    void grinder.enqueue(square, [1]);
    expect(() => grinder.enqueue(square, [2])).toThrow(QueueFullError);
    expect(await rejection(grinder.submit(square, [2]))).toMatchObject({ code: 'ERR_LEASEPOOL_QUEUE_FULL' });
    expect(grinder.stats()).toMatchObject({ pending: 2, totals: { submitted: 2 } });
  });

  test('S8 a grinder whose manager is not started rejects its items rather than keep them', async () => {
    const grinder = new WorkGrinder({ executorManager: new LeasedExecutorManager(), batchSizeThreshold: 1 });
    await grinder.start();
    await expect(grinder.submit(where)).rejects.toThrow(NotStartedError);
    await grinder.stop();
  });

  test('S8 100,000 submit() calls at once on two workers finish', async () => {
    const { grinder } = await threadGrinder({ manager: { workersPerPool: 2 } });
    const results = await Promise.all(range(100_000).map((value) => grinder.submit(square, [value])));
    expect(results.every((result, value) => result === value * value)).toBe(true);
    expect(grinder.stats()).toMatchObject({
      pending: 0,
      inFlight: 0,
      totals: { submitted: 100_000, fulfilled: 100_000 },
    });
  });
});

describe('rejections nobody waits for', () => {
  test('S9 a future that rejects before anyone awaits it raises no unhandledRejection', async () => {
    const result = await runProgram('grinder-program.js', 'future that fails unseen');
    expect(result).toEqual({
      exitCode: 0,
      stdout: 'caught Error\ncaught AbortError\ncaught AbortError\n',
      stderr: '',
    });
  });

  test('S9 submit() is an ordinary promise: a rejection nobody handles is reported', async () => {
    const { stdout } = await runProgram('grinder-program.js', 'promise that fails unseen');
    expect(stdout).toBe('unhandled failed\n');
  });
});

describe('what a job gets, and where its caller goes on', () => {
  test('S10 arguments are copied when their message leaves, not at submit()', async () => {
    const { grinder, log } = await threadGrinder({ batchSizeThreshold: 2, maxWaitSeconds: never });
    let copies = 0;
    const argument = {
      current: 1,
      get value() {
        copies++;
        return this.current;
      },
    };
    const waits = grinder.enqueue(recordValue, [log.cells, argument]);
    await turns();
    expect(copies).toBe(0);
    argument.current = 2;
    const leaves = grinder.enqueue(recordValue, [log.cells, argument]);
    expect(copies).toBe(0);
    argument.current = 3;
    await Promise.all([waits, leaves]);
    expect(log.entries).toEqual([3, 3]);
  });

  test('S10 a change after its message has left does not reach a job', async () => {
    const { grinder, gate, log } = await threadGrinder({ batchSizeThreshold: 2, maxWaitSeconds: never });
    const argument = { value: 1 };
    void grinder.enqueue(hold, [gate.cells]);
    const sent = grinder.enqueue(recordValue, [log.cells, argument]);
    await gate.untilBegun();
    await turns();
    argument.value = 2;
    gate.open();
    await sent;
    expect(log.entries).toEqual([1]);
  });

  test('S10 an item that is sent again is copied again, as it is then', async () => {
    const { grinder, gate, log } = await threadGrinder({
      batchSizeThreshold: 2,
      maxWaitSeconds: never,
      leaseSeconds: 0.2,
      manager: { maxPools: 2, minPools: 2, leaseGraceSeconds: never },
    });
    let copies = 0;
    const argument = {
      get value() {
        return ++copies;
      },
    };
    const running = grinder.enqueue(hold, [gate.cells]);
    const sentTwice = grinder.enqueue(recordValue, [log.cells, argument]);
    await gate.untilBegun();
    await sentTwice;
    expect(running.done()).toBe(false);
    expect(log.entries).toEqual([copies]);
    expect(copies).toBeGreaterThan(1);
  });

  test('S10 continuations see the async context in which they were attached', async () => {
    const { grinder } = await threadGrinder({ batchSizeThreshold: 3, maxWaitSeconds: never });
    const context = new AsyncLocalStorage<string>();
    const submitted = context.run('submitting', () => ({
      promise: grinder.submit(square, [1]),
      future: grinder.enqueue(square, [2]),
      awaited: (async () => {
        await grinder.submit(square, [3]);
        return context.getStore();
      })(),
    }));
    const seen = context.run('attaching', () =>
      [submitted.promise, submitted.future].map((promise) => promise.then(() => context.getStore())),
    );
    const outside = submitted.promise.then(() => context.getStore());
    expect(await Promise.all(seen)).toEqual(['attaching', 'attaching']);
    expect(await outside).toBeUndefined();
    expect(await submitted.awaited).toBe('submitting');
  });
});

describe('owner', () => {
  const owner = 'tenant-7';
  const about = (type: abstract new (...args: never[]) => Error, taskName: string) => ({ type, taskName });

  type Bundle = Awaited<ReturnType<typeof threadGrinder>>;
  const failures: Record<string, [ReturnType<typeof about>, (bundle: Bundle) => Promise<unknown>]> = {
    'cancel()': [
      about(CancelledError, 'square'),
      ({ grinder }) => {
        const future = grinder.enqueue(square, [1], { owner });
        future.cancel();
        return future;
      },
    ],
    'an aborted signal': [
      about(CancelledError, 'square'),
      ({ grinder }) => grinder.submit(square, [1], { owner, signal: AbortSignal.abort() }),
    ],
    'a cancelling stop': [
      about(CancelledError, 'hold'),
      async ({ grinder, gate }) => {
        const future = grinder.enqueue(hold, [gate.cells], { owner });
        await gate.untilBegun();
        await grinder.stop({ cancelPending: true });
        return future;
      },
    ],
    timeoutSeconds: [
      about(TimeoutError, 'pause'),
      ({ grinder }) => grinder.submit(pause, [60_000], { owner, timeoutSeconds: 0.01 }),
    ],
    queueTimeoutSeconds: [
      about(TimeoutError, 'square'),
      async ({ grinder, gate }) => {
        void grinder.enqueue(hold, [gate.cells]);
        await gate.untilBegun();
        return grinder.submit(square, [1], { owner, queueTimeoutSeconds: 0.01 });
      },
    ],
    'a dead worker': [
      about(WorkerCrashedError, 'exit'),
      ({ grinder }) => grinder.submit(exit, [3], { owner }),
    ],
    'an argument that cannot be copied': [
      about(NotCloneableError, 'echo'),
      ({ grinder }) => grinder.submit(echo, [() => {}], { owner }),
    ],
    'a result that cannot be copied': [
      about(NotCloneableError, 'giveFunction'),
      ({ grinder }) => grinder.submit(giveFunction, [], { owner }),
    ],
    'a task that is not there': [
      about(TaskReferenceError, 'missing'),
      ({ grinder }) =>
        grinder.submit(taskRef<() => void>(tasksUrl('grinder-tasks.js'), 'missing'), [], { owner }),
    ],
    'an expired lease': [
      about(LeaseExpiredError, 'hold'),
      ({ grinder, gate }) => grinder.submit(hold, [gate.cells], { owner }),
    ],
    'a stopped manager': [
      about(NotStartedError, 'square'),
      async ({ manager, grinder, gate }) => {
        void grinder.enqueue(hold, [gate.cells]);
        await gate.untilBegun();
        const future = grinder.enqueue(square, [1], { owner });
        void manager.stop({ timeoutSeconds: 0 });
        return future;
      },
    ],
    'a full queue': [
      about(QueueFullError, 'square'),
      ({ grinder, gate }) => {
        for (const value of range(5)) void grinder.enqueue(hold, [gate.cells, value]);
        return grinder.submit(square, [1], { owner });
      },
    ],
  };

  test.each(Object.keys(failures))('S11 owner and task name are on the error of %s', async (cause) => {
    const [expected, run] = failures[cause];
    const bundle = await threadGrinder({
      batchSizeThreshold: 1,
      maxQueueSize: 5,
      leaseSeconds: cause === 'an expired lease' ? 0.2 : never,
      manager: { leaseGraceSeconds: 0 },
    });
    const error = await rejection(run(bundle));
    expect(error).toBeInstanceOf(expected.type);
    expect(error).toMatchObject({ owner, taskName: expected.taskName });
  });

  test('S11 owner and task name are on the errors raised at the call', async () => {
    const { manager, grinder, gate } = await threadGrinder();
    const outer = 1;
    const closure = (): number => outer;
    const missing = { module: 'nowhere:', name: 'missing' } as never;
    const calls = (task: never, args: never): Promise<unknown>[] => [
      grinder.submit(task, args, { owner }),
      (async () => grinder.enqueue(task, args, { owner }))(),
      (async () => grinder.map([1], task, { owner }).next())(),
    ];
    const errorsOf = async (task: unknown): Promise<unknown[]> =>
      Promise.all(calls(task as never, [1] as never).map(rejection));
    const about = (code: string, taskName: string): unknown[] =>
      Array(3).fill(expect.objectContaining({ code: `ERR_LEASEPOOL_${code}`, owner, taskName }));
    expect(await errorsOf(closure)).toEqual(about('TASK_NOT_PORTABLE', 'closure'));
    expect(await errorsOf(missing)).toEqual(about('TASK_MODULE', 'missing'));
    expect(() => grinder.submitFromThread(square, [1], { owner })).toThrow(
      expect.objectContaining({ name: 'WrongThreadError', owner, taskName: 'square' }),
    );
    const lease = await manager.acquire();
    const refused = [
      lease.run(closure, [], { owner }),
      (async () => lease.enqueue(closure, [], { owner }))(),
      lease.runBatch(closure, [[]], { owner }).then(([outcome]) => Promise.reject((outcome as any).reason)),
    ];
    expect(await Promise.all(refused.map(rejection))).toEqual(about('TASK_NOT_PORTABLE', 'closure'));
    await lease.release();

    void grinder.enqueue(hold, [gate.cells]);
    await gate.untilBegun();
    const stopped = grinder.stop();
    expect(await errorsOf(square)).toEqual(about('STOPPING', 'square'));
    gate.open();
    await stopped;
    expect(await errorsOf(square)).toEqual(about('NOT_STARTED', 'square'));
    expect(await errorsOf(taskRef<() => void>(tasksUrl('grinder-tasks.js'), 'named'))).toEqual(
      about('NOT_STARTED', 'named'),
    );
    expect(await rejection(grinder.submit(square, [1]))).not.toHaveProperty('owner');
  });

  test('S11 the errors of a mapping that ends say whose it was', async () => {
    const { grinder } = await threadGrinder();
    const about = { owner, taskName: 'square' };
    const cancelled = new AbortController();
    const mapping = grinder.map([1, 2], square, { owner, signal: cancelled.signal });
    await mapping.next();
    cancelled.abort('why');
    expect(await rejection(mapping.next())).toMatchObject({ ...about, code: 'ABORT_ERR', cause: 'why' });
    const endless = grinder.map(
      (function* () {
        for (;;) yield 1;
      })(),
      square,
      { owner },
    );
    await endless.next();
    const stopped = grinder.stop();
    const readOn = async (): Promise<void> => {
      for await (const _ of endless);
    };
    expect(await rejection(readOn())).toMatchObject({ ...about, code: 'ERR_LEASEPOOL_STOPPING' });
    await stopped;
  });

  test('S11 the error a job threw is left as it is', async () => {
    const { grinder } = await threadGrinder();
    const error = await rejection(grinder.submit(fail, ['its own'], { owner }));
    expect(error).toMatchObject({ name: 'Error', message: 'its own' });
    expect(error).not.toHaveProperty('owner');
    expect(error).not.toHaveProperty('taskName');
  });

  test('S11 without an owner there is none on the error', async () => {
    const { grinder } = await threadGrinder();
    const error = await rejection(grinder.submit(exit, [3]));
    expect(error.taskName).toBe('exit');
    expect(error.owner).toBeUndefined();
  });

  test('S11 owner is in the log lines about an item that ended its worker', async () => {
    const logger = recordingLogger();
    const { grinder } = await threadGrinder({ logger, manager: { logger } });
    await rejection(grinder.submit(exit, [3], { owner }));
    await rejection(grinder.submit(pause, [60_000], { owner: 'tenant-8', timeoutSeconds: 0.01 }));
    expect(await grinder.submit(square, [2])).toBe(4);
    const lines = logger.entries.map(({ message, fields }) => message + inspect(fields));
    expect(lines).toContainEqual(expect.stringContaining(owner));
    expect(lines).toContainEqual(expect.stringContaining('tenant-8'));
  });

  test("S11 a lease's owner is in manager.stats()", async () => {
    const { manager } = await fakeGrinder({ manager: { maxPools: 2 } });
    const named = await manager.acquire({ owner });
    await manager.acquire();
    expect(named.owner).toBe(owner);
    expect(manager.stats().leases.map((lease) => lease.owner)).toEqual([owner, undefined]);
  });
});

describe('posting to another thread', () => {
  const ways: Record<string, (value: unknown) => unknown> = {
    'postMessage()': (value) => {
      const { port1, port2 } = new MessageChannel();
      onTestFinished(() => port2.close());
      return port1.postMessage(value);
    },
    'structuredClone()': (value) => structuredClone(value),
    workerData: (value) => new Worker('', { eval: true, workerData: value }),
  };

  test.each(Object.keys(ways))('S12 a grinder or a manager given to %s fails loudly', async (way) => {
    const { manager, grinder } = await fakeGrinder();
    for (const value of [manager, grinder]) {
      for (const message of [value, { nested: [value] }, new Map([['key', value]])]) {
        expect(() => ways[way](message)).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
      }
    }
    expect(() => structuredClone({ ordinary: true })).not.toThrow();
  });

  test('S12 as an argument of a job a grinder or a manager fails that item', async () => {
    const { manager, grinder } = await threadGrinder();
    for (const value of [manager, grinder]) {
      const mate = grinder.submit(square, [3]);
      await expect(grinder.submit(echo, [value])).rejects.toThrow(NotCloneableError);
      expect(await mate).toBe(9);
    }
  });
});

describe('a submission that fails part-way', () => {
  const setup = () => fakeGrinder({ batchSizeThreshold: 4, maxWaitSeconds: never });

  test.each([0, 1, 3])(
    'S31 with %i items submitted those get their real outcome and the rest the failure',
    async (after) => {
      const { grinder, backend } = await setup();
      const failure = new Error('no more room');
      backend.pools[0].refuseNext = { after, error: failure };
      const settled = Promise.allSettled(range(4).map((value) => grinder.enqueue(echo, [value])));
      await until(() => grinder.stats().totals.rejected === 4 - after);
      expect(backend.sent).toEqual([range(after)]);
      for (const call of backend.calls) {
        if (call.args[0] === 1) call.reject(new RangeError('its own'));
        else call.fulfil(call.args[0]);
      }
      const expected = range(4).map((value) => {
        if (value >= after) return { status: 'rejected', reason: failure };
        if (value === 1) return { status: 'rejected', reason: new RangeError('its own') };
        return { status: 'fulfilled', value };
      });
      expect(await settled).toEqual(expected);
      expect(backend.batches).toHaveLength(1);
    },
  );

  test('S31 when the executor broke the rest run elsewhere, in order', async () => {
    const { grinder, backend } = await fakeGrinder({
      batchSizeThreshold: 4,
      maxWaitSeconds: never,
      manager: { maxPools: 2, minPools: 2 },
    });
    const broken = new BrokenExecutorError('no worker comes up');
    for (const pool of backend.pools) pool.refuseNext = { after: 2, error: broken };
    const futures = range(4).map((value) => grinder.enqueue(echo, [value]));
    await until(() => backend.calls.length === 4);
    expect(backend.sent).toEqual([
      [0, 1],
      [2, 3],
    ]);
    backend.calls.forEach((call) => call.fulfil(call.args[0]));
    expect(await Promise.all(futures)).toEqual(range(4));
  });

  test('S31 an executor that throws, against the rules, fails the items it was given', async () => {
    const { grinder, backend } = await setup();
    const thrown = new Error('against the rules');
    backend.pools[0].throwNext = thrown;
    const settled = await Promise.allSettled(range(4).map((value) => grinder.enqueue(echo, [value])));
    expect(settled).toEqual(range(4).map(() => ({ status: 'rejected', reason: thrown })));
  });

  test('S31 an item of the batch that cannot be copied fails alone', async () => {
    const { grinder, log } = await threadGrinder({ batchSizeThreshold: 4, maxWaitSeconds: never });
    const jobs = range(4).map((entry) =>
      grinder.submit(record, [log.cells, entry, entry === 2 ? () => {} : 0]),
    );
    const settled = await Promise.allSettled(jobs);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(await rejection(jobs[2])).toBeInstanceOf(NotCloneableError);
    expect(log.entries).toEqual([0, 1, 3]);
  });
});
