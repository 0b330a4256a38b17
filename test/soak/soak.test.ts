import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

const seconds = 15;

test.concurrent.each(['thread', 'process'])(
  'N1 N2 S29 S30 under faults of every kind, each job has the outcome it must have, and none is lost or runs twice, backend %s',
  { timeout: 300_000 },
  async (backend) => {
    const args = [
      '--expose-gc',
      'build/proof/soak/main.js',
      '--backend',
      backend,
      '--minutes',
      `${seconds / 60}`,
    ];
    // It exits by itself, or not at all.
    const { stdout } = await run(process.execPath, args, {
      timeout: 290_000,
      killSignal: 'SIGKILL',
      maxBuffer: 2 ** 26,
    }).catch((error: { stdout: string }) => error);
    console.log(stdout);
    const figures = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    expect(figures).toMatchObject({ backend, lost: 0, twice: 0, hung: 0, wrong: 0 });
    expect(figures.verified).toBeGreaterThan(100);
    expect(figures.workerDeaths).toBeGreaterThan(0);
  },
);
