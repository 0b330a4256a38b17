// npm run leaks -- [--backend thread|process] [--leases N] [--crashes N] [--restarts N] [--seconds N] [--record]
// Each phase ends after so many of its kind, or after so many seconds. What it found is the last line, as JSON.
import { parseArgs } from 'node:util';
import type { Backend } from '../soak/plan.ts';
import { type Census, census, censusBackAt } from '../support/census.ts';
import { record } from '../support/record.ts';
import { crashes, leases, type Phase, restarts } from './phases.ts';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'thread' },
    leases: { type: 'string', default: '10000' },
    crashes: { type: 'string', default: '1000' },
    restarts: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '600' },
    record: { type: 'boolean', default: false },
  },
});
const { backend } = values;
if (backend !== 'thread' && backend !== 'process') throw new RangeError('--backend is thread or process');
if (globalThis.gc === undefined) throw new Error('It measures the heap: run it with --expose-gc.');

const mostSeconds = Number(values.seconds);
const samples = 20;

interface Finding {
  readonly times: number;
  /** Growth of the heap from the first to the last time, by regression. */
  readonly heapGrowthKb: number;
  readonly before: Census;
  readonly after: Census;
}

/** Kilobytes in use once everything that can go has gone. */
async function heapKb(): Promise<number> {
  // What is finalized in one collection lets go of more for the next.
  for (let round = 0; round < 3; round++) {
    globalThis.gc!();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed / 1024;
}

/** The slope of a straight line through equally distant values, times their distance. */
function growth(sampled: readonly number[]): number {
  const middle = (sampled.length - 1) / 2;
  let [above, below] = [0, 0];
  sampled.forEach((value, at) => {
    above += (at - middle) * value;
    below += (at - middle) ** 2;
  });
  return below === 0 ? 0 : (above / below) * (sampled.length - 1);
}

async function repeat(open: (backend: Backend) => Promise<Phase>, most: number): Promise<Finding> {
  // Whatever is made or compiled once is there before the census.
  const warm = await open(backend as Backend);
  const warmRounds = Math.min(25, Math.ceil(most / 4));
  for (let round = 0; round < warmRounds; round++) await warm.again();
  await warm.end();
  await heapKb();
  const before = await censusBackAt(census());

  const phase = await open(backend as Backend);
  const endAt = performance.now() + mostSeconds * 1000;
  const sampled: number[] = [];
  let times = 0;
  for (let sample = 0; sample < samples; sample++) {
    const sampleEndAt = endAt - (mostSeconds * 1000 * (samples - 1 - sample)) / samples;
    while (times < (most * (sample + 1)) / samples && performance.now() < sampleEndAt)
      times += await phase.again();
    sampled.push(await heapKb());
  }
  await phase.end();
  const after = await censusBackAt(before);
  console.log(`${backend}, ${phase.name}: ${times} times; heap in KB: ${sampled.map(Math.round).join(' ')}`);
  return { times, heapGrowthKb: Math.round(growth(sampled)), before, after };
}

const findings = {
  leases: await repeat(leases, Number(values.leases)),
  crashes: await repeat(crashes, Number(values.crashes)),
  restarts: await repeat(restarts, Number(values.restarts)),
};
const figures = Object.fromEntries(
  Object.entries(findings).map(([name, { times, heapGrowthKb, before, after }]) => [
    name,
    { times, heapGrowthKb, leftBehind: leftBehind(before, after) },
  ]),
);

/** What there is more of than before, and how much more. */
function leftBehind(before: Census, after: Census): Record<string, number> {
  const grown = (Object.keys(before) as (keyof Census)[]).filter((what) => after[what] > before[what]);
  return Object.fromEntries(grown.map((what) => [what, after[what] - before[what]]));
}

const isClean = Object.values(figures).every(
  ({ leftBehind: left, heapGrowthKb }) => Object.keys(left).length === 0 && heapGrowthKb < 1024,
);
console.log(JSON.stringify(figures));
if (values.record && isClean) record(`leaks ${backend}`, figures);
process.exitCode = isClean ? 0 : 1;
