import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel, threadId } from 'node:worker_threads';
import { defineTasks, move, workerData } from 'leasepool';

let kept;

function waitFor(cells) {
  Atomics.add(cells, 1, 1);
  Atomics.notify(cells, 1);
  while (Atomics.load(cells, 0) === 0) Atomics.wait(cells, 0, 0);
  Atomics.add(cells, 2, 1);
}

export const tasks = defineTasks(import.meta.url, {
  echo: (value) => value,
  nothing: () => {},
  add: (a, b) => a + b,
  lengthOf: (list) => list.length,
  whichThread: () => threadId,
  failOdd(value) {
    if (value % 2 === 1) throw new Error(`odd ${value}`);
    return value;
  },
  fail(message) {
    throw new Error(message);
  },

  /** Begins, waits until the gate opens, and gives `value`. */
  hold(cells, value) {
    waitFor(cells);
    return value;
  },
  /** Waits at the gate unless it is given a value. */
  holdUnless(cells, value) {
    if (value === undefined) waitFor(cells);
    return value;
  },
  async holdAsync(cells, value) {
    Atomics.add(cells, 1, 1);
    while (Atomics.load(cells, 0) === 0) await delay(1);
    return value;
  },
  /** Returns once so many of them run at once. */
  meet(cells, parties) {
    Atomics.add(cells, 1, 1);
    Atomics.notify(cells, 1);
    for (let here = Atomics.load(cells, 1); here < parties; here = Atomics.load(cells, 1))
      Atomics.wait(cells, 1, here);
    return threadId;
  },
  meetAndTellData(cells, parties) {
    Atomics.add(cells, 1, 1);
    Atomics.notify(cells, 1);
    for (let here = Atomics.load(cells, 1); here < parties; here = Atomics.load(cells, 1))
      Atomics.wait(cells, 1, here);
    return { thread: threadId, data: workerData() };
  },
  /** Appends an entry to a `SharedLog`. */
  record(log, entry) {
    log[1 + Atomics.add(log, 0, 1)] = entry;
    return entry;
  },
  holdAndExit(cells, code) {
    waitFor(cells);
    process.exit(code);
  },
  loopFrom(cells) {
    Atomics.add(cells, 1, 1);
    for (;;);
  },
  /** Blocks in a native call, which nothing ends, while the folder exists, and says there that it does. */
  blockWhile(folder) {
    const program = `const { existsSync, writeFileSync } = require('node:fs');
      writeFileSync(process.argv[1] + '/blocking', '');
      setInterval(() => existsSync(process.argv[1]) || process.exit(), 10);`;
    execFileSync(process.execPath, ['-e', program, folder], { timeout: 60_000 });
  },

  /** Counts while the worker has nothing to do. */
  tick(ticks) {
    setInterval(() => Atomics.add(ticks, 0, 1), 1);
  },
  thenable: (value) => ({ then: (resolve) => setTimeout(() => resolve(value), 1) }),
  push(list, value) {
    list.push(value);
    return list;
  },
  /** How often this very object has been here. */
  markOnce(object) {
    object.marks = (object.marks ?? 0) + 1;
    return object.marks;
  },
  workerData: () => workerData(),
  changeWorkerData(key, value) {
    workerData()[key] = value;
    return threadId;
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
  increment(bytes) {
    const next = bytes.map((byte) => byte + 1);
    return move(next, [next.buffer]);
  },
  sumBytes: (holder) => holder.inner.bytes.reduce((sum, byte) => sum + byte, 0),
  channel() {
    const { port1, port2 } = new MessageChannel();
    port1.once('message', (message) => port1.postMessage(`${message} back`));
    return move({ port: port2 }, [port2]);
  },
  answer(port) {
    port.once('message', (message) => {
      port.postMessage(`${message} back`);
      port.close();
    });
  },
});
