import type { Deadline, Deadlines } from '../ground/deadline.ts';
import { notCloneable } from '../wire/cloneable.ts';
import { decodeThrow, type EncodedThrow } from '../wire/error-codec.ts';
import type { AnswerFrame, WorkerFrame } from '../wire/frame.ts';
import { packCalls, TaskNumbers } from '../wire/pack.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { refuseDetached } from '../wire/transfer.ts';
import { unpackTrees } from '../wire/trees.ts';
import { CallEnder } from './call-ender.ts';
import { chunksPerWorker } from './chunk.ts';
import { crashOf, describeExit, type WorkerExit } from './crash.ts';
import { EarlyAnswers } from './early-answers.ts';
import type { ExecutorCreateOptions } from './executor.ts';
import { type HeldCall, InFlight, returnTo } from './in-flight.ts';
import type { Spawn, WorkerPort } from './port.ts';
import { TransportTime } from './transport-time.ts';

/** What a slot tells its pool. */
export interface SlotOwner {
  /** The worker is ready for calls. */
  slotUp(slot: Slot): void;
  /** A chunk has been answered: there is room for another. */
  slotFreed(slot: Slot): void;
  /** Calls of one task were made: what they cost. */
  slotMeasured(task: ResolvedTask, calls: number, workMs: number): void;
  /** These calls were never begun. They are to go elsewhere. */
  slotGaveBack(calls: readonly HeldCall[]): void;
  /** The worker has ended, or cannot be ended. `failure` is why, unless it was asked to end. Told once. */
  slotDown(slot: Slot, failure: unknown): void;
}

export interface Unsendable {
  readonly call: HeldCall;
  readonly reason: Error;
}

/** How long a worker that did not come up may take to end. */
const endMs = 1_000;

/** One worker: its life, and the messages to and from it. */
export class Slot {
  readonly number: number;
  /** Whether it has ever begun a call. One that has can only have died of a job, not of its start. */
  proven = false;
  readonly #owner: SlotOwner;
  readonly #options: ExecutorCreateOptions;
  readonly #deadlines: Deadlines;
  readonly #port: WorkerPort;
  readonly #inFlight: InFlight;
  readonly #ender: CallEnder;
  readonly #taskNumbers = new TaskNumbers();
  #state: 'starting' | 'up' | 'ending' | 'down' = 'starting';
  #startDeadline: Deadline;
  /** Why the worker is ending, as far as it has been told. */
  #failure: unknown;
  /** Why it was asked to. */
  #endReason: Error | undefined;
  /** A getter in an argument may run while it is copied, and submit in turn: not to this worker then. */
  #isPosting = false;
  /** Answers up to here come once more, singly, because some could not be read. */
  #resending: 'no' | 'asked' | number = 'no';
  /** Answers behind those: what was read once is not taken from a second copy. */
  readonly #early = new EarlyAnswers();
  readonly #transport: TransportTime;

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
    this.#transport = new TransportTime(options.meter);
    this.#port = spawn(options, {
      frame: (frame) => this.#receive(frame),
      unreadable: (error) => this.#unreadable(error),
      failed: (error) => (this.#failure ??= error),
      exit: (exitCode, signal) => this.#exited(exitCode, signal),
    });
    const { progress } = this.#port;
    this.#inFlight = new InFlight(number, progress, (call) => this.#ender.forget(call));
    this.#ender = new CallEnder(deadlines, progress, this.#inFlight, {
      endWith: (call, reason) => this.#endWith(call, reason),
      giveBack: (calls) => owner.slotGaveBack(calls),
    });
    const startMs = options.startTimeoutSeconds * 1000;
    this.#startDeadline = deadlines.set(now + startMs, (at) => this.#notUp(at), { keepsAlive: true });
  }

  get up(): boolean {
    return this.#state === 'up';
  }

  /** Nothing to answer. */
  get idle(): boolean {
    return this.#inFlight.isEmpty;
  }

  /** Chunks it can take now. */
  get room(): number {
    return this.#state === 'up' && !this.#isPosting ? chunksPerWorker - this.#inFlight.chunks : 0;
  }

  /** Calls it has begun or will. */
  get held(): number {
    return this.#inFlight.held;
  }

  /**
   * Sends a chunk; there must be room for it.
   * @returns the calls that cannot be sent, with the reason; nothing of them has moved
   */
  send(calls: readonly HeldCall[], now: number): Unsendable[] {
    if (this.idle) this.#port.keepAlive(true);
    const error = this.#post(calls, now);
    const unsendable =
      error === undefined
        ? []
        : calls.length === 1
          ? [refusal(calls[0], error, this.#port)]
          : this.#sendSingly(calls, now);
    if (this.idle) this.#port.keepAlive(false);
    return unsendable;
  }

  /** @returns whether the call was with this worker and will never run there */
  takeBack(call: HeldCall): boolean {
    return this.#inFlight.takeBack(call);
  }

  /** Takes back up to `count` calls, the last ones first, that can go elsewhere. @returns them, in order */
  takeBackLast(count: number): HeldCall[] {
    return this.#inFlight.takeBackLast(count);
  }

  /**
   * Ends the worker because of a call it runs, which settles with `reason` at once; what it has not begun goes
   * elsewhere. A call that has ended may still be answered. Does nothing for any other call.
   */
  endCall(call: HeldCall, reason: unknown): void {
    this.#ender.end(call, reason);
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
    const exit = { pool, exitCode: undefined, signal: undefined, cause: this.#endReason };
    this.#owner.slotGaveBack(this.#settleLost(exit));
  }

  #endWith(call: HeldCall, reason: unknown): void {
    this.#logEnd(call, reason);
    this.#inFlight.drop(call);
    this.kill();
    call.settle({ status: 'rejected', reason });
  }

  #notUp(now: number): void {
    this.#failure = new Error(`the worker was not up within ${this.#options.startTimeoutSeconds} s`);
    this.kill();
    const cannotEnd = (): void => {
      this.#port.keepAlive(false);
      this.#down(this.#failure);
    };
    this.#startDeadline = this.#deadlines.set(now + endMs, cannotEnd, { keepsAlive: true });
  }

  /** @returns why they could not be sent */
  #post(calls: readonly HeldCall[], now: number): unknown {
    const inFlight = this.#inFlight;
    const newTasks: ResolvedTask[] = [];
    let task: ResolvedTask | undefined;
    this.#isPosting = true;
    try {
      const { transfer } = calls[0];
      refuseDetached(transfer);
      const frame = packCalls(calls, inFlight.end, inFlight.first, this.#taskNumbers, newTasks);
      if (typeof frame.tasks === 'number') task = calls[0].task;
      inFlight.prepare(calls.length);
      this.#port.post(frame, transfer);
    } catch (error) {
      this.#taskNumbers.forget(newTasks);
      return error ?? new Error('the message could not be sent');
    } finally {
      this.#isPosting = false;
    }
    inFlight.add(calls, task, newTasks, now);
    for (const call of calls) this.#ender.watch(call, now);
    return undefined;
  }

  /** One of the calls cannot be copied. A message that failed has moved nothing, so each can be tried alone. */
  #sendSingly(calls: readonly HeldCall[], now: number): Unsendable[] {
    return calls.flatMap((call) => {
      const error = this.#post([call], now);
      return error === undefined ? [] : [refusal(call, error, this.#port)];
    });
  }

  #receive(frame: WorkerFrame): void {
    if ('values' in frame) this.#answered({ ...frame, values: unpackTrees(frame) });
    else if ('resendingTo' in frame) this.#resending = frame.resendingTo;
    else if ('unreadFrom' in frame) this.#sendUnread(frame.unreadFrom);
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
    if (frame.first > this.#inFlight.first) this.#early.keep(frame);
    else if (frame.first === this.#inFlight.first) this.#settle(frame);
    this.#settleEarly();
    this.#afterAnswers();
  }

  /** Answers that came before their turn, as far as it is their turn now. */
  #settleEarly(): void {
    const next = (): AnswerFrame | undefined => this.#early.take(this.#inFlight.first);
    for (let frame = next(); frame !== undefined; frame = next()) this.#settle(frame);
  }

  #settle({ values, failed, workMs }: AnswerFrame): void {
    this.proven = true;
    const { task } = this.#inFlight;
    const passed = failed?.reduce((count, { thrown }) => (thrown === undefined ? count + 1 : count), 0) ?? 0;
    const made = values.length - passed;
    if (made > 0) {
      this.#transport.callsRan(made, workMs);
      if (task !== undefined) this.#owner.slotMeasured(task, made, workMs);
    }
    let failure = 0;
    for (let offset = 0; offset < values.length; offset++) {
      if (failed?.[failure]?.offset === offset) this.#failed(failed[failure++].thrown);
      else this.#inFlight.shift()?.settle({ status: 'fulfilled', value: values[offset] });
    }
  }

  /** The next call failed. Without an error: the worker passed over it, because it had been wanted back. */
  #failed(thrown: EncodedThrow | undefined): void {
    const wasWanted = this.#inFlight.isNextWanted;
    const call = this.#inFlight.shift();
    if (call === undefined) return;
    if (thrown !== undefined) return call.settle({ status: 'rejected', reason: decodeThrow(thrown) });
    if (wasWanted) returnTo(call);
    else this.#owner.slotGaveBack([call]);
  }

  #afterAnswers(): void {
    if (typeof this.#resending === 'number' && this.#inFlight.first >= this.#resending)
      this.#resending = 'no';
    const sentAtMs = this.#inFlight.endChunks();
    if (sentAtMs === undefined) return;
    this.#transport.chunkAnswered(sentAtMs, this.#deadlines.now());
    this.#freed();
  }

  #freed(): void {
    if (this.idle) this.#port.keepAlive(false);
    this.#owner.slotFreed(this);
  }

  /** Answers that cannot be read are asked for once more, singly; the one that is to blame is then alone. */
  #unreadable(error: unknown): void {
    if (this.#resending === 'asked') return; // A later frame, which comes once more as well.
    if (this.#resending === 'no') {
      this.#resending = 'asked';
      this.#port.post({ resendFrom: this.#inFlight.first }, []);
      return;
    }
    const answered = this.#inFlight.shift();
    answered?.settle({ status: 'rejected', reason: notCloneable('result', undefined, error) });
    this.#settleEarly();
    this.#afterAnswers();
  }

  /** The worker could not read the calls from `index` on: they go once more, singly; the one that is to blame is then alone. */
  #sendUnread(index: number): void {
    const unsent = this.#inFlight.unsend(index);
    this.#taskNumbers.forget(unsent.flatMap(({ newTasks }) => newTasks));
    this.#port.post({ againFrom: index }, []);
    const guilty = unsent[0]?.wasAlone === true ? unsent.shift()!.calls : [];
    const unsendable = this.#sendSingly(
      unsent.flatMap(({ calls }) => calls),
      this.#deadlines.now(),
    );
    const error = new RangeError('it nests deeper than the stack of the worker allows');
    for (const call of guilty) unsendable.push({ call, reason: notCloneable('args', undefined, error) });
    for (const { call, reason } of unsendable) call.settle({ status: 'rejected', reason });
    this.#freed();
  }

  #exited(exitCode: number | undefined, signal: string | undefined): void {
    if (this.#state === 'down') return;
    const wasAsked = this.#state === 'ending' && this.#failure === undefined;
    const exit = { pool: this.#options.name, exitCode, signal, cause: this.#failure ?? this.#endReason };
    this.#state = 'ending'; // Whoever hears of a call that is settled here may send another one at once: not to this worker.
    this.#owner.slotGaveBack(this.#settleLost(exit));
    this.#down(wasAsked ? undefined : (this.#failure ?? new Error(describeExit(exit))));
  }

  #down(failure: unknown): void {
    this.#state = 'down';
    this.#deadlines.clear(this.#startDeadline);
    this.#owner.slotDown(this, failure);
  }

  /** Settles what was with the worker: what has been answered before its turn, and the rest by what it had begun. @returns the calls that can go elsewhere */
  #settleLost(exit: WorkerExit): HeldCall[] {
    const givenBack: HeldCall[] = [];
    for (const early of this.#early.takeAll()) {
      if (early.first < this.#inFlight.first) continue;
      givenBack.push(...this.#settleLostTo(early.first, exit));
      this.#settle(early);
    }
    givenBack.push(...this.#settleLostTo(this.#inFlight.end, exit));
    return givenBack;
  }

  #settleLostTo(end: number, exit: WorkerExit): HeldCall[] {
    const givenBack: HeldCall[] = [];
    for (const { call, state } of this.#inFlight.takeLost(end)) {
      if (state === 'begun' || state === 'finished') this.proven = true;
      if (state === 'taken back') returnTo(call);
      else if (state === 'queued' && call.hasMoved !== true) givenBack.push(call);
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
}

function refusal(call: HeldCall, error: unknown, port: WorkerPort): Unsendable {
  return { call, reason: notCloneable('args', call.args, error, port.copies) };
}
