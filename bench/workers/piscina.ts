import { jobs } from './jobs.ts';

// tinypool loads it as well: both call named exports.
export const { increment, increments, rename, sha256, spin } = jobs;
