// npm run fleet:faults [-- --chunks 10000]: hosts are killed every few seconds and Redis twice; does every promise settle, and once?
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ExecutorBackend, LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { bullmqBackend } from 'leasepool/bullmq';
import { RedisServer } from '../support/redis-server.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { tasks } from '../tasks/fleet-tasks.js';

const { values } = parseArgs({
  options: {
    chunks: { type: 'string', default: '1000' },
    hosts: { type: 'string', default: '2' },
    'kill-every': { type: 'string', default: '3' },
  },
});
const chunks = Number(values.chunks);
const itemsPerChunk = 5;
const queue = 'soak';

const redis = await RedisServer.start({ persistence: 'aof' });

/** A host that is replaced whenever it dies. */
class Place {
  deaths = 0;
  isReady = false;
  #isOver = false;
  #process: ChildProcess | undefined;

  constructor() {
    void this.#keepUp();
  }

  /** One that has not come up yet is spared. */
  kill(): void {
    if (this.isReady) this.#process?.kill('SIGKILL');
  }

  end(): void {
    this.#isOver = true;
    this.#process?.kill('SIGKILL');
  }

  async #keepUp(): Promise<void> {
    const program = fileURLToPath(tasksUrl('fleet-host.js'));
    const served = fileURLToPath(tasksUrl('fleet-tasks.js'));
    const args = [
      '--redis',
      redis.url,
      '--queue',
      queue,
      '--tasks',
      served,
      '--lock-seconds',
      '1',
      '--workers',
      '1',
    ];
    while (!this.#isOver) {
      this.#process = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
      this.#process.stderr!.on('data', (text: Buffer) => (this.isReady ||= String(text).includes('"ready"')));
      await once(this.#process, 'exit');
      this.isReady = false;
      if (!this.#isOver) this.deaths++;
    }
  }
}

let settlements = 0;
let again = 0;

/** Counts what the executors of a backend settle, and what they settle twice. */
function counting(backend: ExecutorBackend): ExecutorBackend {
  return {
    name: backend.name,
    async createExecutor(options) {
      const executor = await backend.createExecutor(options);
      const submitBatch = executor.submitBatch.bind(executor);
      executor.submitBatch = (calls) => {
        for (const call of calls) {
          let isSettled = false;
          call.settle = function (outcome) {
            settlements++;
            if (isSettled) again++;
            isSettled = true;
            (Object.getPrototypeOf(this) as typeof call).settle.call(this, outcome);
          };
        }
        return submitBatch(calls);
      };
      return executor;
    },
  };
}

const losses: Record<string, number> = {};
const silent = (): void => {};
const logger = {
  debug: silent,
  info: silent,
  error: silent,
  warn(message: string, fields?: object) {
    const { how = '' } = { ...fields } as { how?: string };
    const key = `${message} ${how}`.trim();
    losses[key] = (losses[key] ?? 0) + 1;
  },
};

const places = Array.from({ length: Number(values.hosts) }, () => new Place());
const backend = counting(bullmqBackend({ connection: redis.url, queue }));
const manager = new LeasedExecutorManager({ backend, maxPools: 8, logger });
const grinder = new WorkGrinder({
  executorManager: manager,
  batchSizeThreshold: itemsPerChunk,
  maxBatchSize: itemsPerChunk,
});
await manager.start();
await grinder.start();

const began = performance.now();
const seconds = (): string => ((performance.now() - began) / 1000).toFixed(0);
const outcomes: Record<string, number> = {};
let settled = 0;
const wrong: string[] = [];
const runs = Array.from({ length: chunks * itemsPerChunk }, (_, entry) =>
  grinder.submit(tasks.lengthOf, ['x'.repeat(entry % 1000)]).then(
    (length) => {
      settled++;
      outcomes['fulfilled'] = (outcomes['fulfilled'] ?? 0) + 1;
      if (length !== entry % 1000) wrong.push(`${entry}: ${String(length)}`);
    },
    (error: { code?: string; message: string }) => {
      settled++;
      const key = error.code ?? error.message;
      outcomes[key] = (outcomes[key] ?? 0) + 1;
    },
  ),
);

let isOver = false;
const killing = (async () => {
  for (let turn = 0; !isOver; turn++) {
    await Promise.race([delay(Number(values['kill-every']) * 1000), Promise.all(runs)]);
    if (!isOver) places[turn % places.length].kill();
  }
})();
const restarting = (async () => {
  for (const share of [1 / 3, 2 / 3]) {
    while (settled < share * runs.length) await delay(20);
    await redis.kill();
    await delay(1000);
    await redis.up();
    console.log(`${seconds()} s: Redis was killed and restarted after ${settled} of ${runs.length} items`);
  }
})();
const reporting = setInterval(() => console.log(`${seconds()} s: ${settled} of ${runs.length}`), 15_000);

await Promise.all(runs);
isOver = true;
clearInterval(reporting);
await Promise.all([killing, restarting]);
const elapsed = seconds();
const deaths = places.reduce((sum, place) => sum + place.deaths, 0);
await grinder.stop();
await manager.stop();
for (const place of places) place.end();
await redis.stop();

console.log(`chunks ${chunks}, items ${runs.length}, ${elapsed} s`);
console.log(`hosts killed ${deaths}, Redis killed 2 times`);
console.log('outcomes', outcomes);
console.log(`settled at the seam ${settlements}, of them again ${again}; wrong results ${wrong.length}`);
console.log('warnings', losses);
const ok =
  settled === runs.length && again === 0 && wrong.length === 0 && outcomes['fulfilled'] === runs.length;
console.log(ok ? 'every promise settled once, with its result' : 'NOT as it should be');
process.exit(ok ? 0 : 1);
