// A program: `node conformance-prints.js <backend>`. Its jobs print, and it says when each has settled.
import { builtInBackend } from '../../dist/executor/backends.js';
import { systemClock } from '../../dist/core/clock.js';

const silent = () => {};
const executor = await builtInBackend(process.argv[2], systemClock).createExecutor({
  workers: 1,
  name: 'prints-1',
  asyncTasks: 'await',
  preload: [],
  workerData: undefined,
  startTimeoutSeconds: 30,
  workerOptions: undefined,
  logger: { debug: silent, info: silent, warn: silent, error: silent },
});

const task = {
  kind: 'source',
  name: 'print',
  source: `(text, way, warning) => {
    if (way === 'log') console.log(text);
    else process.stdout.write(text + '\\n');
    if (warning !== undefined) process.stderr.write(warning + '\\n');
  }`,
};

function run(...args) {
  return new Promise((resolve, reject) => {
    const settle = ({ status, reason }) => (status === 'fulfilled' ? resolve() : reject(reason));
    const options = { transfer: [], owner: undefined, timeoutSeconds: undefined, beginBeforeMs: undefined };
    executor.submitBatch([{ task, args, ...options, settle }]);
  });
}

for (let entry = 0; entry < 50; entry++) {
  await run(`printed ${entry}`, entry % 2 === 0 ? 'log' : 'stdout');
  process.stdout.write(`settled ${entry}\n`);
}
await run(`long ${'x'.repeat(2_000_000)}`, 'stdout', 'warned');
process.stdout.write('settled long\n');
await executor.shutdown({ timeoutSeconds: 0 });
