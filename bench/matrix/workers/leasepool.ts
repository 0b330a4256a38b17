import { defineTasks } from 'leasepool';
import { jobs, type Jobs } from '../jobs.ts';

export const tasks = defineTasks(import.meta.url, jobs as Jobs);
