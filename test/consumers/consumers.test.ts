import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { consumerWith, installed, linkOptionalPackages } from './installed.ts';

// A compiler takes seconds, and many times that on a busy machine.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const run = promisify(execFile);
const here = import.meta.dirname;

const compilers = ['5.4', '5.9', '6.0', '7.0'];
const nodeTypes = ['20', '22', '24', '26'];

/** Where the packed package is installed; the consumers are folders in it, one for each version of @types/node. */
let root: string;

beforeAll(async () => {
  root = await consumerWith();
  linkOptionalPackages(root);
  for (const types of nodeTypes) {
    const consumer = join(root, types);
    cpSync(join(here, 'programs'), consumer, { recursive: true });
    mkdirSync(join(consumer, 'node_modules/@types'), { recursive: true });
    const own = join(installed, `types-node-${types}`);
    symlinkSync(own, join(consumer, 'node_modules/@types/node'), 'junction');
    const undici = dirname(createRequire(join(own, 'package.json')).resolve('undici-types/package.json'));
    symlinkSync(undici, join(consumer, 'node_modules/undici-types'), 'junction');
  }
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Compilation {
  readonly compiler: string;
  readonly types: string;
  readonly files: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** What the compiler says; nothing when all is well. */
async function compile({ compiler, types, files, options }: Compilation): Promise<string> {
  const project = join(root, types, 'tsconfig.json');
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2022'],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    ...options,
  };
  writeFileSync(project, JSON.stringify({ compilerOptions, files }));
  const tsc = join(installed, `typescript-${compiler}`, 'bin/tsc');
  try {
    await run(process.execPath, [tsc, '-p', project]);
    return '';
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return stdout + stderr || String(error);
  }
}

test.each([
  ...compilers.map((version) => ['typescript', version]),
  ...nodeTypes.map((version) => ['types-node', version]),
])('%s-%s is of that version', (name, version) => {
  const manifest = readFileSync(join(installed, `${name}-${version}`, 'package.json'), 'utf8');
  expect((JSON.parse(manifest) as { version: string }).version.startsWith(`${version}.`)).toBe(true);
});

/** Version of @types/node, `exactOptionalPropertyTypes`. */
const surroundings = [
  ['20', true],
  ['22', false],
  ['22', true],
  ['24', true],
  ['26', true],
] as const;
/** How many of them a compiler gets: a slow one takes some six seconds for each. */
const shares: Readonly<Record<string, number>> = { '5.4': 2, '5.9': 1, '6.0': 1, '7.0': 5 };

describe.each(compilers)('under TypeScript %s', (compiler) => {
  // Earlier ones do not know `require()` of an ES module.
  const common = compiler === '5.4' ? [] : ['main.cts'];
  const files = ['main.mts', 'dynamic.cts', ...common];

  test.each(surroundings.slice(0, shares[compiler]))(
    'N10 the declarations compile with @types/node %s, exactOptionalPropertyTypes %s',
    async (types, exactOptionalPropertyTypes) => {
      expect(await compile({ compiler, types, files, options: { exactOptionalPropertyTypes } })).toBe('');
    },
  );
});

// What TypeScript 5.4 has to say of @types/node 26 is not about this package: those types need a newer one.
test.each([
  ['5.4', '20'],
  ['5.4', '26'],
  ['5.9', '26'],
  ['6.0', '26'],
  ['7.0', '20'],
  ['7.0', '22'],
  ['7.0', '24'],
  ['7.0', '26'],
])('N10 under TypeScript %s, every entry compiles with @types/node %s', async (compiler, types) => {
  // Without it, an optional package would be looked for beside its own types of Node: those of this repository.
  const options = { preserveSymlinks: true };
  const said = await compile({ compiler, types, files: ['entries.mts', 'main.mts'], options });
  const isOfNode = (line: string): boolean => /^(?:\s|(?:\S*\/)?node_modules\/@types\/node\/)/.test(line);
  expect(said.split('\n').filter((line) => line !== '' && !(compiler === '5.4' && isOfNode(line)))).toEqual(
    [],
  );
});

test.each(['5.4', '7.0'])(
  'N10 under TypeScript %s, the declarations compile for a bundler',
  async (compiler) => {
    const options = { module: 'esnext', moduleResolution: 'bundler', types: ['node'] };
    expect(await compile({ compiler, types: '22', files: ['plain.ts'], options })).toBe('');
  },
);

// TypeScript 6 and later have done away with it.
test.each(['5.4', '5.9'])(
  'N10 under TypeScript %s, the declarations compile for classic CommonJS',
  async (compiler) => {
    const options = { module: 'commonjs', moduleResolution: 'node10' };
    expect(await compile({ compiler, types: '22', files: ['plain.ts'], options })).toBe('');
  },
);

test('the check sees mistakes', async () => {
  writeFileSync(join(root, '22', 'wrong.mts'), "import { WorkGrinder } from 'leasepool'; new WorkGrinder();");
  const said = await compile({ compiler: '7.0', types: '22', files: ['wrong.mts'], options: {} });
  expect(said).toContain('TS2554');
});

describe('the compiled consumers', () => {
  const types = '22';
  const outDir = 'out';
  const printed = {
    'main.mjs': '49 64 a-b-c a later too 1.0 9,9,9 8 1,4 1 4 given\nERR_LEASEPOOL_TASK_NOT_FOUND true 1\n',
    'main.cjs': '49 true\n',
    'dynamic.cjs': '7\n',
  };

  beforeAll(async () => {
    const options = { noEmit: false, outDir: join(root, types, outDir) };
    const files = ['main.mts', 'main.cts', 'dynamic.cts'];
    expect(await compile({ compiler: '7.0', types, files, options })).toBe('');
  });

  describe.each(['thread', 'process'])('with backend "%s"', (backend) => {
    test.each(Object.entries(printed))(
      'N10 %s runs on the installed package, without a warning',
      async (file, stdout) => {
        const program = join(root, types, outDir, file);
        const ended = await run(process.execPath, [program, backend], { cwd: root, timeout: 20_000 });
        expect(ended).toEqual({ stdout, stderr: '' });
      },
    );
  });
});

test('N10 a check against the newest types of Node that cannot ask the registry fails', async () => {
  const env = { ...process.env, npm_config_registry: 'http://127.0.0.1:9', npm_config_fetch_retries: '0' };
  const cwd = join(here, '../..');
  const failed = run(process.execPath, ['scripts/newest-types.mjs'], { cwd, env });
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('cannot be checked'),
  });
});
