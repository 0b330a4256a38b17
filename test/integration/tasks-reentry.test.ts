import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ImportReentryError, importTasks, TaskReferenceError } from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { rejection, startManager } from '../support/manager-start.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { outer } from '../tasks/reentry-job.js';

const run = promisify(execFile);

describe.each(['thread', 'process', 'inline'] as const)('backend %s', (backend) => {
  test('N8 a task module that starts a manager fails its items, and says where to start it', async () => {
    const manager = await startManager({ backend });
    const lease = await manager.acquire();
    const module = tasksUrl('reentry-awaited.js');
    const { square } = importTasks<{ square(value: number): number }>(module);
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = await rejection(lease.run(square, [7]));
      expect(error).toBeInstanceOf(TaskReferenceError);
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_MODULE', taskName: 'square' });
      expect(error.cause).toMatchObject({ code: 'ERR_LEASEPOOL_IMPORT_REENTRY', name: 'ImportReentryError' });
      expect(error.cause.message).toContain(module.href);
      expect(error.cause.message).toContain("a module of their own, apart from the program's entry");
      if (backend === 'inline') expect(error.cause).toBeInstanceOf(ImportReentryError);
    }
    expect(await lease.run((value: number) => value, [1])).toBe(1);
  });

  test('N8 a job may start a manager of its own', async () => {
    const manager = await startManager({ backend });
    expect(await manager.withLease((lease) => lease.run(outer, [1]))).toBe(2);
  });
});

test.each(['thread', 'process'])(
  'N8 a program whose tasks are in its entry is evaluated at most once for each item and worker, and its workers start nothing, backend %s',
  async (backend) => {
    const folder = mkdtempSync(join(tmpdir(), 'leasepool-reentry-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const LOG = join(folder, 'evaluations');
    const program = fileURLToPath(tasksUrl('reentry-main.js'));
    const env = { ...process.env, LOG, BACKEND: backend };
    const { stdout } = await run(process.execPath, [program], { env, timeout: 20_000 });
    const told = ['ERR_LEASEPOOL_TASK_MODULE', 'ERR_LEASEPOOL_IMPORT_REENTRY'];
    expect(JSON.parse(stdout)).toEqual([told, told, told, 'goes on']);
    const evaluations = readFileSync(LOG, 'utf8').trimEnd().split('\n').length;
    expect(evaluations).toBeGreaterThanOrEqual(1 + 3);
    // A worker that is still loading may lose its item to the other one, which then loads the module for it.
    expect(evaluations).toBeLessThanOrEqual(1 + 2 * 3);
  },
);
