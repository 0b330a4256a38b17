import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { registerTypeScript, typeScriptHint } from '../../../src/worker/typescript.ts';

const run = promisify(execFile);
const program = fileURLToPath(new URL('../../tasks/load-in-thread.js', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

const folder = mkdtempSync(join(tmpdir(), 'leasepool-typescript-'));
afterAll(() => rmSync(folder, { recursive: true }));

// With an enum, which type stripping refuses and tsx compiles.
const typed = pathToFileURL(join(folder, 'typed.ts')).href;
writeFileSync(
  new URL(typed),
  'enum Unit { Metre = 1000 } export const inMetres = (kilometres: number): number => kilometres * Unit.Metre;',
);

async function inThread(options: readonly string[], nodeOptions = ''): Promise<unknown> {
  const { stdout } = await run(process.execPath, [...options, program, typed, 'inMetres', '2'], {
    env: { ...process.env, NODE_OPTIONS: nodeOptions },
    cwd: dirname(program),
  });
  return JSON.parse(stdout);
}

describe('T2: tasks in TypeScript, in a thread', () => {
  it.each([
    ['--import tsx', ['--import', 'tsx'], ''],
    ['--import=tsx', ['--import=tsx'], ''],
    ['a path to tsx', ['--import', tsx], ''],
    ['NODE_OPTIONS', [], '--import tsx'],
  ])('run under tsx, given by %s', async (_, options, nodeOptions) => {
    expect(await inThread(options, nodeOptions)).toEqual({ value: 2000, exit: 0 });
  });

  it('fail with the reason without it', async () => {
    expect(await inThread(['--no-warnings'])).toMatchObject({
      code: 'ERR_LEASEPOOL_TASK_MODULE',
      message: expect.stringMatching(/start the program with "node --import tsx"/),
      cause: expect.stringMatching(/^ERR_(UNKNOWN_FILE_EXTENSION|UNSUPPORTED_TYPESCRIPT_SYNTAX)$/),
    });
  });
});

describe('registerTypeScript', () => {
  it('does nothing about other failures', async () => {
    for (const error of [undefined, null, new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' }]) {
      expect(await registerTypeScript(error)).toBe(false);
    }
  });

  it('does nothing when the program does not run under tsx', async () => {
    expect(await registerTypeScript({ code: 'ERR_UNKNOWN_FILE_EXTENSION' })).toBe(false);
  });
});

describe('typeScriptHint', () => {
  it.each([
    ['ERR_UNKNOWN_FILE_EXTENSION', 'Unknown file extension ".mts" for /tasks.mts', 'Node 22.18'],
    ['ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', 'TypeScript enum is not supported', 'only strips types'],
    ['ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING', 'Stripping types is unsupported', 'compile it'],
  ])('says what to do about %s', (code, message, hint) => {
    expect(typeScriptHint({ code, message })).toContain(hint);
  });

  it('says nothing about other failures', () => {
    const other = { code: 'ERR_UNKNOWN_FILE_EXTENSION', message: 'Unknown file extension ".css" for /a.css' };
    for (const error of [other, new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' }, 7, 'text']) {
      expect(typeScriptHint(error)).toBe('');
    }
  });
});
