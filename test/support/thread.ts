import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import { tasksUrl } from './tasks-url.ts';

/** A program of test/tasks in a thread of its own: it tells steps as messages, `[step, value]`. */
export class Thread {
  readonly worker: Worker;
  /** Resolves with the exit code. */
  readonly exited: Promise<number>;
  readonly #told = new Map<string, unknown>();
  readonly #listeners = new Set<() => void>();
  #failure: Error | undefined;

  constructor(file: string, workerData: unknown) {
    this.worker = new Worker(tasksUrl(file), { workerData, stderr: true });
    this.worker.on('message', ([step, value]: [string, unknown]) => {
      this.#told.set(step, value);
      this.#changed();
    });
    this.worker.on('error', (error) => (this.#failure = error));
    this.exited = new Promise((resolve) =>
      this.worker.on('exit', (code) => {
        this.#failure ??= new Error(`the thread exited with ${code}`);
        this.#changed();
        resolve(code);
      }),
    );
    onTestFinished(async () => void (await this.worker.terminate()));
  }

  /** The value that came with a step, once it was told. */
  async told(step: string): Promise<any> {
    while (!this.#told.has(step)) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
    return this.#told.get(step);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}

/** A thread that uses a grinder of another one: a scenario of test/tasks/threads-client.js. */
export function client(scenario: string, handle: unknown, data: object = {}): Thread {
  return new Thread('threads-client.js', { scenario, handle, ...data });
}

/** A thread that owns a grinder: test/tasks/threads-owner.js. */
export function owner(data: object = {}): Thread {
  return new Thread('threads-owner.js', data);
}
