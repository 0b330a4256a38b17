// How long do callers wait when they come by chance, whether or not the pool keeps up (Poisson arrivals, 50 us jobs, two workers)?
import { setImmediate } from 'node:timers/promises';
import { alternate, report, summarize } from './harness.ts';
import { openPools, type PoolName } from './pools.ts';

const question =
  'How long do callers wait when they come by chance, whether or not the pool keeps up?\n' +
  "(Poisson arrivals at a share of piscina's capacity, 50 us jobs, two workers; latency counts from the intended\n" +
  'arrival; generator lag is how late the arrivals themselves were)';
const workers = 2;
const jobMs = 0.05;
const seconds = 2;
const rounds = 5;
const loads = [0.3, 0.7, 0.95];

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly lagP99: number;
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

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

async function openLoop(run: (ms: number) => Promise<unknown>, times: readonly number[]): Promise<Latency> {
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
      calls.push(run(jobMs).then(() => latencies.push(performance.now() - began - intended)));
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
async function capacity(run: (ms: number) => Promise<unknown>): Promise<number> {
  let jobs = 0;
  const began = performance.now();
  const caller = async (): Promise<void> => {
    while (performance.now() - began < 1000) {
      await run(jobMs);
      jobs++;
    }
  };
  await Promise.all(Array.from({ length: 1000 }, caller));
  return (jobs / (performance.now() - began)) * 1000;
}

const pools = await openPools(workers);
const names = Object.keys(pools.spin) as PoolName[];
const { piscina } = await alternate(3, { piscina: () => capacity(pools.spin.piscina) });
const table = [['', 'p50 ms', 'p99 ms', 'lag p99 ms', "p50 / piscina's"]];
const measured: Record<string, unknown> = { capacity: piscina.median };

for (const load of loads) {
  const all: Record<string, Latency[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const times = arrivals(piscina.median * load, round + 1);
    for (const name of names) all[name].push(await openLoop(pools.spin[name], times));
  }
  measured[load] = all;
  const median = (name: string, what: keyof Latency): number =>
    summarize(all[name].map((each) => each[what])).median;
  for (const name of names) {
    const [p50, p99, lag] = (['p50', 'p99', 'lagP99'] as const).map((what) => median(name, what).toFixed(2));
    const ratio = (median(name, 'p50') / median('piscina', 'p50')).toFixed(2);
    table.push([`${load * 100}%: ${name}`, p50, p99, lag, ratio]);
  }
}
await pools.stop();
report('open-loop', question, table, measured);
