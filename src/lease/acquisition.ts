import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { CancelledError, LeaseUnavailableError, TimeoutError } from '../ground/errors.ts';
import { unwatch, watch } from '../job/abort.ts';
import type { AcquireSettings } from './acquire-options.ts';
import { ExecutorLease, type LeaseTools } from './lease.ts';
import type { LoanRequest, LoanSource } from './lender.ts';
import type { Loan } from './loan.ts';

export interface AcquisitionTools extends LeaseTools {
  readonly deadlines: Deadlines;
  readonly lender: LoanSource;
}

/** One `acquire()`: a request for a loan whose wait can be bounded and cancelled. */
export class Acquisition implements LoanRequest {
  readonly leaseMs: number;
  readonly owner: string | undefined;
  readonly waitsOutBreak = false;
  readonly #settings: AcquireSettings;
  readonly #tools: AcquisitionTools;
  readonly #resolve: (lease: ExecutorLease) => void;
  readonly #reject: (error: Error) => void;
  #isOver = false;
  #leave: (() => void) | undefined;
  #deadline: Deadline | undefined;

  constructor(
    settings: AcquireSettings,
    tools: AcquisitionTools,
    resolve: (lease: ExecutorLease) => void,
    reject: (error: Error) => void,
  ) {
    this.leaseMs = settings.leaseMs;
    this.owner = settings.owner;
    this.#settings = settings;
    this.#tools = tools;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(): void {
    const { signal, wait, timeoutMs } = this.#settings;
    const { lender, deadlines, clock } = this.#tools;
    if (signal?.aborted === true) return this.cancel();
    if (!lender.canLend && lender.refusal === undefined) {
      if (!wait) return this.refused(new LeaseUnavailableError('every pool is leased'));
      if (timeoutMs === 0) return this.#onTimeout();
    }
    const leave = lender.borrow(this);
    if (this.#isOver) return;
    this.#leave = leave;
    if (signal !== undefined) watch(signal, this);
    if (timeoutMs !== undefined)
      this.#deadline = deadlines.set(clock.now() + timeoutMs, this.#onTimeout, { keepsAlive: true });
  }

  granted(loan: Loan): void {
    this.#end();
    this.#resolve(ExecutorLease.over(loan, this.#tools));
  }

  refused(error: Error): void {
    this.#end();
    this.#reject(error);
  }

  /** From its signal. */
  cancel(): void {
    this.refused(new CancelledError('acquire() was cancelled', { cause: this.#settings.signal?.reason }));
  }

  readonly #onTimeout = (): void => {
    const seconds = (this.#settings.timeoutMs ?? 0) / 1000;
    this.refused(new TimeoutError(`no pool was free within ${seconds} s`, { phase: 'acquire' }));
  };

  #end(): void {
    this.#isOver = true;
    this.#leave?.();
    this.#tools.deadlines.clear(this.#deadline);
    if (this.#settings.signal !== undefined) unwatch(this.#settings.signal, this);
  }
}
