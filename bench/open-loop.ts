// How long do callers wait when they come by chance, whether or not the pool keeps up (Poisson arrivals, 50 us jobs, two workers)?
import { setImmediate } from 'node:timers/promises';
import { best, type Entrant, openField } from './field.ts';
import { alternate, compare, type Goal, quantile, range, report, summarize } from './harness.ts';
import type { Call } from './rivals.ts';

const question =
  'How long do callers wait when they come by chance, whether or not the pool keeps up?\n' +
  "(Poisson arrivals at a share of piscina's capacity, 50 us jobs, two workers; latency counts from the intended\n" +
  'arrival; generator lag is how late the arrivals themselves were)';
const jobMs = 0.05;
const seconds = 2;
const rounds = 5;
const loads = [0.3, 0.7, 0.95];

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly lagP99: number;
}

/** Seeded, so that every contestant gets the same arrivals (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function arrivals(perSecond: number, seed: number): number[] {
  const next = random(seed);
  const times: number[] = [];
  for (let at = 0; at < seconds * 1000; at -= (Math.log(1 - next()) * 1000) / perSecond) times.push(at);
  return times;
}

async function openLoop(call: Call, times: readonly number[]): Promise<Latency> {
  const latencies: number[] = [];
  const lags: number[] = [];
  const calls: Promise<unknown>[] = [];
  const began = performance.now();
  for (let next = 0; next < times.length;) {
    const now = performance.now() - began;
    // After a stall all that is overdue comes at once: leaving it out would hide the wait.
    for (; next < times.length && times[next] <= now; next++) {
      const intended = times[next];
      lags.push(now - intended);
      calls.push(call('spin', jobMs).then(() => latencies.push(performance.now() - began - intended)));
    }
    await setImmediate();
  }
  await Promise.all(calls);
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    lagP99: quantile(
      lags.toSorted((a, b) => a - b),
      0.99,
    ),
  };
}

/** Jobs a second with 1,000 callers who never wait for anything else. */
async function capacity(call: Call): Promise<number> {
  let jobs = 0;
  const began = performance.now();
  const caller = async (): Promise<void> => {
    while (performance.now() - began < 1000) {
      await call('spin', jobMs);
      jobs++;
    }
  };
  await Promise.all(Array.from({ length: 1000 }, caller));
  return (jobs / (performance.now() - began)) * 1000;
}

const field = await openField();
const names = (Object.keys(field.calls) as Entrant[]).filter((name) => name !== 'batches of 20');
const { piscina } = await alternate(3, { piscina: () => capacity(field.calls.piscina) });
const piscinaPerSecond = summarize(piscina).median;
const table = [['', 'p50 ms', 'range', 'p99 ms', 'range', 'lag p99 ms']];
const measured: Record<string, unknown> = { piscinaPerSecond };
const goals: Goal[] = [];

for (const load of loads) {
  const all: Record<string, Latency[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const times = arrivals(piscinaPerSecond * load, round + 1);
    for (const name of names) all[name].push(await openLoop(field.calls[name], times));
  }
  measured[load] = all;
  const of = (name: string, what: keyof Latency) => summarize(all[name].map((each) => each[what]));
  const two = (value: number): string => value.toFixed(2);
  for (const name of names) {
    const [p50, p99, lag] = (['p50', 'p99', 'lagP99'] as const).map((what) => of(name, what));
    table.push([
      `${load * 100}%: ${name}`,
      two(p50.median),
      range(p50, two),
      two(p99.median),
      range(p99, two),
      two(lag.median),
    ]);
  }
  if (load !== 0.7) continue;
  const medians = (what: keyof Latency) =>
    Object.fromEntries(names.map((name) => [name, of(name, what).median]));
  const goal = (what: keyof Latency, against: Entrant, label: string, target: number): Goal => ({
    case: `arrivals by chance at 70% of piscina's capacity, ${what}`,
    mode: 'natural',
    against: label,
    reached: compare(of('natural', what), of(against, what)),
    target,
    atLeast: false,
  });
  const [bestP50, bestP99] = [best(medians('p50'), 'lower'), best(medians('p99'), 'lower')];
  goals.push(
    goal('p50', bestP50, `best rival (${bestP50})`, 0.7),
    goal('p99', bestP99, `best rival (${bestP99})`, 1),
    goal('p50', 'piscina', 'piscina', 0.3),
  );
}
await field.stop();
report('open-loop', question, table, measured, goals);
