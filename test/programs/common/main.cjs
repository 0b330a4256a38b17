// `main.cjs <backend>`: a program in CommonJS runs tasks in CommonJS, and prints what came of it as JSON.
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { defineTasks, importTasks, LeasedExecutorManager, taskRef, WorkGrinder } = require('leasepool');
const { count, fail, square } = require('./tasks.cjs');

const { here } = defineTasks(__filename, { here: () => require.main === module });

async function main() {
  const manager = new LeasedExecutorManager({
    backend: process.argv[2],
    workersPerPool: 1,
    workerData: 'given',
  });
  const grinder = new WorkGrinder({ executorManager: manager });
  await manager.start();
  await grinder.start();
  const path = join(__dirname, 'exports.cjs');
  const tasks = importTasks(pathToFileURL(path));
  const error = await grinder.submit(fail, ['on purpose']).catch((reason) => reason);
  const report = {
    defined: await grinder.submit(square, [7]),
    state: [await grinder.submit(count), await grinder.submit(count), count()],
    inMain: await grinder.submit(here),
    imported: await grinder.submit(tasks.cube, [3]),
    async: await grinder.submit(tasks.later, ['later']),
    byPath: await grinder.submit(taskRef(path, 'cube'), [2]),
    data: await grinder.submit({ module: join(__dirname, 'tasks.cjs'), name: 'given' }),
    inline: await grinder.submit((value) => value + 1, [4]),
    imports: await grinder.submit(async () => (await import('node:path')).basename('/a/b')),
    failed: [error instanceof RangeError, error.message, /tasks\.cjs:\d+/.exec(error.stack)?.[0]],
  };
  console.log(JSON.stringify(report));
  await grinder.stop();
  await manager.stop();
}

// A worker imports this module too, for its task.
if (require.main === module) void main();
