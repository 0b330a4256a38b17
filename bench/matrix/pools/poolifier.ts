import { fileURLToPath } from 'node:url';
import { FixedThreadPool, type ThreadPoolOptions } from 'poolifier';
import type { Contestant } from '../pool.ts';

const file = fileURLToPath(new URL('../workers/poolifier.js', import.meta.url));
const failing = fileURLToPath(new URL('../workers/failing.js', import.meta.url));

const make = (workers: number, options: object): unknown =>
  new FixedThreadPool(workers, file, options as ThreadPoolOptions);

export const poolifier: Contestant = {
  name: 'poolifier',
  from: 'poolifier',
  open({ workers, perWorker, memoryMb, fails = false }) {
    const pool = new FixedThreadPool<unknown, unknown>(workers, fails ? failing : file, {
      ...(perWorker === undefined
        ? {}
        : { enableTasksQueue: true, tasksQueueOptions: { concurrency: perWorker } }),
      ...(memoryMb === undefined
        ? {}
        : { workerOptions: { resourceLimits: { maxOldGenerationSizeMb: memoryMb } } }),
    });
    pool.emitter?.on('error', () => {}); // Without a listener it would end the program.
    return {
      run: (job, arg) => pool.execute(arg, job),
      runAtMost: (ms, job, arg) => pool.execute(arg, job, AbortSignal.timeout(ms)),
      cancellable(job, arg) {
        const controller = new AbortController();
        return { promise: pool.execute(arg, job, controller.signal), cancel: () => controller.abort() };
      },
      close: () => pool.destroy(),
      destroy: () => pool.destroy(),
    };
  },
  nonsense: {
    'NaN workers': () => make(Number.NaN, {}),
    '1.5 workers': () => make(1.5, {}),
    enableTaskQueue: () => make(1, { enableTaskQueue: true }),
  },
};
