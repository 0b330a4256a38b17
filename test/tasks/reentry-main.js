// `LOG=<file> node reentry-main.js`: the program itself is the module of its tasks, and starts its manager wherever it is imported.
import { appendFileSync } from 'node:fs';
import { defineTasks, LeasedExecutorManager, WorkGrinder } from 'leasepool';

appendFileSync(process.env.LOG, 'evaluated\n');

const { square } = defineTasks(import.meta.url, { square: (value) => value * value });

const manager = new LeasedExecutorManager({ backend: process.env.BACKEND, workersPerPool: 2 });
const grinder = new WorkGrinder({ executorManager: manager });
await manager.start();
await grinder.start();

const outcomes = await Promise.allSettled([1, 2, 3].map((value) => grinder.submit(square, [value])));
const told = outcomes.map(({ reason }) => [reason?.code, reason?.cause?.code]);
console.log(JSON.stringify([...told, await grinder.submit((value) => value, ['goes on'])]));

await grinder.stop();
await manager.stop();
