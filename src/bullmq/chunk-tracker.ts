/** Which calls wait, which are with the fleet, and what becomes of those whose host is gone. Pure: event in, what settles out. */

import { type CallOutcome, type ExecutorCall, PoisonItemError } from '../index.ts';
import type { PackedArgs } from './payload.ts';

/** A call of the executor, from the moment it is taken until it settles. */
export interface Item {
  readonly call: ExecutorCall;
  readonly args: PackedArgs;
  state: 'queued' | 'sent' | 'left';
  /** Somebody wanted it back while it was sent. */
  isWanted: boolean;
  /** It was in a chunk whose host died, and nobody knows whether it had begun. */
  isSuspect: boolean;
  /** Hosts that died while it ran. */
  hostDeaths: number;
  /** Hosts that gave it back, or failed a chunk with it. */
  givenBack: number;
  /** The chunks that carried it: any of them may still answer. */
  readonly chunks: SentChunk[];
}

export interface SentChunk {
  readonly id: string;
  readonly items: readonly Item[];
  /** Its items run one at a time, and each is announced. */
  readonly isCareful: boolean;
  readonly begun: Set<Item>;
  /** Items that have not settled. */
  unsettled: number;
  /** Items it is to answer: neither settled nor queued again. */
  awaited: number;
  /** Those of them that are wanted back. */
  wanted: number;
}

export interface Settlement {
  readonly call: ExecutorCall;
  readonly outcome: CallOutcome;
}

export interface ChunkLimits {
  readonly maxChunkItems: number;
  readonly maxChunkBytes: number;
  /** So many hosts may die while they run an item. */
  readonly maxHostDeaths: number;
}

/** Why a chunk will not be finished: `"it is gone"` from Redis, with it or its answers. */
export type LossKind = 'its host died' | 'it is gone';

/** Hosts that may give an item back before it is given up. */
const maxGivenBack = 5;

/**
 * The calls of one executor. One chunk at a time is awaited; one that was lost is awaited no more, and what is left of
 * it travels again. The first answer to an item counts, whichever chunk it comes from.
 */
export class ChunkTracker {
  readonly #limits: ChunkLimits;
  readonly #items = new Map<ExecutorCall, Item>();
  #queue: Item[] = [];
  readonly #chunks = new Map<string, SentChunk>();
  #current: SentChunk | undefined;

  constructor(limits: ChunkLimits) {
    this.#limits = limits;
  }

  /** Nothing waits and nothing is sent. */
  get isEmpty(): boolean {
    return this.#items.size === 0;
  }

  /** The chunk whose answers are awaited. */
  get current(): SentChunk | undefined {
    return this.#current;
  }

  /** Everything the current chunk still has is wanted back. */
  get isCurrentWanted(): boolean {
    return this.#current !== undefined && this.#current.wanted === this.#current.awaited;
  }

  add(call: ExecutorCall, args: PackedArgs): void {
    const item: Item = {
      call,
      args,
      state: 'queued',
      isWanted: false,
      isSuspect: false,
      hostDeaths: 0,
      givenBack: 0,
      chunks: [],
    };
    this.#items.set(call, item);
    this.#queue.push(item);
  }

  /** @returns whether it had not been sent, and now never will */
  takeBack(call: ExecutorCall): boolean {
    const item = this.#items.get(call);
    if (item === undefined) return false;
    if (item.state === 'queued' && item.chunks.length === 0) {
      this.#leave(item);
      return true;
    }
    if (item.state === 'sent' && !item.isWanted) {
      item.isWanted = true;
      item.chunks.at(-1)!.wanted++;
    }
    return false;
  }

  /** Cuts the next chunk, unless one is awaited or nothing waits. */
  cut(id: string): SentChunk | undefined {
    if (this.#current !== undefined) return undefined;
    this.#queue = this.#queue.filter(({ state }) => state === 'queued');
    const items = this.#queue.splice(0, this.#nextLength());
    const [first] = items;
    if (first === undefined) return undefined;
    const isCareful = first.isSuspect || first.hostDeaths > 0;
    const chunk: SentChunk = { id, items, isCareful, begun: new Set(), unsettled: 0, awaited: 0, wanted: 0 };
    chunk.unsettled = chunk.awaited = items.length;
    for (const item of items) {
      item.state = 'sent';
      item.chunks.push(chunk);
    }
    this.#chunks.set(id, chunk);
    this.#current = chunk;
    return chunk;
  }

  /** An item's outcome has come. @returns nothing for one that has settled before */
  answer(id: string, index: number, outcome: CallOutcome): Settlement[] {
    const item = this.#chunks.get(id)?.items[index];
    return item === undefined || item.state === 'left' ? [] : [this.#settle(item, outcome)];
  }

  /** A host is about to run an item of a careful chunk. */
  begin(id: string, index: number): void {
    const chunk = this.#chunks.get(id);
    const item = chunk?.items[index];
    if (item !== undefined) chunk!.begun.add(item);
  }

  /** A host gave an item back without having begun it: it travels again. */
  requeue(id: string, index: number, reason: unknown): Settlement[] {
    const item = this.#chunks.get(id)?.items[index];
    if (item === undefined || item.state !== 'sent' || item.chunks.at(-1)!.id !== id) return [];
    item.givenBack++;
    if (item.isWanted) return [this.#settle(item, { status: 'returned', reason })];
    if (item.givenBack >= maxGivenBack) return [this.#settle(item, { status: 'rejected', reason })];
    this.#requeue([item], 'first');
    return [];
  }

  /**
   * The current chunk will not be finished. When its host died, what is left travels carefully; what is known to
   * have run as hosts died travels alone behind everything else, and is given up when that was too often.
   */
  lose(id: string, how: LossKind): Settlement[] {
    const chunk = this.#current;
    if (chunk?.id !== id) return [];
    const left = this.#awaitedBy(chunk);
    if (how === 'it is gone') {
      this.#requeue(left, 'first');
      return [];
    }
    const blamed = left.filter((item) => chunk.begun.has(item));
    for (const item of left) item.isSuspect = !chunk.isCareful;
    for (const item of blamed) item.hostDeaths++;
    const poison = blamed.filter(({ hostDeaths }) => hostDeaths >= this.#limits.maxHostDeaths);
    this.#requeue(
      left.filter((item) => !chunk.begun.has(item)),
      'first',
    );
    this.#requeue(
      blamed.filter((item) => !poison.includes(item)),
      'last',
    );
    return poison.map((item) => this.#settle(item, { status: 'rejected', reason: poisonError(item) }));
  }

  /** A host failed the current chunk as a whole, before or after it began. @param reason what its items get if that happens too often */
  failed(id: string, reason: unknown): Settlement[] {
    const chunk = this.#current;
    if (chunk?.id !== id) return [];
    const left = this.#awaitedBy(chunk);
    for (const item of left) item.givenBack++;
    const hopeless = left.filter(({ givenBack }) => givenBack >= maxGivenBack);
    this.#requeue(
      left.filter((item) => !hopeless.includes(item)),
      'first',
    );
    return hopeless.map((item) => this.#settle(item, { status: 'rejected', reason }));
  }

  /** The current chunk was taken out of the queue before any host had it. */
  withdrawn(id: string, reason: unknown, gives: 'what is wanted' | 'everything'): Settlement[] {
    const chunk = this.#current;
    if (chunk?.id !== id) return [];
    const left = this.#awaitedBy(chunk);
    // One that was sent before may have run: it is not given back, but goes on.
    const isFree = ({ isWanted, chunks }: Item): boolean =>
      (isWanted || gives === 'everything') && chunks.length === 1;
    this.#requeue(
      left.filter((item) => !isFree(item)),
      'first',
    );
    return left.filter(isFree).map((item) => this.#settle(item, { status: 'returned', reason }));
  }

  /** The current chunk could not be sent, or nobody waits for it any longer. */
  failCurrent(id: string, reason: unknown): Settlement[] {
    const chunk = this.#current;
    if (chunk?.id !== id) return [];
    return this.#awaitedBy(chunk).map((item) => this.#settle(item, { status: 'rejected', reason }));
  }

  /** These calls are to end; those that were never sent are left alone. */
  end(calls: readonly ExecutorCall[], reason: unknown): Settlement[] {
    return calls.flatMap((call) => {
      const item = this.#items.get(call);
      if (item === undefined || item.chunks.length === 0) return [];
      return [this.#settle(item, { status: 'rejected', reason })];
    });
  }

  /** Gives back what was never sent; with `sent`, the rest is rejected with that. */
  clear(unsent: unknown, sent?: unknown): Settlement[] {
    const items = [...this.#items.values()];
    const given = items
      .filter(({ chunks }) => chunks.length === 0)
      .map((item) => this.#settle(item, { status: 'returned', reason: unsent }));
    if (sent === undefined) return given;
    const rest = items.filter(({ state }) => state !== 'left');
    return [...given, ...rest.map((item) => this.#settle(item, { status: 'rejected', reason: sent }))];
  }

  /** How many items the next chunk takes: of one kind, within the limits; one that ran as a host died goes alone. */
  #nextLength(): number {
    const { maxChunkItems, maxChunkBytes } = this.#limits;
    const [first] = this.#queue;
    if (first === undefined) return 0;
    if (first.hostDeaths > 0) return 1;
    let bytes = first.args.bytes;
    let length = 1;
    for (; length < Math.min(this.#queue.length, maxChunkItems); length++) {
      const { args, isSuspect, hostDeaths } = this.#queue[length];
      bytes += args.bytes;
      if (bytes > maxChunkBytes || isSuspect !== first.isSuspect || hostDeaths > 0) break;
    }
    return length;
  }

  #requeue(items: readonly Item[], where: 'first' | 'last'): void {
    for (const item of items) {
      this.#awaitNoMore(item);
      item.state = 'queued';
    }
    this.#queue = where === 'first' ? [...items, ...this.#queue] : [...this.#queue, ...items];
  }

  #settle(item: Item, outcome: CallOutcome): Settlement {
    this.#leave(item);
    return { call: item.call, outcome };
  }

  #leave(item: Item): void {
    this.#awaitNoMore(item);
    item.state = 'left';
    this.#items.delete(item.call);
    for (const chunk of item.chunks) {
      if (--chunk.unsettled === 0) this.#chunks.delete(chunk.id);
    }
  }

  /** A chunk that has nothing to answer any more makes room for the next. */
  #awaitNoMore(item: Item): void {
    if (item.state !== 'sent') return;
    const chunk = item.chunks.at(-1)!;
    if (item.isWanted) chunk.wanted--;
    item.isWanted = false;
    if (--chunk.awaited === 0 && chunk === this.#current) this.#current = undefined;
  }

  #awaitedBy(chunk: SentChunk): Item[] {
    return chunk.items.filter((item) => item.state === 'sent' && item.chunks.at(-1) === chunk);
  }
}

function poisonError({ call, hostDeaths }: Item): PoisonItemError {
  const { owner, task } = call;
  const message = `${hostDeaths} hosts died while they ran this job; it is not tried again`;
  return new PoisonItemError(message, { hostDeaths, owner, taskName: task.name });
}
