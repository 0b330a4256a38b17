import { BroadcastChannel, type MessagePort } from 'node:worker_threads';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { NotCloneableError } from '../../../src/core/errors.ts';
import { Connection } from '../../../src/threads/connection.ts';
import type { Envelope } from '../../../src/wire/reliable-channel.ts';
import type { Handshake, ThreadReply, ThreadRequest } from '../../../src/wire/thread-frame.ts';

let names = 0;

/** A connection, and the owner's end of it in the hands of the test. */
async function connect() {
  const id = `connection test ${++names}`;
  const channel = new BroadcastChannel(id);
  const hello = new Promise<Handshake>(
    (resolve) => (channel.onmessage = ({ data }) => resolve(data as Handshake)),
  );
  const state = new SharedArrayBuffer(8);
  const connection = new Connection({ leasepool: 'grinder/1', id, threadId: -1, pid: process.pid, state });
  onTestFinished(() => connection.close());
  const { port } = await hello;
  channel.close();
  return { connection, owner: new Owner(port) };
}

class Owner {
  readonly frames: ThreadRequest[][] = [];
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (frame: Envelope<ThreadRequest> | undefined) => {
      if (frame !== undefined) this.frames.push([...frame.items]);
    });
  }

  reply(...items: ThreadReply[]): void {
    this.#port.postMessage({ received: this.frames.length, unreadable: undefined, items });
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}

const task = { kind: 'reference', module: 'file:///tasks.js', name: 'resize' } as const;

function submit(connection: Connection, ...args: unknown[]) {
  const options = { owner: undefined, timeoutSeconds: undefined, queueTimeoutMs: undefined };
  const request = (id: number): ThreadRequest => ({
    kind: 'submit',
    id,
    task,
    args,
    submittedAtMs: 0,
    ...options,
  });
  return connection.request<unknown>(request, undefined, 'resize');
}

test('S18 what is asked in one turn travels together, copied as it is when it leaves', async () => {
  const { connection, owner } = await connect();
  const list = ['before'];
  submit(connection, list);
  submit(connection, 2);
  list.push('after');
  await turns();
  expect(owner.frames).toMatchObject([[{ args: [['before', 'after']] }, { args: [2] }]]);
  submit(connection, 3);
  await turns();
  expect(owner.frames).toHaveLength(2);
});

test('S18 blocking sends what has been asked so far', async () => {
  const { connection, owner } = await connect();
  submit(connection, 1);
  submit(connection, 2).exception({ timeoutSeconds: 0 });
  submit(connection, 3);
  await turns();
  expect(owner.frames).toMatchObject([[{ args: [1] }, { args: [2] }], [{ args: [3] }]]);
});

test('S30 what cannot be copied fails by itself, and its mates leave', async () => {
  const { connection, owner } = await connect();
  const calls = [1, () => {}, 3].map((argument) => submit(connection, argument));
  await expect(calls[1]).rejects.toThrow(NotCloneableError);
  await turns();
  expect(owner.frames).toMatchObject([[{ args: [1] }], [{ args: [3] }]]);
});

test('answers settle their calls, whatever their order; one that nobody waits for is let be', async () => {
  const { connection, owner } = await connect();
  const [first, second] = [submit(connection, 1), submit(connection, 2)];
  await turns();
  owner.reply({ id: second.id, status: 'fulfilled', value: 'second' });
  owner.reply({ id: 99, status: 'fulfilled', value: 'nobody' });
  owner.reply({ id: first.id, status: 'cancelled', thrown: { value: 'why' } });
  expect(second.result()).toBe('second');
  expect(first.exception()).toMatchObject({ code: 'ABORT_ERR', cause: 'why', taskName: 'resize' });
});

test('S14 a cancel leaves at once, and what comes later is dropped', async () => {
  const { connection, owner } = await connect();
  const call = submit(connection, 1);
  expect(call.cancel()).toBe(true);
  await turns();
  expect(owner.frames.flat()).toMatchObject([{ kind: 'submit' }, { kind: 'cancel', id: call.id }]);
  owner.reply({ id: call.id, status: 'fulfilled', value: 'late' });
  await turns();
  expect([call.cancelled(), call.done()]).toEqual([true, true]);
});

test('close() tells the owner, once', async () => {
  const { connection, owner } = await connect();
  const call = submit(connection, 1);
  connection.close();
  connection.close();
  expect(call.cancelled()).toBe(true);
  await turns();
  expect(owner.frames).toEqual([[{ kind: 'leave', id: 0 }]]);
});
