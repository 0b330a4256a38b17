import { workerEnd, workerStart, workerUp } from '../diagnostics/channels.ts';
import type { Clock } from '../ground/clock.ts';
import { type Deadline, Deadlines } from '../ground/deadline.ts';
import { type BrokenExecutorError, NotStartedError } from '../ground/errors.ts';
import { Array, Math, Promise, Set } from '../ground/globals.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { CallQueue, type Chunk } from './call-queue.ts';
import { type Backlog, longestBacklogMs, stealSize } from './chunk.ts';
import type { Executor, ExecutorCall, ExecutorCreateOptions, SubmitReceipt } from './executor.ts';
import { type HeldCall, InFlight } from './in-flight.ts';
import { LeftBehind } from './left-behind.ts';
import type { PoolLoad } from './load.ts';
import type { Spawn } from './port.ts';
import { Slot, type SlotOwner } from './slot.ts';
import { noWorkerOf, unendableWorkersOf } from './start-failure.ts';
import { graceMs } from './worker-life.ts';

/** Attempts to bring a worker up before it is given up, and the wait after the first of them; it doubles. */
const startAttempts = 5;
const firstRetryMs = 100;
/** How long a worker may go on loading, when it comes up or for a job, although its pool shuts down at once. */
const loadMs = 1_000;

/**
 * Some workers and the calls for them. A call waits here until a worker has room for its chunk; a worker that
 * runs out of work gets what a busy one has not begun. A worker that dies is replaced.
 */
export class WorkerPool implements Executor, PoolLoad, SlotOwner {
  readonly workers: number;
  readonly ready: Promise<void>;
  readonly broken: Promise<Error>;
  onWorkerFreed: () => void = () => {};
  readonly #options: ExecutorCreateOptions;
  readonly #spawn: Spawn;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #slots: (Slot | undefined)[] = [];
  /** Failed starts in a row, for each slot. */
  readonly #failedStarts: number[];
  /** Slots whose worker has come up, or failed to, once. */
  readonly #verdicts = new Set<number>();
  readonly #queue = new CallQueue();
  #isDispatching = false;
  /** A worker of it has made a call. */
  #hasWorked = false;
  #state: 'open' | 'closing' | 'broken' = 'open';
  #brokenBy: BrokenExecutorError | undefined;
  #markReady!: () => void;
  #markBroken!: (error: Error) => void;
  readonly #retries = new Set<Deadline>();
  readonly #leftBehind = new LeftBehind();
  /** When to look again whether a worker idles beside calls that another has not begun. */
  #nextLook: Deadline | undefined;
  readonly #ended: Promise<void>;
  #markEnded!: () => void;

  constructor(options: ExecutorCreateOptions, spawn: Spawn, clock: Clock) {
    this.workers = options.workers;
    this.#options = options;
    this.#spawn = spawn;
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock);
    this.#failedStarts = new Array<number>(options.workers).fill(0);
    this.ready = new Promise((resolve) => (this.#markReady = resolve));
    this.broken = new Promise((resolve) => (this.#markBroken = resolve));
    this.#ended = new Promise((resolve) => (this.#markEnded = resolve));
    for (let number = 0; number < options.workers; number++) this.#start(number);
  }

  get leftBehind(): Promise<void> | undefined {
    return this.#leftBehind.ended;
  }

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    if (this.#state === 'broken') return { submitted: 0, error: this.#brokenBy };
    if (this.#state === 'closing')
      return { submitted: 0, error: new NotStartedError('the pool was shut down') };
    for (const call of calls as readonly HeldCall[]) this.#queue.push(call);
    this.#dispatch();
    return { submitted: calls.length };
  }

  takeBack(call: HeldCall): boolean {
    if (call.seat === undefined) return false;
    return this.#queue.strikeOut(call) || this.#slotOf(call)?.takeBack(call) === true;
  }

  endCalls(calls: readonly HeldCall[], reason: unknown): void {
    for (const call of calls) this.#slotOf(call)?.endCall(call, reason);
  }

  get workersUp(): number {
    let up = 0;
    for (const slot of this.#slots) if (slot?.up === true) up++;
    return up;
  }

  get idleWorkers(): number {
    let idle = 0;
    if (this.#queue.size === 0)
      for (const slot of this.#slots) if (slot !== undefined && canBegin(slot)) idle++;
    return idle;
  }

  backlog(): Backlog {
    const now = this.#clock.now();
    // What waits here does so because every worker has its messages already.
    const queued = this.#queue.size;
    let all: Backlog = { calls: queued, workMs: queued > 0 ? Infinity : 0, ageMs: 0 };
    for (const slot of this.#slots) {
      if (slot?.up !== true) continue;
      const { calls, workMs, ageMs } = slot.backlog(now);
      all = { calls: all.calls + calls, workMs: all.workMs + workMs, ageMs: Math.max(all.ageMs, ageMs) };
    }
    return all;
  }

  worthMessage(task: ResolvedTask): number {
    return this.#queue.worthMessage(task);
  }

  async shutdown({ timeoutSeconds }: { readonly timeoutSeconds: number }): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing';
    const reason = new NotStartedError('the pool was shut down');
    this.#giveUp(reason);
    this.#stopRetrying();
    this.#deadlines.clear(this.#nextLook);
    const live = this.#slots.filter((slot) => slot !== undefined);
    if (live.length === 0) return;
    for (const slot of live) if (slot.up && slot.idle) slot.end();
    const now = this.#clock.now();
    const killAt = now + timeoutSeconds * 1000;
    // A worker that finishes at the last moment has its time to end by itself, too.
    const lastKillAt = Math.max(killAt + graceMs, now + loadMs);
    // A thread that is ended while it loads leaves files open: it may load first, if it is quick.
    const stages: [at: number, which: (slot: Slot) => boolean][] = [
      [killAt, (slot) => slot.up && !slot.isLoading],
      [now + loadMs, (slot) => !slot.up && !slot.isLeaving],
      [lastKillAt, () => true],
    ];
    const deadlines = stages.map(([at, which]) =>
      this.#deadlines.set(at, () => this.#kill(which, reason), { keepsAlive: true }),
    );
    await this.#ended;
    for (const deadline of deadlines) this.#deadlines.clear(deadline);
  }

  slotUp(slot: Slot): void {
    if (this.#state !== 'open') return slot.end();
    const { name: pool, logger } = this.#options;
    logger.debug('worker up', { pool, worker: slot.number });
    if (workerUp.hasSubscribers) workerUp.publish({ pool, worker: slot.number });
    this.#verdicts.add(slot.number);
    this.#readyWhenTried();
    this.#dispatch();
    this.onWorkerFreed();
  }

  slotFreed(slot: Slot): void {
    if (slot.proven) this.#hasWorked = true;
    if (this.#state === 'open') {
      this.#dispatch();
      if (slot.idle) this.onWorkerFreed();
    } else if (slot.idle) slot.end();
  }

  slotMeasured(task: ResolvedTask, calls: number, workMs: number): void {
    this.#queue.measured(task, calls, workMs);
  }

  slotGaveBack(calls: readonly HeldCall[]): void {
    this.#queue.putBack(calls);
    if (this.#state === 'open') this.#dispatch();
    else this.#giveUp(this.#brokenBy ?? new NotStartedError('the pool was shut down before the job began'));
  }

  slotDown(slot: Slot, failure: unknown): void {
    const { name: pool, logger } = this.#options;
    if (failure !== undefined && this.#state === 'open')
      logger.warn('worker died', { pool, worker: slot.number, error: failure });
    this.#replace(slot, failure);
  }

  /** It is replaced all the same, so that the pool works on; but a pool must not leave threads without end. */
  slotLeftBehind(slot: Slot, failure: unknown): void {
    this.#leftBehind.add();
    const { name: pool, logger } = this.#options;
    const { count } = this.#leftBehind;
    const fields = { pool, worker: slot.number, leftBehind: count, error: failure };
    logger.warn('a worker that cannot be ended was left behind', fields);
    if (this.#state === 'open' && count > this.workers) this.#break(unendableWorkersOf(pool, count, failure));
    this.#replace(slot, failure);
  }

  slotGone(slot: Slot): void {
    this.#leftBehind.remove();
    const { name: pool, logger } = this.#options;
    logger.debug('a worker that was left behind has ended', { pool, worker: slot.number });
  }

  /** The slot has no worker any more: it gets another, while the pool is open. */
  #replace(slot: Slot, failure: unknown): void {
    this.#slots[slot.number] = undefined;
    if (workerEnd.hasSubscribers)
      workerEnd.publish({ pool: this.#options.name, worker: slot.number, error: failure });
    if (this.#state !== 'open') {
      if (this.#slots.every((each) => each === undefined)) this.#markEnded();
      return;
    }
    // In a pool that works, a worker that comes up and dies of a message has not failed to start.
    const hasStarted = slot.proven || (slot.hasBlamed && this.#hasWorked);
    if (hasStarted) this.#failedStarts[slot.number] = 0;
    if (failure === undefined || hasStarted) this.#start(slot.number);
    else this.#retry(slot.number, failure);
  }

  #start(number: number): void {
    try {
      this.#slots[number] = new Slot(
        number,
        this,
        this.#spawn,
        this.#options,
        this.#deadlines,
        this.#clock.now(),
      );
      if (workerStart.hasSubscribers) workerStart.publish({ pool: this.#options.name, worker: number });
    } catch (error) {
      this.#slots[number] = undefined;
      this.#retry(number, error);
    }
  }

  /** Ready when every worker has been tried, so that work does not begin on half of them, and one is up. */
  #readyWhenTried(): void {
    if (this.#verdicts.size === this.workers && this.#slots.some((slot) => slot?.up)) this.#markReady();
  }

  #retry(number: number, failure: unknown): void {
    this.#verdicts.add(number);
    this.#readyWhenTried();
    const failed = ++this.#failedStarts[number];
    if (failed < startAttempts) {
      const at = this.#clock.now() + firstRetryMs * 2 ** (failed - 1);
      const again = (): void => {
        this.#retries.delete(retry);
        this.#start(number);
      };
      const retry = this.#deadlines.set(at, again, { keepsAlive: true });
      this.#retries.add(retry);
    } else if (this.#failedStarts.every((each) => each >= startAttempts))
      this.#break(noWorkerOf(this.#options.name, failure));
  }

  #stopRetrying(): void {
    for (const retry of this.#retries) this.#deadlines.clear(retry);
  }

  #break(error: BrokenExecutorError): void {
    this.#state = 'broken';
    this.#brokenBy = error;
    this.#stopRetrying();
    this.#markBroken(error);
    // After the manager has heard of it: it must not lend this pool to run what comes back.
    this.#clock.soon(() => this.#giveUp(this.#brokenBy));
  }

  /** Nothing more will begin here. */
  #giveUp(reason: unknown): void {
    for (const slot of this.#slots) {
      for (const call of slot?.takeBackLast(Infinity) ?? []) this.#queue.push(call);
    }
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift())
      call.settle({ status: 'returned', reason });
  }

  #kill(which: (slot: Slot) => boolean, reason: Error): void {
    for (const slot of this.#slots) if (slot !== undefined && which(slot)) slot.kill(reason);
  }

  #slotOf(call: HeldCall): Slot | undefined {
    return call.seat === undefined ? undefined : this.#slots[InFlight.workerOf(call.seat)];
  }

  /** Gives every worker what it has room for, the emptiest first; those that have nothing then, of what others have. */
  #dispatch(): void {
    if (this.#isDispatching) return; // What came in meanwhile is seen below.
    this.#isDispatching = true;
    while (this.#sendNext());
    this.#balance();
    while (this.#sendNext());
    this.#isDispatching = false;
  }

  /** @returns `false` when nothing waits, or has to wait */
  #sendNext(): boolean {
    if (this.#queue.size === 0) return false;
    const slot = this.#emptiest();
    const chunk = slot === undefined ? undefined : this.#queue.nextChunk(this.workersUp, slot.idle);
    if (chunk === undefined) return false;
    this.#send(slot!, chunk);
    return true;
  }

  #emptiest(): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      if (slot !== undefined && slot.room > (best?.room ?? 0)) best = slot;
    }
    return best;
  }

  /** A worker without work gets what others have not begun, as far as that is worth a message. */
  #balance(): void {
    if (this.#queue.size > 0) return;
    for (const slot of this.#slots) {
      if (slot === undefined || !canBegin(slot)) continue;
      const chunk = this.#takeFromBusiest();
      if (chunk === undefined) return;
      this.#send(slot, chunk);
    }
  }

  /** Of the busiest worker; of the next one, when that has nothing to spare. */
  #takeFromBusiest(): Chunk | undefined {
    const now = this.#clock.now();
    const busy = this.#slots.filter((slot) => slot !== undefined).filter(({ up, held }) => up && held > 1);
    let lookInMs = Infinity;
    for (const slot of busy.toSorted((a, b) => b.held - a.held)) {
      const backlog = slot.backlog(now);
      if (backlog.calls === 0) continue;
      const calls = slot.takeBackLast(stealSize(backlog, 1, 1));
      if (calls.length > 0) return { calls, callMs: backlog.workMs / backlog.calls };
      // An older one has been begun meanwhile.
      const ageMs = backlog.ageMs < longestBacklogMs ? backlog.ageMs : 0;
      lookInMs = Math.min(lookInMs, longestBacklogMs - ageMs);
    }
    if (lookInMs < Infinity) this.#lookAgain(now + lookInMs);
    return undefined;
  }

  #lookAgain(at: number): void {
    if (this.#nextLook !== undefined && this.#nextLook.place >= 0) return;
    this.#nextLook = this.#deadlines.set(at, () => this.#dispatch(), { keepsAlive: false });
  }

  #send(slot: Slot, { calls, callMs }: Chunk): void {
    for (const { call, reason } of slot.send(calls, this.#clock.now(), callMs)) {
      // Later: never before submitBatch() has returned.
      this.#clock.soon(() => call.settle({ status: 'rejected', reason }));
    }
  }
}

function canBegin(slot: Slot): boolean {
  return slot.idle && slot.room > 0;
}
