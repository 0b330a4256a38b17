// What the jobs of test/scenarios do: among it, what no job should.
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId } from 'node:worker_threads';
import { defineTasks } from 'leasepool';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');
const asleep = new Int32Array(new SharedArrayBuffer(4));
let kept;

class Point {
  constructor(x, y) {
    this.x = x;
    this.y = y;
  }
}

/** What a job may do to what everything in its worker uses. */
const sabotages = {
  'Array.prototype.push': () => (Array.prototype.push = refuse),
  'Array.prototype iteration': () => (Array.prototype[Symbol.iterator] = refuse),
  'Map.prototype.get': () => (Map.prototype.get = refuse),
  'Object.keys': () => (Object.keys = refuse),
  'Reflect.apply': () => (Reflect.apply = refuse),
  'Promise.prototype.then': () => (Promise.prototype.then = refuse),
  'Atomics.store': () => (Atomics.store = refuse),
  'Atomics.compareExchange': () => (Atomics.compareExchange = refuse),
  'globalThis.process': () => (globalThis.process = undefined),
  'globalThis.performance': () => (globalThis.performance = undefined),
  'globalThis.Error': () => (globalThis.Error = undefined),
  'process.exit': () => (process.exit = refuse),
  'process.nextTick': () => (process.nextTick = refuse),
  'process.hrtime': () => (process.hrtime = refuse),
  setImmediate: () => (globalThis.setImmediate = refuse),
  queueMicrotask: () => (globalThis.queueMicrotask = refuse),
};

function refuse() {
  throw new TypeError('this has been taken away');
}

export const sabotageNames = Object.keys(sabotages);

export const tasks = defineTasks(import.meta.url, {
  echo: (value) => value,
  describe: (value) => ({
    kind: Object.prototype.toString.call(value),
    prototype:
      value === null || typeof value !== 'object'
        ? undefined
        : Object.getPrototypeOf(value)?.constructor?.name,
  }),
  point: (x, y) => new Point(x, y),
  polluted: (value) => [Object.keys(value), {}.polluted, value.polluted],
  shares: (first, second) => first === second && first.self === first,
  append: (path, line) => appendFileSync(path, `${line}\n`),
  sabotage: (name) => void sabotages[name](),
  exit: (code) => process.exit(code),
  abort: () => process.abort(),
  threadId: () => threadId || process.pid,
  allocate: () => new Array(5e7).fill(0.5).map((value, index) => ({ value, index })).length,
  catastrophe: () => /^(a+)+$/.test(`${'a'.repeat(60)}b`),
  loopInFinally: () => {
    for (;;) {
      try {
        continue;
      } finally {
        continue; // oxlint-disable-line no-unsafe-finally -- that is the point
      }
    }
  },
  waits: () => void Atomics.wait(asleep, 0, 0),
  appendAndSleep: (path, seconds, value) => {
    appendFileSync(path, 'begun\n');
    Atomics.wait(asleep, 0, 0, seconds * 1000);
    return value;
  },
  sleepsNatively: (seconds) => void execFileSync('sleep', [String(seconds)]),
  /** A job in the calling of which nothing is left of the stack traces. */
  brokenStacks: (how) => {
    if (how === 'prepareStackTrace') {
      Error.prepareStackTrace = () => {
        throw new Error('no stack trace today');
      };
    } else Error.stackTraceLimit = 0;
    throw new RangeError('it failed');
  },
  mended: () => {
    Error.prepareStackTrace = undefined;
    Error.stackTraceLimit = 10;
    throw new RangeError('it failed again');
  },
  longMessage: (length) => {
    throw new Error('x'.repeat(length));
  },
  chained: (depth) => {
    let error = new Error('the first one');
    for (let level = 0; level < depth; level++) error = new Error(`level ${level}`, { cause: error });
    throw error;
  },
  zeros: (length) => new Uint8Array(length),
  finishThenWrite: (path, length) => {
    const result = new Uint8Array(length).fill(7);
    appendFileSync(path, 'finished\n');
    return result;
  },
  keepWeakly: (given) => {
    kept = new WeakRef(given);
    return kept.deref() === given;
  },
  isStillThere: async () => {
    for (let round = 0; round < 5; round++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      collectGarbage();
    }
    return kept.deref() !== undefined;
  },
  setVariable: (name, value) => {
    process.env[name] = value;
  },
  variable: (name) => process.env[name],
  killNeighbour: (path, marks) => {
    appendFileSync(path, `${process.pid}\n`);
    const neighbours = [...new Set(readFileSync(path, 'utf8').split('\n').filter(Boolean))]
      .map(Number)
      .filter((pid) => pid !== process.pid);
    const victim = neighbours[marks % Math.max(1, neighbours.length)];
    if (victim !== undefined) {
      try {
        process.kill(victim, 'SIGKILL');
      } catch {
        // It has gone already.
      }
    }
    return marks;
  },
  prints: (length) => {
    process.stdout.write('o'.repeat(length));
    return length;
  },
  sendsToParent: () => {
    process.send?.({ up: true, values: [1], first: 0 });
    process.send?.('not a frame');
    return 'sent';
  },
  untilThere: (path) => {
    while (!existsSync(path)) Atomics.wait(asleep, 0, 0, 1);
  },
});
