import { type Clock, outOfRange, systemClock } from '../backend.ts';
import type { Executor, ExecutorBackend, ExecutorCreateOptions } from '../index.ts';
import { type BackendSettings, type BullmqBackendOptions, readBackendOptions } from './backend-options.ts';
import { Fleet } from './fleet.ts';
import { FleetExecutor } from './fleet-executor.ts';
import { NamedModules } from './task-modules.ts';

/**
 * A backend whose workers are on other machines: hosts ({@link WorkerHost}) that take chunks of jobs from a BullMQ
 * queue. Give it to a `LeasedExecutorManager`; `maxPools` is then the number of chunks the manager may have in flight.
 *
 * A job may run more than once, when a host dies or is cut off; its caller gets one outcome. See
 * docs/more-than-one-machine.md.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, RangeError `ERR_OUT_OF_RANGE`, `TaskReferenceError`
 */
export function bullmqBackend(options: BullmqBackendOptions): ExecutorBackend {
  return new BullmqBackend(readBackendOptions(options), systemClock);
}

class BullmqBackend implements ExecutorBackend {
  readonly name = 'bullmq';
  readonly #settings: BackendSettings;
  readonly #modules: NamedModules;
  readonly #clock: Clock;
  /** One way to the fleet for all pools; there while there are pools. */
  #fleet: { readonly fleet: Fleet; readonly opened: Promise<void>; users: number } | undefined;

  constructor(settings: BackendSettings, clock: Clock) {
    this.#settings = settings;
    this.#modules = new NamedModules(settings.modules);
    this.#clock = clock;
  }

  async createExecutor(options: ExecutorCreateOptions): Promise<Executor> {
    refuseWorkerSettings(options);
    const { logger, startTimeoutSeconds } = options;
    if (this.#fleet === undefined) {
      const fleet = new Fleet(this.#settings, this.#clock, logger);
      this.#fleet = { fleet, opened: fleet.open(startTimeoutSeconds * 1000), users: 0 };
    }
    const shared = this.#fleet;
    shared.users++;
    const onEnd = async (): Promise<void> => {
      if (--shared.users > 0) return;
      if (this.#fleet === shared) this.#fleet = undefined;
      await shared.fleet.close();
    };
    try {
      await shared.opened;
    } catch (error) {
      if (this.#fleet === shared) this.#fleet = undefined;
      await onEnd();
      throw error;
    }
    return new FleetExecutor({
      fleet: shared.fleet,
      settings: this.#settings,
      modules: this.#modules,
      clock: this.#clock,
      logger,
      onEnd,
    });
  }
}

/** Workers are the hosts' affair: what would have no effect here is refused. */
function refuseWorkerSettings({
  asyncTasks,
  preload,
  workerData,
  workerOptions,
}: ExecutorCreateOptions): void {
  const given = {
    asyncTasks: asyncTasks === 'reject' ? asyncTasks : undefined,
    preload: preload.length > 0 ? preload : undefined,
    workerData,
    workerOptions,
  };
  for (const [key, value] of Object.entries(given)) {
    if (value !== undefined)
      throw outOfRange(
        `"${key}" has no effect on a fleet: give it to its hosts, in WorkerHost({ manager })`,
        value,
      );
  }
}
