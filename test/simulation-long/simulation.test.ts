import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { enoughRuns, notSeen } from '../simulation/coverage.ts';
import { holdSession, tellFailure } from '../simulation/session.ts';

test(
  'the simulation keeps every law through the programs of a long session',
  { retry: 0, timeout: 300_000 },
  async () => {
    // The same each time, so that a change is judged by itself; new seeds are for `npm run prove`, every night.
    const seed = 201;
    console.log(`npm run prove -- --seed ${seed}`);
    const { runs, coverage, failure } = await holdSession({ seed, milliseconds: 40_000 });
    expect(failure && tellFailure(failure, seed)).toBeUndefined();
    console.log(`${runs} programs`);
    if (runs >= enoughRuns) expect(notSeen(coverage)).toEqual([]);
  },
);

test(
  'the simulation catches bugs that are planted, some of those there are',
  { retry: 0, timeout: 300_000 },
  async () => {
    const mutants = ['--import', 'tsx', 'test/simulation/mutants/main.ts', '--sample', '8'];
    // It rejects when one is not caught; what it printed is in the error.
    const { stdout } = await promisify(execFile)(process.execPath, mutants);
    console.log(stdout);
    expect(stdout).toContain('8 of 8 caught');
  },
);
