// A program: `node scenario-program.js <scenario>`.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { tasks } from './scenario-tasks.js';

const say = (text) => process.stdout.write(`${text}\n`);

async function started(options = {}) {
  const preload = [new URL('./scenario-tasks.js', import.meta.url)];
  const manager = new LeasedExecutorManager({ workersPerPool: 1, preload, ...options });
  const grinder = new WorkGrinder({ executorManager: manager, batchSizeThreshold: 1 });
  await manager.start();
  await grinder.start();
  return { manager, grinder };
}

const soon = (ms = 50) => new Promise((resolve) => setTimeout(resolve, ms));

async function print(backend) {
  const { grinder, manager } = await started({ backend });
  await Promise.all([1, 2, 3].map(() => grinder.submit(tasks.prints, [110_000])));
  await grinder.stop();
  await manager.stop();
  say('\nprinted');
}

const scenarios = {
  async 'exits while its worker loops'() {
    const { grinder } = await started();
    grinder.submit(tasks.loopInFinally).catch(() => {});
    await soon();
    say('exited');
    process.exit(0);
  },
  async 'is told to end, and stops'() {
    const { grinder, manager } = await started();
    const stop = async () => {
      await grinder.stop();
      await manager.stop();
      say('stopped');
    };
    process.once('SIGTERM', () => void stop());
    void grinder.submit(tasks.sleepsNatively, [0.2]).then(() => say('it ran'));
    await soon();
    process.kill(process.pid, 'SIGTERM');
  },
  async 'has a listener of a signal that throws'() {
    process.on('uncaughtException', (error) => say(`uncaught: ${error.message}`));
    const { grinder, manager } = await started();
    const controller = new AbortController();
    controller.signal.addEventListener('abort', () => {
      throw new Error('of the user');
    });
    const cancelled = grinder
      .submit(tasks.waits, [], { signal: controller.signal })
      .catch(({ code }) => code);
    await soon();
    controller.abort();
    await soon();
    say(await cancelled);
    await manager.stop({ timeoutSeconds: 0 });
    await manager.start();
    say(await grinder.submit(tasks.echo, ['still here']));
  },
  async 'has a callback of a result that throws'() {
    process.on('unhandledRejection', (error) => say(`unhandled: ${error.message}`));
    const { grinder } = await started();
    void grinder.submit(tasks.echo, [1]).then(() => {
      throw new Error('of the user');
    });
    await soon();
    say(await grinder.submit(tasks.echo, ['still here']));
  },
  'prints much, thread': () => print('thread'),
  'prints much, process': () => print('process'),
  // Its child goes on meanwhile: the result is there when it does, after the end of its lease.
  async 'is paused beyond the time of a lease'() {
    const { manager } = await started({ backend: 'process', leaseGraceSeconds: 0 });
    const folder = mkdtempSync(join(tmpdir(), 'leasepool-paused-'));
    const begun = join(folder, 'begun');
    const waitAndPause = `while [ ! -e ${begun} ]; do sleep 0.01; done; kill -STOP ${process.pid}; sleep 3.5; kill -CONT ${process.pid}`;
    spawn('sh', ['-c', waitAndPause], { stdio: 'ignore' });
    const lease = await manager.acquire({ leaseSeconds: 3 });
    say(await lease.run(tasks.appendAndSleep, [begun, 0.3, 'result']).catch(({ code }) => code));
    rmSync(folder, { recursive: true, force: true });
  },
};

void scenarios[process.argv[2]]();
