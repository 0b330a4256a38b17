import { type TaskFunction, ThreadWorker } from 'poolifier';
import { jobs } from './jobs.ts';

export default new ThreadWorker<unknown, unknown>(
  jobs as unknown as Record<string, TaskFunction<unknown, unknown>>,
);
