import { describe, expect, it } from 'vitest';
import { TaskReferenceError } from '../../../src/core/errors.ts';
import { defineTasks } from '../../../src/task/define.ts';
import { importTasks } from '../../../src/task/import.ts';
import type { AnyFunction } from '../../../src/task/reference.ts';
import { resolveTask } from '../../../src/task/resolve.ts';

/** In the global scope, out of reach of the compiler that made this file. */
const evaluate = (text: string): AnyFunction => (0, eval)(text) as AnyFunction;

const module = import.meta.url;
const { square } = defineTasks(module, { square: (x: number) => x * x });

describe('T2: what a task is on its way to a worker', () => {
  it('a function named by defineTasks is a reference', () => {
    expect(resolveTask(square)).toEqual({ kind: 'reference', module, name: 'square' });
  });

  it('a self-contained function is source text', () => {
    const twice = (x: number): number => x * 2;
    const resolved = resolveTask(twice);
    expect(resolved).toMatchObject({ kind: 'source', name: 'twice' });
    expect(resolveTask(twice)).toBe(resolved);
  });

  it('S39 whatever somebody has given all objects', () => {
    Object.defineProperty(Object.prototype, 'reason', { value: 'polluted', configurable: true });
    try {
      expect(resolveTask((x: number) => x * 3)).toMatchObject({ kind: 'source' });
    } finally {
      Reflect.deleteProperty(Object.prototype, 'reason');
    }
  });

  it('a reference written by hand is a reference, also as a path', () => {
    expect(resolveTask({ module, name: 'square' })).toBe(resolveTask(square));
    expect(resolveTask(Object.freeze({ module: import.meta.filename, name: 'square' }))).toBe(
      resolveTask(square),
    );
    expect(resolveTask(JSON.parse(JSON.stringify({ module: 'package/tasks', name: 'a' })))).toEqual({
      kind: 'reference',
      module: 'package/tasks',
      name: 'a',
    });
  });

  it('a reference is read each time, since it may have been changed', () => {
    const reference = { module, name: 'a' };
    expect(resolveTask(reference)).toMatchObject({ name: 'a' });
    reference.name = 'b';
    expect(resolveTask(reference)).toMatchObject({ name: 'b' });
  });

  it('the same module and name are the identical object, of which there may be any number', () => {
    const held = Array.from({ length: 5000 }, (_, i) => resolveTask({ module, name: `n${i}` }));
    expect(held.every((task, i) => resolveTask({ module, name: `n${i}` }) === task)).toBe(true);
  });

  it('is frozen plain data', () => {
    for (const task of [resolveTask(square), resolveTask(() => 1)]) {
      expect(Object.isFrozen(task)).toBe(true);
      expect(structuredClone(task)).toEqual(task);
    }
  });
});

describe('N7: what is no task', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'square'],
    ['a number', 7],
    ['a promise', Promise.resolve(square)],
    ['an empty object', {}],
    ['a module namespace', { square }],
    ['a name without a module', { name: 'square' }],
    ['a module that is no string', { module: new URL(module), name: 'square' }],
    ['inherited properties', Object.create({ module, name: 'square' })],
  ])('%s is refused', (_, task) => {
    expect(() => resolveTask(task)).toThrow(
      expect.objectContaining({
        code: 'ERR_LEASEPOOL_TASK_INVALID',
        message: expect.stringContaining('got '),
      }),
    );
  });

  it.each([
    ['the result of a call', square(7), 'pass the function, not what it returns'],
    ['a name', 'square', 'does not say which module'],
    ['a promise of a function', Promise.resolve(square), 'await it first'],
    ['a table of tasks', { square }, 'of a table or a module, pass one function'],
    ['all references of a module', importTasks(module), 'of a table or a module, pass one function'],
  ])('%s is refused with what to do', (_, task, remedy) => {
    expect(() => resolveTask(task)).toThrow(remedy);
  });

  it('nor is a reference to no module', () => {
    for (const wrong of ['', './tasks.js', 'https://example.org/t.js']) {
      expect(() => resolveTask({ module: wrong, name: 'square' })).toThrow(
        expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_MODULE', taskName: 'square' }),
      );
    }
  });

  it('a function that cannot be sent says what it uses, and what to do', () => {
    const scale = evaluate('((factor) => { const scale = (x) => x * factor; return scale; })(2)');
    expect(() => resolveTask(scale)).toThrow(
      "cannot run 'scale' in a worker: it uses 'factor' from the scope around it. Pass what it needs as arguments, " +
        'or put it into a module of its own and name it there: defineTasks(import.meta.url, { scale }).',
    );
    expect(() => resolveTask(scale)).toThrow(
      expect.objectContaining({
        code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE',
        taskName: 'scale',
        freeVariables: ['factor'],
      }),
    );
  });

  it('one without a name is shown', () => {
    const task = evaluate('((factor) => (x) =>   x * factor)(1)');
    expect(() => resolveTask(task)).toThrow('cannot run `(x) => x * factor` in a worker');
    expect(() => resolveTask(task)).toThrow('defineTasks(import.meta.url, { … })');
  });

  it.each([
    [Math.max, '(...args) => Math.max(...args).'],
    [parseFloat, '(...args) => Number.parseFloat(...args).'],
    [Function.prototype, 'native function'],
    [
      evaluate('((fn) => function mockConstructor() { return fn.apply(this); })()'),
      'it is a mock, which works in the thread of its test only. Submit the real function.',
    ],
    [
      evaluate('((fn) => ({ Mock() { return fn.apply(this); } }))().Mock'),
      'it is a mock, which works in the thread of its test only. Submit the real function.',
    ],
  ])('%o is told what to write instead', (task, remedy) => {
    expect(() => resolveTask(task)).toThrow(remedy);
  });

  it('each refusal is an error of its own', () => {
    const task = Math.max;
    const errors = [0, 1].map(() => {
      try {
        return resolveTask(task);
      } catch (error) {
        return error;
      }
    });
    expect(errors[0]).toBeInstanceOf(TaskReferenceError);
    expect(errors[0]).not.toBe(errors[1]);
  });
});
