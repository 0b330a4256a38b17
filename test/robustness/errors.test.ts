import {
  type ExecutorLease,
  LeasedExecutorManager,
  type LeasedExecutorManagerOptions,
  NotCloneableError,
  type Task,
  TimeoutError,
  WorkerCrashedError,
} from 'leasepool';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gate } from '../support/gate.ts';
import { rejection, startGrinder, startManager } from '../support/manager-start.ts';
import { SharedLog } from '../support/shared-log.ts';
import { turns, until } from '../support/until.ts';
import { endAt, endIdle, endLater, overflow } from '../tasks/manager-crashes.js';
import { giving, givingNested } from '../tasks/manager-results.js';
import { tasks } from '../tasks/manager-tasks.js';
import { rejecting, throwing } from '../tasks/manager-throws.js';

const hour = 3600;

/** A lease of the only pool, whose one worker is a thread. */
async function setup(options: LeasedExecutorManagerOptions = {}) {
  const manager = await startManager(options);
  return { manager, lease: await manager.acquire(), gate: new Gate(), log: new SharedLog() };
}

/** One lease for a group of tests that replace its workers at most; gate and log are new for each. */
function shared(options: LeasedExecutorManagerOptions = {}) {
  const manager = new LeasedExecutorManager({ workersPerPool: 1, defaultLeaseSeconds: hour, ...options });
  let lease: ExecutorLease;
  beforeAll(async () => {
    await manager.start();
    lease = await manager.acquire();
  });
  afterAll(() => manager.stop({ timeoutSeconds: 0 }));
  return () => ({ lease, gate: new Gate(), log: new SharedLog() });
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Runs a task so often that its pool knows it to be short, and sends many of its calls in one message. */
async function warmUp<A extends readonly unknown[]>(
  lease: ExecutorLease,
  task: Task<A, unknown>,
  args: A,
): Promise<void> {
  await lease.runBatch(
    task,
    range(50).map(() => args),
  );
}

/** What is thrown between two jobs that succeed, one message for all three. */
async function thrownAmongMates(lease: ExecutorLease, what: string): Promise<any> {
  const [before, outcome, after] = await Promise.allSettled([
    lease.run(tasks.echo, ['before']),
    lease.run(throwing, [what]),
    lease.run(tasks.echo, ['after']),
  ]);
  expect([before, after]).toMatchObject([{ value: 'before' }, { value: 'after' }]);
  if (outcome.status === 'fulfilled') throw new Error('it did not throw');
  return outcome.reason;
}

describe('what a job throws', () => {
  const inGroup = shared();

  test.each([
    ['error', Error, 'plain'],
    ['typeError', TypeError, 'type'],
    ['rangeError', RangeError, 'range'],
    ['syntaxError', SyntaxError, 'syntax'],
    ['referenceError', ReferenceError, 'reference'],
    ['evalError', EvalError, 'eval'],
    ['uriError', URIError, 'uri'],
    ['noMessage', Error, ''],
  ] as const)('S29 a built-in error keeps its class: %s', async (what, type, message) => {
    const { lease } = inGroup();
    const error = await thrownAmongMates(lease, what);
    expect(error).toBeInstanceOf(type);
    expect(Object.getPrototypeOf(error)).toBe(type.prototype);
    expect(error.name).toBe(type.name);
    expect(error.message).toBe(message);
  });

  test('S29 the stack is that of the worker', async () => {
    const { lease } = inGroup();
    const { stack } = await thrownAmongMates(lease, 'typeError');
    expect(stack).toContain('TypeError: type');
    expect(stack).toMatch(/typeError .*manager-throws\.js:\d+:\d+/);
  });

  test('S29 the name, code and fields of an own class arrive, and its causes', async () => {
    const { lease } = inGroup();
    const error = await thrownAmongMates(lease, 'payment');
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'PaymentError',
      message: 'declined',
      code: 'E_PAYMENT',
      amount: 12n,
    });
    expect(error.details).toEqual({ items: new Map([['key', [1, 2]]]), when: new Date(0) });
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error.cause.message).toBe('card');
    expect(error.cause.stack).toContain('manager-throws.js');
    expect(error.cause.cause).toBe('expired');
  });

  test('S29 a code that the class gives arrives too', async () => {
    const { lease } = inGroup();
    expect(await thrownAmongMates(lease, 'codeOnPrototype')).toMatchObject({ code: 'E_GETTER' });
    expect(await thrownAmongMates(lease, 'systemError')).toMatchObject({
      message: 'no such file',
      code: 'ENOENT',
      errno: -2,
      path: '/nowhere',
    });
  });

  test('S29 the errors of an AggregateError arrive', async () => {
    const { lease } = inGroup();
    const error = await thrownAmongMates(lease, 'aggregate');
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.message).toBe('several');
    expect(error.errors).toHaveLength(3);
    expect(error.errors[0]).toBeInstanceOf(TypeError);
    expect(error.errors[1]).toBe('second');
    expect(error.errors[2]).toBeInstanceOf(RangeError);
  });

  test('S29 an AbortError of the job is not taken for a cancel of the caller', async () => {
    const { lease } = inGroup();
    const future = lease.enqueue(throwing, ['domException']);
    const error = await rejection(future);
    expect(error).toMatchObject({ name: 'AbortError', message: 'aborted by the job' });
    expect(future.cancelled()).toBe(false);
    expect(error.code).not.toBe('ABORT_ERR');
  });

  test('S29 an error that is its own cause arrives', async () => {
    const { lease } = inGroup();
    const error = await thrownAmongMates(lease, 'selfCause');
    expect(error.message).toBe('of itself');
    expect(error.cause === error || error.cause === undefined).toBe(true);
  });

  test('S29 a long chain of causes arrives as far as it goes', async () => {
    const { lease } = inGroup();
    const error = await thrownAmongMates(lease, 'deepCause');
    expect(error.message).toBe('cause 999');
    expect(error.cause.cause.cause.message).toBe('cause 996');
  });

  test.each([
    ['functionField', { message: 'carries a function', kept: 'kept' }],
    ['hostileField', { message: 'carries a trap', kept: 'kept' }],
    ['hostileStack', { message: 'hides its stack' }],
    ['hostileMessage', { name: 'TypeError' }],
    ['hostileName', { message: 'hides its name' }],
    ['proxiedError', {}],
  ])('S29 an error of which something cannot be read arrives with the rest: %s', async (what, rest) => {
    const { lease } = inGroup();
    const error = await thrownAmongMates(lease, what);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject(rest);
  });

  test.each([
    ['null', null],
    ['undefined', undefined],
    ['zero', 0],
    ['emptyString', ''],
    ['false', false],
    ['bigint', 42n],
    ['string', 'text'],
    ['object', { reason: 'an object', nested: [1, new Map([[1, 2]])] }],
    ['noPrototype', { reason: 'bare' }],
    ['date', new Date(0)],
  ])('S29 a thrown value that is no error arrives as it is: %s', async (what, value) => {
    const { lease } = inGroup();
    expect(await thrownAmongMates(lease, what)).toEqual(value);
    const rejected = await lease.run(rejecting, [what]).then(
      () => 'it did not reject',
      (reason: unknown) => reason,
    );
    expect(rejected).toEqual(value);
  });

  test.each(['function', 'symbol', 'promise', 'weakMap', 'proxy', 'revokedProxy', 'getter'])(
    'S29 a thrown value that cannot be copied becomes a NotCloneableError: %s',
    async (what) => {
      const { lease } = inGroup();
      const error = await thrownAmongMates(lease, what);
      expect(error).toBeInstanceOf(NotCloneableError);
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_NOT_CLONEABLE', taskName: 'throwing' });
    },
  );

  test('S29 jobs that throw in a row each fail with their own error', async () => {
    const { lease } = await setup({ workersPerPool: 2 });
    const outcomes = await lease.runBatch(
      tasks.fail,
      range(200).map((index) => [`error ${index}`] as const),
    );
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.message)).toEqual(
      range(200).map((index) => `error ${index}`),
    );
    expect(new Set(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).size).toBe(
      200,
    );
  });

  test('S29 jobs that throw harm none of the many that travel with them', async () => {
    const { lease } = inGroup();
    await warmUp(lease, tasks.failOdd, [0]);
    const outcomes = await lease.runBatch(
      tasks.failOdd,
      range(400).map((value) => [value] as const),
    );
    expect(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.message)),
    ).toEqual(range(400).map((value) => (value % 2 === 0 ? value : `odd ${value}`)));
  });

  test('S29 the same goes for a grinder', async () => {
    const { manager, lease } = await setup();
    await lease.release();
    const grinder = await startGrinder({
      executorManager: manager,
      batchSizeThreshold: 3,
      maxWaitSeconds: hour,
    });
    const outcomes = await Promise.allSettled([
      grinder.submit(tasks.echo, [1]),
      grinder.submit(throwing, ['payment'], { owner: 'me' }),
      grinder.submit(tasks.echo, [3]),
    ]);
    expect(outcomes).toMatchObject([
      { value: 1 },
      { reason: { name: 'PaymentError', code: 'E_PAYMENT' } },
      { value: 3 },
    ]);
  });
});

describe('what cannot be copied', () => {
  const inGroup = shared();

  const hostile = {
    get trap(): never {
      throw new Error('do not look');
    },
  };
  const deep = range(200_000).reduce<unknown>((inner) => [inner], []);
  const detached = new ArrayBuffer(8);
  structuredClone(detached, { transfer: [detached] });

  const arguments_: readonly [string, unknown][] = [
    ['a function', () => {}],
    ['a function deep inside', { list: [{ callback() {} }] }],
    ['a symbol', Symbol('argument')],
    ['a promise', Promise.resolve(1)],
    ['a WeakMap', new WeakMap()],
    ['a getter that throws', hostile],
    ['a proxy', new Proxy({}, {})],
    ['something nested too deep', deep],
    ['a detached buffer', detached],
  ];

  test.each(arguments_)('S30 %s as an argument fails its item alone', async (_what, argument) => {
    const { lease } = inGroup();
    await warmUp(lease, tasks.lengthOf, [[]]);
    const calls = range(40).map((index) => [index === 20 ? argument : range(index)] as const);
    const outcomes = await lease.runBatch(tasks.lengthOf, calls);
    const { reason } = outcomes[20] as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(NotCloneableError);
    expect(reason).toMatchObject({ code: 'ERR_LEASEPOOL_NOT_CLONEABLE', taskName: 'lengthOf' });
    expect(outcomes.toSpliced(20, 1)).toEqual(
      range(40)
        .toSpliced(20, 1)
        .map((value) => ({ status: 'fulfilled', value })),
    );
  });

  test('S30 a task that could not be sent at first can be sent later', async () => {
    const { lease } = inGroup();
    const thread = await lease.run(tasks.whichThread);
    await expect(lease.run(tasks.echo, [() => {}])).rejects.toBeInstanceOf(NotCloneableError);
    expect(await lease.run(tasks.add, [1, 2])).toBe(3);
    expect(await lease.run(tasks.echo, ['now'])).toBe('now');
    expect(await lease.run(tasks.whichThread)).toBe(thread);
  });

  test.each(['function', 'symbol', 'weakMap', 'promiseInside', 'getter', 'proxy', 'deep'])(
    'S30 a result that cannot be copied fails its item alone: %s',
    async (what) => {
      const { lease } = inGroup();
      await warmUp(lease, giving, ['fine']);
      const calls = range(40).map((index) => [index === 20 ? what : 'fine'] as const);
      const outcomes = await lease.runBatch(giving, calls, { owner: 'me' });
      expect(outcomes[20]).toMatchObject({
        reason: { code: 'ERR_LEASEPOOL_NOT_CLONEABLE', owner: 'me', taskName: 'giving' },
      });
      expect(outcomes.toSpliced(20, 1)).toEqual(
        range(39).map(() => ({ status: 'fulfilled', value: 'fine' })),
      );
    },
  );

  test('S30 the error names the part that cannot be copied', async () => {
    const { lease } = inGroup();
    const result = await rejection(lease.run(giving, ['transform']));
    expect(result).toMatchObject({ path: 'result.headers.transform' });
    const argument = await rejection(lease.run(tasks.add, [1, { headers: { transform() {} } }]));
    expect(argument.path).toMatch(/1.*headers\.transform$/);
  });

  test('S30 a result that only the receiving side finds too deep takes no other result with it', async () => {
    const { lease } = inGroup();
    await warmUp(lease, givingNested, [0]);
    for (const depth of [500, 1000, 2000, 3000, 5000, 10_000]) {
      const outcomes = await lease.runBatch(
        givingNested,
        range(40).map((index) => [index === 20 ? depth : 0] as const),
      );
      expect(outcomes.toSpliced(20, 1)).toEqual(range(39).map(() => ({ status: 'fulfilled', value: {} })));
      const deepOne = outcomes[20]!;
      if (deepOne.status === 'rejected') expect(deepOne.reason).toBeInstanceOf(NotCloneableError);
    }
  });

  test('S30 one that cannot be sent among many leaves the transferables of the others intact', async () => {
    const { lease } = inGroup();
    const buffers = range(4).map((index) => new Uint8Array(8).fill(index).buffer);
    const jobs = buffers.map((buffer) => lease.run(tasks.keep, [buffer], { transfer: [buffer] }));
    const refused = new ArrayBuffer(8);
    const bad = rejection(lease.run(tasks.keep, [{ refused, callback() {} }], { transfer: [refused] }));
    const last = new ArrayBuffer(16);
    jobs.push(lease.run(tasks.keep, [last], { transfer: [last] }));
    expect(await Promise.all(jobs)).toEqual([8, 8, 8, 8, 16]);
    expect(await bad).toBeInstanceOf(NotCloneableError);
    expect(refused.byteLength).toBe(8);
    expect(last.byteLength).toBe(0);
  });

  test.each(['lease', 'grinder'] as const)(
    'S30 of two items that move the same buffer, the first keeps it: through a %s',
    async (through) => {
      const { manager, lease } = await setup();
      if (through === 'grinder') await lease.release();
      const by =
        through === 'lease'
          ? lease
          : await startGrinder({ executorManager: manager, batchSizeThreshold: 3, maxWaitSeconds: hour });
      const submit = (...job: [any, any[], object?]): Promise<unknown> =>
        'run' in by ? by.run(...job) : by.submit(...job);
      const buffer = new ArrayBuffer(8);
      const outcomes = await Promise.allSettled([
        submit(tasks.keep, [buffer], { transfer: [buffer] }),
        submit(tasks.keep, [buffer], { transfer: [buffer] }),
        submit(tasks.echo, ['mate']),
      ]);
      expect(outcomes).toMatchObject([
        { value: 8 },
        { reason: { code: 'ERR_LEASEPOOL_NOT_CLONEABLE' } },
        { value: 'mate' },
      ]);
    },
  );

  test.each([
    ['a detached buffer', (): object => detached],
    ['a buffer listed twice', (): object[] => [new ArrayBuffer(8)].flatMap((buffer) => [buffer, buffer])],
    ['an object that cannot be moved', (): object => ({})],
  ])('S30 %s in a transfer list fails its item alone', async (_what, make) => {
    const { lease } = inGroup();
    const listed = [make()].flat();
    const outcomes = await Promise.allSettled([
      lease.run(tasks.echo, ['before']),
      lease.run(tasks.nothing, [], { transfer: listed as never }),
      lease.run(tasks.echo, ['after']),
    ]);
    expect(outcomes).toMatchObject([
      { value: 'before' },
      { reason: { code: 'ERR_LEASEPOOL_NOT_CLONEABLE' } },
      { value: 'after' },
    ]);
  });

  test('S30 an argument whose getter cancels another item harms nobody', async () => {
    const { lease, gate, log } = inGroup();
    const held = lease.run(tasks.hold, [gate.cells, 'held']);
    await gate.untilBegun();
    const victim = lease.enqueue(tasks.record, [log.cells, 1]);
    const meddling = lease.run(tasks.echo, [
      {
        get value() {
          victim.cancel();
          return 'meddled';
        },
      },
    ]);
    gate.open();
    expect(await held).toBe('held');
    expect(await meddling).toEqual({ value: 'meddled' });
    const [outcome] = await Promise.allSettled([victim]);
    expect(log.entries).toEqual(outcome.status === 'fulfilled' ? [1] : log.entries);
    expect(await lease.run(tasks.echo, ['unharmed'])).toBe('unharmed');
  });
});

describe('workers that die', () => {
  const inGroup = shared();

  const ways = ['exit0', 'exit3', 'uncaught', 'unhandled'] as const;

  /** Runs jobs of which one ends its worker. */
  async function runWithVictim(
    submit: (...job: any[]) => Promise<unknown>,
    { jobs, victim, how }: { jobs: number; victim: number; how: string },
  ) {
    const log = new SharedLog();
    const outcomes = await Promise.allSettled(
      range(jobs).map((entry) => submit(endAt, [log.cells, entry, victim, how])),
    );
    const failed = range(jobs).filter((entry) => outcomes[entry]!.status === 'rejected');
    const starts = log.entries.toSorted((a, b) => a - b);
    return { outcomes, failed, starts };
  }

  describe('in a pool of two', () => {
    const inPool = shared({ workersPerPool: 2 });

    test.each(ways)('N1 a job that ends its worker fails alone, no job starts twice: %s', async (how) => {
      const { lease } = inPool();
      const submit = (task: any, args: any): Promise<unknown> => lease.run(task, args);
      const { outcomes, failed, starts } = await runWithVictim(submit, { jobs: 40, victim: 13, how });
      expect(failed).toEqual([13]);
      expect(starts).toEqual(range(40));
      const { reason } = outcomes[13] as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(WorkerCrashedError);
      expect(reason).toMatchObject({
        code: 'ERR_LEASEPOOL_WORKER_CRASHED',
        phase: 'running',
        taskName: 'endAt',
      });
      if (how === 'exit0') expect(reason.exitCode).toBe(0);
      if (how === 'exit3') expect(reason.exitCode).toBe(3);
      if (how === 'uncaught')
        expect(reason.cause).toMatchObject({ name: 'TypeError', message: 'thrown late' });
      if (how === 'unhandled')
        expect(reason.cause).toMatchObject({ name: 'TypeError', message: 'rejected late' });
      expect(lease.active).toBe(true);
      expect(await lease.run(tasks.echo, ['works on'])).toBe('works on');
    });

    test.each([0, 1, 500, 999])(
      'N1 with a thousand short jobs, a death at job %d loses no result',
      async (victim) => {
        const { lease } = inPool();
        const submit = (task: any, args: any): Promise<unknown> => lease.run(task, args);
        const { failed, starts } = await runWithVictim(submit, { jobs: 1000, victim, how: 'exit3' });
        expect(failed).toEqual([victim]);
        expect(starts).toEqual(range(1000));
      },
    );
  });

  test.each([1, 2])(
    'N1 under a grinder, a job that ends its worker fails alone, no job starts twice: a pool of %d',
    async (workersPerPool) => {
      const { manager, lease } = await setup({ workersPerPool });
      await lease.release();
      const grinder = await startGrinder({
        executorManager: manager,
        batchSizeThreshold: 20,
        maxWaitSeconds: 0.01,
      });
      const submit = (task: any, args: any): Promise<unknown> => grinder.submit(task, args, { owner: 'me' });
      const { outcomes, failed, starts } = await runWithVictim(submit, {
        jobs: 100,
        victim: 50,
        how: 'exit3',
      });
      expect(failed).toEqual([50]);
      expect(starts).toEqual(range(100));
      expect((outcomes[50] as PromiseRejectedResult).reason).toMatchObject({
        code: 'ERR_LEASEPOOL_WORKER_CRASHED',
        phase: 'running',
        exitCode: 3,
        owner: 'me',
      });
      expect(grinder.stats().totals).toMatchObject({
        submitted: 100,
        fulfilled: 99,
        rejected: 1,
        cancelled: 0,
      });
    },
  );

  test('N1 of several workers, only the one that dies has its job blamed', async () => {
    const { lease, gate } = await setup({ workersPerPool: 3 });
    const gates = [new Gate(), new Gate()];
    const others = gates.map(({ cells }, index) => lease.run(tasks.hold, [cells, index]));
    const dying = rejection(lease.run(tasks.holdAndExit, [gate.cells, 4]));
    await Promise.all([gate, ...gates].map((each) => each.untilBegun()));
    gate.open();
    expect(await dying).toMatchObject({ phase: 'running', exitCode: 4 });
    gates.forEach((each) => each.open());
    expect(await Promise.all(others)).toEqual([0, 1]);
  });

  test('N1 an item with transfer whose worker dies before it begins fails with phase "queued"', async () => {
    const { lease, gate, log } = inGroup();
    await lease.run(endIdle, [gate.cells]);
    await gate.untilBegun();
    const buffer = new ArrayBuffer(8);
    const moved = rejection(lease.run(tasks.keep, [buffer], { transfer: [buffer], owner: 'me' }));
    const copied = lease.run(tasks.record, [log.cells, 1]);
    await until(() => buffer.byteLength === 0, 'the buffer has left');
    gate.open();
    expect(await moved).toMatchObject({
      code: 'ERR_LEASEPOOL_WORKER_CRASHED',
      phase: 'queued',
      exitCode: 5,
      owner: 'me',
      taskName: 'keep',
    });
    expect(await copied).toBe(1);
    expect(log.entries).toEqual([1]);
  });

  test('N1 what waits at a worker that dies before beginning it runs elsewhere, with its arguments', async () => {
    const { lease, gate, log } = inGroup();
    await lease.run(endIdle, [gate.cells]);
    await gate.untilBegun();
    const waiting = lease.enqueue(tasks.record, [log.cells, 7]);
    await until(() => waiting.running());
    await turns();
    gate.open();
    expect(await waiting).toBe(7);
    expect(log.entries).toEqual([7]);
  });

  test.each(['uncaught', 'unhandled'])(
    'N2 an error let loose by a job that has returned fails nobody: %s',
    async (how) => {
      const { lease, log } = await setup();
      // Loads its module, lest the last job is still loading it when the worker dies.
      await lease.run(tasks.nothing);
      const results = await Promise.all(
        range(30).map((entry) => lease.run(endLater, [log.cells, entry, 13, how])),
      );
      expect(results).toEqual(range(30));
      expect(log.entries.toSorted((a, b) => a - b)).toEqual(range(30));
      expect(await lease.run(tasks.echo, ['works on'])).toBe('works on');
    },
  );

  test('N2 a worker that dies between jobs fails nothing', async () => {
    const { lease, gate } = inGroup();
    const before = await lease.run(tasks.whichThread);
    await lease.run(endIdle, [gate.cells]);
    gate.open();
    let after = before;
    while (after === before) after = await lease.run(tasks.whichThread);
    expect(lease.active).toBe(true);
  });

  test('N2 a stack overflow is the error of its job, and its worker stays', async () => {
    const { lease } = inGroup();
    const before = await lease.run(tasks.whichThread);
    await expect(lease.run(overflow)).rejects.toBeInstanceOf(RangeError);
    expect(await lease.run(tasks.whichThread)).toBe(before);
  });

  test('N2 a job that uses up the memory it is limited to fails alone', async () => {
    const { lease, log } = await setup({ workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 32 } } });
    const outcomes = await Promise.allSettled(
      range(3).map((entry) => lease.run(endAt, [log.cells, entry, 1, 'outOfMemory'])),
    );
    expect(outcomes).toMatchObject([
      { value: 0 },
      {
        reason: {
          code: 'ERR_LEASEPOOL_WORKER_CRASHED',
          phase: 'running',
          cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' },
        },
      },
      { value: 2 },
    ]);
    expect(log.entries.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
  });
});

describe('time limits', () => {
  const inGroup = shared();

  test('N3 a job that runs too long fails with a TimeoutError of phase "run", and its worker is replaced', async () => {
    const { lease, gate } = inGroup();
    const before = await lease.run(tasks.whichThread);
    const askedAt = performance.now();
    const error = await rejection(
      lease.run(tasks.loopFrom, [gate.cells], { timeoutSeconds: 0.1, owner: 'me' }),
    );
    expect(performance.now() - askedAt).toBeGreaterThan(99);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({
      name: 'TimeoutError',
      code: 'ERR_LEASEPOOL_TIMEOUT',
      phase: 'run',
      owner: 'me',
      taskName: 'loopFrom',
    });
    expect(await lease.run(tasks.whichThread)).not.toBe(before);
    expect(lease.active).toBe(true);
  });

  test.each(['hold', 'holdAsync'] as const)('N3 whatever it waits for: %s', async (task) => {
    const { lease, gate } = inGroup();
    await lease.run(tasks.nothing);
    const error = await rejection(lease.run(tasks[task], [gate.cells, 0], { timeoutSeconds: 0.3 }));
    expect(error).toMatchObject({ phase: 'run', taskName: task });
    expect(gate.begun).toBe(1);
    expect(await lease.run(tasks.echo, [1])).toBe(1);
  });

  test('N3 the time counts from the beginning of the job, not from its submission', async () => {
    const { lease, gate } = inGroup();
    const held = lease.run(tasks.hold, [gate.cells, 'held']);
    await gate.untilBegun();
    const submittedAt = performance.now();
    const limited = lease.run(tasks.echo, ['in time'], { timeoutSeconds: 0.5 });
    await until(() => performance.now() - submittedAt > 600);
    gate.open();
    expect(await held).toBe('held');
    expect(await limited).toBe('in time');
  });

  test.each([150, 500])('N3 a job that waited for %d ms still has all its time', async (waitedMs) => {
    const { lease, gate } = inGroup();
    const held = lease.run(tasks.hold, [gate.cells, 'held']);
    await gate.untilBegun();
    const submittedAt = performance.now();
    const stuck = new Gate();
    const limited = rejection(lease.run(tasks.hold, [stuck.cells, 0], { timeoutSeconds: 0.3 }));
    await until(() => performance.now() - submittedAt > waitedMs);
    const openedAt = performance.now();
    gate.open();
    await held;
    expect(await limited).toMatchObject({ phase: 'run' });
    expect(performance.now() - openedAt).toBeGreaterThan(299);
    expect(stuck.begun).toBe(1);
  });

  test('N3 a job that ends in time is not disturbed later', async () => {
    const { lease } = inGroup();
    const before = await lease.run(tasks.whichThread);
    await Promise.all(range(20).map((value) => lease.run(tasks.echo, [value], { timeoutSeconds: 0.3 })));
    const endedAt = performance.now();
    await until(() => performance.now() - endedAt > 400);
    expect(await lease.run(tasks.whichThread)).toBe(before);
  });

  test('N3 mates keep the results they have, and those not begun run elsewhere', async () => {
    const { lease, gate, log } = inGroup();
    const mates = (entries: number[]): Promise<number>[] =>
      entries.map((entry) => lease.run(tasks.record, [log.cells, entry]));
    const first = mates(range(20));
    const stuck = rejection(lease.run(tasks.hold, [gate.cells, 0], { timeoutSeconds: 0.1 }));
    const last = mates(range(20).map((entry) => entry + 20));
    expect(await stuck).toBeInstanceOf(TimeoutError);
    expect(await Promise.all([...first, ...last])).toEqual(range(40));
    expect(log.entries).toEqual(range(40));
  });

  test('N3 the results of a job that was short so far leave before it gets a limit and is slow', async () => {
    const { lease, gate } = inGroup();
    await lease.run(tasks.nothing);
    const short = range(300).map((value) => lease.run(tasks.holdUnless, [gate.cells, value]));
    const slow = rejection(lease.run(tasks.holdUnless, [gate.cells, undefined], { timeoutSeconds: 0.2 }));
    const last = range(10).map((value) => lease.run(tasks.holdUnless, [gate.cells, value]));
    expect(await Promise.all([...short, ...last])).toEqual([...range(300), ...range(10)]);
    expect(await slow).toMatchObject({ phase: 'run' });
  });

  test('N3 several jobs that run too long each fail alone', async () => {
    const { lease, gate } = await setup({ workersPerPool: 2 });
    const outcomes = await Promise.allSettled(
      range(9).map((index) =>
        index % 3 === 0
          ? lease.run(tasks.hold, [gate.cells, index], { timeoutSeconds: 0.1 })
          : lease.run(tasks.echo, [index]),
      ),
    );
    expect(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.phase)),
    ).toEqual(range(9).map((index) => (index % 3 === 0 ? 'run' : index)));
  });

  test('N3 a job that waits too long for a worker fails with a TimeoutError of phase "queue", and never runs', async () => {
    const { lease, gate, log } = inGroup();
    const held = lease.run(tasks.hold, [gate.cells, 'held']);
    await gate.untilBegun();
    const submittedAt = performance.now();
    const late = lease.run(tasks.record, [log.cells, 1], { queueTimeoutSeconds: 0.1, owner: 'me' });
    const error = await rejection(late);
    expect(performance.now() - submittedAt).toBeGreaterThan(99);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({
      code: 'ERR_LEASEPOOL_TIMEOUT',
      phase: 'queue',
      owner: 'me',
      taskName: 'record',
    });
    expect(gate.finished).toBe(0);
    gate.open();
    await held;
    await lease.run(tasks.record, [log.cells, 2]);
    expect(log.entries).toEqual([2]);
  });

  test('N3 that holds when its worker is free again before this thread can do anything about it', async () => {
    const { lease, gate, log } = inGroup();
    await warmUp(lease, tasks.record, [log.cells, -1]);
    const held = lease.run(tasks.hold, [gate.cells, 'held']);
    await gate.untilBegun();
    const late = rejection(lease.run(tasks.record, [log.cells, 1], { queueTimeoutSeconds: 0.05 }));
    const behind = lease.run(tasks.record, [log.cells, 2]);
    await turns(2);
    // Blocks this thread beyond the limit, and then until the worker has passed over the job.
    const blockedAt = performance.now();
    const pastMs = (): number => performance.now() - blockedAt;
    while (pastMs() < 60);
    gate.open();
    while (log.entries.at(-1) !== 2 && pastMs() < 500);
    expect(await late).toMatchObject({ code: 'ERR_LEASEPOOL_TIMEOUT', phase: 'queue' });
    expect(await held).toBe('held');
    expect(await behind).toBe(2);
    expect(log.entries).not.toContain(1);
  });

  test('N3 a queue timeout does not end a job that has begun', async () => {
    const { lease, gate } = inGroup();
    const submittedAt = performance.now();
    const held = lease.run(tasks.hold, [gate.cells, 'held'], { queueTimeoutSeconds: 5 });
    const short = lease
      .run(tasks.echo, [1], { queueTimeoutSeconds: 0.1 })
      .catch((error: TimeoutError) => error.phase);
    await gate.untilBegun();
    expect(await short).toBe('queue');
    expect(performance.now() - submittedAt).toBeGreaterThan(99);
    gate.open();
    expect(await held).toBe('held');
  });

  test('N3 under a grinder, an item that runs too long fails alone', async () => {
    const { manager, lease, gate, log } = await setup();
    await lease.release();
    const grinder = await startGrinder({
      executorManager: manager,
      batchSizeThreshold: 11,
      maxWaitSeconds: hour,
    });
    const first = range(5).map((entry) => grinder.submit(tasks.record, [log.cells, entry]));
    const stuck = rejection(grinder.submit(tasks.hold, [gate.cells, 0], { timeoutSeconds: 0.1 }));
    const last = range(5).map((entry) => grinder.submit(tasks.record, [log.cells, entry + 5]));
    expect(await stuck).toMatchObject({ phase: 'run' });
    expect(await Promise.all([...first, ...last])).toEqual(range(10));
    expect(log.entries).toEqual(range(10));
  });
});
