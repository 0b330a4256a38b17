import { threadId } from 'node:worker_threads';
import { defineTasks } from 'leasepool';

const asleep = new Int32Array(new SharedArrayBuffer(4));

/** @param {Int32Array} gate */
function waitAt(gate) {
  Atomics.add(gate, 1, 1);
  Atomics.wait(gate, 0, 0);
  Atomics.add(gate, 2, 1);
}

/** @param {Int32Array} log @param {number} entry */
function append(log, entry) {
  log[1 + Atomics.add(log, 0, 1)] = entry;
}

/** @param {number} ms */
function spinFor(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

export const {
  square,
  echo,
  fail,
  hold,
  holdIf,
  record,
  recordAndHold,
  recordAndPause,
  recordValue,
  where,
  pause,
  spin,
  exit,
  giveFunction,
} = defineTasks(import.meta.url, {
  /** @param {number} value */
  square: (value) => value * value,

  /** @param {unknown} value */
  echo: (value) => value,

  /** @param {string} message */
  fail: (message) => {
    throw new Error(message);
  },

  /** @param {Int32Array} gate @param {unknown} [value] */
  hold: (gate, value) => {
    waitAt(gate);
    return value;
  },

  /** Short, unless it is given a gate. @param {Int32Array} [gate] @param {number} [spinMs] */
  holdIf: (gate, spinMs = 0) => {
    spinFor(spinMs);
    if (gate !== undefined) waitAt(gate);
  },

  /** @param {Int32Array} log @param {number} entry @param {unknown} [_rest] */
  record: (log, entry, _rest) => append(log, entry),

  /** @param {Int32Array} log @param {number} entry @param {Int32Array} gate */
  recordAndHold: (log, entry, gate) => {
    append(log, entry);
    waitAt(gate);
  },

  /** @param {Int32Array} log @param {number} entry @param {number} ms */
  recordAndPause: (log, entry, ms) => {
    append(log, entry);
    Atomics.wait(asleep, 0, 0, ms);
  },

  /** @param {Int32Array} log @param {{ readonly value: number }} entry */
  recordValue: (log, entry) => append(log, entry.value),

  where: () => threadId,

  /** Takes time, but not the processor's. @param {number} ms */
  pause: (ms) => void Atomics.wait(asleep, 0, 0, ms),

  spin: spinFor,

  /** Ends the worker. @param {number} code */
  exit: (code) => process.exit(code),

  giveFunction: () => () => {},
});
