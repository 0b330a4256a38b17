import { Worker } from 'node:worker_threads';

/**
 * The least a pool can be: a message for each job, and a message for each result. It stands for what the machine
 * gives at this moment; every ratio to it is the code's own.
 */
export class Baseline {
  readonly #workers: Worker[];
  readonly #resolvers = new Map<number, (value: number) => void>();
  #calls = 0;

  constructor(workers: number) {
    const file = new URL('workers/baseline.js', import.meta.url);
    this.#workers = Array.from({ length: workers }, () => new Worker(file));
    for (const worker of this.#workers) {
      worker.on('message', ({ id, result }: { readonly id: number; readonly result: number }) => {
        this.#resolvers.get(id)!(result);
        this.#resolvers.delete(id);
      });
    }
  }

  increment(value: number): Promise<number> {
    const id = this.#calls++;
    this.#workers[id % this.#workers.length].postMessage({ id, value });
    return new Promise((resolve) => this.#resolvers.set(id, resolve));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
