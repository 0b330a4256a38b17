import { ItemTracer } from '../diagnostics/item-tracer.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { type Deadline, TimerQueue } from '../core/timer-queue.ts';
import {
  type ErrorDetails,
  GrinderStoppingError,
  NotStartedError,
  QueueFullError,
  WrongThreadError,
} from '../core/errors.ts';
import { readDurationMs, readBoolean, readOptions } from '../core/options.ts';
import { refuseCloning } from '../core/uncloneable.ts';
import { reasonOf } from '../job/abort.ts';
import { futureOf, type WorkFuture } from '../job/future.ts';
import { Job, promiseOfLastJob } from '../job/job.ts';
import { refusedCall } from '../job/refused-call.ts';
import { QueueTimeouts } from '../job/queue-timeout.ts';
import { readArgs, readSubmitOptions, type SubmitSettings, type SubmitRest } from '../job/submit-options.ts';
import type { Task } from '../task/reference.ts';
import { resolveTask } from '../task/resolve.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import type { GrinderThreadHandle } from '../wire/thread-handle.ts';
import { Dispatcher } from './dispatcher.ts';
import { ThreadServer } from './thread-server.ts';
import { type GrinderSettings, readGrinderOptions, type WorkGrinderOptions } from './grinder-options.ts';
import { type MapArgs, type MapOptions, type MapOutcome, readMapOptions } from './map-options.ts';
import { checkMapSource, type MapSource } from './map-source.ts';
import { Mapping } from './mapping.ts';
import { ItemQueue } from './item-queue.ts';
import { QueueSpaceWaiters } from './queue-space-waiters.ts';
import { grinderStats, type GrinderStats, Totals } from './stats.ts';
import { Math, Promise, Set } from '../core/globals.ts';

export interface GrinderStopOptions {
  /** `false`: run what is queued, then stop. `true`: cancel it, and stop waiting for what runs. @defaultValue `false` */
  readonly cancelPending?: boolean | undefined;
  /** A draining stop turns into a cancelling one after this long, counted from this call; `0` is at once. @defaultValue none */
  readonly timeoutSeconds?: number | undefined;
}

// What it implements for its own rooms is not in its declaration: those methods are stripped from it.
/** Gathers small synchronous jobs of many callers into batches, one lease each. */
export class WorkGrinder implements AsyncDisposable {
  readonly #settings: GrinderSettings;
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #queue: ItemQueue;
  readonly #dispatcher: Dispatcher;
  readonly #queueTimeouts: QueueTimeouts;
  readonly #spaceWaiters: QueueSpaceWaiters;
  readonly #totals = new Totals();
  /** Those that take elements. */
  readonly #mappings = new Set<Mapping<unknown>>();
  readonly #tracer: ItemTracer;
  #state: 'stopped' | 'started' | 'stopping' = 'stopped';
  #stopped: Promise<void> = Promise.resolve();
  #markStopped: () => void = () => {};
  #escalation: Deadline | undefined;
  #forgetManager: () => void = () => {};
  #threadServer: ThreadServer | undefined;

  /**
   * Checks the options; starts nothing.
   * @throws TypeError `ERR_INVALID_ARG_TYPE` (also for an unknown key), RangeError `ERR_OUT_OF_RANGE`
   */
  constructor(options: WorkGrinderOptions);
  /** @internal */
  constructor(options: WorkGrinderOptions, clock?: Clock);
  constructor(options: WorkGrinderOptions, clock: Clock = systemClock) {
    this.#settings = readGrinderOptions(options);
    this.#clock = clock;
    this.#timers = new TimerQueue(clock);
    this.#queueTimeouts = new QueueTimeouts(clock, this.#timers);
    this.#queue = new ItemQueue(() => this.placesFreed(1));
    this.#spaceWaiters = new QueueSpaceWaiters(clock, () => this.#hasSpace);
    this.#dispatcher = new Dispatcher(this.#settings, this.#queue, clock, this.#timers, this);
    this.#tracer = new ItemTracer(this, this.#settings.ownerPrefix);
    refuseCloning(this);
  }

  /** Calling it again does nothing. After {@link stop} it may be started again. */
  async start(): Promise<void> {
    if (this.#state === 'stopping') await this.#stopped;
    if (this.#state !== 'stopped') return;
    this.#state = 'started';
    this.#forgetManager = this.#settings.manager.onStop(() => {
      this.#dispatcher.rejectAll(new NotStartedError('the manager was stopped before its grinder'));
    });
  }

  /**
   * Drains, or cancels, what was accepted, then stops. May be called twice, also to escalate a draining stop to a
   * cancelling one: both calls resolve. Abandoning the wait changes nothing. Stop the grinder before its manager.
   * @throws TypeError, RangeError for options that cannot work
   */
  async stop(options?: GrinderStopOptions): Promise<void> {
    const given = readOptions<GrinderStopOptions>('stop()', options, ['cancelPending', 'timeoutSeconds']);
    const cancelPending = readBoolean('cancelPending', given.cancelPending) ?? false;
    const timeoutMs = readDurationMs('timeoutSeconds', given.timeoutSeconds, { orZero: true });
    if (this.#state === 'started') {
      this.#state = 'stopping';
      this.#stopped = new Promise((resolve) => (this.#markStopped = resolve));
      this.#spaceWaiters.refuseAll(() => new GrinderStoppingError('the grinder is stopping'));
      for (const mapping of this.#mappings)
        mapping.failInput(new GrinderStoppingError('the grinder is stopping', mapping.itsJobs));
      this.#dispatcher.draining = true;
    }
    if (this.#state === 'stopping') {
      if (cancelPending || timeoutMs === 0) this.#cancelAll();
      else if (timeoutMs !== undefined) this.#escalateAt(this.#clock.now() + timeoutMs);
    }
    await this.#stopped;
  }

  /**
   * Queues a job; the promise settles with its outcome as soon as that is known, whatever its batch does. Arguments
   * are copied when their message leaves. Never throws synchronously.
   * @throws `NotStartedError`, `GrinderStoppingError`, `TaskReferenceError`, `QueueFullError`; TypeError and RangeError
   *   for arguments and options that cannot work; the job's own error
   */
  submit<A extends readonly unknown[], R>(task: Task<A, R>, ...rest: SubmitRest<A>): Promise<Awaited<R>>;
  submit(task: unknown, args?: unknown, options?: unknown): Promise<unknown> {
    try {
      this.#accept('submit()', task, args, options);
      return promiseOfLastJob();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Queues a job and hands its future back at once. Not async: `await grinder.enqueue(…)` is the job's result.
   * Misuse (not started, stopping, a task or options that cannot work, a full queue) throws synchronously.
   * @throws as {@link submit}
   */
  enqueue<A extends readonly unknown[], R>(task: Task<A, R>, ...rest: SubmitRest<A>): WorkFuture<Awaited<R>>;
  enqueue(task: unknown, args?: unknown, options?: unknown): WorkFuture<unknown> {
    const job = this.#accept('enqueue()', task, args, options);
    return futureOf(promiseOfLastJob(), job);
  }

  /**
   * Runs a task for each element of an iterable, an async iterable or a stream, and yields the results, in order
   * unless told otherwise. The element is the task's only argument; for another task, `args` makes them of it. At most
   * `concurrency` elements are between the source and the reader, and a full queue (`maxQueueSize`) is waited for.
   *
   * The source is taken over at once, its first element when the first result is asked for. An error, leaving the loop and `signal` cancel the jobs under way
   * and close the source: see {@link Mapping}. Works in `pipeline()`, and with web streams by `ReadableStream.from()`.
   * @throws as {@link enqueue}, at once; while it is read, the source's error, `CancelledError` when `signal` aborts,
   *   and what {@link submit} rejects with
   * @example
   * for await (const digest of grinder.map(lines, hash)) console.log(digest);
   */
  map<E, R, S extends boolean = false>(
    source: MapSource<E>,
    task: Task<[element: E], R>,
    options?: MapOptions<S>,
  ): Mapping<S extends true ? MapOutcome<E, Awaited<R>> : Awaited<R>>;
  map<E, A extends readonly unknown[], R, S extends boolean = false>(
    source: MapSource<E>,
    task: Task<A, R>,
    options: MapOptions<S> & MapArgs<E, A>,
  ): Mapping<S extends true ? MapOutcome<E, Awaited<R>> : Awaited<R>>;
  map(source: unknown, task: unknown, options?: unknown): Mapping<unknown> {
    if (this.#state === 'started') checkMapSource(source);
    const resolved = this.#resolve(task, options);
    const settings = readMapOptions(options, this.#settings, resolved.name);
    return new Mapping(source, settings, {
      begin: (args) => this.accept(resolved, args, settings.submission, Infinity),
      queueSpace: () => (this.#hasSpace ? undefined : this.waitForRoom()),
      inputOpened: (mapping) => this.#mappings.add(mapping),
      inputEnded: (mapping) => this.#mappings.delete(mapping),
    });
  }

  /**
   * Resolves when the queue has room again (at once when it has and nobody waits); first come, first served, without a
   * claim on the place: who does not use it leaves it to the next.
   * @throws `NotStartedError`; `GrinderStoppingError` when the grinder stops meanwhile
   */
  waitForRoom(): Promise<void> {
    // No async function: each of its awaits takes a turn of microtasks, in which a later call could come first.
    return new Promise((resolve, reject) => {
      this.#assertAccepting();
      if (this.#hasSpace && this.#spaceWaiters.size === 0) resolve();
      else this.#spaceWaiters.join(resolve, reject);
    });
  }

  /** Usable before start and after stop too. */
  stats(): GrinderStats {
    const nowMs = this.#clock.now();
    const now = {
      started: this.#state === 'started',
      stopping: this.#state === 'stopping',
      pending: this.#queue.size,
      oldestAgeMs: this.#queue.oldestAgeMs(nowMs),
      batchesInFlight: this.#dispatcher.batchesInFlight,
      queueWaits: this.#dispatcher.queueWaits.read(nowMs),
      batchSizes: this.#dispatcher.batchSizes.read(nowMs),
    };
    return grinderStats(this.#settings, now, this.#totals);
  }

  /** The same, as a promise. */
  async astats(): Promise<GrinderStats> {
    return this.stats();
  }

  /**
   * Plain data with which any thread of this process can reach this grinder; see `connectGrinder()`. A restarted
   * grinder gives a new one.
   * @throws `NotStartedError`, `GrinderStoppingError`
   */
  threadHandle(): GrinderThreadHandle {
    this.#assertAccepting();
    this.#threadServer ??= new ThreadServer(this, this.#clock);
    return this.#threadServer.handle;
  }

  /** Always throws `WrongThreadError`: this thread owns the grinder. Other threads: `connectGrinder()`. */
  submitFromThread(...[task, , options]: readonly unknown[]): never {
    const message = 'submitFromThread() is for other threads: here use submit() or enqueue()';
    throw refusedCall(new WrongThreadError(message), task, options);
  }

  /** Always throws `WrongThreadError`, as {@link submitFromThread}. */
  statsFromThread(..._args: readonly unknown[]): never {
    throw new WrongThreadError('statsFromThread() is for other threads: here use stats()');
  }

  /** `stop()`: drains. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal */
  settled(job: Job): void {
    this.#totals.countSettled(job.state);
    this.#queueTimeouts.forget(job);
  }

  /** @internal */
  placesFreed(count: number): void {
    // Items given back may have made more wait than there are places.
    this.#spaceWaiters.placesFreed(Math.min(count, this.#settings.maxQueueSize - this.#queue.size));
    this.#dispatcher.schedule();
  }

  /** @internal */
  batchBegun(): void {
    this.#totals.batches++;
  }

  /** @internal */
  itemRequeued(job: Job): void {
    this.#queueTimeouts.requeued(job);
  }

  /** @internal */
  idle(): void {
    if (this.#state === 'stopping') this.#end();
  }

  /** @internal */
  accept(
    task: ResolvedTask,
    args: readonly unknown[],
    submission: SubmitSettings,
    submittedAtMs: number,
  ): Job {
    this.#assertAccepting({ owner: submission.owner, taskName: task.name });
    return this.#admit(task, args, submission, Math.min(submittedAtMs, this.#clock.now()));
  }

  #accept(what: string, task: unknown, args: unknown, options: unknown): Job {
    const resolved = this.#resolve(task, options);
    const tuple = readArgs(args);
    const submission = readSubmitOptions(what, options);
    const { turnMs } = this.#dispatcher;
    return this.#admit(
      resolved,
      tuple,
      submission,
      submission.queueTimeoutMs === undefined ? turnMs : this.#clock.now(),
    );
  }

  #admit(
    task: ResolvedTask,
    args: readonly unknown[],
    submission: SubmitSettings,
    submittedAtMs: number,
  ): Job {
    const isAborted = submission.signal?.aborted === true;
    if (!isAborted && !this.#hasSpace) {
      const details = { owner: submission.owner, taskName: task.name };
      throw new QueueFullError(`${this.#queue.size} items are waiting already (maxQueueSize)`, details);
    }
    const isFollowed = this.#tracer.hasSubscribers;
    const account = isFollowed ? this.#tracer : this;
    const order = this.#totals.submitted;
    const job = new Job(task, args, submission, account, order, Math.ceil(submittedAtMs));
    this.#totals.submitted++; // Not before: the signal may have thrown.
    if (!isAborted) {
      this.#queue.push(job);
      this.#queueTimeouts.watch(job);
      this.#dispatcher.schedule();
    }
    if (isFollowed) this.#tracer.publishSubmit(job);
    if (isAborted) job.cancel(reasonOf(submission.signal!));
    return job;
  }

  get #hasSpace(): boolean {
    return this.#queue.size < this.#settings.maxQueueSize;
  }

  #resolve(task: unknown, options: unknown): ResolvedTask {
    try {
      this.#assertAccepting();
      return resolveTask(task);
    } catch (error) {
      throw refusedCall(error, task, options);
    }
  }

  #assertAccepting(item?: ErrorDetails): void {
    if (this.#state === 'stopped')
      throw new NotStartedError('the grinder is not started: await grinder.start() first', item);
    if (this.#state === 'stopping') throw new GrinderStoppingError('the grinder is stopping', item);
  }

  #cancelAll(): void {
    const reason = new GrinderStoppingError('the grinder was stopped');
    this.#dispatcher.cancel(reason);
    for (const job of this.#queue.all()) job.cancel(reason);
    this.#end();
  }

  #escalateAt(at: number): void {
    if (this.#escalation !== undefined && this.#escalation.at <= at) return;
    this.#timers.clear(this.#escalation);
    this.#escalation = this.#timers.set(at, () => this.#cancelAll(), { keepsAlive: true });
  }

  #end(): void {
    if (this.#state !== 'stopping') return;
    this.#state = 'stopped';
    this.#dispatcher.draining = false;
    this.#timers.clear(this.#escalation);
    this.#escalation = undefined;
    this.#forgetManager();
    const closed = this.#threadServer?.close();
    this.#threadServer = undefined;
    if (closed === undefined) this.#markStopped();
    else void closed.then(this.#markStopped);
  }
}
