// A program: `node worker-ends-program.js <backend> <scenario> [signal]`.
import { LeasedExecutorManager } from 'leasepool';
import { tasks } from './worker-ends-tasks.js';

const [, , backend, scenario, signal] = process.argv;
const say = (text) => process.stdout.write(`${text}\n`);

async function started(options = {}) {
  const manager = new LeasedExecutorManager({ backend, workersPerPool: 1, ...options });
  await manager.start();
  return manager;
}

/** A program that finishes its work when it is told to end. */
function drainsWhenTold(manager, ...jobs) {
  const drain = async () => {
    say('told');
    for (const job of jobs) say(await job.catch(({ code }) => code));
    await manager.stop();
    say('stopped');
  };
  process.once(signal, () => void drain());
}

const scenarios = {
  async stops() {
    const manager = await started();
    await manager.withLease((lease) => lease.run(tasks.sayAtExit));
    await manager.stop();
    say('stopped');
  },
  async 'stops at once'() {
    const manager = await started();
    await manager.withLease((lease) => lease.run(tasks.sayAtExit));
    await manager.stop({ timeoutSeconds: 0 });
    say('stopped');
  },
  async 'closes a pool'() {
    const manager = await started({ minPools: 0, maxPools: 1 });
    await manager.withLease((lease) => lease.run(tasks.sayAtExit));
    manager.notifyScaleChanged();
    while (manager.stats().total > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    say('closed');
    await manager.stop();
  },
  async 'is measured'() {
    const manager = await started();
    const { result, worker } = await manager.withLease(async (lease) => ({
      result: await lease.run(tasks.twice, [21]),
      worker: await lease.run(tasks.whoAmI),
    }));
    await manager.stop();
    say(JSON.stringify({ result, worker, program: process.pid }));
  },
  async 'is told while a job runs'() {
    const manager = await started();
    const lease = await manager.acquire();
    drainsWhenTold(manager, lease.run(tasks.runFor, [300]));
  },
  async 'is told while a job runs that listens'() {
    const manager = await started();
    const lease = await manager.acquire();
    await lease.run(tasks.hear, [signal]);
    drainsWhenTold(manager, lease.run(tasks.runFor, [300]), lease.run(tasks.twice, [4]));
  },
  async 'is told after a job took listeners away'() {
    const manager = await started();
    const lease = await manager.acquire();
    await lease.run(tasks.forgetListeners, [signal]);
    drainsWhenTold(manager, lease.run(tasks.runFor, [300]));
  },
  async 'is told while its workers come up'() {
    const manager = new LeasedExecutorManager({ backend, workersPerPool: 2, minPools: 0 });
    await manager.start();
    const lease = await manager.acquire();
    drainsWhenTold(manager, lease.run(tasks.twice, [4]), lease.run(tasks.twice, [5]));
    say('running');
  },
};

await scenarios[scenario]();
