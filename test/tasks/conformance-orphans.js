// A program: `node conformance-orphans.js <how>`. It starts child processes, prints their ids and waits to be killed.
import { LeasedExecutorManager } from 'leasepool';

const print = (text) => process.stdout.write(`${text}\n`);

/** Each prints the ids of its children, and the program does not survive the last line. */
const scenarios = {
  async idle() {
    const manager = await started(2);
    const lease = await manager.acquire();
    const meet = (milliseconds) =>
      new Promise((resolve) => setTimeout(() => resolve(process.pid), milliseconds));
    const children = await Promise.all([1, 2].map(() => lease.run(meet, [100])));
    for (const child of children) print(child);
    print('ready');
    setInterval(() => {}, 1000);
  },
  async busy() {
    const manager = await started(2);
    const lease = await manager.acquire();
    for (let count = 0; count < 2; count++) void lease.run(printAndLoop);
    setInterval(() => {}, 1000);
  },
  /** The parent is gone before its child has looked around. */
  async 'busy at once'() {
    const manager = new LeasedExecutorManager({ backend: 'process', workersPerPool: 1, minPools: 0 });
    await manager.start();
    const lease = await manager.acquire();
    void lease.run(killParentAndLoop, [process.pid]);
    setInterval(() => {}, 1000);
  },
  async starting() {
    const slow = new URL('./manager-slow-start.js', import.meta.url);
    void new LeasedExecutorManager({ backend: 'process', workersPerPool: 2, preload: [slow] }).start();
    const { readFileSync } = await import('node:fs');
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean);
    for (const child of children) print(child);
    print('ready');
  },
};

async function started(workersPerPool) {
  const manager = new LeasedExecutorManager({ backend: 'process', workersPerPool });
  await manager.start();
  return manager;
}

function printAndLoop() {
  process.stdout.write(`${process.pid}\n`);
  for (;;);
}

function killParentAndLoop(parent) {
  process.stdout.write(`${process.pid}\n`);
  process.kill(parent, 'SIGKILL');
  for (;;);
}

await scenarios[process.argv[2]]();
