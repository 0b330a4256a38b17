import {
  BrokenExecutorError,
  type CallOutcome,
  type ExecutorLease,
  type LeasedExecutorManager,
  TimeoutError,
} from '../index.ts';
import type { WireChunk, WireItem, WireTask } from './chunk-codec.ts';
import { packOutcome, unpackArgs } from './payload.ts';
import { nothing } from './reply-codec.ts';
import type { ReplyWriter } from './reply-stream.ts';
import type { ServedModules } from './task-modules.ts';

export interface ChunkRunTools {
  readonly manager: LeasedExecutorManager;
  readonly modules: ServedModules;
  readonly maxItemBytes: number;
  /** Milliseconds on the clock of Redis. */
  now(): number;
}

/** How items ended. */
export interface ChunkTally {
  fulfilled: number;
  rejected: number;
  returned: number;
}

/** A running job's end is the manager's to announce when the chunk is overdue; the lease here ends shortly after. */
const overdueMs = 1_000;

/** One chunk on the local manager: one lease, every item an answer of its own. */
export class ChunkRun {
  readonly #tools: ChunkRunTools;
  readonly #chunk: WireChunk;
  readonly #writer: ReplyWriter;
  readonly #tally: ChunkTally;
  readonly #located = new Map<WireTask, WireTask>();
  readonly #abandoned = new AbortController();
  /** Why the local pool is no good, when it is not. */
  broken: Error | undefined;

  constructor(tools: ChunkRunTools, chunk: WireChunk, writer: ReplyWriter, tally: ChunkTally) {
    this.#tools = tools;
    this.#chunk = chunk;
    this.#writer = writer;
    this.#tally = tally;
  }

  /** Resolves when every item has its answer in the stream. @throws when an answer cannot be written */
  async run(): Promise<void> {
    const { items, isCareful, deadline } = this.#chunk;
    const leftMs = deadline - this.#tools.now();
    if (leftMs <= 0) return; // Its manager has given it up.
    let lease: ExecutorLease;
    try {
      lease = await this.#tools.manager.acquire({ leaseSeconds: (leftMs + overdueMs) / 1000 });
    } catch (reason) {
      for (const index of items.keys()) this.#answer(index, { status: 'returned', reason });
      return this.#writer.flush();
    }
    try {
      if (isCareful) await this.#runSingly(lease);
      else await Promise.all(items.map((item, index) => this.#runItem(lease, item, index)));
      await this.#writer.flush();
    } finally {
      await lease.release();
    }
  }

  /** Nobody waits for it: what has not begun never does. */
  abandon(): void {
    this.#abandoned.abort();
  }

  /** Each is announced before it begins, so that the one under which a host dies is known. */
  async #runSingly(lease: ExecutorLease): Promise<void> {
    for (const [index, item] of this.#chunk.items.entries()) {
      if (this.#abandoned.signal.aborted) return;
      this.#writer.write({ kind: 'begun', index, bytes: nothing });
      await this.#writer.flush();
      await this.#runItem(lease, item, index);
    }
  }

  async #runItem(lease: ExecutorLease, item: WireItem, index: number): Promise<void> {
    const rejected = (reason: unknown): CallOutcome => ({ status: 'rejected', reason });
    this.#answer(index, await this.#begin(lease, item).catch(rejected));
  }

  async #begin(
    lease: ExecutorLease,
    { task, args, owner, timeoutSeconds, beginBefore }: WireItem,
  ): Promise<CallOutcome> {
    let located = this.#located.get(task);
    if (located === undefined) this.#located.set(task, (located = this.#tools.modules.locate(task)));
    const waitMs = beginBefore === undefined ? undefined : beginBefore - this.#tools.now();
    // Not left to the worker: times are whole milliseconds there, and a quick one would begin it within the first.
    if (waitMs !== undefined && waitMs <= 0) {
      const details = { owner, taskName: task.name, phase: 'queue' } as const;
      throw new TimeoutError('no worker began the job in time', details);
    }
    return lease.outcomeOf(located, unpackArgs(args), {
      signal: this.#abandoned.signal,
      owner,
      timeoutSeconds,
      queueTimeoutSeconds: waitMs === undefined ? undefined : waitMs / 1000,
    });
  }

  #answer(index: number, outcome: CallOutcome): void {
    if (outcome.status === 'returned' && outcome.reason instanceof BrokenExecutorError)
      this.broken = outcome.reason;
    if (this.#abandoned.signal.aborted) return;
    this.#tally[outcome.status]++;
    this.#writer.write(packOutcome(index, outcome, this.#tools.maxItemBytes));
  }
}
