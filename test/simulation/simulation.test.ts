import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Coverage, enoughRuns, notSeen } from './coverage.ts';
import { mutants } from './mutants/table.ts';
import { readRegressions, replayRegressions } from './regressions.ts';
import { holdSession, tellFailure } from './session.ts';

describe('the simulation', () => {
  test('keeps every law through the programs that once broke one', async () => {
    const broken = await replayRegressions();
    expect(broken.map(({ name, violation }) => `${name}: ${violation.message}`)).toEqual([]);
    expect(readRegressions().length).toBeGreaterThan(0);
  });

  test('keeps every law through the programs of three seeds, and gets to the interesting states', async () => {
    const seen = new Coverage();
    let programs = 0;
    for (const seed of [1, 2, 3]) {
      const { runs, coverage, failure } = await holdSession({ seed, runs: 340 });
      expect(failure && tellFailure(failure, seed)).toBeUndefined();
      seen.add(coverage);
      programs += runs;
    }
    expect(programs).toBeGreaterThanOrEqual(enoughRuns);
    expect(notSeen(seen)).toEqual([]);
  }, 120_000);

  test('comes to the same events from the same seed, in another process too', async () => {
    const { digest } = await holdSession({ seed: 4, runs: 25 });
    const prove = ['--import', 'tsx', 'test/simulation/prove.ts', '--seed', '4', '--runs', '25'];
    const { stdout } = await promisify(execFile)(process.execPath, prove);
    expect(stdout).toContain(`digest ${digest >>> 0}\n`);
  }, 60_000);
});

describe('the mutants', () => {
  test.each(mutants)('$name: applies to src/$file', ({ file, find, replace }) => {
    expect(readFileSync(`src/${file}`, 'utf8').split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
  });

  test('have a name each', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });
});
