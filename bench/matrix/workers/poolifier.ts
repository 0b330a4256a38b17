import { type TaskFunctions, ThreadWorker } from 'poolifier';
import { jobs } from '../jobs.ts';

export default new ThreadWorker<unknown, unknown>(jobs as unknown as TaskFunctions<unknown, unknown>);
