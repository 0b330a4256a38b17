import { defineTasks } from 'leasepool';

const never = new Promise(() => {});

function waitFor(cells) {
  Atomics.add(cells, 1, 1);
  while (Atomics.load(cells, 0) === 0) Atomics.wait(cells, 0, 0);
}

/** Appends an entry to a `SharedLog`. */
function record(log, entry) {
  log[1 + Atomics.add(log, 0, 1)] = entry;
}

const ends = {
  exit0: () => process.exit(0),
  exit3: () => process.exit(3),
  uncaught() {
    setTimeout(() => {
      throw new TypeError('thrown late');
    });
    return never;
  },
  unhandled() {
    void Promise.reject(new TypeError('rejected late'));
    return never;
  },
  outOfMemory() {
    const hoard = [];
    for (;;) hoard.push(Array.from({ length: 100 }, (_, index) => ({ index })));
  },
};

export const { endAt, endLater, endIdle, overflow } = defineTasks(import.meta.url, {
  /** Ends its worker when `entry` is `victim`. */
  endAt(log, entry, victim, how) {
    record(log, entry);
    if (entry === victim) return ends[how]();
    return entry;
  },
  /** Returns, and lets an error loose in its worker. */
  endLater(log, entry, victim, how) {
    record(log, entry);
    if (entry === victim) {
      if (how === 'unhandled') void Promise.reject(new Error('rejected late'));
      else
        setImmediate(() => {
          throw new Error('thrown late');
        });
    }
    return entry;
  },
  /** Returns; its worker then waits at the gate, and ends. */
  endIdle(cells) {
    setImmediate(() => {
      waitFor(cells);
      process.exit(5);
    });
  },
  overflow: function overflow(depth = 0) {
    return overflow(depth + 1) + 1;
  },
});
