import { workerData } from 'leasepool';

const cells = workerData();
const attempt = Atomics.add(cells, 0, 1);

/** What a worker does when it comes up, by the mode in shared memory. */
const modes = [
  async () => {},
  async () => refuse(),
  async () => process.exit(0),
  () => new Promise(() => setInterval(() => {}, 1_000)),
  async () => attempt < 2 && refuse(),
  async () => attempt > 0 && refuse(),
];

function refuse() {
  throw new Error('this worker was told not to come up');
}

await modes[Atomics.load(cells, 1)]();
