import type { LeasepoolError } from 'leasepool';
import { describe, expect, test } from 'vitest';
import { Ledger } from '../support/ledger.ts';
import { rejection, startGrinder, startManager } from '../support/manager-start.ts';
import { names, tasks } from '../tasks/own-errors.js';

describe.each(['thread', 'process', 'inline'] as const)(
  'jobs that throw errors of leasepool (%s)',
  (backend) => {
    async function grinding() {
      const manager = await startManager({ backend, workersPerPool: 1 });
      return {
        grinder: await startGrinder({ executorManager: manager, maxWaitSeconds: 0.001 }),
        ledger: new Ledger(),
      };
    }

    test('S29 S11 each arrives as it was thrown, after one run: it is about an item of the job, not about the job', async () => {
      const { grinder, ledger } = await grinding();
      const details = { owner: 'inner owner', taskName: 'inner' };
      for (const task of [tasks.throwing, tasks.rejecting]) {
        for (const name of names) {
          const thrown = grinder.submit(task, [ledger.path, name, details], { owner: 'outer owner' });
          const mate = grinder.submit(tasks.echo, ['mate']);
          expect(await rejection(thrown)).toMatchObject({ ...details, message: 'mine' });
          expect(await mate).toBe('mate');
        }
      }
      expect(ledger.lines).toEqual([...names, ...names]);
    });

    test('S29 S11 one that says of no item whose it is stays so', async () => {
      const { grinder, ledger } = await grinding();
      for (const name of names.filter((each) => each !== 'TaskReferenceError')) {
        const error = await rejection(
          grinder.submit(tasks.throwing, [ledger.path, name, {}], { owner: 'outer' }),
        );
        expect(Object.keys(error)).not.toContain('owner');
        expect(Object.keys(error)).not.toContain('taskName');
      }
    });

    test('S29 a direct holder gets them likewise, and the lease lives on', async () => {
      const manager = await startManager({ backend, workersPerPool: 1 });
      const ledger = new Ledger();
      await manager.withLease(async (lease) => {
        const thrown = names.map((name) =>
          rejection(lease.run(tasks.throwing, [ledger.path, name, { owner: 'inner' }])),
        );
        const errors = (await Promise.all(thrown)) as LeasepoolError[];
        expect(errors.map(({ message, owner }) => [message, owner])).toEqual(
          names.map(() => ['mine', 'inner']),
        );
        expect(lease.active).toBe(true);
        expect(await lease.run(tasks.echo, [1])).toBe(1);
      });
      expect(ledger.lines).toEqual(names);
    });

    test('S11 what the library itself raises in a worker says whose item it is about', async () => {
      const { grinder } = await grinding();
      const missing = { module: new URL('../tasks/own-errors.js', import.meta.url).href, name: 'missing' };
      expect(await rejection(grinder.submit(missing, [], { owner: 'me' }))).toMatchObject({
        code: 'ERR_LEASEPOOL_TASK_NOT_FOUND',
        owner: 'me',
        taskName: 'missing',
      });
      expect(await rejection(grinder.submit(() => () => 1, [], { owner: 'me' }))).toMatchObject({
        code: 'ERR_LEASEPOOL_NOT_CLONEABLE',
        owner: 'me',
      });
    });

    test('S11 a refused promise says whose item it is about', async () => {
      const manager = await startManager({ backend, workersPerPool: 1, asyncTasks: 'reject' });
      const grinder = await startGrinder({ executorManager: manager, maxWaitSeconds: 0.001 });
      expect(await rejection(grinder.submit(async () => 1, [], { owner: 'me' }))).toMatchObject({
        code: 'ERR_LEASEPOOL_ASYNC_TASK',
        owner: 'me',
      });
    });
  },
);
