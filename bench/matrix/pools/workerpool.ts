import { fileURLToPath } from 'node:url';
import library from 'workerpool';
import type { Contestant } from '../pool.ts';

const script = fileURLToPath(new URL('../workers/workerpool.js', import.meta.url));
const failing = fileURLToPath(new URL('../workers/failing.js', import.meta.url));

const make = (options: object): unknown => library.pool(script, { workerType: 'thread', ...options });

// Its promises are of a class of its own: they are given on as they are.
export const workerpool: Contestant = {
  name: 'workerpool',
  from: 'workerpool',
  open({ workers, maxQueue, memoryMb, fails = false }) {
    const pool = library.pool(fails ? failing : script, {
      workerType: 'thread',
      minWorkers: workers,
      maxWorkers: workers,
      ...(maxQueue === undefined ? {} : { maxQueueSize: maxQueue }),
      ...(memoryMb === undefined
        ? {}
        : { workerThreadOpts: { resourceLimits: { maxOldGenerationSizeMb: memoryMb } } }),
    });
    const exec = (job: string, arg: unknown) => pool.exec(job, [arg]);
    return {
      run: (job, arg) => exec(job, arg) as unknown as Promise<unknown>,
      runAtMost: (ms, job, arg) => exec(job, arg).timeout(ms) as unknown as Promise<unknown>,
      cancellable(job, arg) {
        const promise = exec(job, arg);
        return { promise: promise as unknown as Promise<unknown>, cancel: () => void promise.cancel() };
      },
      close: () => pool.terminate() as unknown as Promise<unknown>,
      destroy: () => pool.terminate(true) as unknown as Promise<unknown>,
    };
  },
  nonsense: {
    'maxWorkers: NaN': () => make({ maxWorkers: Number.NaN }),
    'maxQueueSize: 1.5': () => make({ maxQueueSize: 1.5 }),
    maxWorker: () => make({ maxWorker: 2 }),
  },
};
