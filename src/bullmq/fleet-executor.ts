import { type Clock, sharedNow, type Timer } from '../backend.ts';
import {
  BrokenExecutorError,
  type Executor,
  type ExecutorCall,
  type Logger,
  NotStartedError,
  type SubmitReceipt,
  TaskReferenceError,
  TimeoutError,
  WorkerCrashedError,
} from '../index.ts';
import type { BackendSettings } from './backend-options.ts';
import { encodeChunk, type WireItem, type WireTask } from './chunk-codec.ts';
import { ChunkTracker, type Item, type LossKind, type SentChunk, type Settlement } from './chunk-tracker.ts';
import type { Fleet, FleetMember } from './fleet.ts';
import { packArgs, unpackOutcome } from './payload.ts';
import type { Reply } from './reply-codec.ts';
import type { NamedModules } from './task-modules.ts';

export interface FleetExecutorTools {
  readonly fleet: Fleet;
  readonly settings: BackendSettings;
  readonly modules: NamedModules;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing of it is left. */
  readonly onEnd: () => Promise<void>;
}

/** A lease's right to the fleet: to keep one chunk in flight. What comes meanwhile travels with the next. */
export class FleetExecutor implements Executor, FleetMember {
  /** For its manager a chunk in flight is one worker at work; how wide it is there is the host's affair. */
  readonly workers = 1;
  readonly broken: Promise<Error>;
  readonly #tools: FleetExecutorTools;
  readonly #tracker: ChunkTracker;
  readonly #name: string;
  #break!: (error: Error) => void;
  #isShutDown = false;
  #lost: BrokenExecutorError | undefined;
  #chunks = 0;
  #deadline: Timer | undefined;
  /** The current chunk was sent a look ago, and was not in the queue at the last. */
  #seen: string | undefined;
  #missed: string | undefined;
  #withdrawing: string | undefined;
  #whenEmpty: (() => void)[] = [];
  #ended: Promise<void> | undefined;

  constructor(tools: FleetExecutorTools) {
    this.#tools = tools;
    this.#tracker = new ChunkTracker(tools.settings);
    this.broken = new Promise((resolve) => (this.#break = resolve));
    this.#name = tools.fleet.join(this);
  }

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    if (this.#isShutDown) return { submitted: 0, error: new NotStartedError('the pool was shut down') };
    if (this.#lost !== undefined) return { submitted: 0, error: this.#lost };
    const refused = calls.flatMap((call) => this.#take(call));
    // In a turn of its own: nothing settles before the batch has been taken.
    if (refused.length > 0) this.#tools.clock.defer(() => this.#settle(refused));
    this.#goOn();
    return { submitted: calls.length };
  }

  takeBack(call: ExecutorCall): boolean {
    const isTaken = this.#tracker.takeBack(call);
    if (isTaken) this.#goOn();
    else if (this.#tracker.isCurrentWanted) void this.#withdraw(this.#tracker.current!.id);
    return isTaken;
  }

  endCalls(calls: readonly ExecutorCall[], reason: unknown): void {
    const id = this.#tracker.current?.id;
    this.#settle(this.#tracker.end(calls, reason));
    if (id !== undefined && id !== this.#tracker.current?.id) void this.#withdraw(id);
  }

  shutdown({ timeoutSeconds }: { readonly timeoutSeconds: number }): Promise<void> {
    this.#isShutDown = true;
    const reason = new NotStartedError('the pool was shut down before the job began');
    this.#settle(this.#tracker.clear(reason));
    const late = this.#tools.clock.setTimer(() => void this.#giveUp(), timeoutSeconds * 1000);
    const empty = this.#tracker.isEmpty
      ? Promise.resolve()
      : new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    return empty.then(() => {
      late.cancel();
      return (this.#ended ??= this.#end());
    });
  }

  replies(chunk: string, replies: readonly Reply[]): void {
    this.#settle(replies.flatMap((reply) => this.#taken(chunk, reply)));
  }

  watch(): void {
    const id = this.#tracker.current?.id;
    const isOld = id !== undefined && id === this.#seen;
    this.#seen = id;
    if (isOld) void this.#lookFor(id);
  }

  redisForgot(): void {
    const id = this.#tracker.current?.id;
    this.#seen = id;
    if (id !== undefined) void this.#lookFor(id);
  }

  lost(error: BrokenExecutorError): void {
    this.#lost = error;
    this.#break(error);
    // The manager hears of it first.
    this.#tools.clock.defer(() => this.#settle(this.#tracker.clear(error, error)));
  }

  /** @returns the settlement of a call that cannot travel */
  #take(call: ExecutorCall): Settlement[] {
    const { task, args } = call;
    try {
      if (task.kind === 'source') {
        const problem = `'${task.name}' is in no task module: a fleet runs only functions of modules its hosts serve; name it in defineTasks().`;
        throw new TaskReferenceError('ERR_LEASEPOOL_TASK_NOT_PORTABLE', problem, { taskName: task.name });
      }
      this.#tracker.add(call, packArgs(args, this.#tools.settings.maxItemBytes));
      return [];
    } catch (reason) {
      return [{ call, outcome: { status: 'rejected', reason } }];
    }
  }

  #taken(chunk: string, reply: Reply): Settlement[] {
    const { kind, index } = reply;
    if (kind === 'begun') this.#tracker.begin(chunk, index);
    else if (kind === 'lost') return this.#lose(chunk, 'its host died');
    else if (kind === 'returned') {
      const { reason } = unpackOutcome(reply) as { reason: unknown };
      return this.#tracker.requeue(chunk, index, reason);
    } else return this.#tracker.answer(chunk, index, unpackOutcome(reply));
    return [];
  }

  #lose(chunk: string, how: LossKind): Settlement[] {
    const items = this.#tracker.current?.id === chunk ? this.#tracker.current.awaited : 0;
    if (items > 0) this.#tools.logger.warn('a chunk was lost', { chunk, how, items });
    return this.#tracker.lose(chunk, how);
  }

  #failed(chunk: string, why: string): Settlement[] {
    this.#tools.logger.warn('a host failed a chunk', { chunk, why });
    return this.#tracker.failed(
      chunk,
      new BrokenExecutorError(`hosts failed the chunks with this job: ${why}`),
    );
  }

  /** Sends the next chunk if it may. */
  #goOn(): void {
    const { fleet } = this.#tools;
    const chunk =
      this.#lost === undefined ? this.#tracker.cut(`${this.#name}-${this.#chunks + 1}`) : undefined;
    if (chunk !== undefined) {
      this.#chunks++;
      void this.#send(chunk);
    }
    if (this.#tracker.current === undefined) this.#deadline?.cancel();
    fleet.setBusy(this, !this.#tracker.isEmpty);
    if (!this.#tracker.isEmpty) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  async #send({ id, items, isCareful }: SentChunk): Promise<void> {
    const { fleet, settings, clock } = this.#tools;
    this.#deadline?.cancel();
    this.#deadline = clock.setTimer(() => this.#overdue(id), settings.chunkMs);
    const now = fleet.now();
    const chunk = encodeChunk({
      replyTo: fleet.replyTo,
      deadline: now + settings.chunkMs,
      isCareful,
      items: items.map((item) => this.#wireItem(item, now)),
    });
    const [{ call }] = items;
    try {
      await fleet.send(id, call.task.name, chunk);
    } catch (cause) {
      if (this.#lost !== undefined) return;
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#settle(
        this.#tracker.failCurrent(id, new BrokenExecutorError(`the queue took no chunk: ${why}`, { cause })),
      );
    }
  }

  #wireItem({ call, args }: Item, now: number): WireItem {
    const { task, owner, timeoutSeconds, beginBeforeMs } = call;
    return {
      task: this.#tools.modules.wireTask(task as WireTask),
      args: args.args,
      owner,
      timeoutSeconds,
      beginBefore: beginBeforeMs === undefined ? undefined : now + beginBeforeMs - sharedNow(),
    };
  }

  #overdue(id: string): void {
    const message = `no answer came from the fleet within ${this.#tools.settings.chunkMs / 1000} s`;
    this.#settle(this.#tracker.failCurrent(id, new TimeoutError(message, { phase: 'result' })));
    void this.#withdraw(id);
  }

  /** Twice not in the queue, and no answer: Redis has lost it, or the answer. */
  async #lookFor(id: string): Promise<void> {
    try {
      const state = await this.#tools.fleet.stateOf(id);
      if (state.is === 'failed') this.#settle(this.#failed(id, state.why));
      else if (state.is === 'gone' && this.#missed === id) this.#settle(this.#lose(id, 'it is gone'));
      this.#missed = state.is === 'gone' ? id : undefined;
    } catch {
      // Redis is away; the next look tells.
    }
  }

  /** Nobody wants anything of this chunk: if no host has it, none needs to. */
  async #withdraw(id: string): Promise<void> {
    if (this.#withdrawing === id) return;
    this.#withdrawing = id;
    const reason = new TimeoutError('the job was taken back before it began', { phase: 'queue' });
    const isOut = await this.#tools.fleet.withdraw(id).catch(() => false);
    if (isOut) this.#settle(this.#tracker.withdrawn(id, reason, 'what is wanted'));
  }

  /** The time a shutdown gave is over. */
  async #giveUp(): Promise<void> {
    const reason = new NotStartedError('the pool was shut down');
    const { current } = this.#tracker;
    const isOut = current !== undefined && (await this.#tools.fleet.withdraw(current.id).catch(() => false));
    if (isOut) this.#settle(this.#tracker.withdrawn(current.id, reason, 'everything'));
    const message = 'the pool was shut down while a host had the job; it may run there';
    this.#settle(
      this.#tracker.clear(reason, new WorkerCrashedError(message, { phase: 'running', cause: reason })),
    );
  }

  async #end(): Promise<void> {
    this.#deadline?.cancel();
    this.#tools.fleet.leave(this.#name);
    await this.#tools.onEnd();
  }

  #settle(settlements: readonly Settlement[]): void {
    for (const { call, outcome } of settlements) call.settle(outcome);
    this.#goOn();
  }
}
