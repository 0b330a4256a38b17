// Imported by workers before their first job. `workerData().ledger` is told of each time.
import { appendFileSync, existsSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { workerData } from 'leasepool';

const { ledger, mode, flag } = workerData();

const modes = {
  'comes up': async () => {},
  async throws() {
    throw new TypeError('this worker was told not to come up');
  },
  exits: async () => process.exit(0),
  'never comes up': () => new Promise(() => setInterval(() => {}, 1000)),
  /** While the file is there. */
  async 'throws while told'() {
    if (existsSync(flag)) throw new TypeError('this worker was told not to come up');
  },
};

appendFileSync(ledger, `preload ${process.pid}:${threadId} ${performance.timeOrigin + performance.now()}\n`);
await modes[mode]();
