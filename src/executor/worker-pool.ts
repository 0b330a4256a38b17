import { workerEnd, workerStart, workerUp } from '../diagnostics/channels.ts';
import type { Clock } from '../core/clock.ts';
import { type Deadline, TimerQueue } from '../core/timer-queue.ts';
import { type BrokenExecutorError, NotStartedError } from '../core/errors.ts';
import { Array, Math, Promise, Set } from '../core/globals.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { CallQueue, type Chunk } from './call-queue.ts';
import { type Backlog, longestBacklogMs, stealSize } from './chunk.ts';
import type { Executor, ExecutorCall, ExecutorCreateOptions, SubmitReceipt } from './executor.ts';
import { type PooledCall, InFlightCalls } from './in-flight-calls.ts';
import { LeftBehind } from './left-behind.ts';
import type { PoolLoad } from './load.ts';
import type { Spawn } from './port.ts';
import { WorkerHandle, type WorkerHandleEvents } from './worker-handle.ts';
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
export class WorkerPool implements Executor, PoolLoad, WorkerHandleEvents {
  readonly workers: number;
  readonly ready: Promise<void>;
  readonly broken: Promise<Error>;
  onWorkerFreed: () => void = () => {};
  readonly #options: ExecutorCreateOptions;
  readonly #spawn: Spawn;
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #handles: (WorkerHandle | undefined)[] = [];
  /** Failed starts in a row, for each place of a worker. */
  readonly #failedStarts: number[];
  /** Places whose worker has come up, or failed to, once. */
  readonly #firstStartSettled = new Set<number>();
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
  #nextSteal: Deadline | undefined;
  readonly #ended: Promise<void>;
  #markEnded!: () => void;

  constructor(options: ExecutorCreateOptions, spawn: Spawn, clock: Clock) {
    this.workers = options.workers;
    this.#options = options;
    this.#spawn = spawn;
    this.#clock = clock;
    this.#timers = new TimerQueue(clock);
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
    for (const call of calls as readonly PooledCall[]) this.#queue.push(call);
    this.#dispatch();
    return { submitted: calls.length };
  }

  takeBack(call: PooledCall): boolean {
    if (call.location === undefined) return false;
    return this.#queue.remove(call) || this.#handleOf(call)?.takeBack(call) === true;
  }

  endCalls(calls: readonly PooledCall[], reason: unknown): void {
    for (const call of calls) this.#handleOf(call)?.endCall(call, reason);
  }

  get workersUp(): number {
    let up = 0;
    for (const handle of this.#handles) if (handle?.up === true) up++;
    return up;
  }

  get idleWorkers(): number {
    let idle = 0;
    if (this.#queue.size === 0)
      for (const handle of this.#handles) if (handle !== undefined && canBegin(handle)) idle++;
    return idle;
  }

  backlog(): Backlog {
    const now = this.#clock.now();
    // What waits here does so because every worker has its messages already.
    const queued = this.#queue.size;
    let all: Backlog = { calls: queued, workMs: queued > 0 ? Infinity : 0, ageMs: 0 };
    for (const handle of this.#handles) {
      if (handle?.up !== true) continue;
      const { calls, workMs, ageMs } = handle.backlog(now);
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
    this.#returnQueued(reason);
    this.#stopRetrying();
    this.#timers.clear(this.#nextSteal);
    const live = this.#handles.filter((handle) => handle !== undefined);
    if (live.length === 0) return;
    for (const handle of live) if (handle.up && handle.idle) handle.end();
    const now = this.#clock.now();
    const killAt = now + timeoutSeconds * 1000;
    // A worker that finishes at the last moment has its time to end by itself, too.
    const lastKillAt = Math.max(killAt + graceMs, now + loadMs);
    // A thread that is ended while it loads leaves files open: it may load first, if it is quick.
    const stages: [at: number, which: (handle: WorkerHandle) => boolean][] = [
      [killAt, (handle) => handle.up && !handle.isLoading],
      [now + loadMs, (handle) => !handle.up && !handle.isLeaving],
      [lastKillAt, () => true],
    ];
    const timers = stages.map(([at, which]) =>
      this.#timers.set(at, () => this.#kill(which, reason), { keepsAlive: true }),
    );
    await this.#ended;
    for (const deadline of timers) this.#timers.clear(deadline);
  }

  workerReady(handle: WorkerHandle): void {
    if (this.#state !== 'open') return handle.end();
    const { name: pool, logger } = this.#options;
    logger.debug('worker up', { pool, worker: handle.number });
    if (workerUp.hasSubscribers) workerUp.publish({ pool, worker: handle.number });
    this.#firstStartSettled.add(handle.number);
    this.#updateReadiness();
    this.#dispatch();
    this.onWorkerFreed();
  }

  workerAvailable(handle: WorkerHandle): void {
    if (handle.hasRunCall) this.#hasWorked = true;
    if (this.#state === 'open') {
      this.#dispatch();
      if (handle.idle) this.onWorkerFreed();
    } else if (handle.idle) handle.end();
  }

  callsMeasured(task: ResolvedTask, calls: number, workMs: number): void {
    this.#queue.measured(task, calls, workMs);
  }

  requeue(calls: readonly PooledCall[]): void {
    this.#queue.requeue(calls);
    if (this.#state === 'open') return this.#dispatch();
    this.#returnQueued(this.#brokenBy ?? new NotStartedError('the pool was shut down before the job began'));
  }

  workerExited(handle: WorkerHandle, failure: unknown): void {
    const { name: pool, logger } = this.#options;
    if (failure !== undefined && this.#state === 'open')
      logger.warn('worker died', { pool, worker: handle.number, error: failure });
    this.#replace(handle, failure);
  }

  /** It is replaced all the same, so that the pool works on; but a pool must not leave threads without end. */
  workerLeftBehind(handle: WorkerHandle, failure: unknown): void {
    this.#leftBehind.add();
    const { name: pool, logger } = this.#options;
    const { count } = this.#leftBehind;
    const fields = { pool, worker: handle.number, leftBehind: count, error: failure };
    logger.warn('a worker that cannot be ended was left behind', fields);
    if (this.#state === 'open' && count > this.workers) this.#break(unendableWorkersOf(pool, count, failure));
    this.#replace(handle, failure);
  }

  leftBehindEnded(handle: WorkerHandle): void {
    this.#leftBehind.remove();
    const { name: pool, logger } = this.#options;
    logger.debug('a worker that was left behind has ended', { pool, worker: handle.number });
  }

  /** The worker is gone: its place gets another, while the pool is open. */
  #replace(handle: WorkerHandle, failure: unknown): void {
    this.#handles[handle.number] = undefined;
    if (workerEnd.hasSubscribers)
      workerEnd.publish({ pool: this.#options.name, worker: handle.number, error: failure });
    if (this.#state !== 'open') {
      if (this.#handles.every((each) => each === undefined)) this.#markEnded();
      return;
    }
    // In a pool that works, a worker that comes up and dies of a message has not failed to start.
    const hasStarted = handle.hasRunCall || (handle.hadFatalCall && this.#hasWorked);
    if (hasStarted) this.#failedStarts[handle.number] = 0;
    if (failure === undefined || hasStarted) this.#start(handle.number);
    else this.#retry(handle.number, failure);
  }

  #start(number: number): void {
    try {
      this.#handles[number] = new WorkerHandle(
        number,
        this,
        this.#spawn,
        this.#options,
        this.#timers,
        this.#clock.now(),
      );
      if (workerStart.hasSubscribers) workerStart.publish({ pool: this.#options.name, worker: number });
    } catch (error) {
      this.#handles[number] = undefined;
      this.#retry(number, error);
    }
  }

  /** Ready when every worker has been tried, so that work does not begin on half of them, and one is up. */
  #updateReadiness(): void {
    const isTried = this.#firstStartSettled.size === this.workers;
    if (isTried && this.#handles.some((handle) => handle?.up)) this.#markReady();
  }

  #retry(number: number, failure: unknown): void {
    this.#firstStartSettled.add(number);
    this.#updateReadiness();
    const failed = ++this.#failedStarts[number];
    if (failed < startAttempts) {
      const at = this.#clock.now() + firstRetryMs * 2 ** (failed - 1);
      const again = (): void => {
        this.#retries.delete(retry);
        this.#start(number);
      };
      const retry = this.#timers.set(at, again, { keepsAlive: true });
      this.#retries.add(retry);
    } else if (this.#failedStarts.every((each) => each >= startAttempts))
      this.#break(noWorkerOf(this.#options.name, failure));
  }

  #stopRetrying(): void {
    for (const retry of this.#retries) this.#timers.clear(retry);
  }

  #break(error: BrokenExecutorError): void {
    this.#state = 'broken';
    this.#brokenBy = error;
    this.#stopRetrying();
    this.#markBroken(error);
    // After the manager has heard of it: it must not lend this pool to run what comes back.
    this.#clock.defer(() => this.#returnQueued(this.#brokenBy));
  }

  /** Nothing more will begin here. */
  #returnQueued(reason: unknown): void {
    for (const handle of this.#handles) {
      for (const call of handle?.takeBackLast(Infinity) ?? []) this.#queue.push(call);
    }
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift())
      call.settle({ status: 'returned', reason });
  }

  #kill(which: (handle: WorkerHandle) => boolean, reason: Error): void {
    for (const handle of this.#handles) if (handle !== undefined && which(handle)) handle.kill(reason);
  }

  #handleOf(call: PooledCall): WorkerHandle | undefined {
    return call.location === undefined ? undefined : this.#handles[InFlightCalls.workerOf(call.location)];
  }

  /** Fills the workers, the least loaded first; then idle workers steal from busy ones. */
  #dispatch(): void {
    if (this.#isDispatching) return; // What came in meanwhile is seen below.
    this.#isDispatching = true;
    while (this.#sendNext());
    this.#stealForIdle();
    while (this.#sendNext());
    this.#isDispatching = false;
  }

  /** @returns `false` when nothing waits, or has to wait */
  #sendNext(): boolean {
    if (this.#queue.size === 0) return false;
    const handle = this.#leastLoaded();
    const chunk = handle === undefined ? undefined : this.#queue.nextChunk(this.workersUp, handle.idle);
    if (chunk === undefined) return false;
    this.#send(handle!, chunk);
    return true;
  }

  #leastLoaded(): WorkerHandle | undefined {
    let best: WorkerHandle | undefined;
    for (const handle of this.#handles) {
      if (handle !== undefined && handle.capacity > (best?.capacity ?? 0)) best = handle;
    }
    return best;
  }

  /** A worker without work gets what others have not begun, as far as that is worth a message. */
  #stealForIdle(): void {
    if (this.#queue.size > 0) return;
    for (const handle of this.#handles) {
      if (handle === undefined || !canBegin(handle)) continue;
      const chunk = this.#stealFromBusiest();
      if (chunk === undefined) return;
      this.#send(handle, chunk);
    }
  }

  /** Of the busiest worker; of the next one, when that has nothing to spare. */
  #stealFromBusiest(): Chunk | undefined {
    const now = this.#clock.now();
    const busy = this.#handles
      .filter((handle) => handle !== undefined)
      .filter(({ up, unfinished }) => up && unfinished > 1);
    let lookInMs = Infinity;
    for (const handle of busy.toSorted((a, b) => b.unfinished - a.unfinished)) {
      const backlog = handle.backlog(now);
      if (backlog.calls === 0) continue;
      const calls = handle.takeBackLast(stealSize(backlog, 1, 1));
      if (calls.length > 0) return { calls, callMs: backlog.workMs / backlog.calls };
      // An older one has been begun meanwhile.
      const ageMs = backlog.ageMs < longestBacklogMs ? backlog.ageMs : 0;
      lookInMs = Math.min(lookInMs, longestBacklogMs - ageMs);
    }
    if (lookInMs < Infinity) this.#stealLater(now + lookInMs);
    return undefined;
  }

  #stealLater(at: number): void {
    if (this.#nextSteal !== undefined && this.#nextSteal.place >= 0) return;
    this.#nextSteal = this.#timers.set(at, () => this.#dispatch(), { keepsAlive: false });
  }

  #send(handle: WorkerHandle, { calls, callMs }: Chunk): void {
    for (const { call, reason } of handle.send(calls, this.#clock.now(), callMs)) {
      // Later: never before submitBatch() has returned.
      this.#clock.defer(() => call.settle({ status: 'rejected', reason }));
    }
  }
}

function canBegin(handle: WorkerHandle): boolean {
  return handle.idle && handle.capacity > 0;
}
