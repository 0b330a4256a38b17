// `<runtime> features.mjs <feature>`: tries one feature of the installed package and prints `works`, or how it fails.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { tasks } from './tasks.mjs';

function equal(actual, expected) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  }
}

async function grinding(use, options = {}) {
  const manager = new LeasedExecutorManager({ workersPerPool: 2, ...options });
  const grinder = new WorkGrinder({ executorManager: manager });
  await manager.start();
  await grinder.start();
  try {
    return await use(grinder, manager);
  } finally {
    await grinder.stop();
    await manager.stop();
  }
}

/** What a job comes to: its value, or the code of its error. */
const outcome = (promise) =>
  promise.then(
    (value) => value,
    (error) => error.code ?? error.name,
  );

async function jobs(backend) {
  await grinding(
    async (grinder) => {
      const values = Array.from({ length: 100 }, (_, value) => value);
      const doubled = await Promise.all(values.map((value) => grinder.submit(tasks.double, [value])));
      equal(
        doubled,
        values.map((value) => value * 2),
      );
    },
    { backend },
  );
}

const features = {
  'jobs in threads': () => jobs('thread'),
  'jobs in processes': () => jobs('process'),
  'jobs in the calling thread': () => jobs('inline'),
  'a function without a module': () =>
    grinding(async (grinder) => equal(await grinder.submit((value) => value + 1, [1]), 2)),
  'a function that uses what is around it is refused': () =>
    grinding(async (grinder) => {
      const around = Number(process.argv.length);
      equal(await outcome(grinder.submit((value) => value + around, [1])), 'ERR_LEASEPOOL_TASK_NOT_PORTABLE');
    }),
  'an error arrives as it is': () =>
    grinding(async (grinder) => {
      const error = await grinder.submit(tasks.fail, ['no']).catch((reason) => reason);
      equal([error instanceof RangeError, error.message, error.code], [true, 'no', 'ERR_OF_ITS_OWN']);
    }),
  'jobs that return promises': () =>
    grinding(async (grinder) => equal(await grinder.submit(tasks.later, [3]), 3)),
  'a value that cannot be copied fails its job alone': () =>
    grinding(async (grinder) => {
      const results = [
        grinder.submit(tasks.double, [1]),
        grinder.submit(tasks.double, [() => {}]),
        grinder.submit(tasks.callback),
        grinder.submit(tasks.double, [2]),
      ];
      const uncloneable = 'ERR_LEASEPOOL_NOT_CLONEABLE';
      equal(await Promise.all(results.map(outcome)), [2, uncloneable, uncloneable, 4]);
    }),
  'memory is moved to a thread and back': () =>
    grinding(async (grinder) => {
      const bytes = new Uint8Array([1, 2, 3]);
      const moved = await grinder.submit(tasks.moved, [bytes], { transfer: [bytes.buffer] });
      equal([bytes.length, ...moved], [0, 3, 2, 1]);
    }),
  'a job is cancelled before it begins': () =>
    grinding(async (grinder) => {
      const future = grinder.enqueue(tasks.double, [1]);
      future.cancel();
      equal(await outcome(future), 'ABORT_ERR');
    }),
  'timeoutSeconds ends a job in a thread': () => endless('thread'),
  'timeoutSeconds ends a job in a process': () => endless('process'),
  'a job ends its thread, and fails alone': () => deadly('thread'),
  'a job ends its process, and fails alone': () => deadly('process'),
  'another thread blocks for a result': () =>
    grinding(async (grinder) => {
      const thread = new Worker(new URL('./submitter.mjs', import.meta.url), {
        workerData: grinder.threadHandle(),
      });
      const [told] = await once(thread, 'message');
      await thread.terminate();
      if (told !== 42) throw new Error(told);
    }),
  'a manager is started again': async () => {
    const manager = new LeasedExecutorManager({ workersPerPool: 1 });
    for (const value of [1, 2]) {
      await manager.start();
      equal(await manager.withLease((lease) => lease.run(tasks.double, [value])), value * 2);
      await manager.stop();
    }
  },
  'an idle pool does not keep the program alive': async () => {
    const manager = new LeasedExecutorManager({ workersPerPool: 1 });
    await manager.start();
    equal(await manager.withLease((lease) => lease.run(tasks.double, [2])), 4);
  },
};

async function endless(backend) {
  await grinding(
    async (grinder) => {
      const results = [
        grinder.submit(tasks.loop, [], { timeoutSeconds: 0.2 }),
        grinder.submit(tasks.double, [1]),
      ];
      equal(await Promise.all(results.map(outcome)), ['ERR_LEASEPOOL_TIMEOUT', 2]);
    },
    { backend, workersPerPool: 1 },
  );
}

async function deadly(backend) {
  await grinding(
    async (grinder) => {
      const results = [
        grinder.submit(tasks.double, [1]),
        grinder.submit(tasks.exit, [3]),
        grinder.submit(tasks.double, [2]),
      ];
      equal(await Promise.all(results.map(outcome)), [2, 'ERR_LEASEPOOL_WORKER_CRASHED', 4]);
    },
    { backend, workersPerPool: 1 },
  );
}

if (process.argv[2] === undefined) console.log(JSON.stringify(Object.keys(features)));
else {
  try {
    await features[process.argv[2]]();
    console.log('works');
  } catch (error) {
    const cause = error.cause === undefined ? '' : ` (${error.cause.message ?? error.cause})`;
    console.log(`${error.code ?? error.name}: ${error.message}${cause}`);
  }
}
