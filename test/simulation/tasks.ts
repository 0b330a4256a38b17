import { defineTasks } from '../../src/task/define.ts';
import type { JobArgument } from './items.ts';

/** Carries out what the jobs are to do. */
export interface Performer {
  perform(job: JobArgument): unknown;
}

let performer: Performer | undefined;

/** Jobs that run meanwhile are this worker's. */
export function performedBy<T>(worker: Performer, run: () => T): T {
  const before = performer;
  performer = worker;
  try {
    return run();
  } finally {
    performer = before;
  }
}

function perform(job: JobArgument): unknown {
  return performer!.perform(job);
}

/** Two tasks, so that chunks are mixed: workers find them as they find a program's own. */
export const tasks = defineTasks(import.meta.url, {
  grind: (job: JobArgument, ..._rest: readonly unknown[]): unknown => perform(job),
  polish: (job: JobArgument, ..._rest: readonly unknown[]): unknown => perform(job),
});
