// Runs one task in a thread of its own and prints what came of both: `node load-in-thread.js <module> <name> <argument>`.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { tolerateReportedImportErrors, TaskLoader } from '../../dist/worker/load.js';

if (isMainThread) {
  const [module, name, argument] = process.argv.slice(2);
  const report = {};
  new Worker(new URL(import.meta.url), { workerData: { module, name, argument: JSON.parse(argument) } })
    .on('message', (outcome) => Object.assign(report, outcome))
    .on('error', ({ message }) => (report.error = message))
    .on('exit', (exit) => console.log(JSON.stringify({ ...report, exit })));
} else {
  tolerateReportedImportErrors();
  const { module, name, argument } = workerData;
  try {
    const run = await new TaskLoader().find({ kind: 'reference', module, name });
    parentPort.postMessage({ value: await run(argument) });
  } catch ({ code, message, cause }) {
    parentPort.postMessage({ code, message, cause: cause?.code });
  }
}
