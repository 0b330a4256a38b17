// A program with a job that uses up the memory that its worker is limited to. It may not live to print anything.
import { LeasedExecutorManager } from 'leasepool';

/** Grow until they are stopped: by small objects, or by one thing that is copied whenever it has become too small. */
const jobs = {
  objects: () => {
    const all = [];
    for (;;) all.push({ length: all.length, more: [1, 2, 3] });
  },
  array: () => {
    const all = [];
    for (;;) all.push(all.length);
  },
  strings: () => {
    const all = [];
    for (let i = 0; ; i++) all.push(`${i}`.repeat(100).split('').join('-'));
  },
  map: () => {
    const all = new Map();
    for (let i = 0; ; i++) all.set(i, i);
  },
};

const [, , backend, kind] = process.argv;
const manager = new LeasedExecutorManager({
  backend,
  workersPerPool: 1,
  workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 32 } },
});
await manager.start();
const lease = await manager.acquire();
const error = await lease.run(jobs[kind], [], { timeoutSeconds: 20 }).catch((reason) => reason);
const next = await lease.run((value) => value + 1, [1]);
await manager.stop();
const { code, phase, signal, cause } = error;
console.log(JSON.stringify({ code, phase, signal, cause: cause?.code, next }));
