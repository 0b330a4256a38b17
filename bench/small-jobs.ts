// How many times the throughput of other pools do small jobs reach (one number in, one out, 10,000 in flight, two workers)?
import { openField } from './field.ts';
import { openPromises } from './floor.ts';
import { compare, type Goal, report } from './harness.ts';
import { race, raceGoals, raceTable } from './race.ts';
import type { Call } from './rivals.ts';
import type { Contestant } from './throughput.ts';
import { jobs } from './workers/jobs.ts';

const question =
  'How many times the throughput of other pools do small jobs reach?\n' +
  '(one number in, one out, 10,000 in flight, two workers)';

/** What users of a pool do by hand to make it faster. */
const byHand = (call: Call, jobsPerCall: number): Contestant => ({
  jobsPerCall,
  call: (first) =>
    call(
      'increments',
      Array.from({ length: jobsPerCall }, (_, i) => first + i),
    ),
});

function isRight(result: unknown, first: number, jobsPerCall: number): boolean {
  if (typeof result === 'number') return result === first + 1;
  const results = result as number[];
  return results.length === jobsPerCall && results.every((value, i) => value === first + i + 1);
}

const field = await openField();
const { piscina } = field.calls;
const result = await race(
  field,
  { job: 'increment', input: (index) => index, inFlight: 10_000, seconds: 1, rounds: 9, isRight },
  {
    'piscina, arrays of 20': byHand(piscina, 20),
    'piscina, arrays of 1000': byHand(piscina, 1000),
    'promises alone': { call: openPromises().call },
    'in the main thread': { call: async (value) => jobs.increment(value) },
  },
);
await field.stop();

const { rates, mainThread } = result;
const small = 'one number in, one out';
const goals: Goal[] = [
  ...raceGoals(result, small, 'threshold 20', { piscina: 60, best: 20 }),
  ...raceGoals(result, small, 'batches of 20', { piscina: 25, best: 8 }),
  ...raceGoals(result, small, 'natural', { piscina: 40, best: 15 }),
  {
    case: small,
    mode: 'threshold 20',
    against: 'piscina, arrays of 20',
    reached: compare(rates['threshold 20'], rates['piscina, arrays of 20']),
    target: 1.5,
    atLeast: true,
  },
  {
    case: 'main-thread time per small job',
    mode: 'threshold 20',
    against: 'piscina',
    reached: compare(mainThread['threshold 20'], mainThread['piscina']),
    target: 1 / 40,
    atLeast: false,
  },
];
report('small-jobs', question, raceTable(result, 'threshold 20'), result, goals);
