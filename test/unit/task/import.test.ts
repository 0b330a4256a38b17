import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { pathToFileURL } from 'node:url';
import type * as zlib from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { importTasks, taskRef } from '../../../src/task/import.ts';

const folder = mkdtempSync(join(tmpdir(), 'leasepool-import-'));
const file = (name: string): string => {
  writeFileSync(join(folder, name), '');
  return pathToFileURL(join(folder, name)).href;
};
const missing = (name: string): string => pathToFileURL(join(folder, name)).href;
afterAll(() => rmSync(folder, { recursive: true }));

interface Tasks {
  square(x: number): number;
  cube(x: number): number;
  readonly limit: number;
}

const noFile = expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_MODULE' });

describe('T2: importTasks', () => {
  const module = file('tasks.js');
  const tasks = importTasks<Tasks>(module);

  it('gives plain, frozen references by name', () => {
    expect(tasks.square).toEqual({ module, name: 'square' });
    expect(Object.isFrozen(tasks.square)).toBe(true);
    expect(structuredClone(tasks.cube)).toEqual({ module, name: 'cube' });
  });

  it('gives the same reference each time', () => {
    expect(tasks.square).toBe(tasks.square);
    const { square } = tasks;
    expect(square).toBe(tasks.square);
  });

  it('may be awaited and returned from async functions', async () => {
    expect(await (async () => tasks)()).toBe(tasks);
    expect('then' in tasks).toBe(false);
  });

  it('has names of its own only, so inherited ones are the workers to refuse', () => {
    const any = tasks as unknown as Record<string | symbol, unknown>;
    expect(any['toString']).toEqual({ module, name: 'toString' });
    expect(any['__proto__']).toEqual({ module, name: '__proto__' });
    expect(any[Symbol.iterator]).toBeUndefined();
  });

  it('can be shown', () => {
    expect(inspect(importTasks<Tasks>(module))).toContain('[Object: null prototype] {}');
    expect(JSON.stringify(importTasks<Tasks>(module))).toBe('{}');
  });

  it('cannot be changed', () => {
    const open = tasks as { square?: unknown };
    expect(() => (open.square = 1)).toThrow(TypeError);
    expect(() => delete open.square).toThrow(TypeError);
    expect(tasks.square).toEqual({ module, name: 'square' });
  });

  it('takes a URL object and a path', () => {
    expect(importTasks<Tasks>(new URL(module)).square).toEqual(tasks.square);
    expect(importTasks<Tasks>(join(folder, 'tasks.js')).square).toEqual(tasks.square);
  });

  it('takes bare specifiers, which workers resolve', () => {
    expect(importTasks<typeof zlib>('node:zlib').gzipSync).toEqual({
      module: 'node:zlib',
      name: 'gzipSync',
    });
    expect(importTasks<Tasks>('not-installed-here/tasks').square.module).toBe('not-installed-here/tasks');
  });

  it.each([
    ['only.ts', 'only.js'],
    ['only-js.js', 'only-js.ts'],
    ['only.mts', 'only.mjs'],
    ['only-mjs.mjs', 'only-mjs.mts'],
    ['only.cts', 'only.cjs'],
    ['only-cjs.cjs', 'only-cjs.cts'],
  ])('finds %s when told %s', (there, told) => {
    const found = file(there);
    expect(importTasks<Tasks>(missing(told)).square.module).toBe(found);
    expect(importTasks<Tasks>(`${missing(told)}?v=1#a.js`).square.module).toBe(`${found}?v=1#a.js`);
  });

  it('takes the file it was told when both are there', () => {
    const [js, ts] = [file('both.js'), file('both.ts')];
    expect(importTasks<Tasks>(js).square.module).toBe(js);
    expect(importTasks<Tasks>(ts).square.module).toBe(ts);
  });

  it.each(['missing.js', 'missing.json', 'tasks.js/inside.js', '.'])(
    'throws at once for %s, which is no file',
    (name) => {
      expect(() => importTasks(missing(name))).toThrow(noFile);
    },
  );

  it('names the spellings that were tried', () => {
    expect(() => importTasks(missing('missing.mjs'))).toThrow(
      /there is no task module file:.*missing\.mjs, nor missing\.mts\.$/,
    );
    expect(() => importTasks(missing('missing.json'))).toThrow(/missing\.json\.$/);
  });

  it('throws for a relative path', () => {
    expect(() => importTasks('./tasks.js')).toThrow(noFile);
  });
});

describe('T2: taskRef', () => {
  const module = file('ref.js');

  it('gives one reference', () => {
    const square = taskRef<Tasks['square']>(module, 'square');
    expect(square).toEqual({ module, name: 'square' });
    expect(Object.isFrozen(square)).toBe(true);
    expect(taskRef({ url: module }, 'default')).toEqual({ module, name: 'default' });
  });

  it('throws at once when there is no such file, or no name', () => {
    expect(() => taskRef(missing('nothing.js'), 'square')).toThrow(noFile);
    expect(() => taskRef(module, undefined as unknown as string)).toThrow(
      expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_INVALID' }),
    );
  });
});
