import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { importTasks, type LeasedExecutorManagerOptions, type TaskRef } from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { recordingLogger, rejection, startGrinder, startManager } from '../support/manager-start.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { turns, until } from '../support/until.ts';
import type * as neverLoads from '../tasks/never-loads.js';
import type * as slowModule from '../tasks/slow-module.js';

const addOne = (value: number): number => value + 1;

// What blocks for as long as it loads would block the tests too, so the slow module is not loaded inline.
describe.each(['thread', 'process'] as const)(
  'T5 a module that takes its time, with backend %s',
  (backend) => {
    const slow = importTasks<typeof slowModule>(tasksUrl('slow-module.js'));
    const never = importTasks<typeof neverLoads>(tasksUrl('never-loads.js'));

    async function setup(options: LeasedExecutorManagerOptions = {}) {
      const folder = mkdtempSync(join(tmpdir(), 'leasepool-loading-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const path = join(folder, 'file');
      writeFileSync(path, '');
      const logger = recordingLogger();
      const manager = await startManager({ backend, logger, workerData: path, ...options });
      const lines = (): string[] => readFileSync(path, 'utf8').split('\n').filter(Boolean);
      const deaths = (): string[] =>
        logger.entries
          .map(({ message }) => message)
          .filter((message) => /worker (?:died|that cannot)|ended with its worker/.test(message));
      return { path, manager, lines, deaths };
    }

    test('does not use up the time of a job, at the first try', async () => {
      const { manager, lines, deaths } = await setup();
      const lease = await manager.acquire();
      const limit = { timeoutSeconds: 0.5 };
      expect(await Promise.all([1, 2, 3].map((n) => lease.run(slow.twice, [n], limit)))).toEqual([2, 4, 6]);
      expect([lines(), deaths()]).toEqual([['loading'], []]);
    });

    test('S27 leaves a job that is cancelled meanwhile unrun, and its worker whole', async () => {
      const { manager, lines, deaths } = await setup();
      const lease = await manager.acquire();
      const future = lease.enqueue(slow.note, ['cancelled']);
      await until(() => lines().length > 0);
      future.cancel();
      await lease.run(slow.note, ['next']);
      expect([lines(), deaths()]).toEqual([['loading', 'next'], []]);
    });

    test('N3 counts as waiting: the queue timeout of a job holds', async () => {
      const { manager, lines } = await setup();
      const lease = await manager.acquire();
      const error = await rejection(lease.run(slow.note, ['late'], { queueTimeoutSeconds: 0.3 }));
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TIMEOUT', phase: 'queue' });
      await lease.run(slow.note, ['next']);
      expect(lines().at(-1)).toBe('next');
      expect(lines()).not.toContain('late');
    });

    test('M4 goes on although the lease of the job is revoked, and its worker is not ended', async () => {
      const { manager, lines, deaths } = await setup({ leaseGraceSeconds: 0.1 });
      const lease = await manager.acquire({ leaseSeconds: 0.2 });
      expect(await rejection(lease.run(slow.note, ['too late']))).toMatchObject({
        code: 'ERR_LEASEPOOL_LEASE_EXPIRED',
      });
      await manager.withLease((next) => next.run(slow.note, ['next']));
      expect([lines(), deaths()]).toEqual([['loading', 'next'], []]);
    });

    test('M4 works in a grinder whose leases are shorter', async () => {
      const { manager, lines, deaths } = await setup({ leaseGraceSeconds: 0.1 });
      const grinder = await startGrinder({
        executorManager: manager,
        leaseSeconds: 0.2,
        dispatch: 'natural',
      });
      expect(await grinder.submit(slow.twice, [4], { timeoutSeconds: 0.5 })).toBe(8);
      expect([lines(), deaths()]).toEqual([['loading'], []]);
    });

    test('fails its item once it takes longer than startTimeoutSeconds, harms nobody, and is tried again by the next', async () => {
      const { path, manager } = await setup({ startTimeoutSeconds: 4 });
      const lease = await manager.acquire();
      const stuck = lease.run(never.loaded, [], { timeoutSeconds: 0.1 });
      const mates = [1, 2].map((value) => lease.run(addOne, [value]));
      const error = await rejection(stuck);
      expect(error).toMatchObject({
        code: 'ERR_LEASEPOOL_TASK_MODULE',
        taskName: 'loaded',
        message: expect.stringContaining('never-loads.js'),
        cause: { message: 'it did not finish loading within 4 s (startTimeoutSeconds)' },
      });
      expect(await Promise.all(mates)).toEqual([2, 3]);
      writeFileSync(`${path}.go`, '');
      expect(await lease.run(never.loaded)).toBe('loaded');
      expect(lease.active).toBe(true);
    });

    test('M7 leaves its job unrun when the manager stops', async () => {
      const { manager, lines } = await setup();
      const lease = await manager.acquire();
      const job = lease.run(slow.note, ['never runs']);
      const failed = rejection(job);
      await until(() => lines().length > 0);
      await manager.stop({ timeoutSeconds: 0 });
      expect(await failed).toMatchObject({ code: 'ERR_LEASEPOOL_NOT_STARTED' });
      await turns();
      expect(lines()).toEqual(['loading']);
    });
  },
);

describe('T5 a module that takes its time, inline', () => {
  test('does not use up the time of a job, and fails its item once it takes longer than startTimeoutSeconds', async () => {
    const manager = await startManager({ backend: 'inline', startTimeoutSeconds: 1 });
    const lease = await manager.acquire();
    const folder = mkdtempSync(join(tmpdir(), 'leasepool-loading-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const awaiting = (ms: number): TaskRef => {
      const path = join(folder, `${ms}.mjs`);
      const text = `await new Promise((resolve) => setTimeout(resolve, ${ms})); export const task = () => ${ms};`;
      writeFileSync(path, text);
      return { module: pathToFileURL(path).href, name: 'task' };
    };
    const limit = { timeoutSeconds: 0.1 };
    expect(await lease.run(awaiting(300), [], limit)).toBe(300);
    expect(await rejection(lease.run(awaiting(60_000), [], limit))).toMatchObject({
      code: 'ERR_LEASEPOOL_TASK_MODULE',
    });
    expect(await lease.run(addOne, [1])).toBe(2);
  });
});
