import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type RemoteApi, ClientSession } from '../../../src/grinder/client-session.ts';
import { sharedNow, systemClock } from '../../../src/core/clock.ts';
import { Job } from '../../../src/job/job.ts';
import type { Envelope } from '../../../src/wire/reliable-channel.ts';
import type { ResolvedTask } from '../../../src/wire/reference.ts';
import type { ThreadReply, ThreadRequest } from '../../../src/wire/thread-frame.ts';

/** A grinder whose jobs the test settles. */
class TestGrinder implements RemoteApi {
  readonly jobs: Job[] = [];
  readonly submittedAtMs: number[] = [];

  accept(...[task, args, submission, submittedAtMs]: Parameters<RemoteApi['accept']>): Job {
    const job = new Job(task, args, submission, { settled() {} }, this.jobs.length, 0);
    this.submittedAtMs.push(submittedAtMs);
    this.jobs.push(job);
    return job;
  }

  stats(): ReturnType<RemoteApi['stats']> {
    return { pending: this.jobs.length } as ReturnType<RemoteApi['stats']>;
  }
}

/** The other thread's end of a connection to a visitor. */
function visit(grinder: TestGrinder) {
  const { port1: near, port2: port } = new MessageChannel();
  const cell = new SharedArrayBuffer(8);
  let timesGone = 0;
  const visitor = new ClientSession({ port, signal: cell }, grinder, systemClock, () => timesGone++);
  onTestFinished(() => near.close());
  return {
    visitor,
    near,
    cell: new Int32Array(cell),
    timesGone: () => timesGone,
    async ask(...items: ThreadRequest[]) {
      const frame: Envelope<ThreadRequest> = { received: 0, unreadable: undefined, items };
      near.postMessage(frame);
      for (let turn = 0; turn < 5; turn++) await setImmediate();
    },
    frames: () => framesOn(near),
  };
}

function framesOn(port: MessagePort): ThreadReply[][] {
  const frames: ThreadReply[][] = [];
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
    frames.push((next.message as Envelope<ThreadReply>).items as ThreadReply[]);
  return frames;
}

const source: ResolvedTask = { kind: 'source', source: '(x) => x', name: 'same' };

const submit = (id: number, args: unknown[] = []): ThreadRequest => ({
  kind: 'submit',
  id,
  task: source,
  args,
  owner: 'me',
  timeoutSeconds: 2,
  queueTimeoutMs: 1_000,
  submittedAtMs: sharedNow(),
});

test('S18 what is asked together is answered together', async () => {
  const grinder = new TestGrinder();
  const visitor = visit(grinder);
  await visitor.ask(submit(1), submit(2), submit(3), { kind: 'stats', id: 4 });
  expect(visitor.frames()).toEqual([[{ id: 4, status: 'fulfilled', value: { pending: 3 } }]]);
  grinder.jobs[2].reject(new RangeError('no'));
  grinder.jobs[0].fulfil('yes');
  await setImmediate();
  const [replies, ...more] = visitor.frames();
  expect(more).toEqual([]);
  expect(replies.map(({ id, status }) => [id, status])).toEqual([
    [1, 'fulfilled'],
    [3, 'rejected'],
  ]);
});

test('the options of a submission arrive, and its time on the clock of this thread', async () => {
  const grinder = new TestGrinder();
  const before = performance.now();
  await visit(grinder).ask(submit(1, ['argument']));
  expect(grinder.jobs[0]).toMatchObject({ args: ['argument'], owner: 'me', timeoutSeconds: 2, transfer: [] });
  expect(grinder.jobs[0].submission.queueTimeoutMs).toBe(1_000);
  expect(grinder.submittedAtMs[0]).toBeGreaterThanOrEqual(before - 1);
  expect(grinder.submittedAtMs[0]).toBeLessThanOrEqual(performance.now() + 1);
});

test('the same function from several threads, or in several messages, is one task', async () => {
  const grinder = new TestGrinder();
  const [first, second] = [visit(grinder), visit(grinder)];
  const reference: ResolvedTask = { kind: 'reference', module: 'file:///tasks.js', name: 'resize' };
  for (const task of [source, reference]) {
    await first.ask({ ...submit(1), task } as ThreadRequest);
    await first.ask({ ...submit(2), task } as ThreadRequest);
    await second.ask({ ...submit(1), task } as ThreadRequest);
    const tasks = new Set(grinder.jobs.splice(0).map((job) => job.task));
    expect([...tasks]).toEqual([task]);
  }
});

test('S14 a refusal of the grinder is the outcome', async () => {
  const grinder = new TestGrinder();
  grinder.accept = () => {
    throw new RangeError('no room');
  };
  const visitor = visit(grinder);
  await visitor.ask(submit(1));
  expect(visitor.frames()).toMatchObject([[{ id: 1, status: 'rejected' }]]);
});

test.each(['leave', 'close'])('S17 a thread that is gone (%s) has its jobs cancelled, once', async (way) => {
  const grinder = new TestGrinder();
  const visitor = visit(grinder);
  const closed = new Promise((resolve) => visitor.near.once('close', resolve));
  await visitor.ask(submit(1), submit(2), { kind: 'cancel', id: 2 }, { kind: 'cancel', id: 99 });
  expect(grinder.jobs.map((job) => job.state)).toEqual(['pending', 'cancelled']);
  if (way === 'leave') await visitor.ask({ kind: 'leave', id: 0 });
  else visitor.near.close();
  visitor.frames();
  await closed;
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  expect(grinder.jobs.map((job) => job.state)).toEqual(['cancelled', 'cancelled']);
  expect(visitor.timesGone()).toBe(1);
});

test('S17 a visitor that is dismissed gets all there is, then the end, and is woken', async () => {
  const grinder = new TestGrinder();
  const visitor = visit(grinder);
  await visitor.ask(submit(1), submit(2));
  grinder.jobs[0].fulfil('in time');
  grinder.jobs[1].cancel('why');
  await new Promise<void>((resolve) => systemClock.defer(resolve));
  visitor.visitor.close();
  visitor.visitor.close();
  expect(visitor.frames().flat()).toMatchObject([
    { id: 1, status: 'fulfilled', value: 'in time' },
    { id: 2, status: 'cancelled', thrown: { value: 'why' } },
  ]);
  expect(visitor.cell[1]).toBe(1);
  expect(visitor.cell[0]).toBeGreaterThan(0);
  expect(visitor.timesGone()).toBe(1);
});

test('S13 garbage from the other thread is ignored', async () => {
  const grinder = new TestGrinder();
  const visitor = visit(grinder);
  const bad = [
    { kind: 'stats' },
    { kind: 'kill', id: 1 },
    { kind: 'submit', id: 1 },
    { ...submit(1), id: '1' },
    { ...submit(1), task: null },
    { ...submit(1), task: { kind: 'source', source: 7, name: 'f' } },
    { ...submit(1), task: { kind: 'reference', module: 'm' } },
    { ...submit(1), args: 'args' },
    { ...submit(1), owner: 5 },
    { ...submit(1), timeoutSeconds: -1 },
    { ...submit(1), queueTimeoutMs: NaN },
    { ...submit(1), submittedAtMs: undefined },
    null,
    'request',
  ];
  for (const message of [null, 'x', {}, [], new Map(), { items: [] }]) visitor.near.postMessage(message);
  for (const item of bad) await visitor.ask(item as unknown as ThreadRequest);
  expect(grinder.jobs).toEqual([]);
  await visitor.ask({ kind: 'stats', id: 2 });
  expect(visitor.frames().flat()).toEqual([{ id: 2, status: 'fulfilled', value: { pending: 0 } }]);
});
