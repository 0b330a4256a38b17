import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

/** Few, for a machine with other things to do: `npm run leaks` has a thousand of each, or ten. */
const times = { leases: 1000, crashes: 20, restarts: 10 };

test.concurrent.each(['thread', 'process'])(
  'N5 leases, crashes and restarts leave nothing behind, and the heap stays as it is, backend %s',
  { timeout: 300_000 },
  async (backend) => {
    const args = [
      '--expose-gc',
      'build/proof/leaks/main.js',
      '--backend',
      backend,
      ...Object.entries(times).flatMap(([what, count]) => [`--${what}`, `${count}`]),
    ];
    // It exits by itself, or not at all.
    const { stdout } = await run(process.execPath, args, { timeout: 290_000, killSignal: 'SIGKILL' }).catch(
      (error: { stdout: string }) => error,
    );
    console.log(stdout);
    const found = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    for (const [what, count] of Object.entries(times)) {
      expect(found[what]).toEqual({
        times: expect.any(Number),
        heapGrowthKb: expect.any(Number),
        leftBehind: {},
      });
      expect(found[what].times).toBeGreaterThanOrEqual(count);
    }
    for (const { heapGrowthKb } of Object.values<{ heapGrowthKb: number }>(found)) {
      expect(heapGrowthKb).toBeLessThan(1024);
    }
  },
);
