import type { Deadlines } from '../ground/deadline.ts';
import { decodeThrow } from '../wire/error-codec.ts';
import { hasField, type UnreadFrame, type WorkerFrame } from '../wire/frame.ts';
import { packCalls, TaskNumbers } from '../wire/pack.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { refuseDetached } from '../wire/transfer.ts';
import { CallEnder, type EndedWorker } from './call-ender.ts';
import { type Backlog, chunksPerWorker } from './chunk.ts';
import { crashOf, describeExit, type WorkerExit } from './crash.ts';
import type { ExecutorCreateOptions } from './executor.ts';
import { type HeldCall, InFlight, type LostCall } from './in-flight.ts';
import { type LoadingWorker, LoadWatch } from './load-watch.ts';
import { isFatal } from './lost-calls.ts';
import type { Spawn, WorkerPort } from './port.ts';
import { ResultChannel } from './result-channel.ts';
import { TransportTime } from './transport-time.ts';
import { refusal, type Unsendable, unreadable } from './unsendable.ts';
import { WorkerLife } from './worker-life.ts';
import { Error } from '../ground/globals.ts';

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
  /** The worker has ended. `failure` is why, unless it was asked to end. */
  slotDown(slot: Slot, failure: unknown): void;
  /** The worker cannot be ended: nobody waits for it any more. `failure` as above. */
  slotLeftBehind(slot: Slot, failure: unknown): void;
  /** A worker that was left behind has ended after all. */
  slotGone(slot: Slot): void;
}

/** One worker: its life, and the messages to and from it. */
export class Slot {
  readonly number: number;
  /** Whether it has ever begun a call, or loaded a module for one. Then it can only have died of that, not of its start. */
  proven = false;
  readonly #owner: SlotOwner;
  readonly #options: ExecutorCreateOptions;
  readonly #deadlines: Deadlines;
  readonly #port: WorkerPort;
  readonly #inFlight: InFlight;
  readonly #ender: CallEnder;
  readonly #taskNumbers = new TaskNumbers();
  readonly #life: WorkerLife;
  readonly #loads: LoadWatch;
  /** Why the worker is ending, as far as it has been told. */
  #failure: unknown;
  /** Why it was asked to. */
  #endReason: Error | undefined;
  /** Its end is blamed on a call that it had not begun. */
  hasBlamed = false;
  /** A getter in an argument may run while it is copied, and submit in turn: not to this worker then. */
  #isPosting = false;
  readonly #results: ResultChannel;
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
      unreadable: (error) => {
        if (!this.#life.isLeftBehind) this.#results.receiveUnreadable(error);
      },
      failed: (error) => (this.#failure ??= error),
      exit: (exitCode, signal) => this.#exited(exitCode, signal),
    });
    const { progress } = this.#port;
    this.#inFlight = new InFlight(number, progress, (call) => this.#ender.forget(call));
    this.#results = new ResultChannel(this.#inFlight, {
      callsRan: (task, calls, workMs) => this.#callsRan(task, calls, workMs),
      callSkipped: (call) => owner.slotGaveBack([call]),
      requestFrom: (resendFrom) => this.#port.post({ resendFrom }, []),
      settled: () => this.#resultsSettled(),
    });
    const worker: EndedWorker & LoadingWorker = {
      kill: () => this.kill(),
      endWith: (call, reason) => this.#endWith(call, reason),
      reject: (call, reason) => this.#reject(call, reason),
      giveBack: (calls) => owner.slotGaveBack(calls),
    };
    this.#ender = new CallEnder(deadlines, progress, this.#inFlight, worker);
    this.#loads = new LoadWatch(deadlines, options.startTimeoutSeconds, this.#inFlight, worker);
    this.#life = new WorkerLife(deadlines, options.startTimeoutSeconds * 1000, now, {
      notUp: () => this.#notUp(),
      notGone: () => this.kill(),
      leftBehind: () => this.#leftBehind(),
    });
  }

  get up(): boolean {
    return this.#life.isUp;
  }

  /** It was asked to end by itself. */
  get isLeaving(): boolean {
    return this.#life.isLeaving;
  }

  /** It loads the module of a call. */
  get isLoading(): boolean {
    return this.#loads.isLoading;
  }

  /** Nothing to answer. */
  get idle(): boolean {
    return this.#inFlight.isEmpty;
  }

  /** Chunks it can take now. */
  get room(): number {
    return this.#life.isUp && !this.#isPosting ? chunksPerWorker - this.#inFlight.chunks : 0;
  }

  /** Calls it has begun or will. */
  get held(): number {
    return this.#inFlight.held;
  }

  /** What it has not begun and can go elsewhere. */
  backlog(now: number): Backlog {
    return this.#inFlight.backlog(now);
  }

  /**
   * Sends a chunk; there must be room for it.
   * @param callMs what each of its calls is taken to cost; `Infinity` when that is not known
   * @returns the calls that cannot be sent, with the reason; nothing of them has moved
   */
  send(calls: readonly HeldCall[], now: number, callMs: number = Infinity): Unsendable[] {
    if (this.idle) this.#port.keepAlive(true);
    const error = this.#post(calls, now, callMs);
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

  /** Asks an idle worker to end by itself, and ends it when it has not done so in time. */
  end(): void {
    if (this.#life.isAskedToEnd()) this.#port.end();
  }

  /**
   * Ends the worker; one that cannot be ended within a second is left behind.
   * @param reason what the call it runs is told as the cause
   */
  kill(reason?: Error): void {
    if (!this.#life.ends()) return;
    this.#endReason = reason;
    this.#port.kill();
  }

  #endWith(call: HeldCall, reason: unknown): void {
    this.proven = true;
    // A result that waits for an earlier one settles its call once the worker is gone.
    if (this.#results.hasResultOf(call)) return this.kill();
    this.#inFlight.drop(call);
    this.kill();
    this.#reject(call, reason);
  }

  #reject(call: HeldCall, reason: unknown): void {
    this.#logEnd(call, reason);
    call.settle({ status: 'rejected', reason });
  }

  #notUp(): void {
    this.#failure = new Error(`the worker was not up within ${this.#options.startTimeoutSeconds} s`);
    this.kill();
  }

  #leftBehind(): void {
    this.#port.keepAlive(false);
    this.#owner.slotGaveBack(this.#settleLost(this.#exit(undefined, undefined)));
    this.#owner.slotLeftBehind(this, this.#failure);
  }

  /** @returns why they could not be sent */
  #post(calls: readonly HeldCall[], now: number, callMs: number = Infinity): unknown {
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
    inFlight.add(calls, task, newTasks, now, callMs);
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
    if (this.#life.isLeftBehind) return;
    if (hasField(frame, 'values')) this.#results.receive(frame);
    else if (hasField(frame, 'resendingTo')) this.#results.retransmissionBegins(frame.resendingTo);
    else if (hasField(frame, 'unreadFrom')) this.#sendUnread(frame);
    else if (hasField(frame, 'leaving')) this.#life.leaves();
    else if (hasField(frame, 'staying')) this.#stays();
    else if (hasField(frame, 'loading')) {
      this.proven = true;
      this.#loads.follow(frame.loading);
    } else if (frame.up) this.#cameUp();
    else {
      this.#failure = decodeThrow(frame.thrown!);
      this.kill();
    }
  }

  #stays(): void {
    this.#port.keepAlive(false);
    this.#exited(0, undefined);
  }

  #cameUp(): void {
    if (!this.#life.comesUp()) return;
    this.#port.keepAlive(false);
    this.#owner.slotUp(this);
  }

  #callsRan(task: ResolvedTask | undefined, calls: number, workMs: number): void {
    this.proven = true;
    if (calls === 0) return;
    this.#transport.callsRan(calls, workMs);
    if (task !== undefined) this.#owner.slotMeasured(task, calls, workMs);
  }

  #resultsSettled(): void {
    const now = this.#deadlines.now();
    const sentAtMs = this.#inFlight.endChunks(now);
    if (sentAtMs === undefined) return;
    this.#transport.chunkAnswered(sentAtMs, now);
    this.#freed();
  }

  #freed(): void {
    if (this.idle) this.#port.keepAlive(false);
    this.#owner.slotFreed(this);
  }

  /** The worker could not read the calls from `index` on: they go once more, singly; the one that is to blame is then alone. */
  #sendUnread({ unreadFrom: index, why }: UnreadFrame): void {
    const unsent = this.#inFlight.unsend(index);
    this.#taskNumbers.forget(unsent.flatMap(({ newTasks }) => newTasks));
    this.#port.post({ againFrom: index }, []);
    const guilty = unsent[0]?.wasAlone === true ? unsent.shift()!.calls : [];
    const unsendable = this.#sendSingly(
      unsent.flatMap(({ calls }) => calls),
      this.#deadlines.now(),
    );
    for (const call of guilty) unsendable.push(unreadable(call, this.#port, why));
    for (const { call, reason } of unsendable) call.settle({ status: 'rejected', reason });
    this.#freed();
  }

  #exited(exitCode: number | undefined, signal: string | undefined): void {
    const { isLeftBehind, isEnding, isDown, isUp } = this.#life;
    if (isDown) return;
    // It ended by itself: perhaps because of what it was sent last.
    const suspects = isUp && !this.#loads.isLoading ? this.#inFlight.nextIfNoneBegan() : [];
    this.#life.exits(); // Whoever hears of a call that is settled below may send another one at once: not to this worker.
    if (isLeftBehind) {
      this.#life.hasEnded();
      return this.#owner.slotGone(this);
    }
    const wasAsked = isEnding && this.#failure === undefined;
    const exit = this.#exit(exitCode, signal);
    const lost = this.#settleLost(exit);
    const isAlone = suspects.length === 1;
    const fatal = suspects.filter((call) => isFatal(call, isAlone) && lost.includes(call));
    this.hasBlamed = fatal.length > 0;
    for (const call of fatal) this.#crash(call, exit, 'fatal');
    this.#owner.slotGaveBack(lost.filter((call) => !fatal.includes(call)));
    this.#life.hasEnded();
    this.#owner.slotDown(this, wasAsked ? undefined : (this.#failure ?? new Error(describeExit(exit))));
  }

  #exit(exitCode: number | undefined, signal: string | undefined): WorkerExit {
    const { name: pool } = this.#options;
    return { pool, exitCode, signal, cause: this.#failure ?? this.#endReason };
  }

  /** @returns the calls that can go elsewhere */
  #settleLost(exit: WorkerExit): HeldCall[] {
    const givenBack = this.#results.settleLost(this.#loads.call, (call, state) =>
      this.#crash(call, exit, state),
    );
    this.#loads.ends();
    return givenBack;
  }

  #crash(call: HeldCall, exit: WorkerExit, state: LostCall['state'] | 'fatal'): void {
    if (state === 'begun' || state === 'finished') this.proven = true;
    const reason = crashOf(exit, state);
    this.#logEnd(call, reason);
    call.settle({ status: 'rejected', reason });
  }

  #logEnd({ owner, task }: HeldCall, error: unknown): void {
    const fields = { pool: this.#options.name, worker: this.number, owner, task: task.name, error };
    this.#options.logger.warn('a job ended with its worker', fields);
  }
}
