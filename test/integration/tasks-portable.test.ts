import { LeasepoolError, type LeasedExecutorManagerOptions, TaskReferenceError } from 'leasepool';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { threadGrinder } from '../support/grinder.ts';
import { rejection } from '../support/manager-start.ts';
import * as closures from '../tasks/closures.js';

/** In the global scope, out of reach of the compiler that made this file. */
const evaluate = (text: string): (() => unknown) => (0, eval)(text) as () => unknown;

/** A grinder and, beside it, a lease. */
async function setup(manager: LeasedExecutorManagerOptions = {}) {
  const bundle = await threadGrinder({ manager: { maxPools: 2, ...manager } });
  return { ...bundle, lease: await bundle.manager.acquire() };
}

/** What a call throws. */
function thrown(call: () => unknown): TaskReferenceError {
  try {
    call();
  } catch (error) {
    return error as TaskReferenceError;
  }
  throw new Error('it did not throw');
}

describe('a function that uses what is around it', () => {
  test('N7 is refused before it is queued, by whatever it is submitted', async () => {
    const { grinder, lease } = await setup();
    const before = grinder.stats();
    const submitted = await rejection(grinder.submit(closures.usesConstant, [7], { owner: 'me' }));
    const errors = [
      submitted,
      thrown(() => grinder.enqueue(closures.usesConstant, [7])),
      await rejection(lease.run(closures.usesConstant, [7])),
      thrown(() => lease.enqueue(closures.usesConstant, [7])),
    ];
    for (const error of errors) {
      expect(error).toBeInstanceOf(TaskReferenceError);
      expect(error).toBeInstanceOf(LeasepoolError);
      expect(error).toMatchObject({
        code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE',
        taskName: 'usesConstant',
        freeVariables: ['factor'],
      });
      expect(error.message).toContain("'usesConstant'");
      expect(error.message).toContain("it uses 'factor' from the scope around it");
      expect(error.message).toContain('Pass what it needs as arguments');
      expect(error.message).toContain('defineTasks(import.meta.url, { usesConstant })');
    }
    const [outcome] = await lease.runBatch(closures.usesConstant, [[7]]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { freeVariables: ['factor'] } });
    expect(grinder.stats()).toEqual(before);
  });

  test('N7 does not trouble the others of its burst', async () => {
    const { grinder } = await setup();
    const outcomes = await Promise.allSettled([
      grinder.submit(closures.selfContained, [9]),
      grinder.submit(closures.usesConstant, [9]),
      grinder.submit(closures.selfContained, [16]),
    ]);
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', value: 6 },
      { status: 'rejected', reason: { code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE' } },
      { status: 'fulfilled', value: 7 },
    ]);
  });

  test.each([
    ['an import that hides a global', closures.usesHiddenGlobal, 'performance'],
    ['an import that hides a timer', closures.usesHiddenTimer, 'setTimeout'],
    ['a namespace', closures.usesNamespace, 'path'],
    ['a default import', closures.usesDefaultImport, 'util'],
    ['a renamed import', closures.usesNamedImport, 'toText'],
    ['a variable of its module', closures.usesExport, 'counter'],
    ['a function beside it', closures.callsNeighbour, 'usesConstant'],
    ['itself, by the name of a variable', closures.usesItself, 'usesItself'],
    ['a variable of the function around it', closures.makeScaling(2), 'scale'],
  ])('N7 is told that it uses %s', async (_what, task, variable) => {
    const { lease } = await setup();
    const error = await rejection(lease.run(task as (value: number) => unknown, [1]));
    expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE', freeVariables: [variable] });
    expect(error.message).toContain(`'${variable}'`);
  });

  test('N7 is told all that it uses', async () => {
    const { lease } = await setup();
    const [one, two] = [1, 2];
    const error = await rejection(lease.run(() => one + two));
    expect(new Set(error.freeVariables)).toEqual(new Set(['one', 'two']));
  });
});

class Shape {
  readonly corners = 4;
  count(): number {
    return this.corners;
  }
}

describe('a function of a kind that cannot travel', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['a class', Shape as unknown as () => unknown, /it is a class.*Pass a function/],
    ['a bound function', Math.max.bind(undefined, 1), /it is a bound function.*as arguments/],
    ['a native function', Date.now, /native function.*\(\.\.\.args\) => Date\.now\(\.\.\.args\)/],
    ['a method that uses `this`', new Shape().count, /it uses `this`.*Pass what it needs/],
    ['one that uses `this`', evaluate('(function () { return this.corners; })'), /it uses `this`/],
    ['one that uses `super`', evaluate('({ m() { return super.toString(); } }).m'), /it uses `super`/],
    ['one that uses `import.meta`', closures.usesImportMeta, /it uses `import\.meta`.*defineTasks\(/],
    ['one with eval()', evaluate('((scope) => () => eval("scope"))(1)'), /eval\(\)/],
    [
      'one that imports by a relative path',
      evaluate("async () => import('./closures.js')"),
      /imports a module by a relative path/,
    ],
  ])('N7 %s is refused, with what to do', async (_what, task, message) => {
    const { grinder, lease } = await setup();
    for (const error of [await rejection(grinder.submit(task)), await rejection(lease.run(task))]) {
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE' });
      expect(error.message).toMatch(message);
    }
    expect(grinder.stats().totals.submitted).toBe(0);
  });
});

describe('what is no function', () => {
  test.each([
    ['a module', closures, /got a module \(pass one of its functions\)/],
    ['what a function returned', closures.selfContained(9), /type number \(pass the function/],
    ['a name', 'square', /which module/],
    ['a promise', import('../tasks/closures.js'), /a promise \(await it first\)/],
  ])('N7 %s is refused, with what to do', async (_what, task, message) => {
    const { lease } = await setup();
    const error = await rejection(lease.run(task as unknown as () => unknown));
    expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TASK_INVALID' });
    expect(error.message).toMatch(message);
  });
});

describe.each(['thread', 'process'] as const)('what only the worker can tell, backend %s', (backend) => {
  test('N7 a global of this thread alone is named when the worker lacks it', async () => {
    const { lease } = await setup({ backend });
    Object.assign(globalThis, { onlyInThisThread: 1 });
    onTestFinished(() => void Reflect.deleteProperty(globalThis, 'onlyInThisThread'));
    const error = await rejection(lease.run(evaluate('() => onlyInThisThread + 1')));
    expect(error).toBeInstanceOf(TaskReferenceError);
    expect(error).toMatchObject({
      code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE',
      freeVariables: ['onlyInThisThread'],
    });
    expect(error.message).toContain("it uses 'onlyInThisThread' from the scope around it");
    expect(error.cause).toBeInstanceOf(ReferenceError);
  });

  test('N7 without an inspector, the failure in the worker says the same', async () => {
    const { lease } = await setup({ backend });
    vi.spyOn(process, 'getBuiltinModule').mockImplementation(() => {
      throw new Error('Access to this API has been restricted');
    });
    onTestFinished(() => void vi.restoreAllMocks());
    const task = evaluate('((hidden) => { const scaled = (value) => value * hidden; return scaled; })(2)');
    const error = await rejection(lease.run(task as (value: number) => unknown, [7]));
    expect(error).toMatchObject({
      code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE',
      taskName: 'scaled',
      freeVariables: ['hidden'],
    });
    expect(error.message).toContain("cannot run 'scaled' in a worker: it uses 'hidden'");
    expect(await lease.run(evaluate('(value) => value') as (value: number) => number, [1])).toBe(1);
  });

  test('N7 a mistake inside a task keeps its own error', async () => {
    const { lease } = await setup({ backend });
    const early = evaluate('() => { const found = later; const later = 1; return found; }');
    const error = await rejection(lease.run(early));
    expect(error).toBeInstanceOf(ReferenceError);
    expect(error.message).toContain("Cannot access 'later' before initialization");
  });
});
