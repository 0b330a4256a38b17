import { availableParallelism } from 'node:os';
import { SHARE_ENV } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { NotCloneableError, UnsupportedBackendError } from '../../../src/core/errors.ts';
import { readManagerOptions } from '../../../src/lease/manager-options.ts';

const wrongType = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const wrongValue = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

/** What reading the options throws. */
function refusal(options: unknown): any {
  try {
    readManagerOptions(options);
  } catch (error) {
    return error;
  }
  throw new Error('the options were accepted');
}

const backend = { name: 'mine', createExecutor: () => ({}) };

describe('the options of a manager', () => {
  test('are these by default', () => {
    expect(readManagerOptions(undefined)).toEqual({
      backend: 'thread',
      maxPools: 1,
      minPools: 1,
      idleMs: 60_000,
      unitsPerPool: 10,
      sizeProvider: undefined,
      checkIntervalMs: 120_000,
      defaultLeaseMs: 300_000,
      leaseGraceMs: 15_000,
      workersPerPool: Math.min(4, availableParallelism()),
      namePrefix: 'leasepool',
      logger: expect.any(Object),
      asyncTasks: 'await',
      preload: [],
      workerData: undefined,
      startTimeoutSeconds: 30,
      workerOptions: undefined,
    });
    expect(Object.keys(readManagerOptions({}))).toEqual(Object.keys(readManagerOptions(undefined)));
  });

  test('are read, durations in milliseconds', () => {
    const sizeProvider = (): number => 3;
    expect(
      readManagerOptions({
        backend,
        maxPools: 3,
        minPools: 0,
        idleSeconds: 0.5,
        unitsPerPool: 2,
        sizeProvider,
        checkIntervalSeconds: 1,
        defaultLeaseSeconds: 2,
        leaseGraceSeconds: 0,
        workersPerPool: 8,
        namePrefix: 'thumbs',
        asyncTasks: 'reject',
        startTimeoutSeconds: 4,
      }),
    ).toMatchObject({
      backend,
      maxPools: 3,
      minPools: 0,
      idleMs: 500,
      unitsPerPool: 2,
      sizeProvider,
      checkIntervalMs: 1000,
      defaultLeaseMs: 2000,
      leaseGraceMs: 0,
      workersPerPool: 8,
      namePrefix: 'thumbs',
      asyncTasks: 'reject',
      startTimeoutSeconds: 4,
    });
  });

  test.each(['maxPools', 'minPools', 'unitsPerPool', 'workersPerPool'])('S24 %s is a count', (key) => {
    for (const value of [1.5, -1, NaN, Infinity, 2 ** 53])
      expect(refusal({ [key]: value })).toMatchObject(wrongValue);
    for (const value of ['1', true, null, 1n, [1], Object(1)]) {
      const error = refusal({ [key]: value });
      expect(error).toMatchObject(wrongType);
      expect(error.message).toContain(`"${key}"`);
    }
    if (key !== 'minPools') expect(refusal({ [key]: 0 })).toMatchObject(wrongValue);
  });

  test('S24 minPools is not above maxPools', () => {
    const error = refusal({ minPools: 3, maxPools: 2 });
    expect(error).toMatchObject(wrongValue);
    expect(error.message).toContain('"maxPools" (2)');
    expect(refusal({ minPools: 2 })).toMatchObject(wrongValue);
    expect(readManagerOptions({ minPools: 2, maxPools: 2 }).minPools).toBe(2);
  });

  test.each([
    'idleSeconds',
    'checkIntervalSeconds',
    'defaultLeaseSeconds',
    'leaseGraceSeconds',
    'startTimeoutSeconds',
  ])('S24 %s is a duration', (key) => {
    for (const value of [-1, NaN, Infinity, -Infinity])
      expect(refusal({ [key]: value })).toMatchObject(wrongValue);
    for (const value of ['5', false, null, 5n, new Date()])
      expect(refusal({ [key]: value })).toMatchObject(wrongType);
    if (key !== 'leaseGraceSeconds') expect(refusal({ [key]: 0 })).toMatchObject(wrongValue);
  });

  test('S24 other options of a wrong type or value', () => {
    for (const options of [
      { sizeProvider: 5 },
      { namePrefix: 5 },
      { logger: {} },
      { asyncTasks: true },
      { preload: 'file:///x.js' },
      { preload: [5] },
      { backend: 5 },
      { backend: null },
      { backend: {} },
      { backend: { name: 'mine' } },
      { backend: { createExecutor() {} } },
      { maxPool: 1 },
      null,
      [],
    ])
      expect(refusal(options)).toMatchObject(wrongType);
    expect(refusal({ asyncTasks: 'wait' })).toMatchObject(wrongValue);
  });

  test('S24 a backend that is not known by its name', () => {
    for (const name of ['threads', 'Thread', 'worker', '', 'toString'])
      expect(refusal({ backend: name })).toBeInstanceOf(UnsupportedBackendError);
    expect(refusal({ backend: 'cluster' }).message).toContain('"thread"');
    for (const name of ['thread', 'process', 'inline'] as const)
      expect(readManagerOptions({ backend: name }).backend).toBe(name);
  });

  test('preloaded modules are file URLs, paths or specifiers, spelt in one way', () => {
    const preload = [
      'file:///warm%20up.js',
      '/opt/warm up.js',
      new URL('file:///c.js'),
      'some-package',
      'node:fs',
    ];
    expect(readManagerOptions({ preload }).preload).toEqual([
      'file:///warm%20up.js',
      'file:///opt/warm%20up.js',
      'file:///c.js',
      'some-package',
      'node:fs',
    ]);
    expect(() => readManagerOptions({ preload: ['./warm-up.js'] })).toThrow(
      expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_MODULE' }),
    );
  });
});

describe('T4 the data of workers', () => {
  test('is copied at construction', () => {
    const workerData = { depth: { value: 1 } };
    const read = readManagerOptions({ workerData });
    workerData.depth.value = 2;
    expect(read.workerData).toEqual({ depth: { value: 1 } });
  });

  test('may be any value, but none that cannot be copied', () => {
    for (const workerData of [null, 0, 'text', new Map([[1, 2]])])
      expect(readManagerOptions({ workerData }).workerData).toEqual(workerData);
    const error = refusal({ workerData: { log: () => {} } });
    expect(error).toBeInstanceOf(NotCloneableError);
    expect(error.path).toBe('workerData.log');
  });

  test('M8 for processes is what a process can be given', () => {
    const workerData = { shared: new SharedArrayBuffer(8) };
    expect(readManagerOptions({ workerData }).workerData).toEqual(workerData);
    expect(refusal({ backend: 'process', workerData })).toMatchObject({ path: 'workerData.shared' });
  });
});

describe('the options of workers', () => {
  const read = (workerOptions: unknown, more = {}) =>
    readManagerOptions({ workerOptions, ...more } as object).workerOptions;

  test('S25 are taken as they are now', () => {
    const workerOptions = {
      env: { A: '1' },
      execArgv: ['--no-warnings'],
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    };
    const given = read(workerOptions);
    workerOptions.env.A = '2';
    workerOptions.execArgv.push('--inspect');
    workerOptions.resourceLimits.maxOldGenerationSizeMb = 1;
    expect(given).toEqual({
      env: { A: '1' },
      execArgv: ['--no-warnings'],
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    });
    expect(read({ env: SHARE_ENV })).toEqual({ env: SHARE_ENV });
  });

  test('N9 refuse limits that can kill the whole process', () => {
    for (const [key, value] of [
      ['maxOldGenerationSizeMb', 15.9],
      ['maxOldGenerationSizeMb', NaN],
      ['maxOldGenerationSizeMb', -1],
      ['stackSizeMb', 0.4],
      ['stackSizeMb', 0],
    ] as const) {
      const error = refusal({ workerOptions: { resourceLimits: { [key]: value } } });
      expect(error).toMatchObject(wrongValue);
      expect(error.message).toContain(key);
    }
    const least = { resourceLimits: { maxOldGenerationSizeMb: 16, stackSizeMb: 0.5 } };
    expect(read(least)).toEqual(least);
  });

  test('S24 refuse what they are not', () => {
    for (const workerOptions of [
      5,
      null,
      { argv: [] },
      { env: 'A=1' },
      { env: null },
      { execArgv: '--no-warnings' },
      { execArgv: [5] },
      { stdout: 'yes' },
      { stderr: 1 },
      { resourceLimits: 64 },
      { resourceLimits: null },
      { resourceLimits: { maxOldGenerationSizeMb: '64' } },
      { resourceLimits: { stackSizeMb: true } },
    ])
      expect(refusal({ workerOptions })).toMatchObject(wrongType);
  });

  test('M8 for processes are fewer', () => {
    const fits = { env: { A: '1' }, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 64 } };
    expect(read(fits, { backend: 'process' })).toEqual(fits);
    for (const workerOptions of [
      { stdout: true },
      { stderr: false },
      { resourceLimits: { codeRangeSizeMb: 4 } },
    ]) {
      expect(refusal({ backend: 'process', workerOptions })).toMatchObject(wrongValue);
      expect(read(workerOptions)).toEqual(workerOptions);
    }
  });
});
