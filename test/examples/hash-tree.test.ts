import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, onTestFinished, test } from 'vitest';

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: string[]): { child: ChildProcessWithoutNullStreams; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['build/examples/00-hash-tree.js', ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([[exitCode], stdout, stderr]) => ({ exitCode: exitCode as number | null, stdout, stderr }),
  );
  return { child, ended };
}

function printed(child: ChildProcessWithoutNullStreams, wanted: string): Promise<void> {
  let seen = '';
  return new Promise((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (seen.includes(wanted)) resolve();
    });
  });
}

/** The numbers of a row of the table, one for each run. */
function row(stdout: string, label: string): number[] {
  const line = stdout.split('\n').find((candidate) => candidate.startsWith(`${label}  `)) ?? '';
  const cells = line.slice(label.length).trim().split(/ {2,}/);
  return cells.map((cell) => Number.parseFloat(cell.replaceAll(',', '')));
}

let root = '';

function newTree(): string {
  root = mkdtempSync(join(tmpdir(), 'hash-tree-'));
  return root;
}

/** One file of random bytes, which takes some 30 ms to compress, under many names. */
function newSlowTree(files: number): string[] {
  newTree();
  const paths = Array.from({ length: files }, (_, i) => join(root, `${i}`.padStart(4, '0')));
  const [first, ...others] = paths;
  let block = createHash('sha256').update('seed').digest();
  const blocks = Array.from({ length: 40_000 }, () => (block = createHash('sha256').update(block).digest()));
  writeFileSync(first, Buffer.concat(blocks));
  for (const path of others) linkSync(first, path);
  return paths;
}

afterEach(() => rmSync(root, { recursive: true, force: true }));

test('the table agrees with what is in the tree', async () => {
  newTree();
  const contents: Buffer[] = [];
  const add = (path: string, content: string): void => {
    writeFileSync(join(root, path), content);
    contents.push(Buffer.from(content));
  };
  mkdirSync(join(root, 'deep/er'), { recursive: true });
  for (let i = 0; i < 250; i++) add(`file ${i}`, `content ${i % 100} `.repeat(i));
  add('empty', '');
  add('deep/er/ünïcode', 'ä'.repeat(100_000));
  symlinkSync('empty', join(root, 'link'));
  writeFileSync(join(root, 'huge'), '');
  truncateSync(join(root, 'huge'), 300 * 1024 * 1024);

  const { exitCode, stdout, stderr } = await start(root).ended;

  expect(exitCode, stderr).toBe(0);
  const twice = (value: number): number[] => [value, value];
  const sum = (sizeOf: (content: Buffer) => number): number =>
    contents.reduce((total, content) => total + sizeOf(content), 0);
  expect(row(stdout, 'files')).toEqual(twice(contents.length));
  expect(row(stdout, 'not readable')).toEqual(twice(1));
  expect(stdout).toContain('1 (EFBIG)');
  expect(row(stdout, 'bytes')).toEqual(twice(sum((content) => content.length)));
  expect(row(stdout, 'bytes gzipped')).toEqual(twice(sum((content) => gzipSync(content).length)));
  expect(row(stdout, 'distinct contents')).toEqual(twice(new Set(contents.map(String)).size));
  const [batches] = row(stdout, 'batches');
  expect(batches).toBeGreaterThanOrEqual(1);
  expect(row(stdout, 'mean batch size')[0]).toBeCloseTo((contents.length + 1) / batches, 0);
  for (const label of ['seconds', 'jobs/s', 'event loop delay p99, ms', 'event loop delay max, ms']) {
    expect(row(stdout, label).map(Number.isFinite), label).toEqual([true, true]);
  }
});

test('an empty directory is no error', async () => {
  const { exitCode, stdout, stderr } = await start(newTree()).ended;
  expect(exitCode, stderr).toBe(0);
  expect(row(stdout, 'files')).toEqual([0, 0]);
});

test('files that vanish meanwhile are counted and do not fail the run', async () => {
  const paths = newSlowTree(40);
  const { child, ended } = start(root);
  await printed(child, 'inline: 0 of 40 files');
  for (const path of paths.slice(20)) rmSync(path);

  const { exitCode, stdout, stderr } = await ended;

  expect(exitCode, stderr).toBe(0);
  const [files, filesInline] = row(stdout, 'files');
  const [missed, missedInline] = row(stdout, 'not readable');
  expect([files, missed]).toEqual([40, 0]);
  expect(filesInline + missedInline).toBe(40);
  expect(missedInline).toBeGreaterThan(0);
  expect(stdout).toContain('(ENOENT)');
});

test.each(['missing', 'file'])(
  'a path that is no directory (%s) is an error, with exit code 2',
  async (name) => {
    const path = join(newTree(), name);
    if (name === 'file') writeFileSync(path, '');
    const { exitCode, stdout, stderr } = await start(path).ended;
    expect(exitCode, stderr).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(path);
    expect(stderr).toContain('Usage: npm start');
  },
);

test.skipIf(process.platform === 'win32').each(['grinder', 'inline'])(
  'Ctrl-C ends it with what was done and exit code 130 (%s)',
  async (stage) => {
    const total = stage === 'grinder' ? 2000 : 60;
    newSlowTree(total);
    const { child, ended } = start(root);
    await printed(child, `${stage}: 0 of ${total} files`);
    child.kill('SIGINT');

    const { exitCode, stdout, stderr } = await ended;

    expect(exitCode, stderr).toBe(130);
    const files = row(stdout, 'files');
    expect(files).toHaveLength(stage === 'grinder' ? 1 : 2);
    expect(files.at(-1)).toBeLessThan(total);
    expect(stdout).toContain('Interrupted');
  },
);
