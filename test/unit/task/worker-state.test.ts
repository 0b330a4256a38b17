import { afterEach, describe, expect, test, vi } from 'vitest';

const variable = 'LEASEPOOL_STARTED_BY';

/** A thread that knows nothing yet. */
async function newThread() {
  vi.resetModules();
  Reflect.deleteProperty(globalThis, Symbol.for('leasepool.worker/1'));
  return import('../../../src/task/worker-state.ts');
}

afterEach(() => {
  delete process.env[variable];
  Reflect.deleteProperty(globalThis, Symbol.for('leasepool.worker/1'));
});

describe('N8 a thread', () => {
  test('of a program is no worker', async () => {
    expect((await newThread()).isWorkerOutsideJobs()).toBe(false);
  });

  test('is a worker outside of jobs from its start, and then whenever it runs none', async () => {
    const { beginsToWork, isWorkerOutsideJobs, worksWith } = await newThread();
    process.env[variable] = `${process.ppid}`;
    expect(isWorkerOutsideJobs()).toBe(true);
    beginsToWork();
    expect([isWorkerOutsideJobs(), process.env[variable]]).toEqual([true, undefined]);
    let runsJob = true;
    worksWith(() => runsJob);
    expect(isWorkerOutsideJobs()).toBe(false);
    runsJob = false;
    expect(isWorkerOutsideJobs()).toBe(true);
  });

  test('of a program that a starting worker has started is none', async () => {
    const { isWorkerOutsideJobs, markEnvironment } = await newThread();
    markEnvironment(process.env);
    expect(process.env[variable]).toBe(`${process.pid}`);
    expect(isWorkerOutsideJobs()).toBe(false);
  });
});
