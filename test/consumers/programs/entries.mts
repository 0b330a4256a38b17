// Every entry of the package, with something of each that has types of Node or of an optional package in it.
import fastify from 'fastify';
import { Registry } from 'prom-client';
import { type ExecutorCreateOptions, LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { decodeThrow, encodeThrow, type EncodedThrow, fromBytes, toBytes } from 'leasepool/backend';
import { bullmqBackend, type BullmqBackendOptions, WorkerHost } from 'leasepool/bullmq';
import leasepool from 'leasepool/fastify';
import { enableMetrics, enableTracing } from 'leasepool/otel';
import { registerMetrics } from 'leasepool/prometheus';

const thrown: EncodedThrow = encodeThrow(new Error('here'));
export const values: unknown[] = [decodeThrow(thrown), fromBytes(toBytes({ a: 1 }))];

const options: BullmqBackendOptions = { connection: 'redis://host', queue: 'jobs' };
const manager = new LeasedExecutorManager({
  backend: bullmqBackend(options),
  workerOptions: { env: process.env },
});
const grinder = new WorkGrinder({ executorManager: manager });
export const host = new WorkerHost({ ...options, tasks: [new URL('./tasks.mjs', import.meta.url)] });
export const threads: ExecutorCreateOptions['workerOptions'] = {
  resourceLimits: { maxOldGenerationSizeMb: 64 },
};

const app = fastify();
void app.register(leasepool, { manager: { workersPerPool: 2 } });
export const decorated: WorkGrinder = app.leasepool.grinder;

export const stops: (() => void)[] = [
  enableTracing(),
  enableMetrics({ manager, grinder }),
  registerMetrics({ registry: new Registry(), manager, grinder }),
];
