// `node --import flags-start-manager.mjs ...`: a manager that is started wherever the module is loaded. LOG counts that.
import { appendFileSync } from 'node:fs';
import { LeasedExecutorManager } from 'leasepool';

const { LOG, BACKEND, HOW } = process.env;
appendFileSync(LOG, 'loaded\n');

async function run() {
  const manager = new LeasedExecutorManager({ backend: BACKEND, workersPerPool: 2 });
  try {
    await manager.start();
    await manager
      .withLease((lease) => lease.run(() => process.env.LEASEPOOL_STARTED_BY ?? 'worked', []))
      .then(console.log);
  } finally {
    await manager.stop();
  }
}
const tell = ({ code, message }) => console.log(code, message);

if (HOW === 'awaits it') await run();
if (HOW === 'does not wait for it') void run();
if (HOW === 'catches its error') await run().catch(tell);
if (HOW === 'starts it later') setTimeout(() => void run().catch(tell), 200);
