import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { WorkGrinder } from 'leasepool';
import type { Report } from './report.ts';
import type { Invitation, VisitorTally } from './visitor.ts';

/** The other thread that submits to a soak's grinder. */
export class Visitors {
  readonly #thread: Worker;
  readonly #exited: Promise<unknown>;

  constructor(report: Report) {
    this.#thread = new Worker(new URL('./visitor.js', import.meta.url), { name: 'visitor' });
    this.#exited = once(this.#thread, 'exit');
    this.#exited.catch(() => {});
    this.#thread.on('message', (tally: VisitorTally) => report.visited(tally));
    this.#thread.on('error', (error) => report.wrong.push(`the visitor: ${String(error)}`));
  }

  invite(grinder: WorkGrinder, ledger: string): void {
    this.#thread.postMessage({ handle: grinder.threadHandle(), ledger } satisfies Invitation);
  }

  async end(): Promise<void> {
    this.#thread.postMessage(undefined);
    await Promise.race([this.#exited, delay(10_000, undefined, { ref: false })]);
    await this.#thread.terminate();
  }
}
