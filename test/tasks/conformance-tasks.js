// Tasks that need no memory shared with the caller: they tell what they do in a file (`Ledger`), and wait for one (`FileGate`).
import { appendFileSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, parentPort, threadId } from 'node:worker_threads';
import { defineTasks, move, workerData } from 'leasepool';

const never = new Promise(() => {});
const asleep = new Int32Array(new SharedArrayBuffer(4));
let kept;

const whoAmI = () => `${process.pid}:${threadId}`;

/** One write to a file opened for appending: lines of several workers never mix, and what is written stays whatever happens next. */
function note(ledger, entry) {
  appendFileSync(ledger, `${entry}\n`);
}

const lines = (ledger) => readFileSync(ledger, 'utf8').split('\n').length - 1;

function waitFor(gate) {
  while (!existsSync(gate)) Atomics.wait(asleep, 0, 0, 2);
}

async function turnUntil(condition) {
  while (!condition()) await delay(2);
}

function hoard() {
  const hoarded = [];
  for (;;) hoarded.push(Array.from({ length: 100 }, (_, index) => ({ index })));
}

function throwLater(what) {
  setImmediate(() => {
    throw what;
  });
  return never;
}

function throwTrap() {
  throw new Error('do not look');
}

/** Ways in which a job ends its worker. */
const ends = {
  'exit(0)': () => process.exit(0),
  'exit(1)': () => process.exit(1),
  'exit(7) later': () => {
    setImmediate(() => process.exit(7));
    return never;
  },
  'an uncaught error': () => {
    setImmediate(() => {
      throw new TypeError('thrown late');
    });
    return never;
  },
  /** Not in a job, which would only fail. */
  'an uncaught error at once': () => {
    throw new TypeError('thrown late');
  },
  'an unhandled rejection': () => {
    void Promise.reject(new TypeError('rejected late'));
    return never;
  },
  'an uncaught null': () => {
    setImmediate(() => {
      throw null;
    });
    return never;
  },
  'an uncaught symbol': () => throwLater(Symbol('thrown late')),
  'an uncaught function': () => throwLater(() => {}),
  'an uncaught proxy': () => throwLater(new Proxy({}, { get: throwTrap, getPrototypeOf: throwTrap })),
  'uncaught shared memory': () => throwLater(new SharedArrayBuffer(8)),
  'a rejection without a reason': () => {
    void Promise.reject();
    return never;
  },
  'an exit after two timers': () => {
    setTimeout(() => setTimeout(() => process.exit(3), 1), 1);
    return never;
  },
  'out of memory': hoard,
  SIGKILL: () => process.kill(process.pid, 'SIGKILL') && waitFor('/nowhere'),
  'abort()': () => process.abort(),
};

/** Ends the worker, if it is a process without its last words on the terminal. */
function end(how) {
  if (process.send !== undefined && isMainThread) {
    closeSync(2);
    openSync('/dev/null', 'w');
  }
  return ends[how]();
}

/** What a job may do to its worker that must not matter. */
const mischief = {
  'sets process.exitCode': () => void (process.exitCode = 3),
  'removes the listeners of its process': () => void process.removeAllListeners(),
  'removes the listeners of its process, and stays busy': () => {
    process.removeAllListeners();
    setInterval(() => {}, 1000);
  },
  'closes parentPort': () => parentPort.close(),
  'floods parentPort': () => {
    for (let index = 0; index < 2000; index++) parentPort.postMessage({ leasepool: index });
  },
  'sends messages of its own': () => {
    for (let index = 0; index < 200; index++) process.send({ leasepool: index });
  },
  'disconnects from its parent': () => process.disconnect(),
  'changes its directory': () => process.chdir('/'),
  'leaves timers and a server behind': () => {
    setInterval(() => {}, 1);
    createServer().listen(0);
  },
  'catches what is uncaught': () => {
    process.on('uncaughtException', () => {});
    setImmediate(() => {
      throw new Error('caught');
    });
  },
  'prints and destroys its output': () => {
    process.stdout.write(' ');
    process.stdout.destroy();
  },
  'prints and ends its output': () => {
    process.stdout.write(' ');
    process.stdout.end();
  },
  'prints and corks its output': () => {
    process.stdout.cork();
    process.stdout.write(' ');
  },
  'listens to its exit': () => void process.on('exit', () => process.exit(9)),
};

export const tasks = defineTasks(import.meta.url, {
  echo: (value) => value,
  add: (a, b) => a + b,
  nothing: () => {},
  lengthOf: (value) => value.length,
  worker: whoAmI,
  isMainThread: () => isMainThread,

  noteAtExit(ledger, entry) {
    process.on('exit', () => note(ledger, entry));
  },

  staysAtExit(ledger, entry) {
    process.on('exit', () => {
      note(ledger, entry);
      for (;;);
    });
  },

  note(ledger, entry) {
    note(ledger, entry);
    return entry;
  },
  /** The same, as a task of its own. */
  noteToo(ledger, entry) {
    note(ledger, entry);
    return entry;
  },
  /** Begins, waits at the gate while it blocks its thread, and tells who ran it. */
  hold(ledger, entry, gate) {
    note(ledger, entry);
    waitFor(gate);
    note(ledger, `${entry} done`);
    return whoAmI();
  },
  /** The same without blocking. */
  async holdAsync(ledger, entry, gate) {
    note(ledger, entry);
    await turnUntil(() => existsSync(gate));
    note(ledger, `${entry} done`);
    return whoAmI();
  },
  /** Returns once so many of them run at once. */
  async meet(ledger, parties) {
    note(ledger, whoAmI());
    await turnUntil(() => lines(ledger) >= parties);
    return { worker: whoAmI(), data: workerData() };
  },
  spin(ms) {
    const end = performance.now() + ms;
    while (performance.now() < end);
  },
  /** So short that a worker takes several at once, until one has a gate to wait at. */
  quickUnlessHeld(ledger, entry, gate) {
    if (ledger !== undefined) note(ledger, entry);
    if (gate !== undefined) waitFor(gate);
    return entry;
  },
  noteAndSpin(ledger, entry, ms) {
    note(ledger, entry);
    const end = performance.now() + ms;
    while (performance.now() < end);
    return entry;
  },
  async resolveLater(value) {
    await delay(1);
    return value;
  },
  async rejectLater(message) {
    await delay(1);
    throw new TypeError(message);
  },
  /** A promise whose own `then` calls back at once, twice, and gives nothing back. */
  promiseOfItsOwn(value) {
    const then = (settle) => void [settle(value), settle('again')];
    return Object.assign(Promise.resolve('not asked'), { then });
  },
  thenable: (value) => ({ then: (resolve) => setTimeout(() => resolve(value), 1) }),
  overflow: function overflow(depth = 0) {
    return overflow(depth + 1) + 1;
  },
  fail(message) {
    throw new Error(message);
  },
  /** Counts in the ledger while the worker has nothing to do. */
  tick(ledger, count) {
    const timer = setInterval(() => {
      note(ledger, 'tick');
      if (--count === 0) clearInterval(timer);
    }, 1);
  },
  print(text) {
    process.stdout.write(text);
    return text.length;
  },

  workerData: () => workerData(),
  changeWorkerData(key, value) {
    workerData()[key] = value;
    return whoAmI();
  },

  /** Ends its worker when `entry` is `victim`. */
  endAt(ledger, entry, victim, how) {
    note(ledger, entry);
    if (entry === victim) return end(how);
    return entry;
  },
  /** The same, and every entry with the process it is in. */
  endAtWhere(ledger, entry, victim, how) {
    note(ledger, `${entry} ${process.pid}`);
    if (entry === victim) return end(how);
    return entry;
  },
  /** The same, and every entry with the time at which it began. */
  endAtTimed(ledger, entry, victim, how) {
    note(ledger, `${entry} ${performance.timeOrigin + performance.now()}`);
    if (entry === victim) return end(how);
    return entry;
  },
  /** So short that many results wait for company, and the last one kills the process. */
  killAt(entry, victim) {
    if (entry === victim) process.kill(process.pid, 'SIGKILL');
    return entry;
  },
  /** The same, when its result is copied. */
  endWhenCopied(entry, victim) {
    if (entry !== victim) return entry;
    return {
      get end() {
        return process.exit(4);
      },
    };
  },
  /** Returns what takes for ever to copy. */
  endlessResult(ledger) {
    if (ledger !== undefined) note(ledger, 'made');
    return {
      get value() {
        while (ledger !== null);
        return ledger;
      },
    };
  },
  /** Returns; its worker then waits at the gate, and ends. */
  endIdle(ledger, gate, how = 'exit(1)') {
    setImmediate(() => {
      note(ledger, 'idle');
      waitFor(gate);
      end(how);
    });
    return whoAmI();
  },
  /** Returns, and lets an error loose in its worker. */
  endLater(ledger, entry, victim, how) {
    note(ledger, entry);
    if (entry === victim) void end(how);
    return entry;
  },
  misbehave(ledger, entry, victim, how) {
    note(ledger, entry);
    if (entry === victim) mischief[how]();
    return entry;
  },

  byteLength: (value) => value.byteLength,
  kindOf: (value) => `${Object.prototype.toString.call(value)} ${value?.constructor?.name}`,
  /** What can be told of a given error, and how often this very error has been here. */
  errorParts({ error }) {
    error.marks = (error.marks ?? 0) + 1;
    return [error.constructor.name, error.message, error.code, error.cause?.message, error.marks];
  },
  sharedIncrement: (memory) => Atomics.add(new Int32Array(memory), 0, 1),
  keySize: (key) => key.symmetricKeySize,
  answer(port) {
    port.once('message', (message) => {
      port.postMessage(`${message} back`);
      port.close();
    });
  },
  push(list, value) {
    list.push(value);
    return list;
  },
  /** How often this very object has been here. */
  markOnce(object) {
    object.marks = (object.marks ?? 0) + 1;
    return object.marks;
  },

  keep(value) {
    kept = value;
    return value.byteLength;
  },
  keptLength: () => kept.byteLength,
  fill(length, value) {
    const bytes = new Uint8Array(length).fill(value);
    kept = bytes.buffer;
    return move(bytes, [bytes.buffer]);
  },
  async fillNested(length, value) {
    const bytes = new Uint8Array(length).fill(value);
    kept = bytes.buffer;
    await delay(1);
    return move({ inner: [{ bytes }] }, [bytes.buffer]);
  },
  fillWithFunction(length) {
    const bytes = new Uint8Array(length);
    kept = bytes.buffer;
    return move({ bytes, function() {} }, [bytes.buffer]);
  },
});
