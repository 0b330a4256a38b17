import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);

/** What each numbered example prints. `00-hash-tree` has a test of its own. */
const printed: Record<string, (stdout: string) => void> = {
  '01-quickstart'(stdout) {
    expect(stdout).toMatch(/^Last square: 998001\nBatches: [1-9]\d*\n$/);
  },

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
