/** `from-javascript.js <backend> <module> [<options of its workers>]`: runs a task of the module, then one without a module, and prints what came of both. */
import { LeasedExecutorManager } from 'leasepool';

const [backend, module, workerOptions = '{}'] = process.argv.slice(2);
const manager = new LeasedExecutorManager({
  backend,
  workersPerPool: 1,
  workerOptions: JSON.parse(workerOptions),
});
await manager.start();
await manager.withLease(async (lease) => {
  const outcome = await lease
    .run({ module, name: 'square' }, [7])
    .catch(({ code, message, cause }) => ({ code, message, cause: cause?.code }));
  console.log(JSON.stringify([outcome, await lease.run((value) => value, ['goes on'])]));
});
await manager.stop();
