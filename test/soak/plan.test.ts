import { expect, test } from 'vitest';
import { allDisturbances, allJobKinds, drawDisturbance, drawJob, randomFrom } from './plan.ts';
import { fairWeather, judge, type Outcome } from './verdict.ts';

const many = Array.from({ length: 20_000 });

test('a seed always draws the same', () => {
  const draw = (seed: number): string[] => {
    const random = randomFrom(seed);
    return many
      .slice(0, 500)
      .map(() => `${drawJob('process', random)}, ${drawDisturbance('process', random)}`);
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('every job and every disturbance is drawn for processes, and for threads those that they survive', () => {
  const random = randomFrom(1);
  const draws = many.map(() => [
    drawJob('process', random),
    drawDisturbance('process', random),
    drawJob('thread', random),
    drawDisturbance('thread', random),
  ]);
  const rare = ['overstays its lease'];
  const drawn = (column: number): Set<string> => new Set(draws.map((draw) => draw[column]));
  expect(allJobKinds.filter((kind) => !drawn(0).has(kind) && !rare.includes(kind))).toEqual([]);
  expect(allDisturbances.filter((each) => !drawn(1).has(each))).toEqual([]);
  expect(drawn(2)).not.toContain('kills itself');
  expect(drawn(3)).not.toContain('pauses a worker');
});

const ran = { begun: 1, finished: 1, begunAtMs: 0 };
const didNotRun = { begun: 0, finished: 0, begunAtMs: undefined };
const failed = (code: string, phase?: string): Outcome => ({ code, phase, message: '', atMs: 10 });

test.each([
  ['a result that is right', 'computes', { isRight: true, atMs: 0 }, ran, undefined],
  ['a result that is wrong', 'computes', { isRight: false, atMs: 0 }, ran, 'its result is wrong'],
  [
    'a result of what never ran',
    'computes',
    { isRight: true, atMs: 0 },
    didNotRun,
    'it has a result and did not run',
  ],
  ['a result of what must fail', 'exits', { isRight: true, atMs: 0 }, ran, 'it succeeded'],
  ['a second start', 'computes', { isRight: true, atMs: 0 }, { ...ran, begun: 2 }, 'it began 2 times'],
  ['its own error', 'throws', failed('ERR_SOAK'), ran, undefined],
  ['the error of another', 'computes', failed('ERR_SOAK'), ran, 'it failed with what nobody caused'],
  ['a cancel by nobody', 'computes', failed('ABORT_ERR'), didNotRun, 'it failed with what nobody caused'],
  ['a cancel', 'is cancelled', failed('ABORT_ERR'), didNotRun, undefined],
  [
    'a late one that ran',
    'may be too late',
    failed('ERR_LEASEPOOL_TIMEOUT', 'queue'),
    ran,
    'it failed with what nobody caused',
  ],
  [
    'a death by nobody',
    'computes',
    failed('ERR_LEASEPOOL_WORKER_CRASHED', 'running'),
    ran,
    'it failed with what nobody caused',
  ],
  ['a death of its own', 'exits', failed('ERR_LEASEPOOL_WORKER_CRASHED', 'running'), ran, undefined],
  ['what could not be sent and ran', 'cannot be sent', failed('ERR_LEASEPOOL_NOT_CLONEABLE'), ran, 'it ran'],
  [
    'a lease that ended early',
    'computes',
    failed('ERR_LEASEPOOL_LEASE_EXPIRED'),
    ran,
    'it failed with what nobody caused',
  ],
] as const)('the soak judges %s', (_what, kind, outcome, evidence, verdict) => {
  expect(judge(kind, outcome, evidence, fairWeather())).toBe(verdict);
});
