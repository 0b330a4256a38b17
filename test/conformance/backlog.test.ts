import { expect, test } from 'vitest';
import { range } from '../support/executor-bench.ts';
import { threadGrinder } from '../support/grinder.ts';
import { SharedLog } from '../support/shared-log.ts';
import { until } from '../support/until.ts';
import { pause, recordAndPause, square } from '../tasks/grinder-tasks.js';

const dispatches = ['threshold', 'natural'] as const;

test(
  'M4 S4 1,000 jobs of 20 ms with leaseSeconds: 1 and one second of grace: none is cut off, leases rotate, the order stays',
  { timeout: 90_000 },
  async () => {
    const run = async (dispatch: (typeof dispatches)[number]): Promise<void> => {
      const log = new SharedLog();
      const { manager, grinder } = await threadGrinder({
        dispatch,
        leaseSeconds: 1,
        manager: { workersPerPool: 1, leaseGraceSeconds: 1 },
      });
      const owners = new Set<unknown>();
      const jobs = range(1000).map((entry) => grinder.submit(recordAndPause, [log.cells, entry, 20]));
      for (const job of jobs) {
        await job; // A LeaseExpiredError would end the test here.
        for (const { owner } of manager.stats().leases) owners.add(owner);
      }
      expect(log.entries).toEqual(range(1000));
      const { batches, fulfilled } = grinder.stats().totals;
      expect(fulfilled).toBe(1000);
      // 20 s of work, at least, on leases that end after one.
      expect(batches).toBeGreaterThanOrEqual(10);
      expect(owners.size).toBeGreaterThanOrEqual(10);
    };
    await Promise.all(dispatches.map(run));
  },
);

test('M4 two workers share such a backlog, and each job runs once', { timeout: 60_000 }, async () => {
  const log = new SharedLog();
  const { grinder } = await threadGrinder({
    leaseSeconds: 1,
    manager: { workersPerPool: 2, leaseGraceSeconds: 1 },
  });
  const jobs = range(300).map((entry) => grinder.submit(recordAndPause, [log.cells, entry, 20]));
  await Promise.all(jobs);
  expect(log.entries.toSorted((a, b) => a - b)).toEqual(range(300));
  expect(grinder.stats().totals.batches).toBeGreaterThanOrEqual(2);
});

for (const backend of ['thread', 'process'] as const) {
  test.each(dispatches)(
    `S33 S6 while a job of 5 s runs on one of two workers, 100 short ones settle within 1 s (${backend}, dispatch %s)`,
    async (dispatch) => {
      const { grinder } = await threadGrinder({
        dispatch,
        maxWaitSeconds: 0.01,
        manager: { backend, workersPerPool: 2 },
      });
      await Promise.all(range(20).map((value) => grinder.submit(square, [value])));
      const long = grinder.enqueue(pause, [5000]);
      await until(() => long.running());
      const submittedAt = performance.now();
      await Promise.all(range(100).map((value) => grinder.submit(square, [value])));
      expect(performance.now() - submittedAt).toBeLessThan(1000);
      expect(long.done()).toBe(false);
      long.cancel();
      await expect(long).rejects.toMatchObject({ code: 'ABORT_ERR' });
    },
  );
}
