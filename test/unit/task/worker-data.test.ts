import { afterEach, describe, expect, it, vi } from 'vitest';
import { setWorkerData, withWorkerData, workerData } from '../../../src/task/worker-data.ts';

afterEach(() => setWorkerData(undefined));

describe('T4: workerData', () => {
  it('is undefined where no manager runs jobs', () => {
    expect(workerData()).toBeUndefined();
  });

  it('is what the worker was given, everywhere in it', async () => {
    const value = { words: ['a'] };
    setWorkerData(value);
    expect(workerData()).toBe(value);
    expect(await new Promise((resolve) => setImmediate(() => resolve(workerData())))).toBe(value);
  });

  it('in the calling thread, is that of the job that asks, across its awaits', async () => {
    const job = async (): Promise<unknown[]> => {
      const before = workerData();
      await Promise.resolve();
      return [before, workerData()];
    };
    const both = Promise.all([withWorkerData(1, job), withWorkerData(2, job)]);
    expect(workerData()).toBeUndefined();
    expect(await both).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('of an inner job hides that of its worker, undefined too', () => {
    setWorkerData('worker');
    expect(withWorkerData(undefined, workerData)).toBeUndefined();
    expect(workerData()).toBe('worker');
  });

  it('is the same for every copy of the package in the thread', async () => {
    vi.resetModules();
    const other = await import('../../../src/task/worker-data.ts');
    setWorkerData('set');
    expect(other.workerData()).toBe('set');
    expect(withWorkerData('scoped', other.workerData)).toBe('scoped');
  });
});
