import type { Contestant } from './pool.ts';
import { leasepool } from './pools/leasepool.ts';
import { piscina } from './pools/piscina.ts';
import { poolifier } from './pools/poolifier.ts';
import { tinypool } from './pools/tinypool.ts';
import { workerpool } from './pools/workerpool.ts';

export const contestants: readonly Contestant[] = [...leasepool, piscina, tinypool, workerpool, poolifier];
