import type { Deadline } from '../ground/deadline.ts';
import { CancelledError, LeaseUnavailableError, TimeoutError } from '../ground/errors.ts';
import { reasonOf, unwatch, watch } from '../job/abort.ts';
import type { AcquireSettings } from './acquire-options.ts';
import type { AcquiredAt } from './acquired-at.ts';
import { ExecutorLease, type LeaseTools } from './lease.ts';
import type { LoanRequest, LoanSource } from './lender.ts';
import type { Loan } from './loan.ts';
import type { LeaseOption } from './loan-terms.ts';

export interface AcquisitionTools extends LeaseTools {
  readonly lender: LoanSource;
}

/** One `acquire()`: a request for a loan whose wait can be bounded and cancelled. */
export class Acquisition implements LoanRequest {
  readonly leaseMs: number;
  readonly leaseOption: LeaseOption;
  readonly owner: string | undefined;
  readonly waitsOutBreak = false;
  readonly needsWorkers = false;
  readonly wants = 1;
  readonly #settings: AcquireSettings;
  readonly #tools: AcquisitionTools;
  readonly #resolve: (lease: ExecutorLease) => void;
  readonly #reject: (error: Error) => void;
  readonly #acquiredAt: AcquiredAt | undefined;
  #isOver = false;
  #leave: (() => void) | undefined;
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
    const { lender, deadlines, clock } = this.#tools;
    if (signal?.aborted === true) return this.cancel(reasonOf(signal));
    if (signal !== undefined) watch(signal, this); // Before it stands in line: the signal may throw.
    if (!lender.canLend && lender.refusal === undefined) {
      if (!wait)
        return this.refused(new LeaseUnavailableError('every pool is leased', { owner: this.owner }));
      if (timeoutMs === 0) return this.#onTimeout();
    }
    const leave = lender.borrow(this);
    if (this.#isOver) return;
    this.#leave = leave;
    if (timeoutMs !== undefined)
      this.#deadline = deadlines.set(clock.now() + timeoutMs, this.#onTimeout, { keepsAlive: true });
  }

  granted(loan: Loan): void {
    this.#end();
    this.#resolve(ExecutorLease.over(loan, this.#tools, this.#acquiredAt));
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
    this.#leave?.();
    this.#tools.deadlines.clear(this.#deadline);
    if (this.#settings.signal !== undefined) unwatch(this.#settings.signal, this);
  }
}
