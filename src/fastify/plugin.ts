/**
 * leasepool as a Fastify plugin: `app.leasepool.grinder.submit(task, args)`.
 *
 * @module leasepool/fastify
 */
import type { FastifyBaseLogger, FastifyInstance, FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import {
  LeasedExecutorManager,
  type LeasedExecutorManagerOptions,
  type Logger,
  WorkGrinder,
  type WorkGrinderOptions,
} from '../index.ts';

export interface LeasepoolPluginOptions {
  /** Of the manager. It logs to the server's logger unless told otherwise. */
  readonly manager?: LeasedExecutorManagerOptions | undefined;
  /** Of the grinder; likewise. */
  readonly grinder?: Omit<WorkGrinderOptions, 'executorManager'> | undefined;
  /**
   * How long closing the server may wait for jobs: what is queued or runs then is cancelled, and after as long again
   * its worker is ended. Counted from the end of the last request. `0` is at once.
   * @defaultValue none for the grinder, which drains; 30 for the manager
   */
  readonly stopTimeoutSeconds?: number | undefined;
}

/** What the plugin decorates a server with. */
export interface Leasepool {
  readonly manager: LeasedExecutorManager;
  readonly grinder: WorkGrinder;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** From `leasepool/fastify`: started, and stopped when the server closes. */
    readonly leasepool: Leasepool;
  }
}

/**
 * Starts a manager and a grinder with the server and decorates it with them. When the server closes, after the last
 * request has been answered, the grinder drains and both stop.
 *
 * @throws TypeError, RangeError for options that cannot work; `BrokenExecutorError` when no worker comes up
 * @example
 * await app.register(leasepool, { manager: { workersPerPool: 2 } });
 * app.post('/hash', (request) => app.leasepool.grinder.submit(hash, [request.body]));
 */
const leasepool: FastifyPluginAsync<LeasepoolPluginOptions> = fastifyPlugin(start, {
  name: 'leasepool',
  fastify: '5.x',
});

export default leasepool;

async function start(
  app: FastifyInstance,
  { manager: ofManager, grinder: ofGrinder, stopTimeoutSeconds }: LeasepoolPluginOptions,
): Promise<void> {
  const logger = loggerTo(app.log);
  const manager = new LeasedExecutorManager({ logger, ...ofManager });
  const grinder = new WorkGrinder({ logger, ...ofGrinder, executorManager: manager });
  app.decorate('leasepool', { manager, grinder });
  // First, so that a server which does not come up is cleaned up as well.
  app.addHook('onClose', async () => {
    await grinder.stop({ timeoutSeconds: stopTimeoutSeconds });
    await manager.stop({ timeoutSeconds: stopTimeoutSeconds });
  });
  await manager.start();
  await grinder.start();
}

/** Pino takes the fields first, and shows an error whole under the key `err` only. */
function loggerTo(log: FastifyBaseLogger): Logger {
  const level =
    (name: keyof Logger) =>
    (message: string, fields: { readonly error?: unknown } = {}): void => {
      const { error, ...others } = fields;
      log[name](error === undefined ? others : { ...others, err: error }, message);
    };
  return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
}
