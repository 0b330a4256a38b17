import { jobs, type Jobs } from '../jobs.ts';

/** The same for tinypool, whose workers have this form too. */
export default ({ job, arg }: { readonly job: string; readonly arg: unknown }): unknown =>
  (jobs as Jobs)[job](arg);
