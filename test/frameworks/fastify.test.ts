import autocannon from 'autocannon';
import Fastify from 'fastify';
import leasepool, { type LeasepoolPluginOptions } from 'leasepool/fastify';
import { execFile } from 'node:child_process';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { Gate } from '../support/gate.ts';
import { rejection } from '../support/manager-start.ts';
import { echo, exit, hold, square } from '../tasks/grinder-tasks.js';

const oneWorker: LeasepoolPluginOptions = {
  manager: { workersPerPool: 1 },
  grinder: { batchSizeThreshold: 1 },
};

async function server(options: LeasepoolPluginOptions = oneWorker) {
  const gate = new Gate();
  let log = '';
  const stream = new Writable({ write: (line, _, done) => ((log += String(line)), done()) });
  const app = Fastify({ logger: { level: 'debug', stream } });
  onTestFinished(async () => {
    gate.open();
    await app.close();
  });
  await app.register(leasepool, options);
  app.get('/ping', async () => 'pong');
  app.get('/square', async () => ({ square: await app.leasepool.grinder.submit(square, [7]) }));
  app.get('/hold', async () => app.leasepool.grinder.submit(hold, [gate.cells, 'held']));
  return { app, gate, log: () => log };
}

test('the plugin decorates the server and its children with a started grinder', async () => {
  const { app } = await server();
  await app.register(async (child) => {
    child.get('/child', async () => String(child.leasepool.grinder === app.leasepool.grinder));
  });
  expect((await app.inject('/square')).json()).toEqual({ square: 49 });
  expect((await app.inject('/child')).body).toBe('true');
  expect(app.leasepool.manager.stats()).toMatchObject({ started: true, workersPerPool: 1 });
});

test('closing the server answers its requests, drains the grinder and stops both', async () => {
  const { app, gate } = await server();
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  const { grinder, manager } = app.leasepool;
  // A connection that is kept alive would hold the server open, whatever its plugins do.
  const headers = { connection: 'close' };
  const answer = fetch(`${address}/hold`, { headers }).then((response) => response.text());
  await gate.untilBegun();
  const queued = grinder.submit(echo, ['queued']);
  const closed = app.close();
  gate.open();
  expect(await Promise.all([answer, queued])).toEqual(['held', 'queued']);
  await closed;
  expect([grinder.stats().started, manager.stats().started]).toEqual([false, false]);
});

test('closing it waits no longer than it is told to', async () => {
  const { app, gate } = await server({ ...oneWorker, stopTimeoutSeconds: 0 });
  await app.ready();
  const job = rejection(app.leasepool.grinder.submit(hold, [gate.cells]));
  await gate.untilBegun();
  await app.close();
  expect(await job).toMatchObject({ code: 'ABORT_ERR' });
});

test('a server whose workers cannot start does not come up', async () => {
  const app = Fastify();
  onTestFinished(() => app.close());
  const preload = [new URL('../tasks/load-failing.js', import.meta.url)];
  const registered = (async () => {
    await app.register(leasepool, { manager: { workersPerPool: 1, preload } });
    await app.ready();
  })();
  expect(await rejection(registered)).toMatchObject({ code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR' });
});

test('options that cannot work are refused', async () => {
  const app = Fastify();
  onTestFinished(() => app.close());
  const registered = (async () => {
    await app.register(leasepool, { grinder: { maxQueueSize: 0 } });
    await app.ready();
  })();
  expect(await rejection(registered)).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
});

test("the manager logs to the server's logger, errors with their stacks", async () => {
  const { app, log } = await server();
  await app.ready();
  await rejection(app.leasepool.grinder.submit(exit, [3]));
  await app.close();
  const lines = log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string; worker?: number; err?: { stack: string } });
  const died = lines.find(({ msg }) => msg === 'worker died');
  expect(died?.worker).toBe(0);
  expect(died?.err?.stack).toMatch(/exit/);
});

// No time is measured: the jobs end only when the other route has answered everybody, which takes a free event loop.
test('an unrelated route answers all its clients while jobs compute', async () => {
  const { app, gate } = await server({ manager: { workersPerPool: 2 }, grinder: { batchSizeThreshold: 1 } });
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  const held = [1, 2, 3].map(() => fetch(`${address}/hold`).then((response) => response.text()));
  await gate.untilBegun(2);
  const pinged = await autocannon({ url: `${address}/ping`, connections: 5, amount: 200 });
  expect([pinged['2xx'], pinged.non2xx, pinged.errors, gate.finished]).toEqual([200, 0, 0, 0]);
  gate.open();
  expect(await Promise.all(held)).toEqual(['held', 'held', 'held']);
});

// Its figures are for people; what is checked is that both routes computed and the other one was answered.
test('the example examples/fastify/latency.ts compares the two, and exits by itself', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    'build/examples/fastify/latency.js',
    '1',
  ]);
  expect(stderr).toBe('');
  const lines = stdout.trimEnd().split('\n');
  for (const [index, route] of ['/inline', '/grinder'].entries())
    expect(lines[index]).toMatch(new RegExp(`^${route}: [1-9]\\d* computed; /ping waited p50 \\d`));
  expect(lines).toHaveLength(2);
});
