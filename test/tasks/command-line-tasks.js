import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { defineTasks } from 'leasepool';

const asleep = new Int32Array(new SharedArrayBuffer(4));

/** @param {number} value */
export default function double(value) {
  return value * 2;
}

export const { hash, failOdd, add, big, exit, forever, untilThere, where } = defineTasks(import.meta.url, {
  /** @param {unknown} value */
  hash: (value) => createHash('sha256').update(JSON.stringify(value)).digest('hex'),

  /** @param {number} value */
  failOdd: (value) => {
    if (value % 2 === 1) throw new RangeError(`${value} is odd`);
    return value;
  },

  /** @param {number} a @param {number} b */
  add: (a, b) => a + b,

  big: () => 1n,

  /** @param {number} code */
  exit: (code) => process.exit(code),

  forever: () => {
    while (true);
  },

  /** Says that it has begun, and waits for a file. @param {string} path */
  untilThere: (path) => {
    writeFileSync(`${path}.begun`, '');
    while (!existsSync(path)) Atomics.wait(asleep, 0, 0, 5);
    return 'there';
  },

  where: () => [process.pid, threadId],
});
