import { parentPort } from 'node:worker_threads';
import { jobs } from './jobs.ts';

export interface Alone {
  readonly texts: readonly string[];
  readonly first: number;
  readonly count: number;
}

/** Makes the jobs, and answers with what the first of them gave. */
parentPort!.on('message', ({ texts, first, count }: Alone) => {
  const results = Array.from({ length: count }, (_, i) => jobs.sha256(texts[(first + i) % texts.length]));
  parentPort!.postMessage(results[0]);
});
