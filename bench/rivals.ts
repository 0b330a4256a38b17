import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { FixedThreadPool } from 'poolifier';
import { Tinypool } from 'tinypool';
import workerpool from 'workerpool';
import type { jobs } from './workers/jobs.ts';

export type JobName = keyof typeof jobs;
export type Call = (job: JobName, input: unknown) => Promise<unknown>;

export interface Rival {
  readonly call: Call;
  stop(): Promise<unknown>;
}

export const rivalNames = ['piscina', 'tinypool', 'workerpool', 'poolifier'] as const;
export type RivalName = (typeof rivalNames)[number];

const workerFile = (name: string): string => fileURLToPath(new URL(`workers/${name}.js`, import.meta.url));

/** The pools that leasepool is compared with, each with as many workers, on threads, as its documentation has it. */
export function openRivals(workers: number): Record<RivalName, Rival> {
  const filename = workerFile('piscina');
  const size = { minThreads: workers, maxThreads: workers };
  const piscina = new Piscina({ filename, ...size });
  const poolifier = new FixedThreadPool(workers, workerFile('poolifier'));
  return {
    piscina: { call: (job, input) => piscina.run(input, { name: job }), stop: () => piscina.destroy() },
    tinypool: openTinypool(filename, workers, 'worker_threads'),
    workerpool: openWorkerpool(workers, 'thread'),
    poolifier: { call: (job, input) => poolifier.execute(input, job), stop: () => poolifier.destroy() },
  };
}

/** Those of them that run jobs in child processes. */
export function openProcessRivals(workers: number): Record<'tinypool' | 'workerpool', Rival> {
  return {
    tinypool: openTinypool(workerFile('piscina'), workers, 'child_process'),
    workerpool: openWorkerpool(workers, 'process'),
  };
}

function openTinypool(filename: string, workers: number, runtime: 'worker_threads' | 'child_process'): Rival {
  const pool = new Tinypool({ filename, runtime, minThreads: workers, maxThreads: workers });
  return {
    call: (job, input) => pool.run(input, { name: job }) as Promise<unknown>,
    stop: () => pool.destroy(),
  };
}

function openWorkerpool(workers: number, workerType: 'thread' | 'process'): Rival {
  const pool = workerpool.pool(workerFile('workerpool'), {
    minWorkers: workers,
    maxWorkers: workers,
    workerType,
  });
  return {
    call: (job, input) => pool.exec(job, [input]) as unknown as Promise<unknown>,
    stop: async () => pool.terminate(),
  };
}
