import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);

/** Exactly these lines. */
function is(lines: readonly string[]): (stdout: string) => void {
  return (stdout) => expect(stdout).toBe(`${lines.join('\n')}\n`);
}

/** What each numbered example prints. `00-hash-tree` has a test of its own. */
const printed: Record<string, (stdout: string) => void> = {
  '01-quickstart'(stdout) {
    expect(stdout).toMatch(/^Last square: 998001\nBatches: [1-9]\d*\n$/);
  },

  '02-lease': is([
    'Pools leased: 1 to example',
    'One result: 49',
    'Outcomes: [',
    `  { status: 'fulfilled', value: 1 },`,
    `  { status: 'fulfilled', value: 4 },`,
    `  { status: 'fulfilled', value: 9 }`,
    ']',
    'Pools leased afterwards: 0',
    'Result: 64',
  ]),

  '03-manual-release': is([
    'A job: value=1',
    'Active: false',
    'Draining: true',
    'Refused: ERR_LEASEPOOL_LEASE_EXPIRED',
    'The last job was done: true value=2',
    'Pools available: 1',
  ]),

  '04-waiting-for-a-lease': is([
    'Not at all: LeaseUnavailableError ERR_LEASEPOOL_LEASE_UNAVAILABLE',
    'For a while: TimeoutError ERR_LEASEPOOL_TIMEOUT',
    'Until the client has gone: AbortError ABORT_ERR',
    'Waiting: 2',
    'second has a lease: 49',
    'third has a lease: 49',
  ]),

  '05-adaptive-sizing': is([
    'users: 0, pools: 1',
    'users: 11, pools: 2',
    'users: 25, pools: 3',
    'users: 1000, pools: 3',
    'users: 3, pools: 1',
  ]),

  '06-stats': is([
    'Manager: { desired: 2, available: 1, leased: 1, total: 2 }',
    `Lease: { owner: 'report', pending: 0, draining: false }`,
    'Grinder: pending 2 in flight 0',
    'Grinder: pending 0 in flight 0',
    'Totals: { submitted: 2, fulfilled: 2, rejected: 0, cancelled: 0, batches: 1 }',
  ]),

  '07-lease-expiry': is([
    'The lease was revoked.',
    'The job failed: ERR_LEASEPOOL_LEASE_EXPIRED',
    'Active: false',
    'The pool works on: 49',
  ]),

  '08-work-grinder-submit'(stdout) {
    const squares = Array.from({ length: 20 }, (_, i) => i * i).join(' ');
    expect(stdout).toContain(`Results: ${squares}\n`);
    expect(statsAfter(stdout, 'Grinder stats:')).toMatchObject({
      started: 'true',
      stopping: 'false',
      pending: '0',
      batchSizeThreshold: '10',
      maxWaitSeconds: '1',
      leaseSeconds: '30',
      oldestWaitSeconds: '0',
      submitted: '20',
      fulfilled: '20',
    });
  },

  '09-work-grinder-enqueue'(stdout) {
    expect(stdout).toContain('Queued futures: 5\n');
    const settings = { batchSizeThreshold: '5', maxWaitSeconds: '1', leaseSeconds: '30' };
    expect(statsAfter(stdout, 'Stats after enqueue:')).toMatchObject({ ...settings, pending: '5' });
    expect(stdout).toContain("Results: [ 'value=0', 'value=1', 'value=2', 'value=3', 'value=4' ]\n");
    expect(statsAfter(stdout, 'Stats after completion:')).toMatchObject({
      ...settings,
      pending: '0',
      fulfilled: '5',
    });
  },

  '10-submit-from-thread'(stdout) {
    expect(stdout).toBe('Worker thread got result: 42\nFulfilled so far: 1\n');
  },

  '11-error-handling': is([
    'nothing goes wrong: 7 pieces ordered',
    'it throws an error: OutOfStockError, 2 pieces are missing: RangeError: the shelf holds 10',
    'it takes too long: ERR_LEASEPOOL_TIMEOUT',
    'it ends its worker: ERR_LEASEPOOL_WORKER_CRASHED',
    'its result cannot be copied: ERR_LEASEPOOL_NOT_CLONEABLE',
    'it uses a variable from outside: ERR_LEASEPOOL_TASK_NOT_PORTABLE',
  ]),

  '12-complete-walkthrough': is([
    'Words: 4000',
    'Cancelled: ABORT_ERR because the client has gone',
    'Totals: { submitted: 1001, fulfilled: 1000, cancelled: 1 }',
  ]),
};

/** The printed object after `label`, flattened, values as text. */
function statsAfter(stdout: string, label: string): Record<string, string> {
  const start = stdout.indexOf(label);
  expect(start).toBeGreaterThanOrEqual(0);
  const object = stdout.slice(start, stdout.indexOf('\n}\n', start));
  return Object.fromEntries([...object.matchAll(/(\w+): ([\w.-]+)/g)].map(([, key, value]) => [key, value]));
}

const names = readdirSync('examples')
  .filter((file) => /^\d\d-[\w-]+\.ts$/.test(file) && !file.endsWith('-tasks.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .filter((name) => name !== '00-hash-tree');

test('every numbered example is tested here', () => {
  expect(Object.keys(printed).sort()).toEqual(names.sort());
});

test('every numbered example is in the list of examples', () => {
  const listed = readFileSync('examples/README.md', 'utf8').matchAll(/^\| \[([\w-]+)\]\((\1\.ts)\)/gm);
  expect(Array.from(listed, ([, name]) => name)).toEqual(['00-hash-tree', ...names]);
});

describe.each(names)('%s', (name) => {
  test('prints what it should and exits by itself', async () => {
    const { stdout, stderr } = await run(process.execPath, [`build/examples/${name}.js`], {
      timeout: 20_000,
    });
    expect(stderr).toBe('');
    printed[name]?.(stdout);
  });

  test('is at most 40 lines', () => {
    expect(readFileSync(`examples/${name}.ts`, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(40);
  });
});
