import { once } from 'node:events';
import { inspect } from 'node:util';
import { LeasedExecutorManager, UnsupportedBackendError, WorkGrinder } from 'leasepool';
import type { ExecutorLease } from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fakeGrinder, never, threadGrinder } from '../support/grinder.ts';
import { turns, until } from '../support/until.ts';
import { echo, hold, square } from '../tasks/grinder-tasks.js';

interface Bundle {
  readonly manager: LeasedExecutorManager;
  readonly grinder: WorkGrinder;
  readonly lease: ExecutorLease;
}

/** Everything that takes options, called with nothing but these. Types are left aside: that is what is tested. */
type Surface = (options: any, bundle: Bundle) => unknown;

const surfaces = {
  'new LeasedExecutorManager()': (options) => new LeasedExecutorManager(options),
  'new WorkGrinder()': (options, { manager }) => {
    if (typeof options === 'object' && options !== null && !('executorManager' in options)) {
      Object.defineProperty(options, 'executorManager', { value: manager, enumerable: true });
    }
    return new WorkGrinder(options);
  },
  'manager.acquire()': (options, { manager }) => manager.acquire(options),
  'manager.withLease()': (options, { manager }) => manager.withLease(() => {}, options),
  'manager.stop()': (options, { manager }) => manager.stop(options),
  'lease.run()': (options, { lease }) => lease.run(echo, [0], options),
  'lease.enqueue()': (options, { lease }) => lease.enqueue(echo, [0], options),
  'lease.runBatch()': (options, { lease }) => lease.runBatch(echo, [[0], [1]], options),
  'grinder.submit()': (options, { grinder }) => grinder.submit(echo, [0], options),
  'grinder.enqueue()': (options, { grinder }) => grinder.enqueue(echo, [0], options),
  'grinder.stop()': (options, { grinder }) => grinder.stop(options),
} satisfies Record<string, Surface>;

type SurfaceName = keyof typeof surfaces;

const constructors: readonly SurfaceName[] = ['new LeasedExecutorManager()', 'new WorkGrinder()'];
const synchronous: readonly SurfaceName[] = [...constructors, 'lease.enqueue()', 'grinder.enqueue()'];
const acquiring: readonly SurfaceName[] = ['manager.acquire()', 'manager.withLease()'];
const submitting: readonly SurfaceName[] = [
  'lease.run()',
  'lease.enqueue()',
  'lease.runBatch()',
  'grinder.submit()',
  'grinder.enqueue()',
];

type Row = readonly [surface: SurfaceName, option: string];
type Limits = { readonly min?: number; readonly orInfinity?: boolean; readonly orZero?: boolean };

const counts: readonly (readonly [...Row, Limits])[] = [
  ['new LeasedExecutorManager()', 'maxPools', {}],
  ['new LeasedExecutorManager()', 'minPools', { min: 0 }],
  ['new LeasedExecutorManager()', 'unitsPerPool', {}],
  ['new LeasedExecutorManager()', 'workersPerPool', {}],
  ['new WorkGrinder()', 'batchSizeThreshold', {}],
  ['new WorkGrinder()', 'maxBatchSize', {}],
  ['new WorkGrinder()', 'maxConcurrentBatches', {}],
  ['new WorkGrinder()', 'maxQueueSize', { orInfinity: true }],
];

const durations: readonly (readonly [...Row, Limits])[] = [
  ['new LeasedExecutorManager()', 'idleSeconds', {}],
  ['new LeasedExecutorManager()', 'checkIntervalSeconds', {}],
  ['new LeasedExecutorManager()', 'defaultLeaseSeconds', {}],
  ['new LeasedExecutorManager()', 'leaseGraceSeconds', { orZero: true }],
  ['new LeasedExecutorManager()', 'startTimeoutSeconds', {}],
  ['new WorkGrinder()', 'maxWaitSeconds', {}],
  ['new WorkGrinder()', 'leaseSeconds', {}],
  ['manager.stop()', 'timeoutSeconds', { orZero: true }],
  ['grinder.stop()', 'timeoutSeconds', { orZero: true }],
  ...acquiring.flatMap((surface) => [
    [surface, 'leaseSeconds', {}] as const,
    [surface, 'timeoutSeconds', { orZero: true }] as const,
  ]),
  ...submitting.flatMap((surface) => [
    [surface, 'timeoutSeconds', {}] as const,
    [surface, 'queueTimeoutSeconds', {}] as const,
  ]),
];

const backend = { name: 'mine', createExecutor: () => {} };
const logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Options of other types: what they must not be, and one they may be. */
const others: readonly (readonly [...Row, wrong: readonly unknown[], right: unknown])[] = [
  ['new LeasedExecutorManager()', 'namePrefix', [5, null, ['pool']], 'pool'],
  ['new LeasedExecutorManager()', 'sizeProvider', [5, 'size', null, {}], () => 1],
  ['new LeasedExecutorManager()', 'asyncTasks', [5, true, null], 'reject'],
  [
    'new LeasedExecutorManager()',
    'backend',
    [5, null, {}, { name: 'mine' }, { createExecutor() {} }],
    backend,
  ],
  ['new LeasedExecutorManager()', 'logger', [5, null, {}, 'console', { ...logger, warn: 5 }], console],
  [
    'new LeasedExecutorManager()',
    'preload',
    ['a.js', [5], {}, null, [null]],
    ['file:///a.js', new URL('file:///b.js')],
  ],
  [
    'new LeasedExecutorManager()',
    'workerOptions',
    [5, null, 'env', { argv: [] }, { name: 'a' }],
    { env: {}, stdout: true },
  ],
  ['new WorkGrinder()', 'executorManager', [5, null, {}, 'manager', WorkGrinder], undefined],
  ['new WorkGrinder()', 'ownerPrefix', [5, null, {}], 'owner'],
  ['new WorkGrinder()', 'dispatch', [5, true, null], 'natural'],
  ['new WorkGrinder()', 'logger', [5, null, {}, 'console', { debug() {} }], logger],
  ['grinder.stop()', 'cancelPending', [0, 1, 'true', null, {}], true],
  ...acquiring.flatMap((surface) => [
    [surface, 'owner', [5, null, {}, Symbol('owner')], 'owner'] as const,
    [surface, 'wait', [0, 1, 'false', null, {}], false] as const,
    [surface, 'signal', [5, null, {}, new AbortController(), 'abort'], new AbortController().signal] as const,
  ]),
  ...submitting.flatMap((surface) => [
    [surface, 'owner', [5, null, {}, Symbol('owner')], 'owner'] as const,
    [surface, 'signal', [5, null, {}, new AbortController(), 'abort'], new AbortController().signal] as const,
    [surface, 'transfer', [5, null, {}, 'buffer', new ArrayBuffer(1), new Set()], []] as const,
  ]),
];

/** Neither numbers nor `undefined`. */
const notNumbers: readonly unknown[] = [
  '5',
  '',
  true,
  false,
  null,
  5n,
  Object(5),
  {},
  [],
  [5],
  Symbol('five'),
  () => 5,
  new Date(5),
  { valueOf: () => 5 },
];

async function setup(): Promise<Bundle> {
  const { manager, grinder } = await fakeGrinder(
    { maxWaitSeconds: never, batchSizeThreshold: 1, manager: { maxPools: 500 } },
    (call) => call.fulfil(call.args[0]),
  );
  return { manager, grinder, lease: await manager.acquire() };
}

/** How a call is refused; `undefined` when it is not. */
async function refusal(surface: SurfaceName, options: unknown, bundle: Bundle): Promise<any> {
  let outcome: unknown;
  try {
    outcome = (surfaces[surface] as Surface)(options, bundle);
  } catch (error) {
    expect(synchronous, `${surface} throws instead of rejecting`).toContain(surface);
    return error;
  }
  try {
    await outcome;
  } catch (error) {
    expect(synchronous, `${surface} rejects instead of throwing`).not.toContain(surface);
    return error;
  }
  return undefined;
}

const typeError = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const rangeError = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

async function expectRefused(
  [surface, option]: Row,
  value: unknown,
  expected: { name: string; code: string },
  bundle: Bundle,
): Promise<void> {
  const error = await refusal(surface, { [option]: value }, bundle);
  const what = `${surface} with ${option}: ${inspect(value)}`;
  expect(error, what).toMatchObject(expected);
  expect(error, what).toBeInstanceOf(expected.name === 'TypeError' ? TypeError : RangeError);
  expect(error.message, what).toContain(option);
}

async function expectAccepted([surface, option]: Row, value: unknown, bundle: Bundle): Promise<void> {
  const error = await refusal(surface, { [option]: value }, bundle);
  expect(error, `${surface} with ${option}: ${inspect(value)}`).toBeUndefined();
}

describe('counts', () => {
  test.each(counts)('S24 %s refuses a wrong %s', async (surface, option, { min = 1, orInfinity = false }) => {
    const bundle = await setup();
    const row: Row = [surface, option];
    for (const value of notNumbers) await expectRefused(row, value, typeError, bundle);
    for (const value of [NaN, -Infinity, min - 1, min - 0.1, 1.9, 1.5, 2 ** 53]) {
      await expectRefused(row, value, rangeError, bundle);
    }
    if (orInfinity) await expectAccepted(row, Infinity, bundle);
    else await expectRefused(row, Infinity, rangeError, bundle);
  });

  test.each(counts)('S24 %s takes a good %s', async (surface, option, { min = 1 }) => {
    const bundle = await setup();
    const limits: Record<string, object> = {
      minPools: { maxPools: 5000 },
      maxBatchSize: { batchSizeThreshold: 1 },
    };
    for (const value of [min, min + 1, 5000, undefined]) {
      const error = await refusal(surface, { ...limits[option], [option]: value }, bundle);
      expect(error, `${surface} with ${option}: ${value}`).toBeUndefined();
    }
  });

  test('S24 minPools may be at most maxPools', async () => {
    const bundle = await setup();
    const manager = 'new LeasedExecutorManager()';
    for (const options of [{ minPools: 2 }, { minPools: 4, maxPools: 3 }]) {
      const error = await refusal(manager, options, bundle);
      expect(error).toMatchObject({ ...rangeError, message: expect.stringContaining('minPools') });
    }
    expect(await refusal(manager, { minPools: 3, maxPools: 3 }, bundle)).toBeUndefined();
  });

  test('S24 maxBatchSize must be at least batchSizeThreshold', async () => {
    const bundle = await setup();
    for (const options of [{ maxBatchSize: 19 }, { batchSizeThreshold: 5, maxBatchSize: 4 }]) {
      const error = await refusal('new WorkGrinder()', options, bundle);
      expect(error).toMatchObject({ ...rangeError, message: expect.stringContaining('maxBatchSize') });
    }
    for (const options of [
      { maxBatchSize: 20 },
      { batchSizeThreshold: 5000 },
      { batchSizeThreshold: 5, maxBatchSize: 5 },
    ]) {
      expect(await refusal('new WorkGrinder()', options, bundle)).toBeUndefined();
    }
  });
});

describe('durations', () => {
  test.each(durations)('S24 %s refuses a wrong %s', async (surface, option, { orZero = false }) => {
    const bundle = await setup();
    const row: Row = [surface, option];
    for (const value of notNumbers) await expectRefused(row, value, typeError, bundle);
    for (const value of [NaN, Infinity, -Infinity, -1, -1e-9])
      await expectRefused(row, value, rangeError, bundle);
    if (!orZero) await expectRefused(row, 0, rangeError, bundle);
  });

  test.each(durations)('S24 %s takes a good %s', async (surface, option, { orZero = false }) => {
    for (const value of [...(orZero ? [0] : []), undefined, 0.5, 90, 2 ** 31, Number.MAX_VALUE]) {
      await expectAccepted([surface, option], value, await setup());
    }
  });
});

describe('other options', () => {
  test.each(others)('S24 %s refuses a wrong %s', async (surface, option, wrong, right) => {
    const bundle = await setup();
    for (const value of wrong) await expectRefused([surface, option], value, typeError, bundle);
    if (right !== undefined) await expectAccepted([surface, option], right, bundle);
  });

  test('S24 a grinder needs its manager', () => {
    for (const options of [undefined, {}, { executorManager: undefined }]) {
      const construct = (): WorkGrinder => new WorkGrinder(options as never);
      expect(construct).toThrow(TypeError);
      expect(construct).toThrow(
        expect.objectContaining({ ...typeError, message: expect.stringContaining('executorManager') }),
      );
    }
  });

  test.each([
    ['new LeasedExecutorManager()', 'asyncTasks', 'wait'],
    ['new LeasedExecutorManager()', 'asyncTasks', 'Await'],
    ['new LeasedExecutorManager()', 'asyncTasks', ''],
    ['new WorkGrinder()', 'dispatch', 'eager'],
    ['new WorkGrinder()', 'dispatch', 'toString'],
  ] as const)('S24 %s refuses a %s of "%s"', async (surface, option, word) => {
    const error = await refusal(surface, { [option]: word }, await setup());
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject(rangeError);
    expect(error.message).toContain(option);
    expect(error.message).toContain(`'${word}'`);
  });

  test.each(['gpu', '', 'Thread', 'toString', '__proto__'])('S24 there is no backend "%s"', async (word) => {
    const error = await refusal('new LeasedExecutorManager()', { backend: word }, await setup());
    expect(error).toBeInstanceOf(UnsupportedBackendError);
    expect(error).toMatchObject({
      code: 'ERR_LEASEPOOL_UNSUPPORTED_BACKEND',
      message: expect.stringContaining(word),
    });
  });
});

describe('what a refusal says', () => {
  test.each<[unknown, string]>([
    ['5', "'5'"],
    [true, 'true'],
    [null, 'null'],
    [5n, '5n'],
    [Object(5), '[Number: 5]'],
    [NaN, 'NaN'],
    [-1, '-1'],
    [1.9, '1.9'],
    [Infinity, 'Infinity'],
    [{ a: 1 }, '{ a: 1 }'],
  ])('S24 the value %o is shown', async (value, shown) => {
    const bundle = await setup();
    const rows = [...counts, ...durations].filter(([, , { orInfinity }]) => orInfinity !== true);
    for (const [surface, option] of rows) {
      if (value === 1.9 && !counts.some((row) => row[0] === surface && row[1] === option)) continue;
      const error = await refusal(surface, { [option]: value }, bundle);
      expect(error.message, `${surface} ${option}`).toContain(shown);
      expect(error.message).toContain(option);
    }
  });

  test('S24 a value that cannot be shown is refused all the same', async () => {
    const bundle = await setup();
    const hostile = {
      [inspect.custom]() {
        throw new Error('hostile');
      },
    };
    for (const [surface, option] of [
      ['grinder.submit()', 'owner'],
      ['new WorkGrinder()', 'batchSizeThreshold'],
    ] as const) {
      expect(await refusal(surface, { [option]: hostile }, bundle), option).toMatchObject(typeError);
    }
  });

  const unknownKeys: readonly (readonly [SurfaceName, unknown: string, nearest: string])[] = [
    ['new LeasedExecutorManager()', 'maxPool', 'maxPools'],
    ['new LeasedExecutorManager()', 'workers_per_pool', 'workersPerPool'],
    ['new LeasedExecutorManager()', 'idleSecond', 'idleSeconds'],
    ['new WorkGrinder()', 'batchSizeTreshold', 'batchSizeThreshold'],
    ['new WorkGrinder()', 'max_wait_seconds', 'maxWaitSeconds'],
    ['new WorkGrinder()', 'executor_manager', 'executorManager'],
    ...acquiring.map((surface) => [surface, 'leaseSecond', 'leaseSeconds'] as const),
    ...submitting.map((surface) => [surface, 'timeoutSecond', 'timeoutSeconds'] as const),
    ['manager.stop()', 'timeout', 'timeoutSeconds'],
    ['grinder.stop()', 'cancel_pending', 'cancelPending'],
  ];

  test.each(unknownKeys)('S24 %s has no option %s and names the nearest', async (surface, key, nearest) => {
    const bundle = await setup();
    for (const value of [1, 'a', null]) {
      const error = await refusal(surface, { [key]: value }, bundle);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.code).toBe('ERR_INVALID_ARG_TYPE');
      expect(error.message).toMatch(new RegExp(`\\b${key}\\b.*\\b${nearest}\\b`, 's'));
    }
  });

  test.each(Object.keys(surfaces) as SurfaceName[])(
    'S24 %s refuses an unknown key however it is called',
    async (surface) => {
      const bundle = await setup();
      for (const key of ['toString', 'constructor', '__proto__', 'then']) {
        const options = Object.defineProperty({}, key, { value: 1, enumerable: true });
        expect(await refusal(surface, options, bundle), key).toMatchObject(typeError);
      }
    },
  );

  test.each(Object.keys(surfaces) as SurfaceName[])('S24 %s takes nothing but an object', async (surface) => {
    const bundle = await setup();
    for (const options of [null, 5, 'options', true, [], [5], () => {}, Symbol('options')]) {
      expect(await refusal(surface, options, bundle), inspect(options)).toMatchObject(typeError);
    }
  });
});

describe('a refusal changes nothing', () => {
  test('S24 a constructor that refuses makes no executor', async () => {
    let made = 0;
    const counting = { name: 'counting', createExecutor: () => made++ };
    const error = await refusal(
      'new LeasedExecutorManager()',
      { backend: counting, maxPools: 0 },
      await setup(),
    );
    expect(error).toMatchObject(rangeError);
    await turns();
    expect(made).toBe(0);
  });

  test('S24 a call that refuses leaves manager and grinder as they are', async () => {
    const bundle = await setup();
    const { manager, grinder } = bundle;
    const before = manager.stats();
    for (const surface of [...acquiring, ...submitting, 'manager.stop()', 'grinder.stop()'] as const) {
      expect(await refusal(surface, { timeoutSeconds: NaN }, bundle)).toMatchObject(rangeError);
    }
    expect(
      await refusal('grinder.stop()', { cancelPending: true, timeoutSeconds: '0' }, bundle),
    ).toMatchObject(typeError);
    await turns();
    const { leased, total, started } = manager.stats();
    expect({ leased, total, started }).toEqual({ leased: before.leased, total: before.total, started: true });
    expect(grinder.stats()).toMatchObject({ started: true, stopping: false, totals: { submitted: 0 } });
    expect(await grinder.submit(echo, ['goes on'])).toBe('goes on');
  });
});

/** For each surface options that are good. */
const goodOptions: Record<SurfaceName, Record<string, unknown>> = {
  'new LeasedExecutorManager()': {
    backend,
    maxPools: 3,
    minPools: 1,
    idleSeconds: 1,
    unitsPerPool: 2,
    sizeProvider: () => 1,
    checkIntervalSeconds: 1,
    defaultLeaseSeconds: 1,
    leaseGraceSeconds: 1,
    workersPerPool: 1,
    namePrefix: 'name',
    logger,
    asyncTasks: 'await',
    preload: ['file:///a.js'],
    workerData: { value: 1 },
    startTimeoutSeconds: 1,
    workerOptions: { env: {} },
  },
  'new WorkGrinder()': {
    executorManager: undefined,
    batchSizeThreshold: 2,
    maxWaitSeconds: 1,
    leaseSeconds: 1,
    ownerPrefix: 'owner',
    maxBatchSize: 10,
    maxConcurrentBatches: 2,
    dispatch: 'natural',
    maxQueueSize: 100,
    logger,
  },
  'manager.acquire()': {
    leaseSeconds: 1,
    owner: 'owner',
    wait: true,
    timeoutSeconds: 1,
    signal: new AbortController().signal,
  },
  'manager.withLease()': {
    leaseSeconds: 1,
    owner: 'owner',
    wait: true,
    timeoutSeconds: 1,
    signal: new AbortController().signal,
  },
  'manager.stop()': { timeoutSeconds: 1 },
  'lease.run()': {},
  'lease.enqueue()': {},
  'lease.runBatch()': {},
  'grinder.submit()': {},
  'grinder.enqueue()': {},
  'grinder.stop()': { cancelPending: false, timeoutSeconds: 1 },
};
for (const surface of submitting) {
  const { signal } = new AbortController();
  goodOptions[surface] = { owner: 'owner', signal, transfer: [], timeoutSeconds: 1, queueTimeoutSeconds: 1 };
}

function optionsFor(surface: SurfaceName, { manager }: Bundle): Record<string, unknown> {
  return surface === 'new WorkGrinder()'
    ? { ...goodOptions[surface], executorManager: manager }
    : { ...goodOptions[surface] };
}

describe('how options are read', () => {
  const names = Object.keys(surfaces) as SurfaceName[];

  test.each(names)('S25 %s reads each option once', async (surface) => {
    const bundle = await setup();
    const good = optionsFor(surface, bundle);
    const reads: Record<string, number> = {};
    const options = {};
    for (const [key, value] of Object.entries(good)) {
      const get = (): unknown => {
        reads[key] = (reads[key] ?? 0) + 1;
        return value;
      };
      Object.defineProperty(options, key, { get, enumerable: true });
    }
    expect(await refusal(surface, options, bundle)).toBeUndefined();
    await turns();
    expect(reads).toEqual(Object.fromEntries(Object.keys(good).map((key) => [key, 1])));
  });

  test.each(names)('S25 %s reads own properties only', async (surface) => {
    const bundle = await setup();
    const good = optionsFor(surface, bundle);
    const wrong = Object.fromEntries(Object.keys(good).map((key) => [key, Symbol(key)]));
    const inherited = Object.create({ ...wrong, unknown: 1 });
    if (surface === 'new WorkGrinder()') inherited.executorManager = bundle.manager;
    expect(await refusal(surface, inherited, bundle)).toBeUndefined();
    const bare = Object.assign(Object.create(null), good);
    expect(await refusal(surface, bare, await setup())).toBeUndefined();
  });

  test.each(names)('S25 for %s undefined is the same as absent', async (surface) => {
    const bundle = await setup();
    const good = optionsFor(surface, bundle);
    const options: Record<string, unknown> = {};
    for (const key of Object.keys(good)) options[key] = undefined;
    if (surface === 'new WorkGrinder()') options['executorManager'] = bundle.manager;
    expect(await refusal(surface, options, bundle)).toBeUndefined();
    if (surface !== 'new WorkGrinder()')
      expect(await refusal(surface, undefined, await setup())).toBeUndefined();
  });

  test('S25 an inherited executorManager is none', async () => {
    const { manager } = await setup();
    expect(() => new WorkGrinder(Object.create({ executorManager: manager }))).toThrow(TypeError);
  });

  test("S25 a later change of a manager's options has no effect", async () => {
    const options = { maxPools: 2, minPools: 1, workersPerPool: 1, workerOptions: { env: { KEPT: 'yes' } } };
    const { manager } = await threadGrinder({ manager: options });
    const late = new LeasedExecutorManager(options);
    onTestFinished(() => late.stop({ timeoutSeconds: 0 }));
    Object.assign(options, { maxPools: 9, minPools: 'many', workersPerPool: NaN });
    options.workerOptions.env = { KEPT: 'no' };
    expect(manager.stats()).toMatchObject({ maxPools: 2, minPools: 1, workersPerPool: 1 });
    await late.start();
    expect(late.stats()).toMatchObject({ maxPools: 2, minPools: 1, workersPerPool: 1, total: 1 });
    expect(await late.withLease((lease) => lease.run(() => process.env['KEPT']))).toBe('yes');
  });

  test("S25 a later change of a grinder's options has no effect", async () => {
    const { manager } = await setup();
    const options = {
      executorManager: manager,
      batchSizeThreshold: 2,
      maxWaitSeconds: never,
      leaseSeconds: 7,
    };
    const grinder = new WorkGrinder(options);
    onTestFinished(() => grinder.stop({ cancelPending: true }));
    Object.assign(options, {
      executorManager: undefined,
      batchSizeThreshold: 1,
      maxWaitSeconds: -1,
      leaseSeconds: 'x',
    });
    await grinder.start();
    const first = grinder.enqueue(echo, [0]);
    await turns();
    expect(first.running()).toBe(false);
    expect(grinder.stats()).toMatchObject({
      batchSizeThreshold: 2,
      maxWaitSeconds: never,
      leaseSeconds: 7,
      pending: 1,
    });
    await Promise.all([first, grinder.submit(echo, [1])]);
  });

  test('S25 a later change of the options of a call has no effect', async () => {
    const {
      manager,
      grinder,
      backend: fake,
    } = await fakeGrinder({ maxWaitSeconds: never, batchSizeThreshold: 1 });
    const acquireOptions = { owner: 'before', leaseSeconds: 30, wait: true };
    const acquiring = manager.acquire(acquireOptions);
    Object.assign(acquireOptions, { owner: 'after', leaseSeconds: 1, wait: 'no' });
    const lease = await acquiring;
    expect(lease.owner).toBe('before');
    expect(lease.leaseSeconds).toBeCloseTo(30, 6);
    await lease.release();

    const transfer: ArrayBuffer[] = [];
    const submitOptions = { owner: 'before', transfer, timeoutSeconds: 5 };
    const future = grinder.enqueue(echo, [0], submitOptions);
    Object.assign(submitOptions, { owner: 'after', timeoutSeconds: -1, signal: AbortSignal.abort() });
    transfer.push(new ArrayBuffer(8));
    await until(() => fake.batches.length === 1);
    const [{ call }] = fake.calls;
    expect([call.owner, call.timeoutSeconds, call.transfer]).toEqual(['before', 5, []]);
    expect(future.owner).toBe('before');
    fake.calls[0].fulfil('ran');
    expect(await future).toBe('ran');

    const drained = grinder.enqueue(echo, [1]);
    const stopOptions = { cancelPending: false };
    const stopped = grinder.stop(stopOptions);
    stopOptions.cancelPending = true;
    await until(() => fake.batches.length === 2);
    fake.calls[1].fulfil('drained');
    await stopped;
    expect(await drained).toBe('drained');
  });
});

describe('very long durations', () => {
  const reference = (): Promise<unknown> => once(AbortSignal.timeout(50), 'abort');

  function watchWarnings(): string[] {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    return warnings;
  }

  test.each([2 ** 31 / 1000 + 1, 2 ** 32 / 1000, 1e12, Number.MAX_VALUE])(
    'S25 those of %d seconds work and do not fire at once',
    async (seconds) => {
      const warnings = watchWarnings();
      let asked = 0;
      const sizeProvider = (): number => (asked++, 20);
      const { manager, grinder, gate } = await threadGrinder({
        maxWaitSeconds: seconds,
        batchSizeThreshold: 2,
        leaseSeconds: seconds,
        manager: {
          maxPools: 2,
          sizeProvider,
          idleSeconds: seconds,
          checkIntervalSeconds: seconds,
          defaultLeaseSeconds: seconds,
          leaseGraceSeconds: seconds,
          startTimeoutSeconds: seconds,
        },
      });
      const lease = await manager.acquire({ timeoutSeconds: seconds });
      const limits = { timeoutSeconds: seconds, queueTimeoutSeconds: seconds };
      const running = [0, 1].map((value) => grinder.enqueue(hold, [gate.cells, value], limits));
      await gate.untilBegun();
      const waiting = manager.acquire({ timeoutSeconds: seconds, leaseSeconds: seconds });
      const lingering = grinder.enqueue(square, [3], limits);
      const askedBefore = asked;

      await reference();
      expect(asked).toBe(askedBefore);
      expect(lease.active).toBe(true);
      expect(running.map((future) => future.done())).toEqual([false, false]);
      expect([lingering.done(), lingering.running()]).toEqual([false, false]);
      expect(manager.stats()).toMatchObject({ waiting: 1, leased: 2 });

      const stopped = grinder.stop({ timeoutSeconds: seconds });
      await reference();
      expect(grinder.stats()).toMatchObject({ stopping: true, totals: { cancelled: 0 } });
      await lease.release();
      await (await waiting).release();
      gate.open();
      await stopped;
      expect(await Promise.all([...running, lingering])).toEqual([0, 1, 9]);
      await manager.stop({ timeoutSeconds: seconds });
      expect(warnings).toEqual([]);
    },
  );

  test('S25 a manager given long to stop does not end running jobs at once', async () => {
    const { manager, gate } = await threadGrinder();
    const lease = await manager.acquire();
    const running = lease.run(hold, [gate.cells, 'finished']);
    await gate.untilBegun();
    const stopped = manager.stop({ timeoutSeconds: 2 ** 31 / 1000 + 1 });
    await reference();
    gate.open();
    await stopped;
    expect(await running).toBe('finished');
  });
});
