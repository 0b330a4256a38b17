import { defineTasks, LeasedExecutorManager, workerData } from 'leasepool';

export const { square } = defineTasks(import.meta.url, { square: (value) => value * value });

await new LeasedExecutorManager(workerData()).start();
