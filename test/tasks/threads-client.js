import { parentPort, workerData } from 'node:worker_threads';
import { connectGrinder, taskRef } from 'leasepool';
import { echo, fail, giveFunction, hold, record, recordAndHold, square, where } from './grinder-tasks.js';

const { handle, scenario, ...given } = workerData;

function tell(step, value) {
  parentPort.postMessage([step, value]);
}

/** An error as plain data, with what structured clone would lose. */
function plain(error) {
  if (!(error instanceof Error)) return { thrown: error };
  const { name, message, code, owner, taskName, phase, path, cause, stack } = error;
  const type = error.constructor.name;
  return { type, name, message, code, owner, taskName, phase, path, cause: cause && plain(cause), stack };
}

/** What `call` throws, as plain data. */
function thrownBy(call) {
  try {
    call();
  } catch (error) {
    return plain(error);
  }
  return 'nothing';
}

/** Waits until a test opens the gate. */
function waitFor(cells) {
  Atomics.wait(cells, 0, 0);
}

function nested(depth) {
  let value = [];
  for (let level = 1; level < depth; level++) value = [value];
  return value;
}

const scenarios = {
  blockingResult(remote) {
    return remote.submitFromThread(square, [7]).result();
  },

  /** Blocks for a job that the test holds. */
  block(remote) {
    const future = remote.submitFromThread(hold, [given.gate, 'let go'], { owner: 'tenant-7' });
    tell('blocking');
    const error = future.exception();
    return error === undefined ? future.result() : plain(error);
  },

  /** The same on the first tick, with no earlier exchange. */
  blockBehind(remote) {
    const futures = [hold, echo].map((task) => remote.submitFromThread(task, [given.gate, 'let go']));
    tell('blocking');
    return futures.map((future) => plain(future.exception()));
  },

  /** An error that was given, had and given back by the job, and one in a field of what it throws. */
  errorsInside(remote) {
    const error = Object.assign(new RangeError('inside'), { code: 'E_INSIDE' });
    const echoed = remote.submitFromThread(echo, [{ error }]);
    const thrown = remote.submitFromThread(
      (given) => {
        throw Object.assign(new Error('outside'), { given });
      },
      [[error]],
    );
    return [plain(echoed.result().error), plain(thrown.exception().given[0])];
  },

  /** One refused for its task, for its method, and because the connection was closed. */
  refusedCalls(remote) {
    const owner = 'tenant-7';
    const closure = () => handle;
    const errors = [
      thrownBy(() => remote.submitFromThread(closure, [], { owner })),
      thrownBy(() => remote.submit(square, [1], { owner })),
    ];
    remote.close();
    return [...errors, thrownBy(() => remote.submitFromThread(square, [1], { owner }))];
  },

  async awaitedResult(remote) {
    const future = remote.submitFromThread(square, [8]);
    return [
      await future,
      future.done(),
      await future.then((value) => value + 1),
      await future.finally(undefined),
    ];
  },

  async awaitedErrors(remote) {
    const future = remote.submitFromThread(fail, ['on purpose']);
    const ways = [future, future.catch((error) => Promise.reject(error)), future.finally(() => {})];
    return Promise.all(ways.map((way) => Promise.resolve(way).then(() => 'nothing', plain)));
  },

  /** Nobody awaits it: nothing must come of that. */
  async forgottenError(remote) {
    remote.submitFromThread(fail, ['on purpose']);
    await remote.submitFromThread(echo, [1]);
    await new Promise(setImmediate);
    return 'still here';
  },

  errors(remote) {
    const throwing = {
      built: () => {
        throw Object.assign(new RangeError('too far', { cause: new TypeError('the cause') }), {
          code: 'E_FAR',
        });
      },
      value: () => {
        throw { plain: 'object' };
      },
      nothing: () => {
        throw undefined;
      },
    };
    const outcomes = Object.entries(throwing).map(([name, task]) => [
      name,
      thrownBy(() => remote.submitFromThread(task, []).result()),
    ]);
    return Object.fromEntries(outcomes);
  },

  timeout(remote) {
    const future = remote.submitFromThread(hold, [given.gate, 'it went on'], { owner: 'tenant-7' });
    const first = [
      thrownBy(() => future.result({ timeoutSeconds: 0.01 })),
      plain(future.exception({ timeoutSeconds: 0 })),
    ];
    tell('timed out', first);
    return [future.done(), future.result()];
  },

  notCloneable(remote) {
    const mates = [1, 2].map((value) => remote.submitFromThread(echo, [value]));
    const bad = remote.submitFromThread(echo, [{ deep: { callback: () => {} } }], { owner: 'tenant-7' });
    const result = remote.submitFromThread(giveFunction);
    const last = remote.submitFromThread(echo, [3]);
    return {
      values: [...mates, last].map((future) => future.result()),
      args: plain(bad.exception()),
      result: plain(result.exception()),
    };
  },

  /** Nested deeper than the receiving thread can read, on versions that read recursively. */
  tooDeep(remote) {
    const values = [1, nested(given.depth), 2];
    const futures = values.map((value) => remote.submitFromThread(echo, [value]));
    return futures.map((future) => {
      const error = future.exception();
      return error === undefined ? typeof future.result() : plain(error);
    });
  },

  async cancel(remote) {
    const running = remote.submitFromThread(hold, [given.gate]);
    const queued = remote.submitFromThread(record, [given.log, 1], { owner: 'tenant-7' });
    remote.statsFromThread();
    tell('queued');
    waitFor(given.go);
    const before = [queued.done(), queued.cancelled(), queued.cancel(), queued.cancel(), queued.cancelled()];
    tell('cancelled');
    waitFor(given.goOn);
    const thrown = thrownBy(() => queued.result());
    const awaited = await queued.then(() => 'nothing', plain);
    const runningCancelled = running.cancel();
    const settled = remote.submitFromThread(echo, [1]);
    settled.result();
    return { before, thrown, awaited, runningCancelled, late: [settled.cancel(), settled.cancelled()] };
  },

  cancelUnsent(remote) {
    const future = remote.submitFromThread(record, [given.log, 1]);
    const cancelled = future.cancel();
    return [cancelled, remote.statsFromThread().totals, remote.statsFromThread().pending];
  },

  done(remote) {
    const future = remote.submitFromThread(square, [3]);
    while (!future.done()) Atomics.wait(given.go, 0, 0, 1);
    return [
      future.cancelled(),
      future.result({ timeoutSeconds: 0 }),
      future.exception({ timeoutSeconds: 0 }),
    ];
  },

  stats(remote) {
    return remote.statsFromThread({ timeoutSeconds: 5 });
  },

  /** While the owner's thread is blocked. */
  statsTimeout(remote) {
    tell('connected');
    waitFor(given.go);
    const timeouts = [0, 0.01].map((timeoutSeconds) =>
      thrownBy(() => remote.statsFromThread({ timeoutSeconds })),
    );
    Atomics.store(given.done, 0, 1);
    Atomics.notify(given.done, 0);
    return { timeouts, later: remote.statsFromThread().started };
  },

  blockStats(remote) {
    remote.statsFromThread();
    tell('blocking');
    for (;;) {
      const thrown = thrownBy(() => remote.statsFromThread());
      if (thrown !== 'nothing') return thrown;
    }
  },

  ownersMethods(remote) {
    const names = ['submit', 'enqueue', 'start', 'stop', 'stats', 'astats'];
    return Object.fromEntries(names.map((name) => [name, thrownBy(() => remote[name](echo, [1]))]));
  },

  misuse(remote) {
    const attempts = {
      'no task': () => remote.submitFromThread(7),
      closure: () => remote.submitFromThread(() => given),
      'missing module': () => taskRef('file:///missing.js', 'x'),
      'arguments of no array': () => remote.submitFromThread(echo, 'abc'),
      signal: () => remote.submitFromThread(echo, [1], { signal: new AbortController().signal }),
      transfer: () => remote.submitFromThread(echo, [1], { transfer: [] }),
      'wrong key': () => remote.submitFromThread(echo, [1], { timeoutSecond: 1 }),
      'owner of no string': () => remote.submitFromThread(echo, [1], { owner: 7 }),
      'timeout 0': () => remote.submitFromThread(echo, [1], { timeoutSeconds: 0 }),
      'queue timeout text': () => remote.submitFromThread(echo, [1], { queueTimeoutSeconds: '1' }),
      'result NaN': () => remote.submitFromThread(echo, [1]).result({ timeoutSeconds: NaN }),
      'result text': () => remote.submitFromThread(echo, [1]).result({ timeoutSeconds: '5' }),
      'result key': () => remote.submitFromThread(echo, [1]).result({ timeout: 5 }),
      'exception negative': () => remote.submitFromThread(echo, [1]).exception({ timeoutSeconds: -1 }),
      'stats infinite': () => remote.statsFromThread({ timeoutSeconds: Infinity }),
      'stats true': () => remote.statsFromThread({ timeoutSeconds: true }),
      'posting it': () => structuredClone(remote),
      'posting a future': () => structuredClone(remote.submitFromThread(echo, [1])),
    };
    return Object.fromEntries(Object.entries(attempts).map(([name, call]) => [name, thrownBy(call)]));
  },

  /** Its first result() sends what was submitted before. */
  together(remote) {
    const futures = Array.from({ length: given.count }, (_, i) => remote.submitFromThread(square, [i]));
    return [futures.map((future) => future.result()), remote.statsFromThread().totals.batches];
  },

  inOrder(remote) {
    const futures = Array.from({ length: given.count }, (_, i) =>
      remote.submitFromThread(record, [given.log, i]),
    );
    futures.at(-1).result();
  },

  oneByOne(remote) {
    return Array.from({ length: given.count }, (_, i) => remote.submitFromThread(echo, [i]).result());
  },

  many(remote) {
    const futures = Array.from({ length: given.count }, (_, i) =>
      remote.submitFromThread(echo, [given.first + i]),
    );
    return futures.map((future) => future.result());
  },

  kindsOfTasks(remote) {
    const reference = taskRef(new URL('./grinder-tasks.js', import.meta.url), 'square');
    const byHand = { module: new URL('./grinder-tasks.js', import.meta.url).href, name: 'square' };
    return [
      remote.submitFromThread(square, [2]).result(),
      remote.submitFromThread(reference, [3]).result(),
      remote.submitFromThread(byHand, [4]).result(),
      remote.submitFromThread((value) => value + 1, [4]).result(),
      remote.submitFromThread(where).result() === handle.threadId,
    ];
  },

  /** Each call gets a copy of its own. */
  sharedArgument(remote) {
    const list = [];
    const push = (values, value) => {
      values.push(value);
      return values;
    };
    return [1, 2]
      .map((value) => remote.submitFromThread(push, [list, value]))
      .map((future) => future.result());
  },

  queueTimeout(remote) {
    const first = remote.submitFromThread(hold, [given.gate]);
    const second = remote.submitFromThread(record, [given.log, 1], { queueTimeoutSeconds: 0.02 });
    const third = remote.submitFromThread(
      () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
      [],
      {
        timeoutSeconds: 0.02,
      },
    );
    const thrown = plain(second.exception());
    tell('timed out');
    return [thrown, first.result(), plain(third.exception())];
  },

  /** Submits while the owner's thread is blocked for longer than the job may wait. */
  lateQueueTimeout(remote) {
    tell('connected');
    waitFor(given.go);
    const future = remote.submitFromThread(record, [given.log, 1], { queueTimeoutSeconds: 0.02 });
    future.exception({ timeoutSeconds: 0.05 });
    Atomics.store(given.done, 0, 1);
    Atomics.notify(given.done, 0);
    return plain(future.exception());
  },

  queueFull(remote) {
    const futures = Array.from({ length: 3 }, () => remote.submitFromThread(echo, [1]));
    remote.statsFromThread();
    return futures.map((future) => plain(future.exception({ timeoutSeconds: 0 })).code);
  },

  /** Connected, nothing to do. */
  idle() {
    tell('connected');
  },

  /** Lives for other reasons. */
  stayConnected() {
    tell('connected');
    setInterval(() => {}, 1000);
  },

  /** Keeps running until the test ends it. */
  queueAndStay(remote) {
    for (let i = 0; i < given.count; i++) remote.submitFromThread(record, [given.log, i]);
    remote.statsFromThread();
    setInterval(() => {}, 1000);
    tell('queued');
  },

  queueAndSpin(remote) {
    for (let i = 0; i < given.count; i++) remote.submitFromThread(record, [given.log, i]);
    remote.statsFromThread();
    tell('queued');
    for (;;);
  },

  queueAndExit(remote) {
    for (let i = 0; i < given.count; i++) remote.submitFromThread(record, [given.log, i]);
    remote.statsFromThread();
    process.exit();
  },

  queueAndClose(remote) {
    const futures = Array.from({ length: given.count }, (_, i) =>
      remote.submitFromThread(record, [given.log, i]),
    );
    remote.statsFromThread();
    remote.close();
    remote.close();
    tell('closed', [
      ...futures.map((future) => [future.cancelled(), plain(future.exception()).code]),
      thrownBy(() => remote.submitFromThread(echo, [1])).code,
      thrownBy(() => remote.statsFromThread()).code,
    ]);
    // What it had queued is gone although this thread never comes to another turn.
    waitFor(given.go);
    return 'went on';
  },

  async awaitHeld(remote) {
    const future = remote.submitFromThread(hold, [given.gate, 'let go']);
    queueMicrotask(() => tell('waiting'));
    return future.then((value) => value, plain);
  },

  /** Many connections of one thread, one after the other. */
  async connectOften() {
    for (let i = 0; i < given.count; i++) {
      const again = connectGrinder(handle);
      if (i % 10 === 0) again.submitFromThread(echo, [i]).result();
      again.close();
    }
    tell('closed all');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    return process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort').length;
  },

  /** In one turn, which ends only when the test says so. */
  connectOftenAndBlock() {
    for (let i = 0; i < given.count; i++) connectGrinder(handle).close();
    tell('closed all');
    waitFor(given.go);
  },

  /** What becomes of a job that runs, and of one behind it. */
  holdTwo(remote) {
    const futures = [1, 2].map((entry) =>
      remote.submitFromThread(recordAndHold, [given.log, entry, given.gate]),
    );
    tell('blocking');
    return futures.map((future) => {
      const error = future.exception();
      return error === undefined ? 'done' : plain(error);
    });
  },

  async submitLater(remote) {
    tell('connected');
    waitFor(given.go);
    return thrownBy(() => remote.submitFromThread(echo, [1]).result());
  },
};

const connectsItself = {
  connect: () => thrownBy(() => connectGrinder(handle)),
  connectTo(handles) {
    return handles.map((each) => thrownBy(() => connectGrinder(each)));
  },
  /** The handle arrives as a message. */
  posted: () =>
    new Promise((resolve) =>
      parentPort.once('message', (posted) =>
        resolve(connectGrinder(posted).submitFromThread(square, [9]).result()),
      ),
    ),
};

try {
  const result =
    scenario in connectsItself
      ? connectsItself[scenario](given.handles)
      : scenarios[scenario](connectGrinder(handle));
  tell('result', await result);
} catch (error) {
  tell('failed', plain(error));
}
