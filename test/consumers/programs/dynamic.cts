// How a CommonJS module reaches an ES module under a compiler that does not know `require()` of one.
import type { WorkFuture } from 'leasepool' with { 'resolution-mode': 'import' };

async function main(): Promise<void> {
  const { LeasedExecutorManager, WorkGrinder } = await import('leasepool');
  const manager = new LeasedExecutorManager({
    backend: process.argv[2] === 'process' ? 'process' : 'thread',
    workersPerPool: 1,
  });
  const grinder = new WorkGrinder({ executorManager: manager });
  await manager.start();
  await grinder.start();
  const future: WorkFuture<string> = grinder.enqueue((value: number) => `${value}`, [7]);
  console.log(await future);
  // @ts-expect-error an argument of the wrong type
  void (() => grinder.submit((value: number) => value, ['7']));
  await grinder.stop();
  await manager.stop();
}

void main();
