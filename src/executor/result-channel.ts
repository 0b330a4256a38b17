import { ofJob } from '../core/errors.ts';
import { notCloneable } from '../wire/cloneable.ts';
import { decodeThrow } from '../wire/error-codec.ts';
import { reviveErrors } from '../wire/error-envelope.ts';
import type { ResultFrame, Failure } from '../wire/frame.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { unpackTrees } from '../wire/shape-encoding.ts';
import { ReorderBuffer } from './reorder-buffer.ts';
import { type PooledCall, type InFlightCalls, type LostCall, settleAsReturned } from './in-flight-calls.ts';
import { settleLost } from './lost-calls.ts';

/** What a channel tells the worker's handle. */
export interface ResultEvents {
  /** The worker ran `calls` calls in `workMs`; `task` is their task when all have the same. */
  callsRan(task: ResolvedTask | undefined, calls: number, workMs: number): void;
  /** The worker skipped a call that it had not begun: the call can run elsewhere. */
  callSkipped(call: PooledCall): void;
  /** The results from `index` on could not be read. The worker has to send them again. */
  requestRetransmission(index: number): void;
  /** Results have settled their calls. */
  settled(): void;
}

/**
 * Receives the results of one worker and settles its calls in order. When a frame of results cannot be read, the
 * channel requests the results once more, one by one, so that only the result to blame fails. Results that arrive
 * meanwhile wait in a reorder buffer: a result that was read is never replaced by a second copy, which may differ.
 */
export class ResultChannel {
  readonly #inFlight: InFlightCalls;
  readonly #events: ResultEvents;
  readonly #reorderBuffer = new ReorderBuffer();
  /** Whether results are sent again: requested, or up to this index. */
  #retransmission: 'none' | 'requested' | number = 'none';

  constructor(inFlight: InFlightCalls, events: ResultEvents) {
    this.#inFlight = inFlight;
    this.#events = events;
  }

  receive(frame: ResultFrame): void {
    let values: readonly unknown[];
    try {
      reviveErrors(frame.errors);
      values = unpackTrees(frame);
    } catch (error) {
      return this.receiveUnreadable(error);
    }
    const results = { ...frame, values };
    if (frame.first > this.#inFlight.first) this.#reorderBuffer.add(results);
    else if (frame.first === this.#inFlight.first) this.#settle(results);
    this.#settleReordered();
    this.#afterResults();
  }

  /** The worker sends the results up to `index` again. */
  retransmissionBegins(index: number): void {
    this.#retransmission = index;
  }

  receiveUnreadable(error: unknown): void {
    // A frame behind the first unreadable one is sent again as well.
    if (this.#retransmission === 'requested') return;
    if (this.#retransmission === 'none') {
      this.#retransmission = 'requested';
      return this.#events.requestRetransmission(this.#inFlight.first);
    }
    const call = this.#inFlight.shift();
    call?.settle({ status: 'rejected', reason: notCloneable('result', undefined, error) });
    this.#settleReordered();
    this.#afterResults();
  }

  /** Whether the result of a call has arrived and waits for an earlier one. */
  hasResultOf(call: PooledCall): boolean {
    const index = this.#inFlight.indexOf(call);
    return index !== undefined && this.#reorderBuffer.has(index);
  }

  /**
   * Settles everything that was with the worker, which is gone: see {@link settleLost}.
   * @returns the calls that can go elsewhere
   */
  settleLost(
    loading: PooledCall | undefined,
    crash: (call: PooledCall, state: LostCall['state']) => void,
  ): PooledCall[] {
    const settle = (results: ResultFrame): void => this.#settle(results);
    return settleLost(this.#inFlight, this.#reorderBuffer, loading, settle, crash);
  }

  #settleReordered(): void {
    const next = (): ResultFrame | undefined => this.#reorderBuffer.take(this.#inFlight.first);
    for (let results = next(); results !== undefined; results = next()) this.#settle(results);
  }

  #settle({ values, failed, workMs }: ResultFrame): void {
    const { task } = this.#inFlight;
    const skipped = failed?.reduce((count, { thrown }) => (thrown === undefined ? count + 1 : count), 0) ?? 0;
    this.#events.callsRan(task, values.length - skipped, workMs);
    let failure = 0;
    for (let offset = 0; offset < values.length; offset++) {
      if (failed?.[failure]?.offset === offset) this.#fail(failed[failure++]);
      else this.#inFlight.shift()?.settle({ status: 'fulfilled', value: values[offset] });
    }
  }

  /** The next call failed, or was skipped because its take-back had been requested: then nothing was thrown. */
  #fail({ thrown, isOfLibrary }: Failure): void {
    const wasWanted = this.#inFlight.isNextTakeBackRequested;
    const call = this.#inFlight.shift();
    if (call === undefined) return;
    if (thrown !== undefined) {
      const reason = decodeThrow(thrown);
      const isOurs = isOfLibrary === true || thrown.isRefusal === true;
      return call.settle({ status: 'rejected', reason: isOurs ? reason : ofJob(reason) });
    }
    if (wasWanted) settleAsReturned(call);
    else this.#events.callSkipped(call);
  }

  #afterResults(): void {
    if (typeof this.#retransmission === 'number' && this.#inFlight.first >= this.#retransmission)
      this.#retransmission = 'none';
    this.#events.settled();
  }
}
