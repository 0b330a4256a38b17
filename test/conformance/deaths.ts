import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tasksUrl } from '../support/tasks-url.ts';
import type { WorkerKind } from './manager.ts';

const run = promisify(execFile);

/** Given to the program, which takes more of both for longer runs by hand. */
const wantedDeaths = 30;
/** Longest time for them on a busy machine; starting, draining and stopping come on top. */
const seconds = 60;

/** Bytes in use, in the order in which they were counted. The first half has whatever is made once. */
function expectNoSlope(heap: readonly number[]): void {
  const half = Math.floor(heap.length / 2);
  if (half < 3) return; // So few deaths on a busy machine say nothing about a slope.
  const lowest = (values: readonly number[]): number => Math.min(...values);
  expect(lowest(heap.slice(half)), String(heap)).toBeLessThan(lowest(heap.slice(0, half)) + 2_000_000);
}

export function randomDeaths(backend: WorkerKind): void {
  test(
    'N1 N2 N5 dozens of deaths at random points under load: every item settles once, none begins twice, nothing is left behind',
    { timeout: (seconds + 80) * 1000 },
    async () => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const program = fileURLToPath(tasksUrl('conformance-deaths.js'));
      const { stdout } = await run(
        process.execPath,
        [program, backend, String(wantedDeaths), String(seconds), String(seed)],
        {
          timeout: (seconds + 60) * 1000,
          killSignal: 'SIGKILL',
          maxBuffer: 2 ** 26,
        },
      );
      const {
        deaths,
        timeLimits,
        killedFromOutside,
        innocentsRunning,
        innocentsFinished,
        heap,
        before,
        after,
        ...report
      } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
      console.log(
        `${backend}: ${deaths} deaths, ${timeLimits} time limits, ${killedFromOutside} kills from outside, ${report.items} items, seed ${seed}`,
      );
      expect(deaths + timeLimits).toBeGreaterThan(20);
      expect(report, `seed ${seed}`).toEqual({
        items: expect.any(Number),
        faults: [],
        notSettledOnce: 0,
        begunTwice: 0,
        contradictions: 0,
        guiltyThatSucceeded: 0,
        innocentsOtherwise: 0,
        otherwise: [],
        balance: { pending: 0, inFlight: 0, submitted: report.items, settled: report.items },
      });
      // Node itself may have closed something meanwhile that was open before.
      for (const kind of ['descriptors', 'threads', 'children'])
        expect(after[kind], `${kind}, seed ${seed}`).toBeLessThanOrEqual(before[kind]);
      // Only a kill without warning takes along what somebody else's job was doing, one for each.
      expect(innocentsRunning).toBeLessThanOrEqual(killedFromOutside);
      if (backend === 'thread') expect(innocentsFinished).toBe(0);
      expectNoSlope(heap);
    },
  );
}
