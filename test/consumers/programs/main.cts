import { LeasedExecutorManager, type WorkFuture, WorkGrinder } from 'leasepool';
import leasepool = require('leasepool');

export const { square } = leasepool.defineTasks(__filename, {
  square: (value: number): number => value * value,
});

async function main(): Promise<void> {
  const manager = new LeasedExecutorManager({
    backend: process.argv[2] === 'process' ? 'process' : 'thread',
    workersPerPool: 1,
  });
  const grinder = new WorkGrinder({ executorManager: manager });
  await manager.start();
  await grinder.start();
  const future: WorkFuture<number> = grinder.enqueue(square, [7]);
  console.log(await future, leasepool.WorkGrinder === WorkGrinder);
  // @ts-expect-error an argument of the wrong type
  void (() => grinder.submit(square, ['7']));
  await grinder.stop();
  await manager.stop();
}

// A worker imports this module for its task.
if (require.main === module) void main();
