// A task module that starts a manager while it is imported, as an application's entry might.
import { LeasedExecutorManager } from 'leasepool';

export const never = () => 'never';

const manager = new LeasedExecutorManager({ workersPerPool: 1 });
await manager.start();
