import { describe, expect, it, vi } from 'vitest';
import { importingModule, whileImporting } from '../../../src/task/import-guard.ts';

const module = 'file:///tasks.js';

describe('N8: the import of a task module is marked', () => {
  it('while it runs, and in what it starts', async () => {
    let later: Promise<unknown> = Promise.resolve();
    const inside = whileImporting(module, () => {
      later = new Promise((resolve) => setImmediate(() => resolve(importingModule())));
      return importingModule();
    });
    expect(inside).toBe(module);
    expect(await later).toBe(module);
  });

  it('and nothing else is: not what waits for it, not the jobs after it', async () => {
    expect(importingModule()).toBeUndefined();
    const loading = whileImporting(module, async () => {});
    expect(importingModule()).toBeUndefined();
    await loading;
    expect(importingModule()).toBeUndefined();
    await loading.then(() => expect(importingModule()).toBeUndefined());
  });

  it('for every copy of the package in the thread', async () => {
    vi.resetModules();
    const other = await import('../../../src/task/import-guard.ts');
    expect(other.importingModule).not.toBe(importingModule);
    expect(whileImporting(module, () => other.importingModule())).toBe(module);
  });
});
