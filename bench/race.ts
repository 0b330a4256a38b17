import { best, type Entrant, type Field, modeNames } from './field.ts';
import type { Mode } from './grinders.ts';
import {
  alternate,
  compare,
  count,
  type Goal,
  type Measured,
  mediansOf,
  range,
  ratio,
  summarizeAll,
} from './harness.ts';
import type { Call, JobName, RivalName } from './rivals.ts';
import { rivalNames } from './rivals.ts';
import { type Contestant, type Load, type Throughput, throughput } from './throughput.ts';

/** One kind of job, and how much of it. */
export interface Race extends Load {
  readonly job: JobName;
  readonly input: (index: number) => unknown;
  readonly rounds: number;
}

export interface Result {
  readonly rates: Readonly<Record<string, Measured>>;
  /** Nanoseconds of the main thread per job. */
  readonly mainThread: Readonly<Record<string, Measured>>;
}

/** Everybody of the field, and others, in turn. */
export async function race(
  field: Field,
  { job, input, rounds, ...load }: Race,
  others: Readonly<Record<string, Contestant>> = {},
): Promise<Result> {
  const single = (call: Call): Contestant => ({ call: (first) => call(job, input(first)) });
  const contestants: Record<string, Contestant> = {};
  for (const name of [...modeNames, ...rivalNames]) contestants[name] = single(field.calls[name]);
  Object.assign(contestants, others);
  const runs = await alternate<string, Throughput>(
    rounds,
    Object.fromEntries(
      Object.entries(contestants).map(([name, contestant]) => [name, () => throughput(contestant, load)]),
    ),
  );
  const pick = (what: keyof Throughput): Record<string, Measured> =>
    summarizeAll(
      Object.fromEntries(
        Object.entries(runs).map(([name, each]) => [name, each.map((run) => run[what] ?? NaN)]),
      ),
    );
  return { rates: pick('jobsPerSecond'), mainThread: pick('mainThreadNs') };
}

export function raceTable({ rates, mainThread }: Result, reference: Entrant): string[][] {
  const head = ['', 'jobs/s', 'range', `${reference} is`, 'range', 'main thread, ns/job'];
  const rows = Object.keys(rates).map((name) => {
    const times = compare(rates[reference], rates[name]);
    const comparison = name === reference ? ['', ''] : [ratio(times.median), range(times, ratio)];
    return [
      name,
      count(rates[name].median),
      range(rates[name]),
      ...comparison,
      count(mainThread[name].median),
    ];
  });
  return [head, ...rows];
}

/** Against piscina, and against the best of all rivals. */
export function raceGoals(
  { rates }: Result,
  what: string,
  mode: Mode,
  targets: { readonly piscina?: number; readonly best: number },
): Goal[] {
  const bestRival = best(mediansOf(rates), 'higher');
  const goal = (against: RivalName, label: string, target: number): Goal => ({
    case: what,
    mode,
    against: label,
    reached: compare(rates[mode], rates[against]),
    target,
    atLeast: true,
  });
  return [
    ...(targets.piscina === undefined ? [] : [goal('piscina', 'piscina', targets.piscina)]),
    goal(bestRival, `best rival (${bestRival})`, targets.best),
  ];
}
