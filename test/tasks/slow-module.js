// Takes longer to load than jobs may take.
import { appendFileSync } from 'node:fs';
import { defineTasks, workerData } from 'leasepool';

const log = workerData();
if (log !== undefined) appendFileSync(log, 'loading\n');
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);

export const { twice, note } = defineTasks(import.meta.url, {
  twice: (value) => 2 * value,

  /** Leaves a trace where the test can see it. */
  note: (text) => appendFileSync(log, `${text}\n`),
});
