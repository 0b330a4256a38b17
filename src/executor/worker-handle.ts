import type { TimerQueue } from '../core/timer-queue.ts';
import { decodeThrow } from '../wire/error-codec.ts';
import { hasField, type CallsNackFrame, type WorkerFrame } from '../wire/frame.ts';
import { packCalls, TaskNumbers } from '../wire/pack.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { refuseDetached } from '../wire/transfer.ts';
import { CallTerminator, type TerminatedWorker } from './call-terminator.ts';
import { type Backlog, chunksPerWorker } from './chunk.ts';
import { crashOf, describeExit, type WorkerExit } from './crash.ts';
import type { ExecutorCreateOptions } from './executor.ts';
import { type PooledCall, InFlightCalls, type LostCall } from './in-flight-calls.ts';
import { type LoadingWorker, LoadWatch } from './load-watch.ts';
import { isFatal } from './lost-calls.ts';
import type { Spawn, WorkerPort } from './port.ts';
import { ResultChannel } from './result-channel.ts';
import { TransportTime } from './transport-time.ts';
import { refusal, type UncloneableCall, unreadable } from './uncloneable-call.ts';
import { WorkerLife } from './worker-life.ts';
import { Error } from '../core/globals.ts';

/** What a handle tells its pool. */
export interface WorkerHandleEvents {
  /** The worker is ready for calls. */
  workerReady(handle: WorkerHandle): void;
  /** A chunk has been answered: the worker can take another. */
  workerAvailable(handle: WorkerHandle): void;
  /** Calls of one task have run: what they cost. */
  callsMeasured(task: ResolvedTask, calls: number, workMs: number): void;
  /** The worker never began these calls: the pool sends them elsewhere. */
  requeue(calls: readonly PooledCall[]): void;
  /** The worker has ended. `failure` is why, unless it was asked to end. */
  workerExited(handle: WorkerHandle, failure: unknown): void;
  /** The worker cannot be ended: nobody waits for it any more. `failure` as above. */
  workerLeftBehind(handle: WorkerHandle, failure: unknown): void;
  /** A worker that was left behind has ended after all. */
  leftBehindEnded(handle: WorkerHandle): void;
}

/** One worker: its life, and the messages to and from it. */
export class WorkerHandle {
  readonly number: number;
  /** The worker has begun a call, or loaded a module for one. From then on a death is a job's, and no failed start. */
  hasRunCall = false;
  readonly #events: WorkerHandleEvents;
  readonly #options: ExecutorCreateOptions;
  readonly #timers: TimerQueue;
  readonly #port: WorkerPort;
  readonly #inFlight: InFlightCalls;
  readonly #terminator: CallTerminator;
  readonly #taskNumbers = new TaskNumbers();
  readonly #life: WorkerLife;
  readonly #loads: LoadWatch;
  /** Why the worker is ending, as far as it has been told. */
  #failure: unknown;
  /** Why it was asked to. */
  #endReason: Error | undefined;
  /** Its end is blamed on a call that it had not begun. */
  hadFatalCall = false;
  /** True inside `postMessage()`. Getters of arguments run there and may submit: the handle reports no capacity until it returns. */
  #isPosting = false;
  readonly #results: ResultChannel;
  readonly #transport: TransportTime;

  constructor(
    number: number,
    owner: WorkerHandleEvents,
    spawn: Spawn,
    options: ExecutorCreateOptions,
    timers: TimerQueue,
    now: number,
  ) {
    this.number = number;
    this.#events = owner;
    this.#options = options;
    this.#timers = timers;
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
    this.#inFlight = new InFlightCalls(number, progress, (call) => this.#terminator.forget(call));
    this.#results = new ResultChannel(this.#inFlight, {
      callsRan: (task, calls, workMs) => this.#callsRan(task, calls, workMs),
      callSkipped: (call) => owner.requeue([call]),
      requestRetransmission: (nackResultsFrom) => this.#port.post({ nackResultsFrom }, []),
      settled: () => this.#resultsReceived(),
    });
    const worker: TerminatedWorker & LoadingWorker = {
      kill: () => this.kill(),
      terminate: (call, reason) => this.#endWith(call, reason),
      reject: (call, reason) => this.#reject(call, reason),
      requeue: (calls) => owner.requeue(calls),
    };
    this.#terminator = new CallTerminator(timers, progress, this.#inFlight, worker);
    this.#loads = new LoadWatch(timers, options.startTimeoutSeconds, this.#inFlight, worker);
    this.#life = new WorkerLife(timers, options.startTimeoutSeconds * 1000, now, {
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
  get capacity(): number {
    return this.#life.isUp && !this.#isPosting ? chunksPerWorker - this.#inFlight.chunks : 0;
  }

  /** Calls it has begun or will. */
  get unfinished(): number {
    return this.#inFlight.unfinished;
  }

  /** What it has not begun and can go elsewhere. */
  backlog(now: number): Backlog {
    return this.#inFlight.backlog(now);
  }

  /**
   * Sends a chunk; the worker must have capacity for it.
   * @param callMs what each of its calls is taken to cost; `Infinity` when that is not known
   * @returns the calls that cannot be sent, with the reason; nothing of them has moved
   */
  send(calls: readonly PooledCall[], now: number, callMs: number = Infinity): UncloneableCall[] {
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
  takeBack(call: PooledCall): boolean {
    return this.#inFlight.takeBack(call);
  }

  /** Takes back up to `count` calls, the last ones first, that can go elsewhere. @returns them, in order */
  takeBackLast(count: number): PooledCall[] {
    return this.#inFlight.takeBackLast(count);
  }

  /**
   * Ends the worker because of a call it runs, which settles with `reason` at once; what it has not begun goes
   * elsewhere. A call that has ended may still be answered. Does nothing for any other call.
   */
  endCall(call: PooledCall, reason: unknown): void {
    this.#terminator.end(call, reason);
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

  #endWith(call: PooledCall, reason: unknown): void {
    this.hasRunCall = true;
    // The result has arrived and waits for an earlier one: it settles the call once the worker is gone.
    if (this.#results.hasResultOf(call)) return this.kill();
    this.#inFlight.remove(call);
    this.kill();
    this.#reject(call, reason);
  }

  #reject(call: PooledCall, reason: unknown): void {
    this.#logEnd(call, reason);
    call.settle({ status: 'rejected', reason });
  }

  #notUp(): void {
    this.#failure = new Error(`the worker was not up within ${this.#options.startTimeoutSeconds} s`);
    this.kill();
  }

  #leftBehind(): void {
    this.#port.keepAlive(false);
    this.#events.requeue(this.#settleLost(this.#exit(undefined, undefined)));
    this.#events.workerLeftBehind(this, this.#failure);
  }

  /** @returns why they could not be sent */
  #post(calls: readonly PooledCall[], now: number, callMs: number = Infinity): unknown {
    const inFlight = this.#inFlight;
    const newTasks: ResolvedTask[] = [];
    let task: ResolvedTask | undefined;
    this.#isPosting = true;
    try {
      const { transfer } = calls[0];
      refuseDetached(transfer);
      const frame = packCalls(calls, inFlight.end, inFlight.first, this.#taskNumbers, newTasks);
      if (typeof frame.tasks === 'number') task = calls[0].task;
      inFlight.markQueued(calls.length);
      this.#port.post(frame, transfer);
    } catch (error) {
      this.#taskNumbers.forget(newTasks);
      return error ?? new Error('the message could not be sent');
    } finally {
      this.#isPosting = false;
    }
    inFlight.append(calls, task, newTasks, now, callMs);
    for (const call of calls) this.#terminator.watch(call, now);
    return undefined;
  }

  /** One of the calls cannot be copied. A message that failed has moved nothing, so each can be tried alone. */
  #sendSingly(calls: readonly PooledCall[], now: number): UncloneableCall[] {
    return calls.flatMap((call) => {
      const error = this.#post([call], now);
      return error === undefined ? [] : [refusal(call, error, this.#port)];
    });
  }

  #receive(frame: WorkerFrame): void {
    if (this.#life.isLeftBehind) return;
    if (hasField(frame, 'values')) this.#results.receive(frame);
    else if (hasField(frame, 'retransmitResultsTo'))
      this.#results.retransmissionBegins(frame.retransmitResultsTo);
    else if (hasField(frame, 'nackCallsFrom')) this.#retransmitCalls(frame);
    else if (hasField(frame, 'leaving')) this.#life.leaves();
    else if (hasField(frame, 'staying')) this.#stays();
    else if (hasField(frame, 'loading')) {
      this.hasRunCall = true;
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
    this.#events.workerReady(this);
  }

  #callsRan(task: ResolvedTask | undefined, calls: number, workMs: number): void {
    this.hasRunCall = true;
    if (calls === 0) return;
    this.#transport.callsRan(calls, workMs);
    if (task !== undefined) this.#events.callsMeasured(task, calls, workMs);
  }

  #resultsReceived(): void {
    const now = this.#timers.now();
    const sentAtMs = this.#inFlight.endChunks(now);
    if (sentAtMs === undefined) return;
    this.#transport.chunkFinished(sentAtMs, now);
    this.#becameAvailable();
  }

  #becameAvailable(): void {
    if (this.idle) this.#port.keepAlive(false);
    this.#events.workerAvailable(this);
  }

  /** The worker could not read the calls from `index` on: they go once more, singly; the one that is to blame is then alone. */
  #retransmitCalls({ nackCallsFrom: index, why }: CallsNackFrame): void {
    const unsent = this.#inFlight.rollBack(index);
    this.#taskNumbers.forget(unsent.flatMap(({ newTasks }) => newTasks));
    this.#port.post({ retransmitCallsFrom: index }, []);
    const guilty = unsent[0]?.wasAlone === true ? unsent.shift()!.calls : [];
    const unsendable = this.#sendSingly(
      unsent.flatMap(({ calls }) => calls),
      this.#timers.now(),
    );
    for (const call of guilty) unsendable.push(unreadable(call, this.#port, why));
    for (const { call, reason } of unsendable) call.settle({ status: 'rejected', reason });
    this.#becameAvailable();
  }

  #exited(exitCode: number | undefined, signal: string | undefined): void {
    const { isLeftBehind, isEnding, isDown, isUp } = this.#life;
    if (isDown) return;
    // It ended by itself: perhaps because of what it was sent last.
    const suspects = isUp && !this.#loads.isLoading ? this.#inFlight.nextIfNoneBegan() : [];
    // Before calls are settled: their callbacks may submit at once, and must not pick this dead worker.
    this.#life.exits();
    if (isLeftBehind) {
      this.#life.hasEnded();
      return this.#events.leftBehindEnded(this);
    }
    const wasAsked = isEnding && this.#failure === undefined;
    const exit = this.#exit(exitCode, signal);
    const lost = this.#settleLost(exit);
    const isAlone = suspects.length === 1;
    const fatal = suspects.filter((call) => isFatal(call, isAlone) && lost.includes(call));
    this.hadFatalCall = fatal.length > 0;
    for (const call of fatal) this.#crash(call, exit, 'fatal');
    this.#events.requeue(lost.filter((call) => !fatal.includes(call)));
    this.#life.hasEnded();
    this.#events.workerExited(this, wasAsked ? undefined : (this.#failure ?? new Error(describeExit(exit))));
  }

  #exit(exitCode: number | undefined, signal: string | undefined): WorkerExit {
    const { name: pool } = this.#options;
    return { pool, exitCode, signal, cause: this.#failure ?? this.#endReason };
  }

  /** @returns the calls that can go elsewhere */
  #settleLost(exit: WorkerExit): PooledCall[] {
    const givenBack = this.#results.settleLost(this.#loads.call, (call, state) =>
      this.#crash(call, exit, state),
    );
    this.#loads.ends();
    return givenBack;
  }

  #crash(call: PooledCall, exit: WorkerExit, state: LostCall['state'] | 'fatal'): void {
    if (state === 'begun' || state === 'finished') this.hasRunCall = true;
    const reason = crashOf(exit, state);
    this.#logEnd(call, reason);
    call.settle({ status: 'rejected', reason });
  }

  #logEnd({ owner, task }: PooledCall, error: unknown): void {
    const fields = { pool: this.#options.name, worker: this.number, owner, task: task.name, error };
    this.#options.logger.warn('a job ended with its worker', fields);
  }
}
