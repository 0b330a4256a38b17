import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { rejection, startManager } from '../support/manager-start.ts';
import { until } from '../support/until.ts';
import { tasks } from '../tasks/child-process-tasks.js';

const execute = promisify(execFile);
const started: Int32Array[] = [];

/** Room for the numbers of the child processes that a job starts. */
function newPids(): Int32Array {
  const pids = new Int32Array(new SharedArrayBuffer(12));
  started.push(pids);
  return pids;
}

const areThere = (pids: Int32Array): boolean => pids.every((pid) => pid !== 0);
/** A zombie is still there. */
const areGone = (pids: Int32Array): boolean => pids.every((pid) => !existsSync(`/proc/${pid}`));

afterEach(() => {
  for (const pids of started.splice(0)) {
    for (const pid of pids) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
  }
});

const endless = [
  'computes for ever',
  'computes for ever after a turn',
  'waits for ever',
  'blocks its thread',
];

// Elsewhere nothing tells which child processes a thread has.
describe.runIf(process.platform === 'linux')('the child processes of a job', () => {
  test.each(endless)('W5 end with the time limit of one that %s', async (way) => {
    const manager = await startManager({ workersPerPool: 1 });
    const pids = newPids();
    const job = manager.withLease((lease) =>
      lease.run(tasks.startChildren, [pids, 1000, way], { timeoutSeconds: 0.5 }),
    );
    expect(await rejection(job)).toMatchObject({ code: 'ERR_LEASEPOOL_TIMEOUT' });
    await until(() => areThere(pids) && areGone(pids));
  });

  test.each(endless)('W5 end with the manager of one that %s', async (way) => {
    const manager = await startManager({ workersPerPool: 1 });
    const pids = newPids();
    const lease = await manager.acquire();
    const job = rejection(lease.run(tasks.startChildren, [pids, 1000, way]));
    await until(() => areThere(pids));
    await manager.stop({ timeoutSeconds: 0 });
    expect(await job).toMatchObject({ code: 'ERR_LEASEPOOL_WORKER_CRASHED' });
    await until(() => areGone(pids));
  });

  test('W5 end with the lease of one that is revoked', async () => {
    const manager = await startManager({ workersPerPool: 1, leaseGraceSeconds: 0.1 });
    const pids = newPids();
    const lease = await manager.acquire({ leaseSeconds: 0.5 });
    const job = rejection(lease.run(tasks.startChildren, [pids, 1000, 'computes for ever']));
    expect(await job).toMatchObject({ code: 'ERR_LEASEPOOL_LEASE_EXPIRED' });
    await until(() => areGone(pids));
  });

  test.each(['exits', 'exits after a turn', 'throws'])('W5 end with one that %s', async (way) => {
    const manager = await startManager({ workersPerPool: 1 });
    const pids = newPids();
    const job = manager.withLease((lease) => lease.run(tasks.startChildren, [pids, 1000, way]));
    expect(await rejection(job)).toMatchObject({ code: 'ERR_LEASEPOOL_WORKER_CRASHED', phase: 'running' });
    await until(() => areGone(pids));
  });

  test('W5 live on when its worker ends in order, and leave nothing when they end', async () => {
    const manager = await startManager({ workersPerPool: 1 });
    const pids = newPids();
    await manager.withLease((lease) => lease.run(tasks.startChildren, [pids, 1000, 'returns']));
    await manager.stop();
    for (const pid of pids) process.kill(pid); // Throws when it is not there.
    await until(() => areGone(pids));
  });

  test('W5 can be ended by an exit listener when its worker ends in order', async () => {
    const manager = await startManager({ workersPerPool: 1 });
    const pids = newPids();
    await manager.withLease((lease) => lease.run(tasks.startChildren, [pids, 1000, 'ends them at exit']));
    await manager.stop();
    await until(() => areGone(pids));
  });

  test('W5 keep no program alive', async () => {
    const program = new URL('../tasks/child-process-program.js', import.meta.url);
    const { stdout } = await execute(process.execPath, [fileURLToPath(program)], { timeout: 20_000 });
    const pids = Int32Array.from(JSON.parse(stdout) as number[]);
    started.push(pids);
    expect(pids.length).toBe(3);
    expect(pids.some((pid) => !existsSync(`/proc/${pid}`))).toBe(false);
  });
});
