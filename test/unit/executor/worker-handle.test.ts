import { describe, expect, test } from 'vitest';
import { chunksPerWorker } from '../../../src/executor/chunk.ts';
import { WorkerHandle, type WorkerHandleEvents } from '../../../src/executor/worker-handle.ts';
import { sharedNow } from '../../../src/core/clock.ts';
import { TimerQueue } from '../../../src/core/timer-queue.ts';
import { NotCloneableError, NotStartedError, WorkerCrashedError } from '../../../src/core/errors.ts';
import type { ResolvedTask } from '../../../src/wire/reference.ts';
import { executorOptions, keepingLogger } from '../../support/executor-options.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeWorkers, TestCall, testCalls, testTask } from '../../support/fake-workers.ts';

/** One slot, and what it told its pool. */
function setup({ startTimeoutSeconds = 30 } = {}) {
  const clock = new FakeClock();
  const timers = new TimerQueue(clock);
  const workers = new FakeWorkers();
  const { logger, entries } = keepingLogger();
  const told: string[] = [];
  const givenBack: TestCall[] = [];
  const measured: [ResolvedTask, number, number][] = [];
  const ran: [calls: number, runSeconds: number][] = [];
  const carried: number[] = [];
  const meter = {
    callsRan: (...run: [number, number]) => void ran.push(run),
    chunkCarried: (seconds: number) => void carried.push(seconds),
  };
  const downs: unknown[] = [];
  const owner: WorkerHandleEvents = {
    workerReady: () => void told.push('up'),
    workerAvailable: () => void told.push('freed'),
    callsMeasured: (...measure) => void measured.push(measure),
    requeue: (calls) => void givenBack.push(...(calls as TestCall[])),
    workerExited: (_, failure) => void (told.push('down') && downs.push(failure)),
    workerLeftBehind: (_, failure) => void (told.push('left behind') && downs.push(failure)),
    leftBehindEnded: () => void told.push('gone'),
  };
  const slot = new WorkerHandle(
    3,
    owner,
    workers.spawn,
    executorOptions({ startTimeoutSeconds, logger, meter }),
    timers,
    clock.now(),
  );
  const worker = workers.last;
  return {
    clock,
    timers,
    slot,
    worker,
    workers,
    entries,
    told,
    givenBack,
    measured,
    ran,
    carried,
    downs,
    send: (...calls: TestCall[]) => slot.send(calls, clock.now()),
  };
}

/** The same, with the worker up. */
function setupUp() {
  const setting = setup();
  setting.worker.up();
  setting.told.length = 0;
  return setting;
}

const args = (calls: readonly TestCall[]): unknown[] => calls.map((call) => call.args[0]);
const results = (calls: readonly TestCall[]): unknown[] => calls.map((call) => call.result);

describe('a worker that comes up', () => {
  test('has no room before, and then for two chunks', () => {
    const { slot, worker, told } = setup();
    expect(slot.capacity).toBe(0);
    worker.up();
    expect(told).toEqual(['up']);
    expect([slot.up, slot.capacity]).toEqual([true, chunksPerWorker]);
  });

  test('N5 keeps the process alive while it does, and not when it is up and idle', () => {
    const { clock, timers, worker } = setup();
    expect(worker.keptAlive).toBe(true);
    expect(clock.keepsAlive).toBe(true);
    worker.up();
    expect(worker.keptAlive).toBe(false);
    expect(timers.size).toBe(0);
  });

  test('M6 late, after its end has been asked for, is not up', async () => {
    const { clock, worker, slot, told, downs } = setup({ startTimeoutSeconds: 2 });
    worker.endsWhenKilled = false;
    await clock.advance(2000);
    expect(worker.kills).toBe(1);
    worker.up();
    expect([told, slot.up, slot.capacity]).toEqual([[], false, 0]);
    worker.exit(1);
    expect(downs).toEqual([expect.objectContaining({ message: 'the worker was not up within 2 s' })]);
  });

  test('M6 not at all, and cannot be ended either, is left behind within a second', async () => {
    const { clock, timers, worker, told, downs } = setup({ startTimeoutSeconds: 2 });
    worker.endsWhenKilled = false;
    await clock.advance(2999);
    expect([downs, clock.keepsAlive]).toEqual([[], true]);
    await clock.advance(1);
    expect(downs).toEqual([expect.objectContaining({ message: 'the worker was not up within 2 s' })]);
    expect(worker.keptAlive).toBe(false);
    worker.exit(1);
    expect(told).toEqual(['left behind', 'gone']);
    expect(timers.size).toBe(0);
  });

  test('M6 not, because a module cannot be preloaded, is ended and says why', async () => {
    const { clock, timers, worker, downs } = setup();
    worker.refuseToComeUp(new SyntaxError('no module'));
    await clock.flush();
    expect(downs).toEqual([expect.objectContaining({ name: 'SyntaxError', message: 'no module' })]);
    expect(timers.size).toBe(0);
  });

  test('N2 not, because it exits at once, says with which code', () => {
    const { worker, downs, slot } = setup();
    worker.exit(0);
    expect(downs).toEqual([expect.objectContaining({ message: 'a worker of pool-1 exited with code 0' })]);
    expect(slot.hasRunCall).toBe(false);
  });
});

describe('calls sent to a worker', () => {
  test('settle each with its own answer, as soon as that is there', () => {
    const { worker, send, told } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    worker.begin();
    worker.finish('first');
    worker.send();
    expect(results(calls)).toEqual(['first', undefined, undefined]);
    worker.begin();
    worker.throws(new RangeError('second'));
    worker.begin();
    worker.finish('third');
    worker.send();
    expect(calls[1].reason).toMatchObject({ name: 'RangeError', message: 'second' });
    expect(calls[2].result).toBe('third');
    expect(told).toEqual(['freed']);
  });

  test('that fail together fail each with its own error', () => {
    const { worker, send } = setupUp();
    const calls = testCalls(4);
    send(...calls);
    for (const error of [new RangeError('a'), undefined, new TypeError('c'), new Error('d')]) {
      worker.begin();
      if (error === undefined) worker.finish('b');
      else worker.throws(error);
    }
    worker.send();
    expect(results(calls)).toEqual(['rejected RangeError', 'b', 'rejected TypeError', 'rejected Error']);
  });

  test('take the room of a chunk until all of them are answered', () => {
    const { slot, worker, send } = setupUp();
    send(...testCalls(2));
    expect(slot.capacity).toBe(1);
    send(...testCalls(1));
    expect(slot.capacity).toBe(0);
    worker.work(1);
    expect(slot.capacity).toBe(0);
    worker.work(1);
    expect(slot.capacity).toBe(1);
    worker.work(1);
    expect([slot.capacity, slot.idle]).toEqual([2, true]);
  });

  test('N5 keep the process alive until all of them are answered', () => {
    const { worker, send } = setupUp();
    send(...testCalls(2));
    expect(worker.keptAlive).toBe(true);
    worker.work(1);
    expect(worker.keptAlive).toBe(true);
    worker.work(1);
    expect(worker.keptAlive).toBe(false);
  });

  test('are measured by their task, those not made left out', () => {
    const { slot, worker, send, measured, ran } = setupUp();
    const calls = testCalls(4);
    send(...calls);
    slot.takeBack(calls[1]);
    worker.work(4, 6);
    expect(measured).toEqual([[testTask, 3, 6]]);
    expect(ran).toEqual([[3, 0.006]]);
  });

  test('of several tasks in one chunk are not measured by task', () => {
    const { worker, send, measured, ran } = setupUp();
    const other: ResolvedTask = { kind: 'source', source: '() => 1', name: 'other' };
    send(new TestCall([1]), new TestCall([2], { task: other }));
    worker.work(2, 6);
    expect(measured).toEqual([]);
    expect(ran).toEqual([[2, 0.006]]);
  });

  test('are told as they are answered; their transport, chunk by chunk, is what these took beyond their run', () => {
    const { clock, worker, send, ran, carried } = setupUp();
    send(...testCalls(3));
    clock.elapse(10);
    worker.work(2, 4);
    clock.elapse(5);
    expect(carried).toEqual([]);
    worker.work(1, 3);
    expect(ran).toEqual([
      [2, 0.004],
      [1, 0.003],
    ]);
    expect(carried).toEqual([0.008]);
  });

  test('that wait behind another chunk are not in transport meanwhile', () => {
    const { clock, worker, send, carried } = setupUp();
    send(...testCalls(1));
    send(...testCalls(1));
    clock.elapse(100);
    worker.work(1, 99);
    clock.elapse(50);
    worker.work(1, 48);
    expect(carried).toEqual([0.001, 0.002]);
    clock.elapse(1000);
    send(...testCalls(1));
    clock.elapse(7);
    worker.work(1, 9);
    expect(carried).toEqual([0.001, 0.002, 0]);
  });

  test('more than a worker can have at once follow when there is room', () => {
    const { slot, worker, send } = setupUp();
    const calls = testCalls(5 * 512);
    for (let first = 0; first < calls.length; first += 512) {
      send(...calls.slice(first, first + 512));
      if (first > 0) worker.work(512);
      expect(slot.capacity).toBeGreaterThanOrEqual(1);
    }
    worker.work();
    expect(results(calls)).toEqual(args(calls));
  });
});

describe('S30 a call that cannot be sent', () => {
  test('comes back with the reason, and its mates are sent', () => {
    const { worker, send } = setupUp();
    const bad = new TestCall([{ retry: () => {} }]);
    const calls = testCalls(2);
    const unsendable = send(calls[0], bad, calls[1]);
    expect(unsendable).toEqual([{ call: bad, reason: expect.any(NotCloneableError) }]);
    expect(unsendable[0].reason).toMatchObject({ path: 'args[0].retry' });
    worker.work();
    expect(results(calls)).toEqual([0, 1]);
    expect(bad.outcomes).toEqual([]);
  });

  test('alone leaves the worker as idle as it was', () => {
    const { slot, worker, send } = setupUp();
    send(new TestCall([() => {}]));
    expect([slot.idle, slot.capacity, worker.keptAlive]).toEqual([true, 2, false]);
  });

  test('introduces no task', () => {
    const { worker, send } = setupUp();
    const tasks = ['a', 'b', 'c'].map((name): ResolvedTask => ({ kind: 'source', source: '', name }));
    send(new TestCall([() => {}], { task: tasks[0] }));
    send(new TestCall([1], { task: tasks[1] }), new TestCall([() => {}], { task: tasks[2] }));
    send(new TestCall([2], { task: tasks[2] }), new TestCall([3], { task: tasks[0] }));
    expect(worker.queue.map(({ task }) => task.name)).toEqual(['b', 'c', 'a']);
  });

  test('may be one whose arguments cannot even be looked at', () => {
    const { worker, send } = setupUp();
    const hostile = new Proxy([], {
      get() {
        throw new Error('trap');
      },
    });
    const bad = new TestCall(hostile);
    const calls = testCalls(2);
    expect(send(calls[0], bad, calls[1])).toEqual([{ call: bad, reason: expect.any(NotCloneableError) }]);
    worker.work();
    expect(results(calls)).toEqual([0, 1]);
  });

  test('T3 keeps what it was to move', () => {
    const { send } = setupUp();
    const buffer = new ArrayBuffer(8);
    send(new TestCall([buffer, () => {}], { transfer: [buffer] }));
    expect(buffer.byteLength).toBe(8);
  });

  test('may be one whose memory has moved before', () => {
    const { send } = setupUp();
    const buffer = new ArrayBuffer(8);
    structuredClone(buffer, { transfer: [buffer] });
    const bad = new TestCall([1], { transfer: [buffer] });
    expect(send(bad)).toEqual([{ call: bad, reason: expect.any(NotCloneableError) }]);
  });
});

describe('S27 calls taken back', () => {
  test('never run, and settle no more', () => {
    const { slot, worker, workers, send } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    expect(slot.takeBack(calls[1])).toBe(true);
    expect(slot.takeBack(calls[1])).toBe(false);
    worker.work();
    expect(results(calls)).toEqual([0, undefined, 2]);
    expect(workers.begun).toEqual([0, 2]);
  });

  test('cannot be those a worker has begun, or another worker has', () => {
    const { slot, worker, send } = setupUp();
    const calls = testCalls(2);
    send(...calls);
    worker.begin();
    expect(slot.takeBack(calls[0])).toBe(false);
    const elsewhere = Object.assign(new TestCall([9]), { location: 3 * 1024 + 1 });
    expect(slot.takeBack(elsewhere)).toBe(false);
    expect(slot.takeBack(calls[1])).toBe(true);
  });

  test('the last ones first are given in order, and not those whose memory has moved', () => {
    const { slot, worker, send } = setupUp();
    const buffer = new ArrayBuffer(8);
    const moved = new TestCall(['moved', buffer], { transfer: [buffer] });
    send(moved);
    send(...testCalls(4));
    expect(args(slot.takeBackLast(2) as TestCall[])).toEqual([2, 3]);
    worker.begin();
    expect(args(slot.takeBackLast(Infinity) as TestCall[])).toEqual([0, 1]);
    worker.finish('ok');
    worker.work();
    expect(moved.result).toBe('ok');
  });

  test('count no more among those the worker has', () => {
    const { slot, send } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    slot.takeBack(calls[0]);
    expect(slot.unfinished).toBe(2);
    slot.takeBackLast(1);
    expect(slot.unfinished).toBe(1);
    expect(slot.idle).toBe(false);
  });
});

describe('N1 when a worker dies', () => {
  test('one call fails as running, answered ones keep their results, the others go elsewhere', () => {
    const { worker, send, givenBack, told, slot } = setupUp();
    const calls = testCalls(4);
    send(...calls);
    worker.work(1);
    worker.begin();
    worker.exit(3);
    expect(results(calls)).toEqual([0, 'rejected WorkerCrashedError', undefined, undefined]);
    expect(calls[1].reason).toMatchObject({ phase: 'running', exitCode: 3, signal: undefined });
    expect(givenBack).toEqual(calls.slice(2));
    expect(told).toEqual(['down']);
    expect(slot.hasRunCall).toBe(true);
  });

  test('a call that had finished, and whose result had not left, fails as finished', () => {
    const { worker, send } = setupUp();
    const calls = testCalls(2);
    send(...calls);
    worker.begin();
    worker.finish('lost');
    worker.begin();
    worker.exit(undefined, 'SIGKILL');
    expect(calls.map(({ reason }) => reason)).toEqual([
      expect.objectContaining({ phase: 'finished', signal: 'SIGKILL' }),
      expect.objectContaining({ phase: 'running', signal: 'SIGKILL' }),
    ]);
    expect(calls[0].reason.message).toContain('was ended by SIGKILL');
  });

  test('a call that it had not begun, and whose memory has moved, fails as queued', () => {
    const { worker, send, givenBack } = setupUp();
    const buffer = new ArrayBuffer(8);
    const call = new TestCall([buffer], { transfer: [buffer], owner: 'me' });
    send(call);
    worker.exit(1);
    expect(call.reason).toBeInstanceOf(WorkerCrashedError);
    expect(call.reason.phase).toBe('queued');
    expect(givenBack).toEqual([]);
  });

  test('an error that is told before earlier answers arrive costs them nothing, and is the cause', () => {
    const { worker, send, downs } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    worker.begin();
    worker.finish('in time');
    worker.begin();
    const error = new Error('uncaught');
    worker.fail(error);
    expect(results(calls)).toEqual([undefined, undefined, undefined]);
    worker.send();
    worker.exit(1);
    expect(results(calls)).toEqual(['in time', 'rejected WorkerCrashedError', undefined]);
    expect(calls[1].reason.cause).toBe(error);
    expect(downs).toEqual([error]);
  });

  test('N2 between jobs, nothing fails', () => {
    const { slot, worker, send, givenBack, entries } = setupUp();
    const calls = testCalls(1);
    send(...calls);
    worker.work();
    worker.exit(1);
    expect([results(calls), slot.hasRunCall]).toEqual([[0], true]);
    expect(givenBack).toEqual([]);
    expect(entries.filter(([level]) => level !== 'debug')).toEqual([]);
  });

  test('in silence, what is posted to it meanwhile is not lost', () => {
    const { worker, send, givenBack, slot } = setupUp();
    worker.isDeaf = true;
    const calls = testCalls(2);
    send(...calls);
    expect(givenBack).toEqual([]);
    worker.exit(0);
    expect(givenBack).toEqual(calls);
    expect(slot.hasRunCall).toBe(false);
  });

  test('a call that was taken back from it stays away', () => {
    const { slot, worker, send, givenBack } = setupUp();
    const calls = testCalls(2);
    send(...calls);
    slot.takeBack(calls[0]);
    worker.exit(1);
    expect(givenBack).toEqual([calls[1]]);
    expect(calls[0].outcomes).toEqual([]);
  });

  test('S11 the log says which item went with it', () => {
    const { worker, send, entries } = setupUp();
    const call = new TestCall([1], { owner: 'me' });
    send(call);
    worker.begin();
    worker.exit(1);
    expect(entries).toContainEqual([
      'warn',
      expect.any(String),
      expect.objectContaining({ owner: 'me', task: 'task', worker: 3, error: call.reason }),
    ]);
  });

  test('nothing is left: no deadline, and no room', () => {
    const { slot, worker, send, timers } = setupUp();
    send(new TestCall([1], { timeoutSeconds: 60 }), new TestCall([2], { timeoutSeconds: 60 }));
    worker.begin();
    worker.exit(1);
    expect([timers.size, slot.capacity, slot.unfinished, slot.idle]).toEqual([0, 0, 0, true]);
  });
});

describe('N3 a call with timeoutSeconds', () => {
  test('is ended once it has run that long, however late it began', async () => {
    const { clock, worker, send } = setupUp();
    const call = new TestCall([1], { timeoutSeconds: 10 });
    send(call);
    // It will turn out to have begun 3 s ago when it is first looked at, 10 s after it was sent.
    await clock.advance(9_999);
    expect(worker.begin(sharedNow() - 3_000)).toBeDefined();
    await clock.advance(1);
    expect([call.result, worker.kills]).toEqual([undefined, 0]);
    await clock.advance(6_000);
    expect([call.result, worker.kills]).toEqual([undefined, 0]);
  });

  test('fails at once, and what was not begun goes elsewhere at once, before the worker has ended', async () => {
    const { clock, worker, send, givenBack, downs } = setupUp();
    worker.endsWhenKilled = false;
    const call = new TestCall(['slow'], { timeoutSeconds: 1, owner: 'me' });
    const mates = testCalls(3);
    send(call, ...mates);
    worker.begin(sharedNow() - 1_500);
    await clock.advance(1000);
    expect(call.reason).toMatchObject({ name: 'TimeoutError', phase: 'run' });
    expect(worker.kills).toBe(1);
    expect(givenBack).toEqual(mates);
    expect(downs).toEqual([]);
    worker.exit(1);
    expect(downs).toEqual([undefined]);
    expect(givenBack).toEqual(mates);
  });

  test('that has not begun is not ended, nor one whose answer is on its way', async () => {
    const { clock, worker, send } = setupUp();
    const calls = testCalls(2, { timeoutSeconds: 1 });
    send(...calls);
    await clock.advance(5000);
    worker.begin(sharedNow() - 5000);
    worker.finish('done');
    await clock.advance(1500);
    worker.send();
    expect(calls[0].result).toBe('done');
    await clock.advance(60_000);
    expect(worker.kills).toBe(0);
  });

  test('leaves no deadline once it is answered or taken back', () => {
    const { slot, worker, send, timers } = setupUp();
    const calls = testCalls(2, { timeoutSeconds: 60 });
    send(...calls);
    slot.takeBack(calls[1]);
    worker.work();
    expect(timers.size).toBe(0);
  });
});

describe('ending a call', () => {
  test('M4 ends the worker that runs it, and rejects it with the reason', () => {
    const { slot, worker, send, givenBack } = setupUp();
    const calls = testCalls(2);
    send(...calls);
    worker.begin();
    const reason = new Error('revoked');
    slot.endCall(calls[0], reason);
    expect(calls[0].reason).toBe(reason);
    expect([worker.kills, slot.capacity, slot.up]).toEqual([1, 0, false]);
    expect(givenBack).toEqual([calls[1]]);
  });

  test('that is not running does nothing: queued, finished, or settled', () => {
    const { slot, worker, send, givenBack } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    worker.work(1);
    worker.begin();
    worker.finish('on its way');
    for (const call of calls) slot.endCall(call, new Error('revoked'));
    expect(worker.kills).toBe(0);
    expect(givenBack).toEqual([]);
    worker.work();
    expect(results(calls)).toEqual([0, 'on its way', 2]);
  });

  test('that is not answered within a second after it ended ends its worker after all', async () => {
    const { clock, slot, worker, send, givenBack } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    worker.begin();
    worker.finish('never copied');
    const reason = new Error('revoked');
    slot.endCall(calls[0], reason);
    await clock.advance(999);
    expect(worker.kills).toBe(0);
    await clock.advance(1);
    expect(worker.kills).toBe(1);
    expect(calls[0].reason).toBe(reason);
    expect(givenBack).toEqual([calls[1], calls[2]]);
  });

  test('that is not answered because its worker makes another call waits for that', async () => {
    const { clock, slot, worker, send } = setupUp();
    const calls = testCalls(2);
    send(...calls);
    worker.begin();
    worker.finish('waits for company');
    worker.begin();
    slot.endCall(calls[0], new Error('revoked'));
    await clock.advance(60_000);
    expect(worker.kills).toBe(0);
    worker.finish('its mate');
    worker.send();
    expect(results(calls)).toEqual(['waits for company', 'its mate']);
    await clock.advance(60_000);
    expect(worker.kills).toBe(0);
  });

  test('that ended, of several that are not answered, gives each its reason', async () => {
    const { clock, slot, worker, send } = setupUp();
    const calls = testCalls(2);
    send(...calls);
    for (const call of calls) {
      worker.begin();
      worker.finish(call.args[0]);
    }
    const reason = new Error('revoked');
    for (const call of calls) slot.endCall(call, reason);
    await clock.advance(1000);
    expect(worker.kills).toBe(1);
    expect(calls.map((call) => call.reason)).toEqual([reason, reason]);
  });

  test('that ends by itself while its mates are taken back harms nobody', () => {
    const { slot, worker, send, givenBack } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    worker.begin();
    const { takeBack } = worker.progress;
    worker.progress.takeBack = function (index) {
      // At this very moment the worker goes on to the next call.
      if (worker.current?.index === 0) {
        worker.finish('just in time');
        worker.begin();
      }
      return takeBack.call(this, index);
    };
    slot.endCall(calls[0], new Error('revoked'));
    expect(worker.kills).toBe(0);
    worker.finish('its mate');
    worker.work();
    expect(results(calls).slice(0, 2)).toEqual(['just in time', 'its mate']);
    expect(givenBack).toEqual([calls[2]]);
  });
});

describe('N3 M7 a worker that cannot be ended within a second', () => {
  test('is left behind: what it runs fails as running, with the reason as the cause, and nothing waits for it', async () => {
    const { clock, slot, worker, send, told } = setupUp();
    worker.endsWhenKilled = false;
    const call = new TestCall([1]);
    send(call);
    worker.begin();
    const reason = new NotStartedError('stopped');
    slot.kill(reason);
    slot.kill();
    await clock.advance(999);
    expect([call.result, told, clock.keepsAlive]).toEqual([undefined, [], true]);
    await clock.advance(1);
    expect(worker.kills).toBe(1);
    expect(call.reason).toMatchObject({ name: 'WorkerCrashedError', phase: 'running', cause: reason });
    expect([worker.keptAlive, clock.timers, told]).toEqual([false, 0, ['left behind']]);
    slot.kill();
    worker.finish('much later');
    worker.send();
    worker.sendUnreadable();
    worker.exit(1);
    expect(call.outcomes).toHaveLength(1);
    expect(told).toEqual(['left behind', 'gone']);
  });

  test('after a call that ran too long is left behind without a failure of its own', async () => {
    const { clock, worker, send, told, downs } = setupUp();
    worker.endsWhenKilled = false;
    const call = new TestCall(['native'], { timeoutSeconds: 1 });
    send(call);
    worker.begin(sharedNow() - 2_000);
    await clock.advance(1_000);
    expect([call.result, told]).toEqual(['rejected TimeoutError', []]);
    await clock.advance(1_000);
    expect([told, downs]).toEqual([['left behind'], [undefined]]);
  });

  test('that ends by itself has no more time for it when it is asked to end as well', async () => {
    const { clock, slot, worker } = setupUp();
    worker.endsWhenAsked = false;
    worker.leave();
    await clock.advance(4_500);
    slot.end();
    await clock.advance(499);
    expect(worker.kills).toBe(0);
    await clock.advance(1);
    expect(worker.kills).toBe(1);
  });

  test('for a call that ran too long had come up well: its pool starts another at once', async () => {
    const { clock, slot, worker, send } = setupUp();
    send(new TestCall(['long'], { timeoutSeconds: 1 }));
    worker.begin(sharedNow() - 2_000);
    await clock.advance(1_000);
    expect([worker.kills, slot.hasRunCall]).toEqual([1, true]);
  });

  test('although it is about to end by itself, is told to end first', async () => {
    const { clock, worker, send, told, downs } = setupUp();
    worker.endsWhenKilled = false;
    const [call] = testCalls(1);
    send(call);
    worker.begin();
    const error = new Error('nobody caught it');
    worker.leave();
    worker.fail(error);
    await clock.advance(4_999);
    expect(worker.kills).toBe(0);
    await clock.advance(1);
    expect([worker.kills, told]).toEqual([1, []]);
    await clock.advance(1_000);
    expect(call.reason).toMatchObject({ name: 'WorkerCrashedError', phase: 'running', cause: error });
    expect([told, downs, clock.timers]).toEqual([['left behind'], [error], 0]);
  });

  test('but somewhat later has ended, as any other', async () => {
    const { clock, slot, worker, told } = setupUp();
    worker.endsWhenKilled = false;
    slot.kill();
    await clock.advance(999);
    worker.exit(1);
    await clock.advance(60_000);
    expect([told, clock.timers]).toEqual([['down'], 0]);
  });
});

describe('W5 a worker that stays for child processes of its jobs', () => {
  test('is down, once, and keeps nothing alive', async () => {
    const { clock, slot, worker, told, downs } = setupUp();
    slot.end();
    worker.stay();
    expect([told, downs, worker.keptAlive]).toEqual([['down'], [undefined], false]);
    await clock.advance(60_000);
    expect([told, worker.kills]).toEqual([['down'], 0]);
    worker.exit(0);
    expect(told).toEqual(['down']);
  });
});

describe('T5 a worker that loads the module of a call', () => {
  const crash = { name: 'WorkerCrashedError', phase: 'running' };

  test('may take as long for it as for coming up; what the call may take is not used up', async () => {
    const { clock, slot, worker, send } = setupUp();
    const call = new TestCall([1], { timeoutSeconds: 1 });
    send(call);
    worker.load(0);
    await clock.advance(29_999);
    expect([call.result, worker.kills, slot.isLoading]).toEqual([undefined, 0, true]);
    worker.load(undefined);
    await clock.advance(60_000);
    worker.work();
    expect([call.result, worker.kills, slot.isLoading, slot.hasRunCall]).toEqual([1, 0, false, true]);
  });

  test('is ended when it takes longer: the call fails with the reason, and others go elsewhere', async () => {
    const { clock, timers, worker, send, givenBack, downs, told, entries } = setupUp();
    const call = new TestCall([1], { transfer: [new ArrayBuffer(1)] });
    const mates = testCalls(2);
    send(call);
    send(...mates);
    worker.load(0);
    await clock.advance(30_000);
    expect(call.reason).toMatchObject({
      code: 'ERR_LEASEPOOL_TASK_MODULE',
      message:
        "cannot load module file:///tasks.js of task 'task': it did not finish loading within 30 s (startTimeoutSeconds)",
      cause: { message: 'it did not finish loading within 30 s (startTimeoutSeconds)' },
    });
    expect([givenBack, worker.kills]).toEqual([mates, 1]);
    expect([told.filter((each) => each === 'down'), downs, timers.size]).toEqual([['down'], [undefined], 0]);
    expect(entries.map(([level, message]) => [level, message])).toEqual([
      ['warn', 'a job ended with its worker'],
    ]);
  });

  test('and takes too long is ended although the call was taken back', async () => {
    const { clock, slot, worker, send, givenBack } = setupUp();
    const [call, mate] = testCalls(2);
    send(call, mate);
    worker.load(0);
    expect(slot.takeBack(call)).toBe(true);
    await clock.advance(30_000);
    expect([worker.kills, call.outcomes, givenBack]).toEqual([1, [], [mate]]);
  });

  test('and has loaded it just now is not ended', async () => {
    const { clock, worker, send } = setupUp();
    const [call, mate] = testCalls(2);
    send(call, mate);
    worker.load(0);
    worker.begin();
    await clock.advance(30_000);
    expect([call.result, worker.kills]).toEqual([undefined, 0]);
    worker.finish('done');
    worker.work();
    expect(results([call, mate])).toEqual(['done', 1]);
  });

  test('and dies of that has died of the call, of no other, and not of its start', () => {
    const { slot, worker, send, givenBack } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    worker.work(1);
    worker.load(1);
    worker.exit(9);
    expect(calls[1].reason).toMatchObject({ ...crash, exitCode: 9 });
    expect(calls[1].reason.message).toBe(
      'a worker of pool-1 exited with code 9; the job was loading its module',
    );
    expect([givenBack, slot.hasRunCall]).toEqual([[calls[2]], true]);
  });

  test('and dies after the call was taken back has died of none', () => {
    const { slot, worker, send, givenBack } = setupUp();
    const [call, mate] = testCalls(2);
    send(call, mate);
    worker.load(0);
    slot.takeBack(call);
    worker.exit(9);
    expect([call.outcomes, givenBack, slot.hasRunCall]).toEqual([[], [mate], true]);
  });

  test('and dies of that has died of the call, when that was taken back and is here again', () => {
    const { slot, worker, send } = setupUp();
    const [call] = testCalls(1);
    send(call);
    worker.load(0);
    slot.takeBack(call);
    send(call);
    worker.exit(9);
    expect(call.reason).toMatchObject(crash);
  });

  test('for a call that is to be ended is not ended: the call has not begun', async () => {
    const { clock, slot, worker, send } = setupUp();
    const [call] = testCalls(1);
    send(call);
    worker.load(0);
    slot.endCall(call, new Error('revoked'));
    await clock.advance(5_000);
    expect([worker.kills, call.result]).toEqual([0, undefined]);
  });
});

describe('S30 answers that cannot be read', () => {
  test('are asked for again, and only the one to blame fails', () => {
    const { worker, send, told } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    for (const call of calls) {
      worker.begin();
      worker.finish(call.args[0]);
    }
    worker.sendUnreadable();
    expect(worker.words).toEqual([{ nackResultsFrom: 0 }]);
    expect(results(calls)).toEqual([undefined, undefined, undefined]);
    worker.resend((value) => value === 1);
    expect(results(calls)).toEqual([0, 'rejected NotCloneableError', 2]);
    expect(told).toEqual(['freed']);
  });

  test('that never come again cost those behind them nothing, although they are ended meanwhile', async () => {
    const { clock, slot, worker, send } = setupUp();
    const calls = testCalls(2);
    send(...calls);
    worker.begin();
    worker.finish('a');
    worker.sendUnreadable();
    worker.begin();
    worker.finish('b');
    worker.send();
    for (const call of calls) slot.endCall(call, new Error('ended'));
    await clock.advance(1_000);
    expect(worker.kills).toBe(1);
    await clock.advance(1_000);
    expect(results(calls)).toEqual(['rejected Error', 'b']);
  });

  test('cost later answers nothing, whether those can be read or not', () => {
    const { worker, send } = setupUp();
    const calls = testCalls(4);
    send(...calls.slice(0, 3));
    send(calls[3]);
    worker.begin();
    worker.finish('a');
    worker.sendUnreadable();
    worker.begin();
    worker.finish('b');
    worker.send();
    worker.begin();
    worker.finish('c');
    worker.sendUnreadable();
    expect(worker.words).toEqual([{ nackResultsFrom: 0 }]);
    worker.resend((value) => value === 'a');
    worker.begin();
    worker.finish('d');
    worker.send();
    expect(results(calls)).toEqual(['rejected NotCloneableError', 'b', 'c', 'd']);
  });

  test('end their chunk all the same when nothing else is in it', () => {
    const { slot, worker, send, told } = setupUp();
    const [call] = testCalls(1);
    send(call);
    worker.begin();
    worker.finish('deep');
    worker.sendUnreadable();
    worker.resend(() => true);
    expect(call.result).toBe('rejected NotCloneableError');
    expect([slot.idle, slot.capacity, worker.keptAlive, told]).toEqual([true, 2, false, ['freed']]);
  });

  test('twice, after those in between were read, are asked for twice', () => {
    const { worker, send } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    worker.begin();
    worker.finish('a');
    worker.sendUnreadable();
    worker.resend();
    worker.work(1);
    worker.begin();
    worker.finish('c');
    worker.sendUnreadable();
    expect(worker.words).toEqual([{ nackResultsFrom: 0 }, { nackResultsFrom: 2 }]);
    worker.resend((value) => value === 'c');
    expect(results(calls)).toEqual(['a', 1, 'rejected NotCloneableError']);
  });

  test('of a worker that dies before it sends them again fail as finished', () => {
    const { worker, send } = setupUp();
    const [call] = testCalls(1);
    send(call);
    worker.begin();
    worker.finish('lost');
    worker.sendUnreadable();
    worker.exit(1);
    expect(call.reason).toMatchObject({ name: 'WorkerCrashedError', phase: 'finished' });
  });

  test('N1 of a worker that dies then do not cost what was read behind them', () => {
    const { worker, send } = setupUp();
    const calls = testCalls(4);
    send(...calls);
    for (const sends of ['sendUnreadable', 'send', 'sendUnreadable', 'send'] as const) {
      worker.begin();
      worker.finish(worker.current!.args[0]);
      worker[sends]();
    }
    worker.exit(1);
    expect(results(calls)).toEqual(['rejected WorkerCrashedError', 1, 'rejected WorkerCrashedError', 3]);
  });

  test('do not let what was read behind them be taken from a second copy', () => {
    const { worker, send } = setupUp();
    const calls = testCalls(3);
    send(...calls);
    worker.begin();
    worker.finish('a');
    worker.sendUnreadable();
    worker.work(2);
    worker.resend(
      (value) => value === 'a',
      () => 'changed',
    );
    expect(results(calls)).toEqual(['rejected NotCloneableError', 1, 2]);
  });

  test('of a call that was taken back from the sender blame nobody', () => {
    const { slot, worker, send } = setupUp();
    const calls = testCalls(2);
    send(...calls);
    slot.takeBack(calls[0]);
    worker.begin();
    worker.finish('b');
    worker.sendUnreadable();
    worker.resend();
    expect(results(calls)).toEqual([undefined, 'b']);
  });
});

test('S39 answers of which nothing can be made are asked for again as well', () => {
  const { worker, send } = setupUp();
  const calls = testCalls(2);
  send(...calls);
  worker.begin();
  worker.finish('a');
  worker.begin();
  worker.finish('b');
  worker.sendBroken();
  expect(results(calls)).toEqual([undefined, undefined]);
  worker.resend();
  expect(results(calls)).toEqual(['a', 'b']);
});

test('S39 a field that all objects have been given does not make one message another', () => {
  const { worker, send } = setupUp();
  const call = new TestCall([1]);
  send(call);
  worker.cannotRead = () => true;
  const fields = ['values', 'retransmitResultsTo', 'first', 'trees'];
  for (const field of fields)
    Object.defineProperty(Object.prototype, field, { value: 0, configurable: true });
  try {
    worker.work();
  } finally {
    for (const field of fields) Reflect.deleteProperty(Object.prototype, field);
  }
  expect(call.result).toBe('rejected NotCloneableError');
});

describe('S30 calls that the worker cannot read', () => {
  const isDeep = (all: readonly unknown[]): boolean => all.includes('deep');

  test('go again one by one, and only the one to blame fails', () => {
    const { worker, send } = setupUp();
    worker.cannotRead = isDeep;
    const calls = ['a', 'deep', 'b', 'c'].map((name) => new TestCall([name]));
    send(...calls.slice(0, 3));
    send(calls[3]);
    worker.work();
    expect(results(calls)).toEqual(['a', 'rejected NotCloneableError', 'b', 'c']);
    expect(calls[1].reason.message).toContain('the worker could not read it (too deep)');
    expect(worker.queue).toEqual([]);
  });

  test('do not blame a call whose mate to blame was taken back', () => {
    const { slot, worker, send } = setupUp();
    worker.cannotRead = isDeep;
    const calls = ['deep', 'fine'].map((name) => new TestCall([name]));
    send(...calls);
    slot.takeBack(calls[0]);
    worker.work();
    expect(results(calls)).toEqual([undefined, 'fine']);
  });

  test('introduce their tasks once more', () => {
    const { worker, send } = setupUp();
    worker.cannotRead = isDeep;
    const task: ResolvedTask = { kind: 'source', source: '', name: 'new here' };
    const calls = [new TestCall(['deep'], { task }), new TestCall(['fine'], { task })];
    send(calls[0]);
    send(calls[1]);
    worker.work();
    expect(results(calls)).toEqual(['rejected NotCloneableError', 'fine']);
  });

  test('leave an idle worker with all its room, and the process free to end', () => {
    const { slot, worker, send, told } = setupUp();
    worker.cannotRead = isDeep;
    const call = new TestCall(['deep']);
    send(call);
    worker.work();
    expect(call.result).toBe('rejected NotCloneableError');
    expect([slot.idle, slot.capacity, worker.keptAlive]).toEqual([true, 2, false]);
    expect(told).toEqual(['freed']);
  });
});
