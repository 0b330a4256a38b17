import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

/** For each of the three phases; as many as that lasts for. */
const seconds = 5;

test.concurrent.each(['thread', 'process'])(
  'N5 leases, crashes and restarts leave nothing behind, and the heap stays as it is, backend %s',
  { timeout: 120_000 },
  async (backend) => {
    const args = [
      '--expose-gc',
      'build/proof/leaks/main.js',
      '--backend',
      backend,
      '--seconds',
      `${seconds}`,
    ];
    // It exits by itself, or not at all.
    const { stdout } = await run(process.execPath, args, { timeout: 110_000, killSignal: 'SIGKILL' }).catch(
      (error: { stdout: string }) => error,
    );
    console.log(stdout);
    const nothing = { times: expect.any(Number), heapGrowthKb: expect.any(Number), leftBehind: {} };
    const found = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    expect(found).toEqual({ leases: nothing, crashes: nothing, restarts: nothing });
    expect(found.leases.times).toBeGreaterThan(500);
    expect(found.crashes.times).toBeGreaterThan(10);
    expect(found.restarts.times).toBeGreaterThan(5);
    for (const { heapGrowthKb } of Object.values<{ heapGrowthKb: number }>(found)) {
      expect(heapGrowthKb).toBeLessThan(1024);
    }
  },
);
