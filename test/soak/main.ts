// npm run soak -- [--backend thread|process] [--minutes N] [--seed S] [--record]
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { LeasedExecutorManager } from 'leasepool';
import { census, censusBackAt, descriptors, openModules } from '../support/census.ts';
import { record } from '../support/record.ts';
import type { Backend } from './plan.ts';
import { Report } from './report.ts';
import { Soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'thread' },
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    record: { type: 'boolean', default: false },
  },
});
const { backend } = values;
if (backend !== 'thread' && backend !== 'process') throw new RangeError('--backend is thread or process');
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isInteger(seed)) throw new RangeError('--minutes and --seed are numbers');
console.log(`npm run soak -- --backend ${backend} --minutes ${minutes} --seed ${seed}`);

/** Ends this process when its main thread is not heard of any more. */
function watchMainThread(): Worker {
  const beat = new Int32Array(new SharedArrayBuffer(4));
  setInterval(() => Atomics.add(beat, 0, 1), 1000).unref();
  const source = `
    const { workerData } = require('node:worker_threads');
    let last = -1;
    setInterval(() => {
      const now = Atomics.load(workerData, 0);
      if (now === last) {
        require('node:fs').writeSync(2, 'the main thread has been blocked for a minute\\n');
        process.kill(process.pid, 'SIGKILL');
      }
      last = now;
    }, 60_000);`;
  const watchdog = new Worker(source, { eval: true, workerData: beat });
  return watchdog;
}

/** Whatever is made once is there before the census. */
async function warmUp(): Promise<void> {
  await using manager = new LeasedExecutorManager({ backend: backend as Backend, workersPerPool: 2 });
  await manager.start();
  await manager.withLease((lease) => lease.runBatch((value: number) => value, [[1], [2], [3]]));
}

const report = new Report(backend satisfies Backend, seed);
for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
  process.on(event, (reason: unknown) => {
    report.wrong.push(`${event}: ${reason instanceof Error ? reason.stack : String(reason)}`);
  });
}
process.on('warning', (warning) => report.wrong.push(`warning: ${String(warning)}`));

const watchdog = watchMainThread();
await new Promise((resolve) => watchdog.once('online', resolve));
watchdog.unref();
await warmUp();
const before = await censusBackAt(census());
const soak = new Soak(backend, seed, report);

function giveUp(error: unknown): never {
  report.hung++;
  report.wrong.push(error instanceof Error ? String(error.stack) : String(error));
  writeSync(1, `${JSON.stringify(soak.state(), undefined, 2)}\n`);
  report.print();
  process.exit(3);
}

const outerLimit = setTimeout(
  () => giveUp(new Error('the outer limit is reached')),
  minutes * 60_000 + 300_000,
);
try {
  await soak.run(performance.now() + minutes * 60_000);
} catch (error) {
  giveUp(error);
}
clearTimeout(outerLimit);
soak.clean();
const after = await censusBackAt(before);
if (JSON.stringify(after) !== JSON.stringify(before)) {
  report.wrong.push(`left behind: ${JSON.stringify({ before, after, descriptors: descriptors() })}`);
}
report.openModules = openModules();
report.print();
console.log(JSON.stringify(report.figures));
if (values.record && report.isGood) record(`soak ${backend}`, report.figures);
await watchdog.terminate();
// It ends by itself when nothing was left behind; a test waits for that.
process.exitCode = report.isGood ? 0 : 1;
