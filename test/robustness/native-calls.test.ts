import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LeasedExecutorManagerOptions } from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { recordingLogger, rejection, startGrinder, startManager } from '../support/manager-start.ts';
import { makePipe } from '../support/pipe.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { until } from '../support/until.ts';
import { addOne, readPipe, readPipeAtExit } from '../tasks/native-calls.js';

async function setup(options: LeasedExecutorManagerOptions = {}) {
  const pipe = makePipe();
  const logger = recordingLogger();
  const manager = await startManager({ logger, ...options });
  const leftBehind = (): number =>
    logger.entries.filter(({ level, message }) => level === 'warn' && message.endsWith('was left behind'))
      .length;
  const blocked = { args: [pipe.path] as [string], options: { timeoutSeconds: 0.2 } };
  return { pipe, logger, manager, leftBehind, blocked };
}

describe.skipIf(process.platform === 'win32')('a thread in a native call', () => {
  test('N3 whose job ran too long is left behind, logged and replaced, and counts until it has ended', async () => {
    const { pipe, logger, manager, leftBehind, blocked } = await setup();
    const lease = await manager.acquire();
    const first = rejection(lease.run(readPipe, blocked.args, blocked.options));
    const mates = [lease.run(addOne, [1]), lease.run(addOne, [2])];
    expect(await first).toMatchObject({ code: 'ERR_LEASEPOOL_TIMEOUT', phase: 'run' });
    expect(await Promise.all(mates)).toEqual([2, 3]);
    expect(leftBehind()).toBe(1);
    expect(await lease.run(addOne, [3])).toBe(4);
    pipe.free();
    await until(() =>
      logger.entries.some(({ message }) => message === 'a worker that was left behind has ended'),
    );
    await lease.release();
    expect(manager.stats()).toMatchObject({ available: 1, total: 1 });
  });

  test('N3 M1 beyond as many as the pool has workers retires it, and a grinder goes on with another', async () => {
    const { pipe, manager, leftBehind, blocked } = await setup({ maxPools: 2 });
    const grinder = await startGrinder({ executorManager: manager, dispatch: 'natural' });
    for (const rejected of [
      'the first is replaced',
      'the second retires its pool',
      'the third is replaced',
    ]) {
      const error = await rejection(grinder.submit(readPipe, blocked.args, blocked.options));
      expect(error, rejected).toMatchObject({ phase: 'run' });
      expect(await grinder.submit(addOne, [1]), rejected).toBe(2);
    }
    expect(leftBehind()).toBe(3);
    await until(() => manager.stats().closing === 1);
    expect(manager.totalCount).toBe(2);
    pipe.free();
    await until(() => manager.totalCount === 1);
    expect(await grinder.submit(addOne, [2])).toBe(3);
  });

  test('N3 M6 where no other pool may be opened, jobs fail at once until it has ended', async () => {
    const { pipe, manager, leftBehind, blocked } = await setup({ maxPools: 1 });
    const grinder = await startGrinder({ executorManager: manager, dispatch: 'natural' });
    for (let count = 0; count < 2; count++)
      await rejection(grinder.submit(readPipe, blocked.args, blocked.options));
    await until(() => leftBehind() === 2);
    for (let count = 0; count < 3; count++)
      expect(await rejection(grinder.submit(addOne, [1]))).toMatchObject({
        code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR',
      });
    expect(await rejection(manager.acquire())).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR' });
    expect(manager.stats()).toMatchObject({ closing: 1, total: 1 });
    pipe.free();
    await until(() => manager.totalCount === 0);
    expect(await grinder.submit(addOne, [1])).toBe(2);
  });

  test('N3 whose lease was revoked is left behind and replaced', async () => {
    const { manager, leftBehind, blocked } = await setup({ leaseGraceSeconds: 0.1 });
    await manager.withLease((lease) => lease.run(addOne, [0]));
    const lease = await manager.acquire({ leaseSeconds: 0.2 });
    expect(await rejection(lease.run(readPipe, blocked.args))).toMatchObject({
      code: 'ERR_LEASEPOOL_LEASE_EXPIRED',
    });
    await until(() => leftBehind() === 1);
    expect(await manager.withLease((next) => next.run(addOne, [1]))).toBe(2);
  });

  test('N3 that ends by itself, and blocks on its way out, is left behind and replaced', async () => {
    const { manager, leftBehind, blocked } = await setup();
    const lease = await manager.acquire();
    expect(await rejection(lease.run(readPipeAtExit, blocked.args))).toMatchObject({
      code: 'ERR_LEASEPOOL_WORKER_CRASHED',
      phase: 'running',
      exitCode: undefined,
    });
    expect(leftBehind()).toBe(1);
    expect(await lease.run(addOne, [1])).toBe(2);
  });

  test('M7 that was left behind holds up no stop, and counts until it has ended', async () => {
    const { pipe, manager, leftBehind, blocked } = await setup();
    const lease = await manager.acquire();
    await rejection(lease.run(readPipe, blocked.args, blocked.options));
    await until(() => leftBehind() === 1);
    await manager.stop({ timeoutSeconds: 3_600 });
    expect(manager.stats()).toMatchObject({ started: false, closing: 1, total: 1 });
    pipe.free();
    await until(() => manager.totalCount === 0);
  });

  test('N5 M7 that was left behind keeps no program alive: it comes to its end, which Node delays until the call returns', async () => {
    const pipe = makePipe();
    const program = fileURLToPath(tasksUrl('native-calls-program.js'));
    const child = spawn(process.execPath, [program, pipe.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (text: Buffer) => (said += String(text)));
    await until(() => said.includes('leaves'));
    expect(said).toBe('run\nleaves\n');
    const exited = once(child, 'exit');
    pipe.free();
    expect(await exited).toEqual([0, null]);
  });
});
