import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { definedNames, definedReference, definedTask, defineTasks } from '../../../src/task/define.ts';
import type { AnyFunction } from '../../../src/task/reference.ts';

let modules = 0;
/** A module that no other test uses. */
const freshModule = (): string => `file:///test/define-${++modules}.js`;

const folder = mkdtempSync(join(tmpdir(), 'leasepool-define-'));
afterAll(() => rmSync(folder, { recursive: true }));

const duplicate = expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_DUPLICATE', taskName: 'square' });

describe('T1: defineTasks', () => {
  it('gives the functions back unchanged', () => {
    const table = { square: (x: number) => x * x, cube: (x: number) => x ** 3 };
    expect(defineTasks(freshModule(), table)).toBe(table);
    expect(table.square(3)).toBe(9);
  });

  it('names them for both sides', () => {
    const module = freshModule();
    const { square } = defineTasks(module, { square: (x: number) => x * x });
    expect(definedReference(square)).toEqual({ kind: 'reference', module, name: 'square' });
    expect(definedTask(module, 'square')).toBe(square);
    expect(definedNames(module)).toEqual(['square']);
    expect(definedTask(module, 'toString')).toBeUndefined();
    expect(definedTask(freshModule(), 'square')).toBeUndefined();
  });

  it('takes any names, inherited and special ones of objects too', () => {
    const module = freshModule();
    const tasks = JSON.parse('{"__proto__":0,"toString":0,"":0}') as Record<string, AnyFunction>;
    for (const name of Object.keys(tasks)) Object.defineProperty(tasks, name, { value: () => name });
    defineTasks(module, tasks);
    expect(definedNames(module)).toEqual(['__proto__', 'toString', '']);
  });

  it('lets several tables of one module stand side by side', () => {
    const module = freshModule();
    defineTasks(module, { square: () => 1 });
    defineTasks(module, { cube: () => 1 });
    expect(definedNames(module)).toEqual(['square', 'cube']);
  });

  it('refuses a key that is taken, and nothing of that table is defined', () => {
    const module = freshModule();
    const { square } = defineTasks(module, { square: () => 1 });
    expect(() => defineTasks(module, { cube: () => 1, square: () => 1 })).toThrow(duplicate);
    expect(definedTask(module, 'square')).toBe(square);
    expect(definedNames(module)).toEqual(['square']);
  });

  it('refuses a key that is taken later, and by the very same function', async () => {
    const module = freshModule();
    const table = defineTasks(module, { square: () => 1 });
    await Promise.resolve();
    expect(() => defineTasks(module, table)).toThrow(duplicate);
  });

  it('refuses a key that two calls through one helper take', () => {
    const module = freshModule();
    const define = (): unknown => defineTasks(module, { square: () => 1 });
    define();
    expect(() => define()).toThrow(duplicate);
  });

  it.each([
    ['a number', 7, /of type number/],
    ['undefined', undefined, /of type undefined/],
    ['null', null, /but null/],
  ])('refuses %s in place of a function', (_, value, message) => {
    const module = freshModule();
    const tasks = { fine: () => 1, square: value as unknown as AnyFunction };
    expect(() => defineTasks(module, tasks)).toThrow(
      expect.objectContaining({
        code: 'ERR_LEASEPOOL_TASK_INVALID',
        taskName: 'square',
        message: expect.stringMatching(message),
      }),
    );
    expect(definedNames(module)).toEqual([]);
  });

  it('refuses what is no table', () => {
    expect(() => defineTasks(freshModule(), (() => 1) as never)).toThrow(
      expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_INVALID' }),
    );
  });

  it('refuses a table without its module, and says how it is written', () => {
    expect(() => defineTasks({ square: () => 1 } as never, undefined as never)).toThrow(
      'defineTasks(import.meta.url, { name: function })',
    );
  });

  it('refuses a name in place of the module URL', () => {
    expect(() => defineTasks('tasks', { square: () => 1 })).toThrow(
      expect.objectContaining({
        code: 'ERR_LEASEPOOL_TASK_MODULE',
        taskName: 'square',
        message: expect.stringContaining("import.meta.url, not 'tasks'"),
      }),
    );
  });

  it('refuses an empty or missing module URL', () => {
    for (const module of ['', undefined, {}]) {
      expect(() => defineTasks(module as string, { square: () => 1 })).toThrow(
        expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_MODULE', taskName: 'square' }),
      );
    }
  });
});

describe('T1: a module that is evaluated again replaces its tasks', () => {
  const defineFrom = (file: string): AnyFunction => {
    const require = createRequire(import.meta.url);
    delete require.cache[file];
    return (require(file) as (define: typeof defineTasks) => { square: AnyFunction })(defineTasks).square;
  };
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('from the same place, as with a test runner', () => {
    const file = write('again.cjs', 'module.exports = (define) => define(__filename, { square: () => 1 });');
    const first = defineFrom(file);
    const second = defineFrom(file);
    const module = pathToFileURL(file).href;
    expect(second).not.toBe(first);
    expect(definedTask(module, 'square')).toBe(second);
    expect(definedReference(first)).toBe(definedReference(second));
  });

  it('from another place after an edit, as with hot reloading', () => {
    const file = write('edited.cjs', 'module.exports = (define) => define(__filename, { square: () => 1 });');
    defineFrom(file);
    write('edited.cjs', '\n\nmodule.exports = (define) => define(__filename, { square: () => 2 });');
    utimesSync(file, 1, 1);
    expect(defineFrom(file)()).toBe(2);
  });

  it('from another file, as when a bundler puts it into two chunks', () => {
    const module = freshModule();
    const text = `module.exports = (define) => define('${module}', { square: () => 1 });`;
    defineFrom(write('chunk-1.cjs', text));
    const second = defineFrom(write('chunk-2.cjs', `\n${text}`));
    expect(definedTask(module, 'square')).toBe(second);
  });

  it('under another query, as a module of its own', () => {
    const module = freshModule();
    const first = defineTasks(`${module}?v=1`, { square: () => 1 }).square;
    const second = defineTasks(`${module}?v=2`, { square: () => 2 }).square;
    expect(definedTask(`${module}?v=1`, 'square')).toBe(first);
    expect(definedTask(`${module}?v=2`, 'square')).toBe(second);
  });

  it('but not when it takes a name twice itself', () => {
    const twice =
      'module.exports = (define) => { define(__filename, { square() {} }); return define(__filename, { square() {} }); };';
    expect(() => defineFrom(write('twice.cjs', twice))).toThrow(duplicate);
    expect(() => defineFrom(write('brackets (x86).cjs', twice))).toThrow(duplicate);
  });
});

describe('T1: two copies of the package in one thread', () => {
  it('find the tasks of each other', async () => {
    vi.resetModules();
    const other = await import('../../../src/task/define.ts');
    expect(other.defineTasks).not.toBe(defineTasks);
    const module = freshModule();
    const { square } = other.defineTasks(module, { square: () => 1 });
    expect(definedTask(module, 'square')).toBe(square);
    expect(definedReference(square)).toMatchObject({ module, name: 'square' });
    expect(() => defineTasks(module, { square: () => 1 })).toThrow(duplicate);
  });
});
