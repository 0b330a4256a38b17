import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import {
  defineTasks,
  importTasks,
  type LeasedExecutorManagerOptions,
  type ModuleLocation,
  NotCloneableError,
  TaskReferenceError,
  taskRef,
  workerData,
} from 'leasepool';
import { describe, expect, test } from 'vitest';
import { Gate } from '../support/gate.ts';
import { newManager, rejection, startManager } from '../support/manager-start.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import type * as failing from '../tasks/manager-fails-to-load.js';
import type * as shapesModule from '../tasks/manager-shapes.js';
import { shapes, table } from '../tasks/manager-shapes.js';
import { tasks } from '../tasks/manager-tasks.js';

/** A lease of the only pool, whose one worker is a thread. */
async function setup(options: LeasedExecutorManagerOptions = {}) {
  const manager = await startManager(options);
  return { manager, lease: await manager.acquire() };
}

/** What the function throws. */
function refusal(call: () => unknown): TaskReferenceError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(TaskReferenceError);
    return error as TaskReferenceError;
  }
  throw new Error('it did not throw');
}

describe('defineTasks', () => {
  test('T1 its functions come back unchanged, in the very table that was given', () => {
    expect(shapes).toBe(table);
    expect(shapes.twice).toBe(table.twice);
    expect(shapes.twice(21)).toBe(42);
    expect(Object.keys(shapes)).toEqual(['hidden', 'twice']);
  });

  test('T1 functions that are not exported run in a worker, with the state of their module there', async () => {
    const { lease } = await setup();
    expect(shapes.hidden()).toBe(1);
    expect(await lease.run(shapes.hidden)).toBe(1);
    expect(await lease.run(shapes.hidden)).toBe(2);
    expect(shapes.hidden()).toBe(2);
  });

  test('T1 a key that is taken is refused', () => {
    const url = 'file:///tasks/twice.js';
    defineTasks(url, { taken: () => 1 });
    const error = refusal(() => defineTasks(url, { free: () => 2, taken: () => 3 }));
    expect(error.code).toBe('ERR_LEASEPOOL_TASK_DUPLICATE');
    expect(error.taskName).toBe('taken');
    expect(error.message).toContain('taken');
  });

  test('T1 the same key in another module is fine', async () => {
    defineTasks('file:///tasks/one.js', { same: () => 1 });
    defineTasks('file:///tasks/two.js', { same: () => 2 });
  });

  test.each([
    ['a number', 7],
    ['null', null],
    ['undefined', undefined],
    ['an object', {}],
    ['a string', 'square'],
  ])('T1 %s among the functions is refused', (_what, value) => {
    const error = refusal(() =>
      defineTasks('file:///tasks/invalid.js', { fine: () => 1, wrong: value } as unknown as {
        fine(): number;
      }),
    );
    expect(error.code).toBe('ERR_LEASEPOOL_TASK_INVALID');
    expect(error.taskName).toBe('wrong');
  });

  test('T1 a table that is refused leaves nothing behind', () => {
    const url = 'file:///tasks/half.js';
    refusal(() => defineTasks(url, { first: () => 1, second: 2 } as unknown as { first(): number }));
    defineTasks(url, { first: () => 1 });
  });

  test.each([
    ['undefined', undefined],
    ['an empty string', ''],
    ['an object without a url', {}],
    ['the import.meta of a bundle, without a url', { url: undefined }],
    ['a number', 7],
  ])('T1 %s for the module is refused', (_what, module) => {
    const error = refusal(() => defineTasks(module as string, { task: () => 1 }));
    expect(error.code).toMatch(/^ERR_LEASEPOOL_TASK_(MODULE|INVALID)$/);
  });
});

describe('references', () => {
  test('T2 importTasks() names the functions of a module, and does not load it here', async () => {
    const { lease } = await setup({ workerData: new Int32Array(new SharedArrayBuffer(8)) });
    const found = importTasks<typeof failing>(tasksUrl('manager-fails-to-load.js'));
    expect(await lease.run(found.loadedAt)).toBe(0);
  });

  test('T2 importTasks() reaches both exports and the functions that only a table names', async () => {
    const { lease } = await setup();
    const found = importTasks<typeof shapesModule & typeof shapes>(tasksUrl('manager-shapes.js'));
    expect(await lease.run(found.exported, ['value'])).toBe('exported value');
    expect(await lease.run(found.default, ['value'])).toBe('default value');
    expect(await lease.run(found.twice, [4])).toBe(8);
  });

  test('T2 taskRef() and references written by hand name one function', async () => {
    const { lease } = await setup();
    const module = tasksUrl('manager-shapes.js');
    const ref = taskRef<typeof shapes.twice>(module, 'twice');
    expect(ref).toEqual({ module: module.href, name: 'twice' });
    expect(await lease.run(ref, [5])).toBe(10);
    expect(await lease.run(JSON.parse(JSON.stringify(ref)), [6])).toBe(12);
    expect(await lease.run(structuredClone(ref), [7])).toBe(14);
  });

  const shapesUrl = tasksUrl('manager-shapes.js');
  test.each<[string, ModuleLocation]>([
    ['import.meta.url', shapesUrl.href],
    ['import.meta', { url: shapesUrl.href }],
    ['a URL', shapesUrl],
    ['__filename', fileURLToPath(shapesUrl)],
    ['a CommonJS module', { filename: fileURLToPath(shapesUrl) }],
  ])('T2 a module may be given as %s', async (_what, module) => {
    const { lease } = await setup();
    expect(await lease.run(taskRef<typeof shapes.twice>(module, 'twice'), [4])).toBe(8);
  });

  test.each(['nope', 'toString', '__proto__', 'constructor', 'hasOwnProperty', 'notAFunction', 'then', ''])(
    'T2 a module that has no task "%s" says which it has',
    async (name) => {
      const { lease } = await setup();
      const error = await rejection(lease.run({ module: tasksUrl('manager-shapes.js').href, name }));
      expect(error).toBeInstanceOf(TaskReferenceError);
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_NOT_FOUND', taskName: name });
      for (const there of ['hidden', 'twice', 'exported']) expect(error.message).toContain(there);
    },
  );

  test('T2 a module that does not exist is refused at once by importTasks() and taskRef()', () => {
    const missing = tasksUrl('manager-missing.js');
    expect(refusal(() => importTasks(missing)).code).toBe('ERR_LEASEPOOL_TASK_MODULE');
    expect(refusal(() => taskRef(missing, 'any')).code).toBe('ERR_LEASEPOOL_TASK_MODULE');
  });

  test('T2 .js and .ts spellings are tried for one another', async () => {
    const { lease } = await setup();
    const found = importTasks<typeof shapes>(tasksUrl('manager-shapes.ts'));
    expect(await lease.run(found.twice, [8])).toBe(16);
    expect(await lease.run(taskRef<typeof shapes.twice>(tasksUrl('manager-shapes.ts'), 'twice'), [9])).toBe(
      18,
    );
  });

  test('T2 a bare specifier names the module of a package', async () => {
    const { lease } = await setup();
    expect(await lease.run({ module: 'fast-check', name: 'stringify' }, [[1, 2]])).toBe('[1,2]');
  });

  test.each([
    ['nothing', undefined],
    ['a string', 'square'],
    ['an object without a name', { module: 'file:///tasks.js' }],
    ['a name that is no string', { module: 'file:///tasks.js', name: 7 }],
    ['inherited properties', Object.create({ module: 'file:///tasks.js', name: 'square' })],
  ])('T2 %s is no task', async (_what, task) => {
    const { lease } = await setup();
    await expect(lease.run(task)).rejects.toMatchObject({ code: 'ERR_LEASEPOOL_TASK_INVALID' });
  });
});

describe('moving', () => {
  test('T3 what an argument lists is moved to the worker', async () => {
    const { lease } = await setup();
    const bytes = new Uint8Array([1, 2, 3, 4]);
    expect(await lease.run(tasks.keep, [bytes.buffer], { transfer: [bytes.buffer] })).toBe(4);
    expect(bytes.byteLength).toBe(0);
  });

  test('T3 what lies deep inside an argument can be moved', async () => {
    const { lease } = await setup();
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const holder = { inner: { bytes, other: 'copied' } };
    expect(await lease.run(tasks.sumBytes, [holder], { transfer: [bytes.buffer] })).toBe(10);
    expect(bytes.byteLength).toBe(0);
  });

  test('T3 what is not listed is copied', async () => {
    const { lease } = await setup();
    const bytes = new Uint8Array([1, 2, 3, 4]);
    expect(await lease.run(tasks.keep, [bytes.buffer])).toBe(4);
    expect(bytes.byteLength).toBe(4);
  });

  test('T3 a result is moved to the caller', async () => {
    const { lease } = await setup();
    const bytes = await lease.run(tasks.fill, [1000, 7]);
    expect([bytes.length, bytes[0], bytes[999]]).toEqual([1000, 7, 7]);
    expect(await lease.run(tasks.keptLength)).toBe(0);
  });

  test('T3 what lies deep inside the result of an async task can be moved', async () => {
    const { lease } = await setup();
    const { inner } = await lease.run(tasks.fillNested, [1000, 7]);
    const { bytes } = inner[0]!;
    expect([bytes.length, bytes[0], bytes[999]]).toEqual([1000, 7, 7]);
    expect(await lease.run(tasks.keptLength)).toBe(0);
  });

  test('T3 a task that moves its result can be called directly too', async () => {
    expect([...tasks.fill(3, 9)]).toEqual([9, 9, 9]);
  });

  test('T3 a message port can be moved, both ways', async () => {
    const { lease } = await setup();
    const { port1, port2 } = new MessageChannel();
    await lease.run(tasks.answer, [port2], { transfer: [port2] });
    expect(await exchange(port1, 'there')).toBe('there back');
    const { port } = await lease.run(tasks.channel);
    expect(await exchange(port, 'here')).toBe('here back');
  });

  test('T3 arguments that cannot be sent leave everything attached', async () => {
    const { lease } = await setup();
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const unsendable = { bytes, function() {} };
    const error = await rejection(lease.run(tasks.echo, [unsendable], { transfer: [bytes.buffer] }));
    expect(error).toBeInstanceOf(NotCloneableError);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
    expect(await lease.run(tasks.sumBytes, [{ inner: { bytes } }], { transfer: [bytes.buffer] })).toBe(10);
  });

  test('T3 a result that cannot be sent leaves everything attached in the worker', async () => {
    const { lease } = await setup();
    await expect(lease.run(tasks.fillWithFunction, [50])).rejects.toBeInstanceOf(NotCloneableError);
    expect(await lease.run(tasks.keptLength)).toBe(50);
  });

  test('T3 one buffer can go there and back', async () => {
    const { lease } = await setup();
    let bytes = new Uint8Array(1 << 20).fill(3);
    for (let round = 0; round < 3; round++) {
      bytes = await lease.run(tasks.increment, [bytes], { transfer: [bytes.buffer] });
    }
    expect([bytes.length, bytes[0], bytes.at(-1)]).toEqual([1 << 20, 6, 6]);
  });

  test.each([
    ['no array', 7, 'ERR_INVALID_ARG_TYPE'],
    ['a buffer, not a list', new ArrayBuffer(8), 'ERR_INVALID_ARG_TYPE'],
  ])('T3 %s for a transfer list is misuse', async (_what, transfer, code) => {
    const { lease } = await setup();
    await expect(lease.run(tasks.echo, [1], { transfer: transfer as never })).rejects.toMatchObject({ code });
  });

  async function exchange(port: MessagePort, message: string): Promise<unknown> {
    port.postMessage(message);
    const [answer] = await once(port, 'message');
    port.close();
    return answer;
  }
});

describe('preload and workerData', () => {
  test('T4 a module is preloaded once in each worker, before its first job', async () => {
    const { lease } = await setup({ workersPerPool: 2, preload: [tasksUrl('manager-preload.js')] });
    const { cells } = new Gate();
    await Promise.all([lease.run(tasks.meet, [cells, 2]), lease.run(tasks.meet, [cells, 2])]);
    const outcomes = await lease.runBatch(
      () => (globalThis as unknown as { preloads: number }).preloads,
      Array.from({ length: 20 }, () => [] as const),
    );
    expect(new Set(outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value))).toEqual(
      new Set([1]),
    );
  });

  test('T4 a preloaded module sees workerData(), and so does a job', async () => {
    const { lease } = await setup({
      preload: [tasksUrl('manager-preload.js').href],
      workerData: { dictionary: ['a'] },
    });
    const seen = await lease.run(() => (globalThis as unknown as { seenByPreload: unknown }).seenByPreload);
    expect(seen).toEqual({ dictionary: ['a'] });
    expect(await lease.run(tasks.workerData)).toEqual({ dictionary: ['a'] });
  });

  test('T4 each worker has its own copy, which stays as its jobs leave it', async () => {
    const data = { changed: 'no' };
    const { lease } = await setup({ workersPerPool: 2, workerData: data });
    const changed = await lease.run(tasks.changeWorkerData, ['changed', 'yes']);
    const { cells } = new Gate();
    const seen = await Promise.all([0, 1].map(() => lease.run(tasks.meetAndTellData, [cells, 2])));
    for (const { thread, data: theirs } of seen) {
      expect(theirs).toEqual({ changed: thread === changed ? 'yes' : 'no' });
    }
    expect(data).toEqual({ changed: 'no' });
  });

  test('T4 it is cloned when the manager is constructed', async () => {
    const data = { word: 'before' };
    const manager = newManager({ workerData: data });
    data.word = 'after';
    await manager.start();
    expect(await manager.withLease((lease) => lease.run(tasks.workerData))).toEqual({ word: 'before' });
  });

  test('T4 what cannot be cloned is refused when the manager is constructed', () => {
    expect(() => newManager({ workerData: { callback() {} } })).toThrow(NotCloneableError);
  });

  test('T4 without it, and outside of jobs, workerData() is undefined', async () => {
    const { lease } = await setup();
    expect(await lease.run(tasks.workerData)).toBeUndefined();
    await setup({ workerData: 7 });
    expect(workerData()).toBeUndefined();
  });

  test.each([[null], [0], [false], ['']])('T4 workerData may be %j', async (data) => {
    const { lease } = await setup({ workerData: data });
    expect(await lease.run(tasks.workerData)).toBe(data);
  });
});

describe('modules that fail to load', () => {
  test('T5 a module that throws fails the item, with the cause, and is tried again by the next', async () => {
    const loads = new Int32Array(new SharedArrayBuffer(8));
    loads[1] = 2;
    const { lease } = await setup({ workerData: loads });
    const found = importTasks<{ loadedAt(): number }>(tasksUrl('manager-fails-to-load.js'));
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = await rejection(lease.run(found.loadedAt));
      expect(error).toBeInstanceOf(TaskReferenceError);
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_MODULE', taskName: 'loadedAt' });
      expect(error.cause).toBeInstanceOf(TypeError);
      expect(error.cause.message).toBe('this module does not load yet');
    }
    expect(await lease.run(found.loadedAt)).toBe(2);
    expect(await lease.run(found.loadedAt)).toBe(2);
  });

  test('T5 it fails alone: other items of the batch run', async () => {
    const loads = new Int32Array(new SharedArrayBuffer(8));
    loads[1] = 100;
    const { lease } = await setup({ workerData: loads });
    const outcomes = await Promise.allSettled([
      lease.run(tasks.echo, ['before']),
      lease.run({ module: tasksUrl('manager-fails-to-load.js').href, name: 'loadedAt' }),
      lease.run(tasks.echo, ['after']),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('T5 a module that is missing fails the item, with the cause', async () => {
    const { lease } = await setup();
    for (const module of [tasksUrl('manager-missing.js').href, 'no-such-package-at-all']) {
      const error = await rejection(lease.run({ module, name: 'any' }));
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_MODULE', taskName: 'any' });
      expect(error.cause).toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' });
    }
    expect(await lease.run(tasks.echo, [1])).toBe(1);
  });

  test('T5 an item whose module does not finish loading does not fail its mates', async () => {
    const { lease } = await setup({ startTimeoutSeconds: 3 });
    const module = tasksUrl('manager-never-loads.js').href;
    const stuck = rejection(lease.run({ module, name: 'unreachable' }, [], { timeoutSeconds: 0.2 }));
    const mates = [1, 2, 3].map((value) => lease.run(tasks.echo, [value]));
    expect(await Promise.all(mates)).toEqual([1, 2, 3]);
    expect(await stuck).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_MODULE', taskName: 'unreachable' });
    expect(await lease.run(tasks.echo, ['next'])).toBe('next');
  });

  test('T5 a module that ends its worker when it is loaded fails the item and nothing else', async () => {
    const { lease } = await setup();
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

  test('T5 a syntax error is the cause', async () => {
    const { lease } = await setup();
    const module = `data:text/javascript,${encodeURIComponent('export const broken = ;')}`;
    const error = await rejection(lease.run({ module, name: 'broken' }));
    expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_MODULE' });
  });
});
