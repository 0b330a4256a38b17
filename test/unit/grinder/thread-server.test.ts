import { setImmediate } from 'node:timers/promises';
import { BroadcastChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { ThreadServer } from '../../../src/grinder/thread-server.ts';
import type { RemoteApi } from '../../../src/grinder/client-session.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { GrinderStoppedError } from '../../../src/core/errors.ts';
import { Connection } from '../../../src/threads/connection.ts';

const grinder = {
  stats: () => ({ pending: 7 }),
} as RemoteApi;

const open: ThreadServer[] = [];

function newDoor(): ThreadServer {
  const door = new ThreadServer(grinder, systemClock);
  open.push(door);
  return door;
}

afterEach(() => Promise.all(open.splice(0).map((door) => door.close())));

const askForStats = (connection: Connection) => connection.request((id) => ({ kind: 'stats', id }));

test('each has a name of its own', () => {
  expect(newDoor().handle.id).not.toBe(newDoor().handle.id);
});

test('S13 its name is a secret: 128 random bits', () => {
  const secrets = Array.from({ length: 20 }, () => /[0-9a-f]{32}$/.exec(newDoor().handle.id)![0]);
  expect(new Set(secrets).size).toBe(20);
  const ones = secrets.map((secret) => BigInt(`0x${secret}`));
  expect(ones.reduce((all, each) => all | each)).toBe(2n ** 128n - 1n); // No bit is always 0 ...
  expect(ones.reduce((all, each) => all & each)).toBe(0n); // ... nor always 1.
});

test('S13 garbage that is posted to it is ignored', async () => {
  const door = newDoor();
  const channel = new BroadcastChannel(door.handle.id);
  const cell = new SharedArrayBuffer(8);
  for (const message of [undefined, null, 7, 'x', [], {}, { any: 'thing' }, { cell }, { cell, port: {} }])
    channel.postMessage(message);
  channel.close();
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  const connection = new Connection(door.handle);
  expect(await askForStats(connection)).toEqual({ pending: 7 });
  connection.close();
});

test('S13 whoever knocks is let in at once, and served in a later turn', async () => {
  const connection = new Connection(newDoor().handle);
  expect(await askForStats(connection)).toEqual({ pending: 7 });
  connection.close();
});

test('S17 a closed one lets nobody in, from the moment of closing', async () => {
  const door = newDoor();
  const connection = new Connection(door.handle);
  const asked = askForStats(connection);
  const closed = door.close();
  expect(() => new Connection(door.handle)).toThrow(GrinderStoppedError);
  expect(() => askForStats(connection)).toThrow(GrinderStoppedError);
  await closed;
  await expect(asked).rejects.toThrow(GrinderStoppedError);
});

test('S17 at the end of the thread those inside are told, and nobody else is let in', async () => {
  const doors = [newDoor(), newDoor()];
  const connections = doors.map((door) => new Connection(door.handle));
  await Promise.all(connections.map(askForStats));
  const late = connections.map(askForStats);
  for (const door of doors) door.closeNow();
  for (const call of late) await expect(call).rejects.toThrow(GrinderStoppedError);
  for (const door of doors) expect(() => new Connection(door.handle)).toThrow(GrinderStoppedError);
});

test('S22 any number of them listens to the end of the thread once, and not after the last is closed', async () => {
  const before = process.listenerCount('exit');
  const doors = Array.from({ length: 20 }, newDoor);
  expect(process.listenerCount('exit')).toBe(before + 1);
  for (const door of doors) await door.close();
  expect(process.listenerCount('exit')).toBe(before);
});
