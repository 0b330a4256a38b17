import { connectGrinder, GrinderStoppedError } from 'leasepool';
import { describe, expect, test } from 'vitest';
import { Gate } from '../support/gate.ts';
import { never, threadGrinder } from '../support/grinder.ts';
import { runProgram } from '../support/manager-child.ts';
import { SharedLog } from '../support/shared-log.ts';
import { client, owner, Thread } from '../support/thread.ts';
import { turns, until } from '../support/until.ts';
import { record } from '../tasks/grinder-tasks.js';
import { sleepNatively } from '../tasks/threads-tasks.js';

const word = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));

/** Lets a thread that waits for it go on. */
function raise(flag: Int32Array): void {
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}

const ports = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort').length;

const stopped = { type: 'GrinderStoppedError', code: 'ERR_LEASEPOOL_STOPPED' };
const cancelled = { type: 'CancelledError', code: 'ABORT_ERR' };

/**
 * Clients are to be woken within a second. They look four times in it; the tests leave more, because the machine
 * may be busy, but less than anything else would take that could wake them.
 */
const soonMs = 4_000;

async function within<T>(promise: Promise<T>): Promise<T> {
  const begun = performance.now();
  const value = await promise;
  expect(performance.now() - begun).toBeLessThan(soonMs);
  return value;
}

describe('the owner', () => {
  test('S17 a cancelling stop wakes a blocked client with CancelledError', async () => {
    const { grinder } = await threadGrinder();
    const gate = new Gate();
    const log = new SharedLog();
    const thread = client('holdTwo', grinder.threadHandle(), { gate: gate.cells, log: log.cells });
    await gate.untilBegun();
    await grinder.stop({ cancelPending: true });
    const outcomes = await within(thread.told('result'));
    expect(outcomes).toEqual([0, 1].map(() => expect.objectContaining(cancelled)));
    expect(outcomes[1]).toMatchObject({
      cause: { code: 'ERR_LEASEPOOL_STOPPING' },
      taskName: 'recordAndHold',
    });
    gate.open();
    await gate.untilFinished();
    expect(log.entries).toEqual([1]);
  });

  test('S17 a stop right before the exit of its thread is still told as what it was', async () => {
    const thread = owner();
    const gate = new Gate();
    const user = client('holdTwo', await thread.told('handle'), {
      gate: gate.cells,
      log: new SharedLog().cells,
    });
    await gate.untilBegun();
    thread.worker.postMessage('cancel');
    expect(await within(user.told('result'))).toEqual([0, 1].map(() => expect.objectContaining(cancelled)));
  });

  test('S17 S19 a draining stop delivers what was submitted and refuses what comes later', async () => {
    const { grinder } = await threadGrinder();
    const handle = grinder.threadHandle();
    const gate = new Gate();
    const go = word();
    const thread = client('holdTwo', handle, { gate: gate.cells, log: new SharedLog().cells });
    const late = client('submitLater', handle, { go });
    await late.told('connected');
    await gate.untilBegun();
    const stop = grinder.stop();
    raise(go);
    expect(await late.told('result')).toMatchObject({ code: 'ERR_LEASEPOOL_STOPPING' });
    gate.open();
    expect(await thread.told('result')).toEqual(['done', 'done']);
    await stop;
    expect(await client('connect', handle).told('result')).toMatchObject(stopped);
  });

  test('S17 after a stop a client that submits is told so at once', async () => {
    const { grinder } = await threadGrinder();
    const go = word();
    const thread = client('submitLater', grinder.threadHandle(), { go });
    await thread.told('connected');
    await grinder.stop();
    raise(go);
    expect(await thread.told('result')).toMatchObject(stopped);
  });

  describe.each(['exit', 'throw', 'terminate'])('that ends by %s', (way) => {
    const end = (thread: Thread): void => {
      if (way === 'terminate') void thread.worker.terminate();
      else thread.worker.postMessage(way);
    };

    test('S17 wakes every client that blocks for a result', async () => {
      const thread = owner();
      const handle = await thread.told('handle');
      const gate = new Gate();
      const users = [1, 2, 3].map(() => client('block', handle, { gate: gate.cells }));
      await gate.untilBegun();
      await Promise.all(users.map((user) => user.told('blocking')));
      end(thread);
      for (const outcome of await within(Promise.all(users.map((user) => user.told('result'))))) {
        expect(outcome).toMatchObject({ ...stopped, owner: 'tenant-7', taskName: 'hold' });
      }
    });

    test('S17 wakes a client that has just connected', async () => {
      const thread = owner();
      const handle = await thread.told('handle');
      const user = client('blockBehind', handle, { gate: new Gate().cells });
      await user.told('blocking');
      end(thread);
      const outcomes = await within(user.told('result'));
      expect(outcomes).toEqual([0, 1].map(() => expect.objectContaining(stopped)));
    });

    test('S17 wakes a client that blocks for stats', async () => {
      const thread = owner();
      const user = client('blockStats', await thread.told('handle'));
      await user.told('blocking');
      end(thread);
      expect(await within(user.told('result'))).toMatchObject(stopped);
    });

    test('S17 wakes a client that awaits', async () => {
      const thread = owner();
      const gate = new Gate();
      const user = client('awaitHeld', await thread.told('handle'), { gate: gate.cells });
      await gate.untilBegun();
      end(thread);
      expect(await within(user.told('result'))).toMatchObject(stopped);
      expect(await user.exited).toBe(0);
    });

    // In a process of its own: with `throw`, Node 20 itself may end by a segmentation fault here, now and then.
    test('S17 wakes a main thread that blocks', async () => {
      const { exitCode, stdout } = await runProgram('threads-blocked-program.js', way);
      expect(exitCode).toBe(0);
      const { ms, ...seen } = JSON.parse(stdout) as { ms: number };
      expect(seen).toEqual({ isUnderWay: true, code: 'ERR_LEASEPOOL_STOPPED' });
      expect(ms).toBeLessThan(soonMs);
    });

    test('S17 X4 refuses connections afterwards', async () => {
      const thread = owner();
      const handle = await thread.told('handle');
      end(thread);
      await thread.exited.catch(() => {});
      expect(() => connectGrinder(handle)).toThrow(GrinderStoppedError);
      expect(await client('connect', handle).told('result')).toMatchObject(stopped);
    });
  });

  test('S17 that exits wakes its clients although a job of its pool cannot be ended', async () => {
    const thread = owner();
    const remote = connectGrinder(await thread.told('handle'));
    const gate = new Gate();
    const future = remote.submitFromThread(sleepNatively, [gate.cells, 5]);
    future.done();
    await gate.untilBegun();
    let hasExited = false;
    void thread.exited.then(() => (hasExited = true));
    thread.worker.postMessage('exit');
    await expect(within(Promise.resolve(future))).rejects.toThrow(GrinderStoppedError);
    expect(hasExited).toBe(false);
  });
});

describe('a client', () => {
  const queue = { batchSizeThreshold: 1e6, maxWaitSeconds: never };

  test.each(['queueAndStay', 'queueAndSpin'])(
    'S17 X6 that is terminated (%s) has its queued work cancelled and leaves nothing behind',
    async (scenario) => {
      const { grinder, log } = await threadGrinder(queue);
      const handle = grinder.threadHandle();
      await turns();
      const before = ports();
      const mate = grinder.enqueue(record, [log.cells, -1]);
      const thread = client(scenario, handle, { count: 100, log: log.cells });
      await thread.told('queued');
      expect(grinder.stats().pending).toBe(101);
      await thread.worker.terminate();
      await until(() => grinder.stats().pending === 1);
      expect(grinder.stats().totals).toMatchObject({ submitted: 101, cancelled: 100 });
      await until(() => ports() <= before);
      await grinder.stop();
      expect(await mate).toBeUndefined();
      expect(log.entries).toEqual([-1]);
    },
  );

  test('S17 that exits has its queued work cancelled and leaves nothing behind', async () => {
    const { grinder, log } = await threadGrinder(queue);
    const handle = grinder.threadHandle();
    await turns();
    const before = ports();
    const thread = client('queueAndExit', handle, { count: 100, log: log.cells });
    await thread.exited;
    await until(() => grinder.stats().totals.cancelled === 100);
    expect(grinder.stats().pending).toBe(0);
    await until(() => ports() <= before);
  });

  test('S17 that is terminated while its job runs lets it run, and the outcome is dropped', async () => {
    const { grinder, gate } = await threadGrinder();
    const thread = client('block', grinder.threadHandle(), { gate: gate.cells });
    await gate.untilBegun();
    await thread.worker.terminate();
    await until(() => grinder.stats().totals.cancelled === 1);
    gate.open();
    await gate.untilFinished();
  });

  test('X11 close() cancels at once what is outstanding, and later calls are refused', async () => {
    const { grinder, log } = await threadGrinder(queue);
    const go = word();
    const thread = client('queueAndClose', grinder.threadHandle(), { count: 2, log: log.cells, go });
    expect(await thread.told('closed')).toEqual([
      [true, 'ABORT_ERR'],
      [true, 'ABORT_ERR'],
      'ERR_LEASEPOOL_STOPPED',
      'ERR_LEASEPOOL_STOPPED',
    ]);
    await until(() => grinder.stats().totals.cancelled === 2);
    raise(go);
    expect(await thread.told('result')).toBe('went on');
  });

  test('S17 1,000 connects and closes leave no channel behind, on either side', async () => {
    const { grinder } = await threadGrinder({ batchSizeThreshold: 1 });
    const handle = grinder.threadHandle();
    await turns();
    const before = ports();
    const thread = client('connectOften', handle, { count: 1_000 });
    await thread.told('closed all');
    expect(await thread.told('result')).toBeLessThan(5);
    await thread.exited;
    await until(() => ports() <= before);
    expect(grinder.stats()).toMatchObject({ pending: 0, inFlight: 0 });
  });

  test('S17 nor do 1,000 in one turn of a thread that then blocks', async () => {
    const { grinder } = await threadGrinder();
    const handle = grinder.threadHandle();
    await turns();
    const before = ports();
    const go = word();
    const thread = client('connectOftenAndBlock', handle, { count: 1_000, go });
    await thread.told('closed all');
    const allowance = 2; // The thread itself.
    await until(() => ports() <= before + allowance);
    raise(go);
    await thread.exited;
  });

  test('N5 an idle connection does not keep its thread alive', async () => {
    const { grinder } = await threadGrinder();
    const thread = client('idle', grinder.threadHandle());
    await thread.told('connected');
    expect(await thread.exited).toBe(0);
  });

  test('N5 nor does it keep the owner alive', async () => {
    const { exitCode, stdout } = await runProgram('threads-idle-program.js');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'connected\n' });
  });

  test('N5 an awaited future keeps its thread alive until it has settled', async () => {
    const { grinder, gate } = await threadGrinder();
    const thread = client('awaitHeld', grinder.threadHandle(), { gate: gate.cells });
    await thread.told('waiting');
    await gate.untilBegun();
    await turns();
    gate.open();
    expect(await thread.told('result')).toBe('let go');
    expect(await thread.exited).toBe(0);
  });
});

test.each([
  ['receives nothing', undefined],
  ['refuses to receive', 'not a MessagePort'],
  ['has other channels', 'there is no port inside a BroadcastChannel'],
  ['must not wait', 'Atomics.wait cannot be called in this context'],
])('a runtime that %s gets UnsupportedRuntimeError, not a hang', async (runtime, cause) => {
  const { grinder } = await threadGrinder();
  const thread = new Thread('threads-unsupported.js', { runtime, handle: grinder.threadHandle() });
  expect(await thread.told('result')).toMatchObject({
    name: 'UnsupportedRuntimeError',
    code: 'ERR_LEASEPOOL_UNSUPPORTED_RUNTIME',
    ...(cause === undefined ? {} : { cause }),
  });
});
