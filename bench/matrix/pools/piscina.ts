import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Contestant } from '../pool.ts';

const filename = fileURLToPath(new URL('../workers/piscina.js', import.meta.url));
const failing = fileURLToPath(new URL('../workers/failing.js', import.meta.url));

const make = (options: object): unknown => new Piscina({ filename, ...options });

export const piscina: Contestant = {
  name: 'piscina',
  from: 'piscina',
  open({ workers, perWorker, maxQueue, memoryMb, fails = false }) {
    const pool = new Piscina({
      filename: fails ? failing : filename,
      minThreads: workers,
      maxThreads: workers,
      ...(perWorker === undefined ? {} : { concurrentTasksPerWorker: perWorker }),
      ...(maxQueue === undefined ? {} : { maxQueue }),
      ...(memoryMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memoryMb } }),
    });
    pool.on('error', () => {}); // Without a listener it would end the program.
    return {
      run: (job, arg) => pool.run({ job, arg }),
      runAtMost: (ms, job, arg) => pool.run({ job, arg }, { signal: AbortSignal.timeout(ms) }),
      cancellable(job, arg) {
        const controller = new AbortController();
        const promise = pool.run({ job, arg }, { signal: controller.signal });
        return { promise, cancel: () => controller.abort() };
      },
      close: () => pool.close(),
      destroy: () => pool.destroy(),
    };
  },
  nonsense: {
    'maxThreads: NaN': () => make({ maxThreads: Number.NaN }),
    'maxThreads: 1.5': () => make({ maxThreads: 1.5 }),
    maxTreads: () => make({ maxTreads: 2 }),
  },
};
