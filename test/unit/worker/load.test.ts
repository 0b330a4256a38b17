import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
// Built, and so loaded by Node itself: how Node imports modules, and fails to, is what is tested.
import { ImportReentryError, TaskReferenceError } from '../../../dist/core/errors.js';
import { defineTasks } from '../../../dist/task/define.js';
import type { AnyFunction } from '../../../dist/task/reference.js';
import { resolveTask } from '../../../dist/task/resolve.js';
import { withWorkerData } from '../../../dist/task/worker-data.js';
import { explainReferenceError, TaskLoader } from '../../../dist/worker/load.js';

const run = promisify(execFile);

const folder = mkdtempSync(join(tmpdir(), 'leasepool-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return pathToFileURL(join(folder, name)).href;
};
const fixture = (name: string): string => new URL(`../../tasks/${name}`, import.meta.url).href;
const reference = (module: string, name: string) => ({ kind: 'reference', module, name }) as const;
const find = async (module: string, name: string, loader = new TaskLoader()): Promise<AnyFunction> =>
  loader.find(reference(module, name));
const failure = (promise: Promise<unknown>): Promise<TaskReferenceError> =>
  promise.then(
    () => expect.unreachable('it did not fail'),
    (error: TaskReferenceError) => error,
  );

const named = fixture('load-named.js');

describe('T1: a task that its module names', () => {
  it('is found though it is not exported, with the state of its module', async () => {
    const count = await find(named, 'count');
    expect([count(), count()]).toEqual([1, 2]);
  });

  it('is found at once when its module is loaded', async () => {
    const loader = new TaskLoader();
    await find(named, 'cube', loader);
    expect(loader.find(reference(named, 'cube'))).toBeInstanceOf(Function);
    expect(loader.find(reference(named, 'square'))).toBeInstanceOf(Function);
  });

  it('is found without an import in the thread that defined it', () => {
    const module = 'file:///not-there/and/never-imported.js';
    const { task } = defineTasks(module, { task: () => 1 });
    expect(new TaskLoader().find(reference(module, 'task'))).toBe(task);
  });

  it('is found through a link to its module, and under a query', async () => {
    symlinkSync(new URL(named), join(folder, 'linked.js'));
    const linked = await find(pathToFileURL(join(folder, 'linked.js')).href, 'square');
    expect(linked).toBe(await find(named, 'square'));
    expect((await find(`${named}?again=1`, 'count'))()).toBe(1);
  });

  it('is found in a CommonJS module that names itself by its path', async () => {
    const define = JSON.stringify(new URL('../../../dist/task/define.js', import.meta.url).pathname);
    const module = write(
      'named.cjs',
      `require(${define}).defineTasks(__filename, { hidden: () => 'hidden' });`,
    );
    expect((await find(`${module}?v=1`, 'hidden'))()).toBe('hidden');
  });
});

describe('T2: a task that its module exports', () => {
  it('is found by its name, or as the default export', async () => {
    expect((await find(named, 'cube'))(2)).toBe(8);
    expect((await find(named, 'default'))()).toBe('default');
  });

  it('is found in CommonJS, also where the exports show only at run time', async () => {
    expect((await find(fixture('load-common.cjs'), 'cube'))(2)).toBe(8);
    const whole = write(
      'whole.cjs',
      'module.exports = function () { return 1; }; module.exports.part = () => 2;',
    );
    expect((await find(whole, 'default'))()).toBe(1);
    expect((await find(whole, 'part'))()).toBe(2);
  });

  it('is found in modules of Node and of packages', async () => {
    expect((await find('node:path', 'basename'))('/a/b')).toBe('b');
    expect((await find('fast-check', 'sample')).name).toBe('sample');
  });

  it('is found in a package that only the application can see', async () => {
    const here = process.cwd();
    mkdirSync(join(folder, 'node_modules/linked-tasks'), { recursive: true });
    write('node_modules/linked-tasks/package.json', '{ "type": "module", "exports": "./main.js" }');
    write('node_modules/linked-tasks/main.js', 'export const task = () => 1;');
    process.chdir(folder);
    try {
      expect((await find('linked-tasks', 'task'))()).toBe(1);
    } finally {
      process.chdir(here);
    }
  });

  it.each(['toString', '__proto__', 'constructor', 'hasOwnProperty', 'limit', 'nope', '', 'module.exports'])(
    'is refused when the name is %j',
    async (name) => {
      const error = await failure(find(named, name));
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_NOT_FOUND', taskName: name });
      expect(error.taskNames).toEqual(['count', 'cube', 'default', 'seenWhileLoading', 'square']);
      expect(error.message).toBe(
        `module ${named} has no task '${name}' (it has count, cube, default, seenWhileLoading, square): export it, or name it in a defineTasks() at the top level of the module.`,
      );
      expect((await failure(find(fixture('load-common.cjs'), name))).message).toContain(
        '(it has cube, square)',
      );
    },
  );
});

describe('T4: preload', () => {
  it('imports modules once, so that their tasks are found at once', async () => {
    const loader = new TaskLoader();
    await loader.preload([named, 'node:path']);
    expect(loader.find(reference(named, 'square'))).toBeInstanceOf(Function);
    expect(loader.find(reference('node:path', 'join'))).toBeInstanceOf(Function);
  });

  it('rejects with the first failure', async () => {
    const error = await failure(
      new TaskLoader().preload([
        named,
        write('bad.js', 'throw new Error("bad")'),
        'nowhere',
      ]) as Promise<never>,
    );
    expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_MODULE', cause: { message: 'bad' } });
  });

  it('a module sees workerData while it is loaded', async () => {
    const module = `${named}?while=loading`;
    const seen = await withWorkerData('data', () => find(module, 'seenWhileLoading'));
    expect(seen()).toBe('data');
  });
});

describe('T5: a module that cannot be loaded', () => {
  const state = ((globalThis as Record<symbol, unknown>)[Symbol.for('test.load-failing')] ??= {
    tries: 0,
    mayLoad: false,
  }) as { tries: number; mayLoad: boolean };

  it('fails its items with the cause, and is tried again by each', async () => {
    const loader = new TaskLoader();
    const module = fixture('load-failing.js');
    for (const tries of [1, 2, 3]) {
      const error = await failure(find(module, 'ready', loader));
      expect(error).toMatchObject({
        code: 'ERR_LEASEPOOL_TASK_MODULE',
        taskName: 'ready',
        cause: { message: `not yet (${tries})` },
      });
      expect(error.message).toContain(module);
    }
    state.mayLoad = true;
    expect((await find(module, 'ready', loader))()).toBe('ready');
    expect(loader.find(reference(module, 'ready'))).toBeInstanceOf(Function);
    expect(state.tries).toBe(4);
  });

  it('is imported once for items that come while it is loaded', async () => {
    const key = 'test.load-once';
    const module = write(
      'once.js',
      `globalThis['${key}'] = (globalThis['${key}'] ?? 0) + 1; export const a = () => 1, b = () => 2;`,
    );
    const loader = new TaskLoader();
    await Promise.all([find(module, 'a', loader), find(module, 'b', loader)]);
    expect((globalThis as Record<string, unknown>)[key]).toBe(1);
  });

  it.each([
    ['is missing', undefined, 'export const task = () => 1;'],
    ['has a syntax error', 'export const task = (', 'export const task = () => 1;'],
    [
      'misses a dependency',
      'import "./not-there.js"; export const task = () => 1;',
      'export const task = () => 1;',
    ],
    ['throws nothing', 'throw undefined', 'export const task = () => 1;'],
    ['throws what cannot be shown', 'throw Object.create(null)', 'export const task = () => 1;'],
  ])('is loaded when one that %s is put right', async (title, broken, right) => {
    const name = `${title.replaceAll(' ', '-')}.js`;
    const module = broken === undefined ? pathToFileURL(join(folder, name)).href : write(name, broken);
    const loader = new TaskLoader();
    expect(await failure(find(module, 'task', loader))).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_MODULE' });
    write(name, right);
    expect((await find(module, 'task', loader))()).toBe(1);
  });

  it('that fails after it named its tasks has none', async () => {
    const define = new URL('../../../dist/task/define.js', import.meta.url).href;
    const module = write(
      'late.js',
      `import { defineTasks } from '${define}'; defineTasks(import.meta.url, { task: () => late }); throw new Error('late'); const late = 1;`,
    );
    const loader = new TaskLoader();
    for (let i = 0; i < 3; i++) {
      expect(await failure(find(module, 'task', loader))).toMatchObject({ cause: { message: 'late' } });
    }
  });

  it('and defines its tasks anew when it is tried again', async () => {
    const define = new URL('../../../dist/task/define.js', import.meta.url).href;
    const module = write(
      'anew.js',
      `import { defineTasks } from '${define}'; const tries = globalThis.testAnew = (globalThis.testAnew ?? 0) + 1; defineTasks(import.meta.url, { task: () => tries }); if (tries === 1) throw new Error('once');`,
    );
    const loader = new TaskLoader();
    await failure(find(module, 'task', loader));
    expect((await find(module, 'task', loader))()).toBe(2);
  });

  it('a package that is not installed fails likewise', async () => {
    const error = await failure(find('not-installed-here/tasks', 'square'));
    expect(error).toMatchObject({
      code: 'ERR_LEASEPOOL_TASK_MODULE',
      cause: { code: 'ERR_MODULE_NOT_FOUND' },
      message: expect.stringContaining(`nor from the working directory, ${process.cwd()}.`),
    });
    expect(error.message).not.toContain('URL');
  });

  it('a file that is named like a package says how files are named', async () => {
    const error = await failure(find('tasks.js', 'square'));
    expect(error.message).toContain("new URL('./tasks.js', import.meta.url)");
  });

  it.each(['describe("a", () => {});', 'throw new Error("Vitest failed to access its internal state.")'])(
    'a test file says that a worker is no test runner: %s',
    async (text) => {
      const error = await failure(find(write(`runner-${text.length}.js`, text), 'square'));
      expect(error.message).toMatch(
        /[^.]\. A worker is no test runner: keep the tasks in a module of their own\.$/,
      );
    },
  );

  it('a package that has no such module says so, wherever it was found', async () => {
    const error = await failure(find('fast-check/not-exported', 'square'));
    expect(error).toMatchObject({ cause: { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' } });
    expect(error.message).not.toContain('working directory');
  });
});

describe('T5: a module with a CommonJS dependency that throws', () => {
  it('fails every time', async () => {
    const listeners = process.listeners('unhandledRejection');
    const unhandled: unknown[] = [];
    process
      .removeAllListeners('unhandledRejection')
      .on('unhandledRejection', (reason) => unhandled.push(reason));
    const loader = new TaskLoader();
    for (let i = 0; i < 3; i++) {
      const error = await failure(find(fixture('load-broken-dependency.js'), 'use', loader));
      expect(error).toMatchObject({ cause: { message: 'native addon missing' } });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
    for (const reason of unhandled) expect(reason).toMatchObject({ message: 'native addon missing' });
  });

  const inThread = async (module: string): Promise<unknown> => {
    const program = fileURLToPath(fixture('load-in-thread.js'));
    const { stdout } = await run(process.execPath, [program, module, 'use', 'null']);
    return JSON.parse(stdout);
  };

  it('does not end its worker', async () => {
    expect(await inThread(fixture('load-broken-dependency.js'))).toMatchObject({
      code: 'ERR_LEASEPOOL_TASK_MODULE',
      exit: 0,
    });
  });

  it('while a promise that the module leaves rejected does', async () => {
    const module = write(
      'rejected.mjs',
      'Promise.reject(new Error("left alone")); export const use = () => 1;',
    );
    expect(await inThread(module)).toMatchObject({ error: 'left alone', exit: 1 });
  });
});

describe('N8: a task module that starts a manager', () => {
  it('fails with that as its cause', async () => {
    const error = await failure(find(fixture('load-starting-manager.js'), 'never'));
    expect(error.code).toBe('ERR_LEASEPOOL_TASK_MODULE');
    expect(error.cause).toBeInstanceOf(ImportReentryError);
  });
});

describe('N7: source text in a worker', () => {
  const source = (text: string, name = 'task') => ({ kind: 'source', source: text, name }) as const;

  it('becomes the function, at once', () => {
    const run = new TaskLoader().find(resolveTask((a: number, b: number) => a + b)) as AnyFunction;
    expect(run(1, 2)).toBe(3);
  });

  it('sees only globals', () => {
    const run = new TaskLoader().find(source('(() => typeof find)')) as AnyFunction;
    expect(run()).toBe('undefined');
  });

  it('may import modules', async () => {
    const run = new TaskLoader().find(source('(() => import("node:path"))')) as AnyFunction;
    expect(await run()).toHaveProperty('join');
  });

  it('has its name in stack traces', () => {
    const run = new TaskLoader().find(
      source('({ ["my task"]: () => { throw new Error("x"); } })["my task"]', 'my task'),
    ) as AnyFunction;
    expect(run).toThrow('x');
    try {
      run();
    } catch (error) {
      expect((error as Error).stack).toMatch(/at my task \(leasepool:my_task:1:\d+\)/);
    }
  });

  it('that does not compile is refused with the reason', () => {
    expect(() => new TaskLoader().find(source('('))).toThrow(
      expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE', cause: expect.any(SyntaxError) }),
    );
  });

  it('that lacks a variable fails with the error of the check', () => {
    const task = source('(x) => x * factor', 'scale');
    const run = new TaskLoader().find(task) as AnyFunction;
    try {
      run(1);
      expect.unreachable();
    } catch (error) {
      const explained = explainReferenceError(task, error);
      expect(explained).toBeInstanceOf(TaskReferenceError);
      expect(explained).toMatchObject({
        code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE',
        taskName: 'scale',
        freeVariables: ['factor'],
        cause: error,
      });
      expect((explained as Error).message).toContain("cannot run 'scale' in a worker: it uses 'factor'");
    }
  });

  it('keeps every other error as it is', () => {
    const task = source('(x) => x * factor');
    const others = [
      new ReferenceError('elsewhere is not defined'),
      new ReferenceError("Cannot access 'factor' before initialization"),
      new TypeError('factor is not defined'),
      'factor is not defined',
      undefined,
    ];
    for (const error of others) expect(explainReferenceError(task, error)).toBe(error);
    const lacking = new ReferenceError('factor is not defined');
    expect(explainReferenceError(reference(named, 'factor'), lacking)).toBe(lacking);
  });
});
