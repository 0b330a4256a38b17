import type { Deadline } from '../core/timer-queue.ts';
import { CancelledError, LeaseUnavailableError, TimeoutError } from '../core/errors.ts';
import { reasonOf, unwatch, watch } from '../job/abort.ts';
import type { AcquireSettings } from './acquire-options.ts';
import type { AcquiredAt } from './acquired-at.ts';
import { ExecutorLease, type LeaseTools } from './executor-lease.ts';
import type { LeaseRequest, LeaseSource } from './lease-broker.ts';
import type { Lease } from './lease.ts';
import type { LeaseOption } from './lease-terms.ts';

export interface AcquisitionTools extends LeaseTools {
  readonly broker: LeaseSource;
}

/** One `acquire()`: a request for a lease whose wait can be bounded and cancelled. */
export class Acquisition implements LeaseRequest {
  readonly leaseMs: number;
  readonly leaseOption: LeaseOption;
  readonly owner: string | undefined;
  readonly waitsDuringCooldown = false;
  readonly needsWorkers = false;
  readonly wants = 1;
  readonly #settings: AcquireSettings;
  readonly #tools: AcquisitionTools;
  readonly #resolve: (lease: ExecutorLease) => void;
  readonly #reject: (error: Error) => void;
  readonly #acquiredAt: AcquiredAt | undefined;
  #isOver = false;
  #cancelRequest: (() => void) | undefined;
  #deadline: Deadline | undefined;

  constructor(
    settings: AcquireSettings,
    tools: AcquisitionTools,
    resolve: (lease: ExecutorLease) => void,
    reject: (error: Error) => void,
    acquiredAt?: AcquiredAt,
  ) {
    this.leaseMs = settings.leaseMs;
    this.leaseOption = settings.leaseOption;
    this.owner = settings.owner;
    this.#settings = settings;
    this.#tools = tools;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#acquiredAt = acquiredAt;
  }

  begin(): void {
    const { signal, wait, timeoutMs } = this.#settings;
    const { broker, timers, clock } = this.#tools;
    if (signal?.aborted === true) return this.cancel(reasonOf(signal));
    if (signal !== undefined) watch(signal, this); // Before it stands in line: the signal may throw.
    if (!broker.canLend && broker.refusal === undefined) {
      if (!wait)
        return this.refused(new LeaseUnavailableError('every pool is leased', { owner: this.owner }));
      if (timeoutMs === 0) return this.#onTimeout();
    }
    const leave = broker.acquire(this);
    if (this.#isOver) return;
    this.#cancelRequest = leave;
    if (timeoutMs !== undefined)
      this.#deadline = timers.set(clock.now() + timeoutMs, this.#onTimeout, { keepsAlive: true });
  }

  granted(lease: Lease): void {
    this.#end();
    this.#resolve(ExecutorLease.over(lease, this.#tools, this.#acquiredAt));
  }

  refused(error: Error): void {
    this.#end();
    this.#reject(error);
  }

  /** From its signal. */
  cancel(reason: unknown): void {
    const details = { cause: reason, owner: this.owner };
    this.refused(new CancelledError('acquire() was cancelled', details));
  }

  readonly #onTimeout = (): void => {
    const seconds = (this.#settings.timeoutMs ?? 0) / 1000;
    const details = { phase: 'acquire', owner: this.owner } as const;
    this.refused(new TimeoutError(`no pool was free within ${seconds} s`, details));
  };

  #end(): void {
    this.#isOver = true;
    this.#cancelRequest?.();
    this.#tools.timers.clear(this.#deadline);
    if (this.#settings.signal !== undefined) unwatch(this.#settings.signal, this);
  }
}
