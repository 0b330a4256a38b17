import { takeCoverage } from 'node:v8';
import { afterAll } from 'vitest';

// Test processes are ended before Node writes their coverage by itself.
afterAll(() => takeCoverage());
