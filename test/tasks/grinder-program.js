// node grinder-program.js <scenario>: programs that must be looked at from outside.
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { fail } from './grinder-tasks.js';

const manager = new LeasedExecutorManager({ workersPerPool: 1 });
const grinder = new WorkGrinder({ executorManager: manager });

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
const reportUnhandled = () =>
  process.on('unhandledRejection', (reason) => console.log('unhandled', reason.message));

const scenarios = {
  async 'future that fails unseen'() {
    reportUnhandled();
    const failed = grinder.enqueue(fail, ['failed']);
    const cancelled = grinder.enqueue(fail, ['never run']);
    cancelled.cancel();
    const aborted = grinder.enqueue(fail, ['never run'], { signal: AbortSignal.abort() });
    const futures = [failed, cancelled, aborted];
    while (!futures.every((future) => future.done())) await turn();
    await turn();
    for (const future of futures) {
      await future.then(
        () => console.log('fulfilled'),
        (error) => console.log('caught', error.name),
      );
    }
  },

  async 'promise that fails unseen'() {
    reportUnhandled();
    void grinder.submit(fail, ['failed']);
    grinder.submit(fail, ['handled']).catch(() => {});
    while (grinder.stats().totals.rejected < 2) await turn();
    await turn();
  },
};

await manager.start();
await grinder.start();
await scenarios[process.argv[2]]();
await grinder.stop();
await manager.stop();
