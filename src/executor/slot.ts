import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { sharedNow } from '../ground/clock.ts';
import { TimeoutError } from '../ground/errors.ts';
import { notCloneable } from '../wire/cloneable.ts';
import { decodeThrow, type EncodedThrow } from '../wire/error-codec.ts';
import type { AnswerFrame, CallFrame, WorkerFrame } from '../wire/frame.ts';
import { packCalls, TaskNumbers } from '../wire/pack.ts';
import { inFlightLimit } from '../wire/progress.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { refuseDetached } from '../wire/transfer.ts';
import { chunksPerWorker } from './chunk.ts';
import { crashOf, describeExit, type WorkerExit } from './crash.ts';
import type { ExecutorCall, ExecutorCreateOptions } from './executor.ts';
import type { Spawn, WorkerPort } from './port.ts';

/** A call that a pool holds. */
export interface HeldCall extends ExecutorCall {
  /** Where the pool holds it: for the pool's own use. */
  seat?: number;
}

/** What a slot tells its pool. */
export interface SlotOwner {
  /** The worker is ready for calls. */
  slotUp(slot: Slot): void;
  /** A chunk has been answered: there is room for another. */
  slotFreed(slot: Slot): void;
  /** Answers came for calls of one task: what they cost. */
  slotMeasured(task: ResolvedTask, calls: number, workMs: number): void;
  /** These calls were never begun. They are to go elsewhere. */
  slotGaveBack(calls: readonly HeldCall[]): void;
  /** The worker has ended. `failure` is why, unless it was asked to end. */
  slotDown(slot: Slot, failure: unknown): void;
}

interface Chunk {
  /** Index behind its last call. */
  readonly end: number;
  /** The task of all its calls, when they have one. */
  readonly task: ResolvedTask | undefined;
}

const mask = inFlightLimit - 1;

/**
 * One worker and the calls it has: at most {@link chunksPerWorker} chunks. Indices count the calls since the
 * worker began; those from `#head` to `#tail` are not answered.
 */
export class Slot {
  readonly number: number;
  /** Whether it has ever begun a call. One that has can only have died of a job, not of its start. */
  proven = false;
  readonly #owner: SlotOwner;
  readonly #options: ExecutorCreateOptions;
  readonly #deadlines: Deadlines;
  readonly #port: WorkerPort;
  readonly #calls: (HeldCall | undefined)[] = new Array<HeldCall | undefined>(inFlightLimit).fill(undefined);
  readonly #chunks: Chunk[] = [];
  readonly #taskNumbers = new TaskNumbers();
  readonly #timers = new Map<HeldCall, Deadline>();
  /** Calls that could not be taken back for whoever wanted them. Should the worker pass over one all the same, it goes there. */
  readonly #wanted = new Set<HeldCall>();
  #head = 0;
  #tail = 0;
  #state: 'starting' | 'up' | 'ending' | 'down' = 'starting';
  #startDeadline: Deadline;
  /** Why the worker is ending, as far as it has been told. */
  #failure: unknown;
  /** Why it was asked to. */
  #endReason: Error | undefined;
  /** Answers up to here are to come once more, singly; those that come meanwhile are ignored. */
  #resending: 'no' | 'asked' | number = 'no';

  constructor(
    number: number,
    owner: SlotOwner,
    spawn: Spawn,
    options: ExecutorCreateOptions,
    deadlines: Deadlines,
    now: number,
  ) {
    this.number = number;
    this.#owner = owner;
    this.#options = options;
    this.#deadlines = deadlines;
    this.#port = spawn(options, {
      frame: (frame) => this.#receive(frame),
      unreadable: (error) => this.#unreadable(error),
      failed: (error) => (this.#failure ??= error),
      exit: (exitCode, signal) => this.#exited(exitCode, signal),
    });
    const notUp = (): void => {
      this.#failure = new Error(`the worker was not up within ${options.startTimeoutSeconds} s`);
      this.kill();
    };
    this.#startDeadline = deadlines.set(now + options.startTimeoutSeconds * 1000, notUp, {
      keepsAlive: true,
    });
  }

  get up(): boolean {
    return this.#state === 'up';
  }

  /** Nothing to answer. */
  get idle(): boolean {
    return this.#head === this.#tail;
  }

  /** Chunks it can take now. */
  get room(): number {
    return this.#state === 'up' ? chunksPerWorker - this.#chunks.length : 0;
  }

  /** Calls not answered: the one in work, those behind it, and those taken back. */
  get unanswered(): number {
    return this.#tail - this.#head;
  }

  /**
   * Sends a chunk; there must be room for it.
   * @returns the calls that cannot be sent, with the reason; nothing of them has moved
   */
  send(calls: readonly HeldCall[], now: number): { call: HeldCall; reason: unknown }[] {
    if (this.idle) this.#port.keepAlive(true);
    const unsendable = this.#post(calls, now) === undefined ? [] : this.#sendSingly(calls, now);
    if (this.idle) this.#port.keepAlive(false);
    return unsendable;
  }

  /** @returns whether the call was with this worker and will never run there */
  takeBack(call: HeldCall): boolean {
    const place = call.seat! & mask;
    if (this.#calls[place] !== call) return false;
    if (!this.#port.progress.takeBack(this.#indexAt(place))) {
      this.#wanted.add(call);
      return false;
    }
    this.#forget(place, call);
    return true;
  }

  /** Takes back up to `count` calls, the last ones first, that are not begun and can go elsewhere. @returns them, in order */
  takeBackLast(count: number): HeldCall[] {
    const taken: HeldCall[] = [];
    for (let index = this.#tail - 1; index >= this.#head && taken.length < count; index--) {
      const call = this.#calls[index & mask];
      if (call === undefined) continue;
      if (call.transfer.length > 0) continue; // Its memory has moved already.
      if (!this.#port.progress.takeBack(index)) break;
      this.#forget(index & mask, call);
      taken.push(call);
    }
    return taken.reverse();
  }

  /** Whether the worker has begun this call and not ended it. */
  isRunning(call: HeldCall): boolean {
    const place = call.seat! & mask;
    return this.#calls[place] === call && this.#port.progress.stateOf(this.#indexAt(place)) === 'begun';
  }

  /** Ends the worker because of the call it runs, which settles with `reason` at once. What it has not begun goes elsewhere. */
  endCall(call: HeldCall, reason: unknown): void {
    this.#logEnd(call, reason);
    this.#forget(call.seat! & mask, call);
    this.#owner.slotGaveBack(this.takeBackLast(Infinity));
    this.kill();
    call.settle({ status: 'rejected', reason });
  }

  /** @param reason what the call it runs is told as the cause */
  kill(reason?: Error): void {
    if (this.#state === 'ending' || this.#state === 'down') return;
    this.#state = 'ending';
    this.#endReason = reason;
    this.#deadlines.clear(this.#startDeadline);
    this.#port.kill();
  }

  /** The worker cannot be ended (it is in a long native call): nobody waits for it any more, and the process may end. */
  abandon(): void {
    this.#port.keepAlive(false);
    const { name: pool } = this.#options;
    this.#settleLost({ pool, exitCode: undefined, signal: undefined, cause: this.#endReason });
  }

  #post(calls: readonly HeldCall[], now: number): unknown {
    const first = this.#tail;
    const frame: CallFrame = packCalls(calls, first, this.#head, this.#taskNumbers);
    const { progress } = this.#port;
    for (let offset = 0; offset < calls.length; offset++) progress.queue(first + offset);
    try {
      const transfer = calls[0].transfer;
      if (transfer.length > 0) refuseDetached(transfer);
      this.#port.post(frame, transfer);
    } catch (error) {
      if (frame.newTasks !== undefined) this.#taskNumbers.forget(frame.newTasks);
      return error ?? new Error('the message could not be sent');
    }
    const base = this.number * inFlightLimit;
    for (const call of calls) {
      const place = this.#tail++ & mask;
      this.#calls[place] = call;
      call.seat = base + place;
      if (call.timeoutSeconds !== undefined) this.#watch(call, now + call.timeoutSeconds * 1000);
    }
    this.#chunks.push({ end: this.#tail, task: typeof frame.tasks === 'number' ? calls[0].task : undefined });
    return undefined;
  }

  /** One of the calls cannot be copied. A message that failed has moved nothing, so each can be tried alone. */
  #sendSingly(calls: readonly HeldCall[], now: number): { call: HeldCall; reason: unknown }[] {
    const unsendable: { call: HeldCall; reason: unknown }[] = [];
    for (const call of calls) {
      const error = this.#post([call], now);
      if (error !== undefined)
        unsendable.push({ call, reason: notCloneable('args', call.args, error, this.#port.copies) });
    }
    return unsendable;
  }

  #receive(frame: WorkerFrame): void {
    if ('values' in frame) this.#answered(frame);
    else if ('resendingTo' in frame) this.#resending = frame.resendingTo;
    else if (frame.up) this.#cameUp();
    else {
      this.#failure = decodeThrow(frame.thrown!);
      this.kill();
    }
  }

  #cameUp(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'up';
    this.#deadlines.clear(this.#startDeadline);
    this.#port.keepAlive(false);
    this.#owner.slotUp(this);
  }

  #answered(frame: AnswerFrame): void {
    if (frame.first !== this.#head) return; // It will come once more.
    const { values, failed } = frame;
    this.proven = true;
    this.#measure(frame);
    let failure = 0;
    for (let offset = 0; offset < values.length; offset++) {
      const place = this.#head++ & mask;
      const call = this.#calls[place];
      const isFailure = failed !== undefined && failed[failure]?.offset === offset;
      if (call !== undefined) {
        const wasWanted = isFailure && this.#wanted.has(call);
        this.#forget(place, call);
        if (!isFailure) call.settle({ status: 'fulfilled', value: values[offset] });
        else this.#failed(call, failed[failure].thrown, wasWanted);
      }
      if (isFailure) failure++;
    }
    if (typeof this.#resending === 'number' && this.#head >= this.#resending) this.#resending = 'no';
    this.#endChunks();
  }

  /** Without an error: the worker did not begin it. */
  #failed(call: HeldCall, thrown: EncodedThrow | undefined, wasWanted: boolean): void {
    if (thrown === undefined) {
      const reason = new TimeoutError('the job was taken back before it began', { phase: 'queue' });
      if (wasWanted) call.settle({ status: 'returned', reason });
      else this.#owner.slotGaveBack([call]);
    } else call.settle({ status: 'rejected', reason: decodeThrow(thrown) });
  }

  #measure({ values, workMs }: AnswerFrame): void {
    const task = this.#chunks[0]?.task;
    if (task !== undefined && workMs > 0) this.#owner.slotMeasured(task, values.length, workMs);
  }

  #endChunks(): void {
    if (this.#chunks.length === 0 || this.#chunks[0].end > this.#head) return;
    while (this.#chunks.length > 0 && this.#chunks[0].end <= this.#head) this.#chunks.shift();
    if (this.idle) this.#port.keepAlive(false);
    this.#owner.slotFreed(this);
  }

  #unreadable(error: unknown): void {
    if (this.#resending === 'asked') return; // A later frame, which comes once more as well.
    if (this.#resending === 'no') {
      this.#resending = 'asked';
      this.#port.post({ resendFrom: this.#head }, []);
      return;
    }
    const place = this.#head++ & mask;
    const call = this.#calls[place];
    if (call !== undefined) {
      this.#forget(place, call);
      call.settle({ status: 'rejected', reason: notCloneable('result', undefined, error) });
    }
    if (this.#head >= this.#resending) this.#resending = 'no';
    this.#endChunks();
  }

  #exited(exitCode: number | undefined, signal: string | undefined): void {
    const wasAsked = this.#state === 'ending' && this.#failure === undefined;
    this.#state = 'down';
    this.#deadlines.clear(this.#startDeadline);
    const exit = { pool: this.#options.name, exitCode, signal, cause: this.#failure ?? this.#endReason };
    this.#owner.slotGaveBack(this.#settleLost(exit));
    this.#owner.slotDown(this, wasAsked ? undefined : (this.#failure ?? new Error(describeExit(exit))));
  }

  /** Settles what was with the worker, by what it had begun. @returns the calls that can go elsewhere */
  #settleLost(exit: WorkerExit): HeldCall[] {
    const givenBack: HeldCall[] = [];
    for (; this.#head < this.#tail; this.#head++) {
      const place = this.#head & mask;
      const call = this.#calls[place];
      if (call === undefined) continue;
      const state = this.#port.progress.stateOf(this.#head);
      this.#forget(place, call);
      if (state !== 'queued') this.proven = true;
      if (state === 'queued' && call.transfer.length === 0) givenBack.push(call);
      else {
        const reason = crashOf(exit, state);
        this.#logEnd(call, reason);
        call.settle({ status: 'rejected', reason });
      }
    }
    return givenBack;
  }

  #logEnd({ owner, task }: HeldCall, error: unknown): void {
    const fields = { pool: this.#options.name, worker: this.number, owner, task: task.name, error };
    this.#options.logger.warn('a job ended with its worker', fields);
  }

  /** Ends the call when it has run for `timeoutSeconds`. It may begin later than it was sent; then the look is repeated. */
  #watch(call: HeldCall, at: number): void {
    const look = (now: number): void => {
      const limitMs = call.timeoutSeconds! * 1000;
      if (!this.isRunning(call)) return this.#watch(call, now + limitMs);
      const leftMs = limitMs - this.#port.progress.runningMs(sharedNow());
      if (leftMs > 0) return this.#watch(call, now + leftMs);
      this.#timers.delete(call);
      this.endCall(
        call,
        new TimeoutError(`the job ran longer than ${call.timeoutSeconds} s`, { phase: 'run' }),
      );
    };
    this.#timers.set(call, this.#deadlines.set(at, look, { keepsAlive: false }));
  }

  /** The index that stands at a place now. */
  #indexAt(place: number): number {
    return this.#head + ((place - this.#head) & mask);
  }

  #forget(place: number, call: HeldCall): void {
    this.#calls[place] = undefined;
    if (this.#wanted.size > 0) this.#wanted.delete(call);
    if (call.timeoutSeconds === undefined) return;
    this.#deadlines.clear(this.#timers.get(call));
    this.#timers.delete(call);
  }
}
