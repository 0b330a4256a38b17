import {
  BroadcastChannel,
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
} from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { assertCanBlock, offerPort, isConnected } from '../../../src/threads/port-offer.ts';

// What Node does not document, on the version that runs this: a change there is to fail here first.

let names = 0;
const newName = (): string => `hand-over test ${++names}`;

function listen(name: string): BroadcastChannel {
  const channel = new BroadcastChannel(name);
  onTestFinished(() => channel.close());
  return channel;
}

function channel(): { near: MessagePort; far: MessagePort } {
  const { port1: near, port2: far } = new MessageChannel();
  onTestFinished(() => near.close());
  return { near, far };
}

test('a port is handed to the one who listens, in the same turn, with what was sent through it before', () => {
  const name = newName();
  const listener = listen(name);
  const { near, far } = channel();
  near.postMessage('early');
  expect(offerPort(name, newName(), { far }, [far])).toBe('yes');
  const received = receiveMessageOnPort(listener as unknown as MessagePort) as {
    message: { far: MessagePort };
  };
  expect(receiveMessageOnPort(received.message.far)).toEqual({ message: 'early' });
  expect(isConnected(near)).toBe(true);
});

test('where nobody listens it is said so, and the port is gone', () => {
  const { near, far } = channel();
  expect(isConnected(near)).toBe(true);
  expect(offerPort(newName(), newName(), { far }, [far])).toBe('nobody');
  expect(isConnected(near)).toBe(false);
});

test('several listeners are a crowd', () => {
  const name = newName();
  const listeners = [listen(name), listen(name)];
  const { near, far } = channel();
  expect(offerPort(name, newName(), { far }, [far])).toBe('crowded');
  expect(isConnected(near)).toBe(false);
  expect(listeners.map((each) => receiveMessageOnPort(each as unknown as MessagePort))).toEqual([
    undefined,
    undefined,
  ]);
});

test('whoever has handed over has left before the turn ends', () => {
  const name = newName();
  listen(name);
  for (let i = 0; i < 10; i++) {
    const { far } = channel();
    expect(offerPort(name, newName(), { far }, [far])).toBe('yes');
  }
});

test('a port whose other end has gone is not connected, before and after this end has noticed', async () => {
  const { near, far } = channel();
  const closed = new Promise<void>((resolve) => near.once('close', resolve));
  offerPort(newName(), newName(), { far }, [far]);
  expect(isConnected(near)).toBe(false);
  expect(receiveMessageOnPort(near)).toBeUndefined();
  expect(isConnected(near)).toBe(false);
  await closed;
  expect(isConnected(near)).toBe(false);
});

test('this runtime can block a thread for the answer of another one', () => {
  expect(() => assertCanBlock(newName())).not.toThrow();
});
