/**
 * More than one machine: a backend whose workers are hosts of a fleet, and the hosts. Needs `bullmq` and `ioredis`.
 *
 * @module leasepool/bullmq
 */

export type { BullmqBackendOptions, FleetConnection } from './backend-options.ts';
export { bullmqBackend } from './bullmq-backend.ts';
export type { HealthAddress, WorkerHostOptions } from './host-options.ts';
export type { TaskModules } from './task-modules.ts';
export { runWorkerCommand } from './worker-command.ts';
export type { HostStats } from './host-stats.ts';
export { type HostStopOptions, WorkerHost } from './worker-host.ts';
