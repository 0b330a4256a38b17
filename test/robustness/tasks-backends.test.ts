import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  BrokenExecutorError,
  importTasks,
  type LeasedExecutorManagerOptions,
  NotCloneableError,
  TaskReferenceError,
  taskRef,
} from 'leasepool';
import { afterAll, describe, expect, test } from 'vitest';
import { newManager, rejection, startManager } from '../support/manager-start.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import type * as shapesModule from '../tasks/manager-shapes.js';
import { shapes } from '../tasks/manager-shapes.js';
import { tasks } from '../tasks/manager-tasks.js';

const folder = mkdtempSync(join(tmpdir(), 'leasepool-backends-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return pathToFileURL(join(folder, name)).href;
}

interface Loading {
  tries: number;
  mayLoad: boolean;
}

describe.each(['thread', 'process'] as const)('tasks with backend %s', (backend) => {
  async function setup(options: LeasedExecutorManagerOptions = {}) {
    const manager = await startManager({ backend, ...options });
    return manager.acquire();
  }

  test('T1 functions that are not exported run there, with the state of their module', async () => {
    const lease = await setup();
    const before = shapes.hidden();
    expect(await lease.run(shapes.hidden)).toBe(1);
    expect(await lease.run(shapes.hidden)).toBe(2);
    expect(shapes.hidden()).toBe(before + 1);
  });

  test('T2 references of all kinds reach exports, the default export and named functions', async () => {
    const lease = await setup();
    const module = tasksUrl('manager-shapes.ts');
    const found = importTasks<typeof shapesModule & typeof shapes>(module);
    expect(await lease.run(found.exported, ['value'])).toBe('exported value');
    expect(await lease.run(found.default, ['value'])).toBe('default value');
    expect(await lease.run(found.twice, [4])).toBe(8);
    expect(await lease.run(taskRef<typeof shapes.twice>(module, 'twice'), [5])).toBe(10);
    expect(await lease.run(JSON.parse(JSON.stringify(found.twice)), [6])).toBe(12);
  });

  test.each(['nope', 'toString', '__proto__', 'constructor', 'then'])(
    'T2 a module that has no task "%s" says which it has',
    async (name) => {
      const lease = await setup();
      const error = await rejection(lease.run({ module: tasksUrl('manager-shapes.js').href, name }));
      expect(error).toBeInstanceOf(TaskReferenceError);
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_NOT_FOUND', taskName: name });
      for (const there of ['hidden', 'twice', 'exported', 'default']) {
        expect(error.message).toContain(there);
        expect(error.taskNames).toContain(there);
      }
      expect(error.message).not.toContain('notAFunction');
    },
  );

  test('T4 a module is preloaded once in each worker, before its first job, and sees workerData()', async () => {
    const lease = await setup({
      workersPerPool: 2,
      preload: [tasksUrl('manager-preload.js')],
      workerData: { dictionary: ['a'] },
    });
    const look = (): unknown[] => {
      const { preloads, seenByPreload } = globalThis as unknown as Record<string, unknown>;
      return [preloads, seenByPreload];
    };
    const outcomes = await lease.runBatch(
      look,
      Array.from({ length: 20 }, () => [] as const),
    );
    for (const outcome of outcomes)
      expect(outcome).toEqual({ status: 'fulfilled', value: [1, { dictionary: ['a'] }] });
  });

  test('T4 workerData() is a copy, made when the manager is constructed', async () => {
    const data = { word: 'before', seen: new Map([['key', new Date(0)]]) };
    const manager = newManager({ backend, workerData: data });
    data.word = 'after';
    await manager.start();
    const lease = await manager.acquire();
    expect(await lease.run(tasks.workerData)).toEqual({
      word: 'before',
      seen: new Map([['key', new Date(0)]]),
    });
    await lease.run(tasks.changeWorkerData, ['word', 'changed there']);
    expect(await lease.run(tasks.workerData)).toMatchObject({ word: 'changed there' });
    expect(data.word).toBe('after');
    expect(() => newManager({ backend, workerData: [() => 1] })).toThrow(NotCloneableError);
  });

  test('T4 without it, workerData() is undefined', async () => {
    const lease = await setup();
    expect(await lease.run(tasks.workerData)).toBeUndefined();
  });

  test('T4 a module that cannot be preloaded keeps the manager from starting, with the reason', async () => {
    const module = write('broken-preload.js', 'throw new RangeError("no dictionary");');
    const error = await rejection(newManager({ backend, preload: [module] }).start());
    expect(error).toBeInstanceOf(BrokenExecutorError);
    expect(error.cause).toMatchObject({
      code: 'ERR_LEASEPOOL_TASK_MODULE',
      cause: { message: 'no dictionary' },
    });
    expect(error.cause.message).toContain(module);
  });

  test('T5 a module that throws fails the item, with the cause, and is tried again by the next', async () => {
    const lease = await setup();
    const { ready } = importTasks<{ ready(): string }>(tasksUrl('load-failing.js'));
    for (const tries of [1, 2]) {
      const error = await rejection(lease.run(ready));
      expect(error).toBeInstanceOf(TaskReferenceError);
      expect(error).toMatchObject({
        code: 'ERR_LEASEPOOL_TASK_MODULE',
        taskName: 'ready',
        cause: { message: `not yet (${tries})` },
      });
    }
    await lease.run(() => {
      const state = (globalThis as unknown as Record<symbol, Loading>)[Symbol.for('test.load-failing')]!;
      state.mayLoad = true;
    });
    expect(await lease.run(ready)).toBe('ready');
  });

  test.each([
    ['a syntax error', 'syntax.js', 'export const task = ;', { name: 'SyntaxError' }],
    ['a missing import', 'imports.js', "import './not-there.js';", { code: 'ERR_MODULE_NOT_FOUND' }],
    ['a thrown value that is no error', 'value.js', "throw 'bad luck';", 'bad luck'],
  ])('T5 %s is the cause, and mates of the item run', async (_what, name, text, cause) => {
    const lease = await setup();
    const module = write(name, `${text}\nexport const other = () => 1;`);
    const [before, failed, after] = await Promise.allSettled([
      lease.run(tasks.echo, ['before']),
      lease.run({ module, name: 'task' }),
      lease.run(tasks.echo, ['after']),
    ]);
    expect([before, after]).toMatchObject([{ value: 'before' }, { value: 'after' }]);
    expect(failed).toMatchObject({
      status: 'rejected',
      reason: { code: 'ERR_LEASEPOOL_TASK_MODULE', message: expect.stringContaining(module) },
    });
    const { reason } = failed as PromiseRejectedResult;
    if (typeof cause === 'string') expect(reason.cause).toBe(cause);
    else expect(reason.cause).toMatchObject(cause);
  });

  test('T5 a module that never finishes loading fails its item after startTimeoutSeconds, and the next job runs', async () => {
    const lease = await setup({ startTimeoutSeconds: 3 });
    const module = tasksUrl('manager-never-loads.js').href;
    const stuck = rejection(lease.run({ module, name: 'unreachable' }, [], { timeoutSeconds: 0.2 }));
    const mates = [1, 2, 3].map((value) => lease.run(tasks.echo, [value]));
    expect(await Promise.all(mates)).toEqual([1, 2, 3]);
    const error = await stuck;
    expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_MODULE', taskName: 'unreachable' });
  });

  test('T5 a module that ends its worker fails its item and nothing else', async () => {
    const lease = await setup();
    const outcomes = await Promise.allSettled([
      lease.run(tasks.echo, ['before']),
      lease.run({ module: tasksUrl('manager-exits-on-load.js').href, name: 'unreachable' }),
      lease.run(tasks.echo, ['after']),
    ]);
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', value: 'before' },
      { status: 'rejected', reason: { code: 'ERR_LEASEPOOL_WORKER_CRASHED', phase: 'running', exitCode: 9 } },
      { status: 'fulfilled', value: 'after' },
    ]);
  });
});

describe('moving with backend process', () => {
  test('T3 what threads move is copied, and stays with the caller', async () => {
    const manager = await startManager({ backend: 'process' });
    const lease = await manager.acquire();
    const bytes = new Uint8Array([1, 2, 3, 4]);
    expect(await lease.run(tasks.keep, [bytes.buffer], { transfer: [bytes.buffer] })).toBe(4);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
    expect([...(await lease.run(tasks.fill, [3, 9]))]).toEqual([9, 9, 9]);
  });
});
