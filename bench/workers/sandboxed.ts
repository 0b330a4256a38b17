import type { SandboxedJob } from 'bullmq';
import { jobs } from './jobs.ts';

/** A processor that BullMQ runs on a thread of its own. */
export default async function increment({ data }: SandboxedJob<{ value: number }>): Promise<number> {
  return jobs.increment(data.value);
}
