/**
 * How long an unrelated route of a Fastify server waits while others compute, in the server's own thread and on a
 * grinder: `node build/examples/fastify/latency.js [SECONDS]`.
 */
import autocannon from 'autocannon';
import Fastify from 'fastify';
import leasepool from 'leasepool/fastify';
import { derive } from '../tasks/passwords.ts';

const duration = Number(process.argv[2] ?? 5);

const app = Fastify();
await app.register(leasepool, { manager: { workersPerPool: 1 }, grinder: { dispatch: 'natural' } });
app.get('/ping', async () => 'pong');
app.get('/inline', async () => derive('password'));
app.get('/grinder', async () => app.leasepool.grinder.submit(derive, ['password']));
const address = await app.listen({ port: 0, host: '127.0.0.1' });

/** Clients in threads of their own, which the server's thread does not hold up. */
const load = (route: string, connections: number): Promise<autocannon.Result> =>
  autocannon({ url: `${address}${route}`, connections, duration, workers: 1 });

for (const route of ['/inline', '/grinder']) {
  const [computed, pinged] = await Promise.all([load(route, 4), load('/ping', 4)]);
  const { p50, p99, max } = pinged.latency;
  console.log(
    `${route}: ${computed['2xx']} computed; /ping waited p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`,
  );
}
await app.close();
