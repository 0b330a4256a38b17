import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);

const readme = readFileSync('README.md', 'utf8');

interface Block {
  readonly name: string;
  readonly code: string;
}

/** The code blocks. Each begins with the name of its file; they import each other by these names. */
const blocks: Block[] = [...readme.matchAll(/^```(?:ts|js)\n([^]*?)^```$/gm)].map(([, code]) => ({
  name: /^\/\/ ([\w-]+)\.ts\n/.exec(code)?.[1] ?? '',
  code,
}));

const programs = blocks.filter(({ name }) => name !== 'tasks').map(({ name, code }) => ({ name, code }));

/** Inside the package, so that 'leasepool' is the package itself. */
const folder = 'build/readme';

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, code } of blocks) writeFileSync(join(folder, `${name}.ts`), code);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.base.json' }));
  const compiler = 'node_modules/typescript/bin/tsc';
  await run(process.execPath, [compiler, '-p', folder]).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
});

test('every code block is a file with a name', () => {
  expect(programs.length).toBeGreaterThan(0);
  expect(blocks.map(({ name }) => name)).not.toContain('');
});

test.each(programs)(
  'the program $name prints what its comments say and exits by itself',
  async ({ name, code }) => {
    const expected = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);
    const { stdout, stderr } = await run(process.execPath, [join(folder, `${name}.js`)], { timeout: 20_000 });
    expect(stderr).toBe('');
    expect(stdout.trimEnd().split('\n')).toEqual(expected);
  },
);

test('the first program runs as it stands, on Node 20 under tsx', async () => {
  const isRunByNode = 'typescript' in process.features && process.features.typescript !== false;
  const program = [...(isRunByNode ? [] : ['--import', 'tsx']), join(folder, 'main.ts')];
  const { stdout } = await run(process.execPath, program, { timeout: 20_000 });
  expect(stdout).toBe('1 4 9\n');
});

test('it has at most 250 lines', () => {
  expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(250);
});

test.each([
  ['LeasedExecutorManagerOptions', 'dist/lease/manager-options.d.ts'],
  ['WorkGrinderOptions', 'dist/grinder/grinder-options.d.ts'],
])('the table of %s has every option with its default', (type, file) => {
  const declared = readFileSync(file, 'utf8').split(`interface ${type} {`)[1].split('\n}')[0];
  const options = [...declared.matchAll(/\/\*\*([^]*?)\*\/\s*readonly (\w+)/g)];
  expect(options.length).toBeGreaterThan(5);
  for (const [, comment, name] of options) {
    const cells = new RegExp(`^\\| \`${name}\` +\\|(.*?)\\|`, 'm').exec(readme)?.[1].trim();
    expect(cells, name).toBeDefined();
    const value = /@defaultValue (`[^`]+`)\s*$/.exec(comment)?.[1];
    if (value !== undefined) expect(cells, name).toBe(value);
  }
});

test('the table of errors has every code', () => {
  const declared = readFileSync('dist/ground/errors.d.ts', 'utf8');
  const codes = new Set([...declared.matchAll(/ERR_LEASEPOOL_([A-Z_]+)/g)].map(([, code]) => code));
  expect(codes.size).toBeGreaterThan(5);
  const missing = [...codes].filter((code) => !readme.includes(`\`${code}\``));
  expect(missing).toEqual([]);
});
