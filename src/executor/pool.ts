import { workerEnd, workerStart, workerUp } from '../diagnostics/channels.ts';
import type { Clock } from '../ground/clock.ts';
import { type Deadline, Deadlines } from '../ground/deadline.ts';
import { type BrokenExecutorError, NotStartedError } from '../ground/errors.ts';
import { Ring } from '../ground/ring.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { type CallCost, chunkSize, nextCost } from './chunk.ts';
import type { Executor, ExecutorCall, ExecutorCreateOptions, SubmitReceipt } from './executor.ts';
import { type HeldCall, InFlight } from './in-flight.ts';
import type { Spawn } from './port.ts';
import { Slot, type SlotOwner } from './slot.ts';
import { noWorkerOf } from './start-failure.ts';

/** Attempts to bring a worker up before it is given up, and the wait after the first of them; it doubles. */
const startAttempts = 5;
const firstRetryMs = 100;
/** How long a worker that was told to end may take before it is left behind. */
const endMs = 1_000;

/**
 * Some workers and the calls for them. A call waits here until a worker has room for its chunk; a worker that
 * runs out of work gets what a busy one has not begun. A worker that dies is replaced.
 */
export class WorkerPool implements Executor, SlotOwner {
  readonly workers: number;
  readonly ready: Promise<void>;
  readonly broken: Promise<Error>;
  readonly #options: ExecutorCreateOptions;
  readonly #spawn: Spawn;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #slots: (Slot | undefined)[] = [];
  /** Failed starts in a row, for each slot. */
  readonly #failedStarts: number[];
  /** Slots whose worker has come up, or failed to, once. */
  readonly #verdicts = new Set<number>();
  readonly #queue = new Ring<HeldCall>();
  readonly #costs = new WeakMap<ResolvedTask, CallCost>();
  #isDispatching = false;
  #state: 'open' | 'closing' | 'broken' = 'open';
  #brokenBy: BrokenExecutorError | undefined;
  #markReady!: () => void;
  #markBroken!: (error: Error) => void;
  readonly #retries = new Set<Deadline>();
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

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    if (this.#state === 'broken') return { submitted: 0, error: this.#brokenBy };
    if (this.#state === 'closing')
      return { submitted: 0, error: new NotStartedError('the pool was shut down') };
    for (const call of calls as readonly HeldCall[]) call.seat = this.#queue.push(call);
    this.#dispatch();
    return { submitted: calls.length };
  }

  takeBack(call: HeldCall): boolean {
    if (call.seat === undefined) return false;
    return this.#queue.strikeOut(call.seat, call) || this.#slotOf(call)?.takeBack(call) === true;
  }

  endCalls(calls: readonly HeldCall[], reason: unknown): void {
    for (const call of calls) this.#slotOf(call)?.endCall(call, reason);
  }

  async shutdown({ timeoutSeconds }: { readonly timeoutSeconds: number }): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing';
    const reason = new NotStartedError('the pool was shut down');
    this.#giveUp(reason);
    for (const retry of this.#retries) this.#deadlines.clear(retry);
    const live = this.#slots.filter((slot) => slot !== undefined);
    if (live.length === 0) return;
    for (const slot of live) if (slot.up && slot.idle) slot.kill();
    const now = this.#clock.now();
    const killAt = now + timeoutSeconds * 1000;
    const deadlines = [
      this.#deadlines.set(killAt, () => this.#kill((slot) => slot.up, reason), { keepsAlive: true }),
      // A thread that is ended while it loads leaves files open: one that is coming up may do so first, if it is quick.
      this.#deadlines.set(now + endMs, () => this.#kill((slot) => !slot.up, reason), { keepsAlive: true }),
      this.#deadlines.set(Math.max(killAt, now + endMs) + endMs, () => this.#abandonAll(), {
        keepsAlive: true,
      }),
    ];
    await this.#ended;
    for (const deadline of deadlines) this.#deadlines.clear(deadline);
  }

  slotUp(slot: Slot): void {
    if (this.#state !== 'open') return slot.kill();
    const { name: pool, logger } = this.#options;
    logger.debug('worker up', { pool, worker: slot.number });
    if (workerUp.hasSubscribers) workerUp.publish({ pool, worker: slot.number });
    this.#verdicts.add(slot.number);
    this.#readyWhenTried();
    this.#dispatch();
  }

  slotFreed(slot: Slot): void {
    if (this.#state === 'open') this.#dispatch();
    else if (slot.idle) slot.kill();
  }

  slotMeasured(task: ResolvedTask, calls: number, workMs: number): void {
    this.#costs.set(task, nextCost(this.#costs.get(task), calls, workMs));
  }

  slotGaveBack(calls: readonly HeldCall[]): void {
    for (const call of [...calls].reverse()) call.seat = this.#queue.unshift(call);
    if (this.#state === 'open') this.#dispatch();
    else this.#giveUp(this.#brokenBy ?? new NotStartedError('the pool was shut down before the job began'));
  }

  slotDown(slot: Slot, failure: unknown): void {
    this.#slots[slot.number] = undefined;
    if (workerEnd.hasSubscribers)
      workerEnd.publish({ pool: this.#options.name, worker: slot.number, error: failure });
    if (this.#state !== 'open') {
      if (this.#slots.every((each) => each === undefined)) this.#markEnded();
      return;
    }
    if (failure !== undefined)
      this.#options.logger.warn('worker died', {
        pool: this.#options.name,
        worker: slot.number,
        error: failure,
      });
    if (slot.proven) this.#failedStarts[slot.number] = 0;
    if (failure === undefined || slot.proven) this.#start(slot.number);
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
    } else if (this.#failedStarts.every((each) => each >= startAttempts)) this.#break(failure);
  }

  #break(cause: unknown): void {
    this.#state = 'broken';
    this.#brokenBy = noWorkerOf(this.#options.name, cause);
    this.#markBroken(this.#brokenBy);
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

  #abandonAll(): void {
    for (const slot of this.#slots) slot?.abandon();
    const workers = this.#slots.filter((slot) => slot !== undefined).length;
    this.#options.logger.warn('workers that cannot be ended were left behind', {
      pool: this.#options.name,
      workers,
    });
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
    const chunk = slot === undefined ? undefined : this.#nextChunk(slot);
    if (chunk === undefined) return false;
    this.#sendChunk(slot!, chunk);
    return true;
  }

  #emptiest(): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      if (slot !== undefined && slot.room > (best?.room ?? 0)) best = slot;
    }
    return best;
  }

  /** @returns `undefined` when the next call has to wait for a free worker */
  #nextChunk(slot: Slot): HeldCall[] | undefined {
    const first = this.#queue.peek()!;
    if (first.transfer.length > 0) return slot.idle ? [this.#queue.shift()!] : undefined;
    let { task } = first;
    let costMs = this.#costs.get(task)?.ms;
    const size = chunkSize(this.#queue.size, this.#liveWorkers(), costMs);
    costMs ??= 0;
    const budgetMs = size * costMs;
    const chunk: HeldCall[] = [];
    let workMs = 0;
    while (chunk.length < size) {
      const call = this.#queue.peek();
      if (call === undefined || call.transfer.length > 0) break;
      if (call.task !== task) {
        task = call.task;
        costMs = this.#costs.get(task)?.ms ?? Infinity;
      }
      workMs += costMs;
      if (chunk.length > 0 && workMs > budgetMs * 1.001) break;
      chunk.push(this.#queue.shift()!);
    }
    return chunk;
  }

  /** A worker without work gets half of what the one with the most has not begun. */
  #balance(): void {
    if (this.#queue.size > 0) return;
    for (const slot of this.#slots) {
      if (slot === undefined || slot.room === 0 || !slot.idle) continue;
      const taken = this.#takeFromBusiest();
      if (taken.length === 0) return;
      this.#sendChunk(slot, taken);
    }
  }

  /** Half of what the busiest worker has not begun; of the next one's, when it has begun all. */
  #takeFromBusiest(): HeldCall[] {
    const busy = this.#slots.filter((slot) => slot !== undefined).filter(({ up, held }) => up && held > 1);
    for (const slot of busy.toSorted((a, b) => b.held - a.held)) {
      const taken = slot.takeBackLast(Math.ceil((slot.held - 1) / 2));
      if (taken.length > 0) return taken;
    }
    return [];
  }

  #sendChunk(slot: Slot, chunk: readonly HeldCall[]): void {
    for (const { call, reason } of slot.send(chunk, this.#clock.now())) {
      // Later: never before submitBatch() has returned.
      this.#clock.soon(() => call.settle({ status: 'rejected', reason }));
    }
  }

  #liveWorkers(): number {
    return Math.max(1, this.#slots.filter((slot) => slot?.up).length);
  }
}
