import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const programs = join(root, 'test/programs');

// Characters that mean something in a URL, as they occur in paths too.
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'leasepool layouts #1 100%20ü ')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, content: string | object): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** An application of its own, outside of this repository. */
function application(name: string, install: (target: string) => void): string {
  const app = join(folder, name);
  write(join(app, 'package.json'), { type: 'module' });
  mkdirSync(join(app, 'node_modules'), { recursive: true });
  install(join(app, 'node_modules/leasepool'));
  return app;
}

const copied = (name: string): string =>
  application(name, (target) => {
    cpSync(join(root, 'dist'), join(target, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(target, 'package.json'));
  });

const linked = (name: string): string => application(name, (target) => symlinkSync(root, target, 'junction'));

async function output(cwd: string, args: readonly string[]): Promise<unknown> {
  const { stdout, stderr } = await run(process.execPath, args, { cwd, timeout: 20_000 });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

const backends = ['thread', 'process'];

describe('a program in CommonJS', () => {
  const app = copied('common');
  cpSync(join(programs, 'common'), app, { recursive: true });

  test.each(backends)('T2 its tasks in CommonJS run, backend %s', async (backend) => {
    const lines = readFileSync(join(app, 'tasks.cjs'), 'utf8').split('\n');
    expect(await output(app, [join(app, 'main.cjs'), backend])).toEqual({
      defined: 49,
      state: [1, 2, 1],
      inMain: false,
      imported: 27,
      async: 'later',
      byPath: 8,
      data: 'given',
      inline: 5,
      imports: 'b',
      failed: [true, 'on purpose', `tasks.cjs:${lines.findIndex((line) => line.includes('throw new')) + 1}`],
    });
  });
});

describe('a program in TypeScript, compiled', () => {
  const app = copied('compiled');
  const source = join(programs, 'typescript');
  cpSync(source, join(app, 'src'), { recursive: true });

  const compiled = (async () => {
    symlinkSync(join(root, 'node_modules/@types'), join(app, 'node_modules/@types'), 'junction');
    const compilerOptions = { rootDir: 'src', outDir: 'dist', sourceMap: true };
    const files = ['src/main.ts', 'src/tasks.cts'];
    write(join(app, 'tsconfig.json'), { extends: join(root, 'tsconfig.base.json'), compilerOptions, files });
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', app]);
  })();

  const expected = (failedAt: unknown): object => ({
    defined: 49,
    state: [1, 2, 1],
    async: 'later',
    imported: 64,
    exported: 'a kite with 4 corners',
    asDefault: 'hello you',
    data: 'given',
    common: 27,
    inline: '5 m',
    failedAt,
    importFailedAt: failedAt,
    commonFailedAt: failedAt && expect.stringMatching(/^tasks\.cts:\d+$/),
  });

  test.each(backends)('T2 its compiled tasks run, backend %s', async (backend) => {
    await compiled;
    expect(await output(app, [join(app, 'dist/main.js'), backend])).toEqual(expected(undefined));
  });

  test.each(backends)(
    'T2 with source maps, they fail at the lines of their source, backend %s',
    async (backend) => {
      await compiled;
      const lines = readFileSync(join(source, 'tasks.ts'), 'utf8').split('\n');
      const line = lines.findIndex((text) => text.includes('throw new RangeError')) + 1;
      expect(await output(app, ['--enable-source-maps', join(app, 'dist/main.js'), backend])).toEqual(
        expected(`tasks.ts:${line}`),
      );
    },
  );
});

test('M6 without the files of its workers, as a bundler leaves it, every backend says what to do', async () => {
  const app = copied('bundled');
  rmSync(join(app, 'node_modules/leasepool/dist/worker'), { recursive: true });
  const program = write(
    join(app, 'main.js'),
    `import { LeasedExecutorManager } from 'leasepool';
     const told = ['thread', 'process', 'inline'].map((backend) =>
       new LeasedExecutorManager({ backend, workersPerPool: 1 }).start().catch(({ code, message }) => [code, message]));
     console.log(JSON.stringify(await Promise.all(told)));`,
  );
  const told = ['ERR_LEASEPOOL_BROKEN_EXECUTOR', expect.stringContaining('mark leasepool as external')];
  expect(await output(app, [program])).toEqual([told, told, told]);
});

describe.each([
  ['copied', copied],
  ['linked', linked],
])('tasks of packages, with this package %s into the application', (how, install) => {
  const app = install(`packages ${how}`);
  const tasksPackage = join(app, 'node_modules/some-tasks');
  write(join(tasksPackage, 'package.json'), {
    name: 'some-tasks',
    type: 'module',
    exports: { '.': './main.js', './common': './lib/common.cjs' },
  });
  write(
    join(tasksPackage, 'main.js'),
    `import { helper } from './helper.js';
     export const square = (value) => helper(value);
     export default () => import.meta.url;`,
  );
  write(join(tasksPackage, 'helper.js'), 'export const helper = (value) => value ** 2;');
  write(join(tasksPackage, 'lib/common.cjs'), 'exports.cube = (value) => value ** 3;');
  write(
    join(app, 'node_modules/@scope/named/index.js'),
    `import { defineTasks } from 'leasepool';
     defineTasks(import.meta.url, { hidden: (value) => \`hidden \${value}\` });`,
  );
  write(join(app, 'node_modules/@scope/named/package.json'), { type: 'module', exports: './index.js' });
  write(join(app, 'node_modules/esm-only/package.json'), {
    type: 'module',
    exports: { import: './main.js' },
  });
  write(join(app, 'node_modules/esm-only/main.js'), 'export const triple = (value) => value * 3;');
  const program = write(
    join(app, 'main.js'),
    `import { importTasks, LeasedExecutorManager, taskRef } from 'leasepool';
     const manager = new LeasedExecutorManager({
       backend: process.argv[2], workersPerPool: 1, preload: ['some-tasks/common'],
     });
     await manager.start();
     const report = await manager.withLease(async (lease) => [
       await lease.run(importTasks('some-tasks').square, [7]),
       await lease.run(importTasks('some-tasks').default),
       await lease.run({ module: 'some-tasks/common', name: 'cube' }, [3]),
       await lease.run(taskRef('@scope/named', 'hidden'), ['task']),
       await lease.run(taskRef('node:path', 'basename'), ['/a/b']),
       await lease.run(importTasks(import.meta.resolve('esm-only')).triple, [7]),
       await lease.run(taskRef('some-tasks/private', 'any')).catch(({ code, message, cause }) => [code, message, cause.code]),
     ]);
     console.log(JSON.stringify(report));
     await manager.stop();`,
  );

  test.each(backends)('T2 bare specifiers name them, backend %s', async (backend) => {
    expect(await output(app, [program, backend])).toEqual([
      49,
      expect.stringMatching(/^file:.*\/node_modules\/some-tasks\/main\.js$/),
      27,
      'hidden task',
      'b',
      21,
      [
        'ERR_LEASEPOOL_TASK_MODULE',
        expect.stringMatching(/some-tasks\/private.*import\.meta\.resolve\('some-tasks\/private'\)/),
        'ERR_PACKAGE_PATH_NOT_EXPORTED',
      ],
    ]);
  });
});
