import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { codeBlocks, compileBlocks, printedAndPromised } from '../support/code-blocks.ts';

const run = promisify(execFile);

const readme = readFileSync('README.md', 'utf8');

const blocks = codeBlocks('README.md');

const programs = blocks.filter(({ name }) => name !== 'tasks');

const folder = 'build/readme';

beforeAll(() => compileBlocks(blocks, folder));

test('every code block is a file with a name', () => {
  expect(programs.length).toBeGreaterThan(0);
  expect(blocks.map(({ name }) => name)).not.toContain('');
});

test.each(programs)('the program $name prints what its comments say and exits by itself', async (block) => {
  const { printed, promised, stderr } = await printedAndPromised(block, folder);
  expect(stderr).toBe('');
  expect(printed).toEqual(promised);
});

test('the first program runs as it stands, on Node 20 under tsx', async () => {
  const isRunByNode = 'typescript' in process.features && process.features.typescript !== false;
  const program = [...(isRunByNode ? [] : ['--import', 'tsx']), join(folder, 'main.ts')];
  // Each worker loads a compiler first.
  const { stdout } = await run(process.execPath, program, { timeout: 100_000 });
  expect(stdout).toBe('1 4 9\n');
}, 120_000);

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
  const declared = readFileSync('dist/core/errors.d.ts', 'utf8');
  const codes = new Set([...declared.matchAll(/ERR_LEASEPOOL_([A-Z_]+)/g)].map(([, code]) => code));
  expect(codes.size).toBeGreaterThan(5);
  const missing = [...codes].filter((code) => !readme.includes(`\`${code}\``));
  expect(missing).toEqual([]);
});
