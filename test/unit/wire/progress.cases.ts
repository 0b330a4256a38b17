import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type HostProgress, inFlightLimit, type WorkerProgress } from '../../../src/wire/progress.ts';

interface Sides {
  readonly host: HostProgress;
  readonly worker: WorkerProgress;
  readonly close?: () => void;
}

/** What both ways of keeping progress promise. */
export function progressTests(open: () => Sides): void {
  function withSides(use: (sides: Sides) => void): void {
    const sides = open();
    try {
      use(sides);
    } finally {
      sides.close?.();
    }
  }

  test('a call is queued, begun and finished', () => {
    withSides(({ host, worker }) => {
      host.queue(0);
      host.queue(1);
      expect(host.stateOf(0)).toBe('queued');
      expect(worker.begin(0, undefined)).toBe(true);
      expect([host.stateOf(0), host.stateOf(1)]).toEqual(['begun', 'queued']);
      worker.finish(0, false);
      expect([host.stateOf(0), host.stateOf(1)]).toEqual(['finished', 'queued']);
      worker.begin(1, undefined);
      expect([host.stateOf(0), host.stateOf(1)]).toEqual(['finished', 'begun']);
    });
  });

  test('S27 a call that was taken back is not begun', () => {
    withSides(({ host, worker }) => {
      host.queue(0);
      expect(host.takeBack(0)).toBe(true);
      expect(host.stateOf(0)).toBe('taken back');
      expect(worker.begin(0, undefined)).toBe(false);
    });
  });

  test('S27 a call that was begun, or finished, is not taken back', () => {
    withSides(({ host, worker }) => {
      host.queue(0);
      worker.begin(0, undefined);
      expect(host.takeBack(0)).toBe(false);
      expect(host.stateOf(0)).toBe('begun');
      worker.finish(0, false);
      expect(host.takeBack(0)).toBe(false);
      expect(host.stateOf(0)).toBe('finished');
    });
  });

  test('N3 the run of a timed call is measured from its beginning', () => {
    withSides(({ host, worker }) => {
      host.queue(0);
      worker.begin(0, 5_000_000_000);
      expect(host.runningMs(5_000_000_250)).toBe(250);
    });
  });

  test('N1 a call starts at most once, in whatever order both sides act, also when places are used again (property)', () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant('queue' as const), count: fc.integer({ min: 1, max: 600 }) }),
      fc.record({ kind: fc.constant('takeBack' as const), which: fc.nat(1200) }),
      fc.record({ kind: fc.constant('work' as const), count: fc.integer({ min: 1, max: 600 }) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 25 }), (acts) => {
        withSides(({ host, worker }) => {
          const states: ('queued' | 'finished' | 'taken back' | 'passed over')[] = [];
          let next = 0;
          for (const each of acts) {
            if (each.kind === 'queue') {
              const room = inFlightLimit - (states.length - next);
              for (let i = 0; i < Math.min(each.count, room); i++) {
                host.queue(states.length);
                states.push('queued');
              }
            } else if (each.kind === 'takeBack') {
              const index = next + each.which;
              if (states[index] === undefined || states[index] === 'taken back') continue;
              expect(host.takeBack(index)).toBe(true);
              states[index] = 'taken back';
            } else {
              for (let i = 0; i < each.count && next < states.length; i++, next++) {
                const begins = worker.begin(next, undefined);
                expect(begins).toBe(states[next] === 'queued');
                if (begins) {
                  expect(host.takeBack(next)).toBe(false);
                  worker.finish(next, false);
                }
                states[next] = begins ? 'finished' : 'passed over';
              }
            }
            for (let index = next; index < states.length; index += 97)
              expect(host.stateOf(index)).toBe(states[index]);
          }
        });
      }),
      { numRuns: 30 },
    );
  });
}
