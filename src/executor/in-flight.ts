import { TimeoutError } from '../ground/errors.ts';
import { type CallState, type HostProgress, inFlightLimit } from '../wire/progress.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import type { ExecutorCall } from './executor.ts';

/** A call that a pool holds. */
export interface HeldCall extends ExecutorCall {
  /** Where the pool holds it: for the pool's own use. */
  seat?: number;
  /** What it was to move has left this thread: it cannot be sent again. */
  hasMoved?: boolean;
}

/** What one message carried. */
interface Chunk {
  readonly first: number;
  /** Index behind its last call. */
  readonly end: number;
  readonly sentAtMs: number;
  /** The task of all its calls, when they have one. */
  readonly task: ResolvedTask | undefined;
  /** Tasks it made known to the worker. */
  readonly newTasks: readonly ResolvedTask[];
}

/** A chunk the worker could not read, or did not look at because it came behind one. */
export interface Unsent {
  /** Those of its calls that were not taken back. */
  readonly calls: readonly HeldCall[];
  /** It was one call. */
  readonly wasAlone: boolean;
  readonly newTasks: readonly ResolvedTask[];
}

const mask = inFlightLimit - 1;

/**
 * The calls that are with one worker. Indices count the calls since the worker began: those from {@link first} up to
 * {@link end} are not answered, in the order in which the worker makes them. A call that is taken back leaves a gap.
 */
export class InFlight {
  readonly #progress: HostProgress;
  readonly #onLeave: (call: HeldCall) => void;
  readonly #firstSeat: number;
  readonly #calls: (HeldCall | undefined)[] = new Array<HeldCall | undefined>(inFlightLimit).fill(undefined);
  readonly #chunks: Chunk[] = [];
  /** Calls that could not be taken back for whoever wanted them. Should the worker pass over one all the same, it is theirs. */
  readonly #wanted = new Set<HeldCall>();
  #first = 0;
  #end = 0;
  #held = 0;

  /** @param onLeave told of every call that leaves, whatever became of it */
  constructor(worker: number, progress: HostProgress, onLeave: (call: HeldCall) => void) {
    this.#firstSeat = worker * inFlightLimit;
    this.#progress = progress;
    this.#onLeave = onLeave;
  }

  /** The worker whose call this would be. */
  static workerOf(seat: number): number {
    return Math.floor(seat / inFlightLimit);
  }

  get first(): number {
    return this.#first;
  }

  get end(): number {
    return this.#end;
  }

  /** Nothing to answer. */
  get isEmpty(): boolean {
    return this.#first === this.#end;
  }

  /** Calls the worker has begun or will. */
  get held(): number {
    return this.#held;
  }

  get chunks(): number {
    return this.#chunks.length;
  }

  /** The task that is answered next, when its whole chunk has one. */
  get task(): ResolvedTask | undefined {
    return this.#chunks[0]?.task;
  }

  /** So many calls are about to be sent. */
  prepare(count: number): void {
    for (let index = this.#end; index < this.#end + count; index++) this.#progress.queue(index);
  }

  /** They have been sent, as one chunk. */
  add(
    calls: readonly HeldCall[],
    task: ResolvedTask | undefined,
    newTasks: readonly ResolvedTask[],
    sentAtMs: number,
  ): void {
    const first = this.#end;
    for (const call of calls) {
      const place = this.#end++ & mask;
      this.#calls[place] = call;
      call.seat = this.#firstSeat + place;
      if (call.transfer.length > 0) call.hasMoved = true;
    }
    this.#held += calls.length;
    this.#chunks.push({ first, end: this.#end, sentAtMs, task, newTasks });
  }

  /** The next answer has come. @returns its call; `undefined` for a gap */
  shift(): HeldCall | undefined {
    const place = this.#first++ & mask;
    const call = this.#calls[place];
    if (call !== undefined) this.#leave(place, call);
    return call;
  }

  /** Somebody wanted the call back that is answered next. */
  get isNextWanted(): boolean {
    const next = this.#calls[this.#first & mask];
    return next !== undefined && this.#wanted.has(next);
  }

  /** @returns when the first chunk that has now been answered as a whole was sent; `undefined` when none has */
  endChunks(): number | undefined {
    const sentAtMs = this.#chunks[0]?.sentAtMs;
    const before = this.#chunks.length;
    while (this.#chunks.length > 0 && this.#chunks[0].end <= this.#first) this.#chunks.shift();
    return this.#chunks.length < before ? sentAtMs : undefined;
  }

  /** @returns whether the call is here and will never run here */
  takeBack(call: HeldCall): boolean {
    const place = call.seat! & mask;
    if (this.#calls[place] !== call) return false;
    if (!this.#progress.takeBack(this.#indexAt(place))) {
      this.#wanted.add(call);
      return false;
    }
    this.#leave(place, call);
    return true;
  }

  /** Takes back up to `count` calls, the last ones first, that can go elsewhere. @returns them, in order */
  takeBackLast(count: number): HeldCall[] {
    const taken: HeldCall[] = [];
    for (let index = this.#end - 1; index >= this.#first && taken.length < count; index--) {
      const call = this.#calls[index & mask];
      if (call === undefined || call.hasMoved === true) continue;
      if (!this.#progress.takeBack(index)) break;
      this.#leave(index & mask, call);
      taken.push(call);
    }
    return taken.reverse();
  }

  /** How far the worker has come with a call; `undefined` when it is not here. */
  stateOf(call: HeldCall): CallState | undefined {
    const place = call.seat! & mask;
    return this.#calls[place] === call ? this.#progress.stateOf(this.#indexAt(place)) : undefined;
  }

  /** Whether the worker makes one of the calls just now. */
  get isRunning(): boolean {
    for (let index = this.#first; index < this.#end; index++) {
      if (this.#calls[index & mask] !== undefined && this.#progress.stateOf(index) === 'begun') return true;
    }
    return false;
  }

  /** The call is settled otherwise; its answer will be a gap. */
  drop(call: HeldCall): void {
    this.#leave(call.seat! & mask, call);
  }

  /** The worker will not answer the calls from `index` on: as if they had not been sent. @returns them, chunk by chunk */
  unsend(index: number): Unsent[] {
    const chunks = this.#chunks.filter((chunk) => chunk.first >= index);
    this.#chunks.length -= chunks.length;
    const unsent = chunks.map(({ first, end, newTasks }) => {
      return { calls: this.#takeOut(first, end), wasAlone: end - first === 1, newTasks };
    });
    this.#end = index;
    return unsent;
  }

  /** The worker is gone. @returns what it had, up to index `end`, with how far it had come */
  takeLost(end: number = this.#end): { call: HeldCall; state: CallState }[] {
    const states: CallState[] = [];
    for (let index = this.#first; index < end; index++) {
      const call = this.#calls[index & mask];
      if (call !== undefined) states.push(this.#stateWhenLost(index, call));
    }
    const calls = this.#takeOut(this.#first, end);
    this.#first = end;
    this.endChunks();
    return calls.map((call, place) => ({ call, state: states[place] }));
  }

  /** One that somebody wanted back, and that never began, is theirs after all. */
  #stateWhenLost(index: number, call: HeldCall): CallState {
    const state = this.#progress.stateOf(index);
    return state === 'queued' && call.hasMoved !== true && this.#wanted.has(call) ? 'taken back' : state;
  }

  #takeOut(first: number, end: number): HeldCall[] {
    const calls: HeldCall[] = [];
    for (let index = first; index < end; index++) {
      const call = this.#calls[index & mask];
      if (call === undefined) continue;
      this.#leave(index & mask, call);
      calls.push(call);
    }
    return calls;
  }

  /** The index that stands at a place now. */
  #indexAt(place: number): number {
    return this.#first + ((place - this.#first) & mask);
  }

  #leave(place: number, call: HeldCall): void {
    this.#calls[place] = undefined;
    this.#held--;
    if (this.#wanted.size > 0) this.#wanted.delete(call);
    this.#onLeave(call);
  }
}

/** To whoever wanted it back: it has not begun. */
export function returnTo(call: HeldCall): void {
  const reason = new TimeoutError('the job was taken back before it began', { phase: 'queue' });
  call.settle({ status: 'returned', reason });
}
