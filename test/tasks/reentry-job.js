import { defineTasks, LeasedExecutorManager } from 'leasepool';

export const { outer, inner } = defineTasks(import.meta.url, {
  inner: (value) => value + 1,

  /** A job that has a manager of its own, and jobs in it of the same module. */
  async outer(value) {
    const manager = new LeasedExecutorManager({ workersPerPool: 1 });
    await manager.start();
    try {
      return await manager.withLease((lease) => lease.run(inner, [value]));
    } finally {
      await manager.stop();
    }
  },
});
