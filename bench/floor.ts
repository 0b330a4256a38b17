import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Alone } from './workers/alone.ts';

/** What stands between any pool and zero, measured along with the pools. */
export interface Floor {
  readonly call: (value: number) => Promise<unknown>;
  stop(): Promise<unknown>;
}

/** Answers that are settled in one turn of the event loop: about what one message carries. */
const answersPerTurn = 512;

/** A queue of promises, settled in order and nothing else: no worker, no message. */
export function openPromises(): Floor {
  let waiting: { readonly value: number; readonly resolve: (value: number) => void }[] = [];
  const settle = (): void => {
    const settled = waiting.slice(0, answersPerTurn);
    waiting = waiting.slice(answersPerTurn);
    if (waiting.length > 0) setImmediate(settle);
    for (const { value, resolve } of settled) resolve(value + 1);
  };
  return {
    call: (value) =>
      new Promise((resolve) => {
        if (waiting.push({ value, resolve }) === 1) setImmediate(settle);
      }),
    stop: async () => {},
  };
}

/** One message to a thread, and one back, one caller at a time: no queue, no promise but the caller's. */
export function openEcho(): Floor {
  const worker = new Worker(new URL('workers/echo.js', import.meta.url));
  let resolve: (value: number) => void;
  worker.on('message', (value: number) => resolve(value));
  return {
    call: (value) =>
      new Promise((each) => {
        resolve = each;
        worker.postMessage(value);
      }),
    stop: () => worker.terminate(),
  };
}

/**
 * Threads that hash texts they have, and nothing else: nobody sends them anything worth mention, and nobody waits for a
 * single one. No pool of as many threads can be faster.
 */
export function openHashes(texts: readonly string[], threads: number, jobsPerCall: number): Floor {
  const idle = Array.from(
    { length: threads },
    () => new Worker(new URL('workers/alone.js', import.meta.url)),
  );
  const all = [...idle];
  return {
    async call(first) {
      const worker = idle.pop()!;
      worker.postMessage({ texts, first, count: jobsPerCall } satisfies Alone);
      const [hash] = (await once(worker, 'message')) as [string];
      idle.push(worker);
      return hash;
    },
    stop: () => Promise.all(all.map((worker) => worker.terminate())),
  };
}
