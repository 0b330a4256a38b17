/** What `leasepool/fastify` adds to Fastify. Checked by the compiler, never run. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import leasepool, { type Leasepool, type LeasepoolPluginOptions } from 'leasepool/fastify';
import { expectTypeOf } from 'vitest';

declare const app: FastifyInstance;
declare const manager: LeasedExecutorManager;

expectTypeOf(leasepool).toEqualTypeOf<FastifyPluginAsync<LeasepoolPluginOptions>>();
expectTypeOf<keyof typeof app.leasepool>().toEqualTypeOf<keyof Leasepool>();
expectTypeOf<Leasepool['grinder']>().toEqualTypeOf<WorkGrinder>();
expectTypeOf<Leasepool['manager']>().toEqualTypeOf<LeasedExecutorManager>();
void app.register(leasepool);
void app.register(leasepool, {
  manager: { workersPerPool: 2 },
  grinder: { maxQueueSize: 9 },
  stopTimeoutSeconds: 1,
});
// @ts-expect-error the plugin makes the manager
void app.register(leasepool, { grinder: { executorManager: manager } });
