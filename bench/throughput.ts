import { readFileSync } from 'node:fs';

export interface Contestant {
  /** Sends the inputs from `first` on, and gives what came back, as one value. */
  readonly call: (first: number) => Promise<unknown>;
  readonly jobsPerCall?: number;
}

export interface Load {
  readonly inFlight: number;
  readonly seconds: number;
  /** @returns whether that is what the call should have given */
  readonly isRight: (result: unknown, first: number, jobsPerCall: number) => boolean;
}

export interface Throughput {
  readonly jobsPerSecond: number;
  /** Time the main thread worked per job, in nanoseconds; `undefined` where the system does not tell. */
  readonly mainThreadNs: number | undefined;
}

/** Callers who each await one call after the other until the time is up. */
export async function throughput(
  { call, jobsPerCall = 1 }: Contestant,
  { inFlight, seconds, isRight }: Load,
): Promise<Throughput> {
  let jobs = 0;
  let isOver = false;
  const cpuBefore = mainThreadCpuNs();
  const began = performance.now();
  const caller = async (): Promise<void> => {
    while (!isOver) {
      const first = jobs;
      jobs += jobsPerCall;
      // Asking for the time costs as much as a tenth of a job.
      if (first % 100 < jobsPerCall) isOver = performance.now() - began > seconds * 1000;
      const result = await call(first);
      if (!isRight(result, first, jobsPerCall))
        throw new Error(`Wrong result of ${first}: ${String(result)}`);
    }
  };
  await Promise.all(Array.from({ length: Math.ceil(inFlight / jobsPerCall) }, caller));
  const jobsPerSecond = (jobs / (performance.now() - began)) * 1000;
  const cpuAfter = mainThreadCpuNs();
  const mainThreadNs =
    cpuBefore === undefined || cpuAfter === undefined ? undefined : (cpuAfter - cpuBefore) / jobs;
  return { jobsPerSecond, mainThreadNs };
}

/** What Linux has counted. */
export function mainThreadCpuNs(): number | undefined {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return undefined;
  }
}
