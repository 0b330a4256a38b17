/** `main.ts <backend>`: runs tasks of modules in TypeScript, and prints what came of it as JSON. */
import { importTasks, LeasedExecutorManager, taskRef, type TaskRef, WorkGrinder } from 'leasepool';
import type * as module from './tasks.ts';
import { count, fail, later, square } from './tasks.ts';

interface Common {
  cube(value: number): number;
  fail(message: string): never;
}

const backend = process.argv[2] as 'thread' | 'process';
const manager = new LeasedExecutorManager({ backend, workersPerPool: 1, workerData: 'given' });
const grinder = new WorkGrinder({ executorManager: manager });
await manager.start();
await grinder.start();

const url = new URL('./tasks.js', import.meta.url);
const tasks = importTasks<typeof module>(url);
const common = importTasks<Common>(new URL('./tasks.cjs', import.meta.url));
const given: TaskRef<[], unknown> = taskRef<() => unknown>(url, 'given');

const lineOf = async (failing: Promise<never>): Promise<string | undefined> =>
  /tasks\.c?ts:\d+/.exec(String((await failing.catch((error: Error) => error)).stack))?.[0];

try {
  const report: Record<string, unknown> = {
    defined: await grinder.submit(square, [7]),
    state: [await grinder.submit(count), await grinder.submit(count), count()],
    async: await grinder.submit(later, ['later']),
    imported: await grinder.submit(tasks.square, [8]),
    exported: await grinder.submit(tasks.describe, [{ name: 'a kite', corners: 4 }]),
    asDefault: await grinder.submit(tasks.default, [{ name: 'you' }]),
    data: await grinder.submit(given),
    common: await grinder.submit(common.cube, [3]),
    inline: await grinder.submit((value: number): `${number} m` => `${value as number} m`, [5]),
    failedAt: await lineOf(grinder.submit(fail, ['on purpose'])),
    importFailedAt: await lineOf(grinder.submit(tasks.fail, ['on purpose'])),
    commonFailedAt: await lineOf(grinder.submit(common.fail, ['on purpose'])),
  };
  console.log(JSON.stringify(report));
} finally {
  await grinder.stop();
  await manager.stop();
}
