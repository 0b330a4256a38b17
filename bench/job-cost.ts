// From what length of a job on do the workers reach what they could at best (10 us, 100 us and 1 ms, two workers)?
import { best, openField } from './field.ts';
import { compare, type Goal, mediansOf, range, ratio, relativeTo, report } from './harness.ts';
import { race, raceGoals } from './race.ts';
import { jobs } from './workers/jobs.ts';

const question =
  'From what length of a job on do the workers reach what they could at best?\n' +
  '(jobs that take 10 us, 100 us and 1 ms by the clock, two workers; ideal: workers x (1 / job time))';
const workers = 2;
const mode = 'threshold 20';

const costs = [
  { ms: 0.01, inFlight: 10_000 },
  { ms: 0.1, inFlight: 2_000 },
  { ms: 1, inFlight: 200 },
];

const field = await openField();
const table = [['', 'jobs/s', 'range', 'of the ideal', `${mode} is`]];
const measured: Record<string, unknown> = {};
const goals: Goal[] = [];

for (const { ms, inFlight } of costs) {
  const name = ms < 1 ? `${ms * 1000} us` : `${ms} ms`;
  const result = await race(
    field,
    { job: 'spin', input: () => ms, inFlight, seconds: 1, rounds: 5, isRight: (slept) => slept === ms },
    { 'in the main thread': { call: async () => jobs.spin(ms) } },
  );
  const { rates } = result;
  const ideal = (workers * 1000) / ms;
  measured[name] = result;
  for (const [entrant, rate] of Object.entries(rates)) {
    const times = compare(rates[mode], rate);
    table.push([
      `${name}: ${entrant}`,
      rate.median.toFixed(0),
      range(rate),
      relativeTo(rate, ideal).median.toFixed(2),
      entrant === mode ? '' : ratio(times.median),
    ]);
  }
  const bestRival = best(mediansOf(rates), 'higher');
  const what = `jobs of ${name}, ${inFlight.toLocaleString('en-US')} in flight`;
  if (ms === 0.01) {
    goals.push(...raceGoals(result, what, mode, { best: 3 }), {
      case: what,
      mode,
      against: 'direct call',
      reached: compare(rates[mode], rates['in the main thread']),
      target: 1.2,
      atLeast: true,
    });
  } else {
    for (const dispatch of [mode, 'natural'] as const) {
      goals.push(
        {
          case: what,
          mode: dispatch,
          against: 'ideal',
          reached: relativeTo(rates[dispatch], ideal),
          target: ms === 1 ? 0.95 : 0.85,
          atLeast: true,
        },
        {
          case: what,
          mode: dispatch,
          against: `best rival (${bestRival})`,
          reached: compare(rates[dispatch], rates[bestRival]),
          target: 1.1,
          atLeast: true,
        },
      );
    }
  }
}
await field.stop();
report('job-cost', question, table, measured, goals);
