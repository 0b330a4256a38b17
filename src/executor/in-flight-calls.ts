import { TimeoutError } from '../core/errors.ts';
import { Array, Math, Set } from '../core/globals.ts';
import { type CallState, type HostProgress, inFlightLimit } from '../wire/progress.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import type { Backlog } from './chunk.ts';
import type { ExecutorCall } from './executor.ts';

/** A call that a pool holds. */
export interface PooledCall extends ExecutorCall {
  /** Where the pool holds it: for the pool's own use. */
  location?: number;
  /** What it was to move has left this thread: it cannot be sent again. */
  hasMoved?: boolean;
  /** Workers that ended before they began anything, when it was in the message they had to begin next. It may be why, so it goes alone. */
  sendsWithoutProgress?: number;
  /** How long it ran, once it has been ended. */
  ranMs?: number;
}

/** What one message carried. */
interface Chunk {
  readonly first: number;
  /** Index behind its last call. */
  readonly end: number;
  /** All it carried, also what was taken back. */
  readonly calls: readonly PooledCall[];
  readonly sentAtMs: number;
  /** What each of its calls is taken to cost; `Infinity` when that is not known. */
  readonly callMs: number;
  /** The task of all its calls, when they have one. */
  readonly task: ResolvedTask | undefined;
  /** Tasks it made known to the worker. */
  readonly newTasks: readonly ResolvedTask[];
}

/** A chunk the worker could not read, or did not look at because it came behind one. */
export interface RolledBackChunk {
  /** The calls of the chunk that were not taken back. */
  readonly calls: readonly PooledCall[];
  /** It was one call. */
  readonly wasAlone: boolean;
  readonly newTasks: readonly ResolvedTask[];
}

/** A call whose worker is gone. */
export interface LostCall {
  readonly call: PooledCall;
  readonly state: CallState | 'loading';
}

const indexMask = inFlightLimit - 1;

/**
 * The calls that are with one worker, by index. An index counts the calls since the worker began; the worker runs and
 * answers them in that order. A call that is taken back leaves a gap: its index is answered with nothing.
 *
 *      first                  firstNotBegun           end
 *        |  finished | begun     |  queued             |
 *     ---+-----------+-----------+---------------------+---
 *        answers are due         can be taken back     next to be sent
 *
 * Calls stand in a ring of 1,024 places (`index & indexMask`), as the progress words do.
 */
export class InFlightCalls {
  readonly #progress: HostProgress;
  readonly #onLeave: (call: PooledCall) => void;
  readonly #firstLocation: number;
  readonly #calls: (PooledCall | undefined)[] = new Array<PooledCall | undefined>(inFlightLimit).fill(
    undefined,
  );
  readonly #chunks: Chunk[] = [];
  /**
   * `takeBack()` failed for these calls, because the worker had reached them. Should the worker still skip one (it saw the
   * mark), the call is settled as returned to the caller of `takeBack()` and not requeued.
   */
  readonly #takeBackRequested = new Set<PooledCall>();
  #first = 0;
  #end = 0;
  #unfinished = 0;
  #lastResultAtMs = 0;

  /** @param onLeave told of every call that leaves, whatever became of it */
  constructor(worker: number, progress: HostProgress, onLeave: (call: PooledCall) => void) {
    this.#firstLocation = worker * inFlightLimit;
    this.#progress = progress;
    this.#onLeave = onLeave;
  }

  /** The worker whose call this would be. */
  static workerOf(location: number): number {
    return Math.floor(location / inFlightLimit);
  }

  get first(): number {
    return this.#first;
  }

  get end(): number {
    return this.#end;
  }

  /** No call is left to answer. */
  get isEmpty(): boolean {
    return this.#first === this.#end;
  }

  /** Calls that the worker has begun or will begin. */
  get unfinished(): number {
    return this.#unfinished;
  }

  get chunks(): number {
    return this.#chunks.length;
  }

  /** Since when the call that runs may have been running: it was sent, and the one before it answered. */
  get runningSinceMs(): number {
    return Math.max(this.#chunks[0]?.sentAtMs ?? 0, this.#lastResultAtMs);
  }

  /** The task that is answered next, when its whole chunk has one. */
  get task(): ResolvedTask | undefined {
    return this.#chunks[0]?.task;
  }

  /** So many calls are about to be sent. */
  markQueued(count: number): void {
    for (let index = this.#end; index < this.#end + count; index++) this.#progress.queue(index);
  }

  /** They have been sent, as one chunk. */
  append(
    calls: readonly PooledCall[],
    task: ResolvedTask | undefined,
    newTasks: readonly ResolvedTask[],
    sentAtMs: number,
    callMs: number = Infinity,
  ): void {
    const first = this.#end;
    for (const call of calls) {
      const place = this.#end++ & indexMask;
      this.#calls[place] = call;
      call.location = this.#firstLocation + place;
      if (call.transfer.length > 0) call.hasMoved = true;
    }
    this.#unfinished += calls.length;
    this.#chunks.push({ first, end: this.#end, calls, sentAtMs, callMs, task, newTasks });
  }

  /** The next answer has come. @returns its call; `undefined` for a gap */
  shift(): PooledCall | undefined {
    const place = this.#first++ & indexMask;
    const call = this.#calls[place];
    if (call !== undefined) this.#vacate(place, call);
    return call;
  }

  /** The call at an index; `undefined` for a gap. */
  at(index: number): PooledCall | undefined {
    return index >= this.#first && index < this.#end ? this.#calls[index & indexMask] : undefined;
  }

  /** The take-back of the call that is answered next was requested. */
  get isNextTakeBackRequested(): boolean {
    const next = this.#calls[this.#first & indexMask];
    return next !== undefined && this.#takeBackRequested.has(next);
  }

  /** Answers have come. @returns when the first chunk that has now been answered as a whole was sent; `undefined` when none has */
  endChunks(now: number = this.#lastResultAtMs): number | undefined {
    this.#lastResultAtMs = now;
    const sentAtMs = this.#chunks[0]?.sentAtMs;
    const before = this.#chunks.length;
    while (this.#chunks.length > 0 && this.#chunks[0].end <= this.#first) this.#chunks.shift();
    return this.#chunks.length < before ? sentAtMs : undefined;
  }

  /** @returns whether the call is here and will never run here */
  takeBack(call: PooledCall): boolean {
    const place = call.location! & indexMask;
    if (this.#calls[place] !== call) return false;
    if (!this.#progress.takeBack(this.#indexAt(place))) {
      this.#takeBackRequested.add(call);
      return false;
    }
    this.#vacate(place, call);
    return true;
  }

  /** Takes back up to `count` calls, the last ones first, that can go elsewhere. @returns them, in order */
  takeBackLast(count: number): PooledCall[] {
    const taken: PooledCall[] = [];
    for (let index = this.#end - 1; index >= this.#first && taken.length < count; index--) {
      const call = this.#calls[index & indexMask];
      if (call === undefined || call.hasMoved === true) continue;
      if (!this.#progress.takeBack(index)) break;
      this.#vacate(index & indexMask, call);
      taken.push(call);
    }
    return taken.reverse();
  }

  /** What the worker has not begun and can go elsewhere. */
  backlog(now: number): Backlog {
    const firstNotBegun = this.#firstNotBegun();
    let calls = 0;
    let workMs = 0;
    let ageMs = 0;
    for (const { first, end, sentAtMs, callMs } of this.#chunks) {
      let count = 0;
      for (let index = Math.max(first, firstNotBegun); index < end; index++) {
        const call = this.#calls[index & indexMask];
        if (call !== undefined && call.hasMoved !== true) count++;
      }
      if (count === 0) continue;
      calls += count;
      workMs += count * callMs;
      ageMs = Math.max(ageMs, now - sentAtMs);
    }
    return { calls, workMs, ageMs };
  }

  /** By bisection: to look at one call takes a system call where the worker is a process. */
  #firstNotBegun(): number {
    let low = this.#first;
    let high = this.#end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      let index = middle;
      // A call that was taken back says nothing of how far the worker has come.
      while (index >= low && this.#progress.stateOf(index) === 'taken back') index--;
      if (index >= low && this.#progress.stateOf(index) === 'queued') high = index;
      else low = middle + 1;
    }
    return low;
  }

  /** The index of a call that is here. */
  indexOf(call: PooledCall): number | undefined {
    const place = call.location! & indexMask;
    return this.#calls[place] === call ? this.#indexAt(place) : undefined;
  }

  /** How far the worker has come with a call; `undefined` when it is not here. */
  stateOf(call: PooledCall): CallState | undefined {
    const index = this.indexOf(call);
    return index === undefined ? undefined : this.#progress.stateOf(index);
  }

  /** Whether the worker makes one of the calls just now. */
  get isRunning(): boolean {
    for (let index = this.#first; index < this.#end; index++) {
      if (this.#calls[index & indexMask] !== undefined && this.#progress.stateOf(index) === 'begun')
        return true;
    }
    return false;
  }

  /** The call is settled otherwise: the worker's answer to it is ignored. */
  remove(call: PooledCall): void {
    this.#vacate(call.location! & indexMask, call);
  }

  /** Rolls back the calls from `index` on, which the worker could not read and will not answer. @returns them, chunk by chunk */
  rollBack(index: number): RolledBackChunk[] {
    const chunks = this.#chunks.filter((chunk) => chunk.first >= index);
    this.#chunks.length -= chunks.length;
    const rolledBack = chunks.map(({ first, end, newTasks }) => {
      return { calls: this.#removeRange(first, end), wasAlone: end - first === 1, newTasks };
    });
    this.#end = index;
    return rolledBack;
  }

  /**
   * @returns the calls of the message the worker had to begin next, when it had begun nothing of all it has; those that
   * were taken back are among them, since the message may have ended the worker before that
   */
  nextIfNoneBegan(): readonly PooledCall[] {
    const next = this.#chunks[0];
    if (next === undefined || next.first < this.#first) return [];
    for (let index = this.#first; index < this.#end; index++) {
      const call = this.#calls[index & indexMask];
      if (call !== undefined && this.#progress.stateOf(index) !== 'queued') return [];
    }
    return next.calls;
  }

  /**
   * The worker is gone.
   * @param loading the call whose module it was loading
   * @returns what it had, up to index `end`, with how far it had come
   */
  removeLost(end: number = this.#end, loading?: PooledCall): LostCall[] {
    const states: LostCall['state'][] = [];
    for (let index = this.#first; index < end; index++) {
      const call = this.#calls[index & indexMask];
      if (call === undefined) continue;
      const state = this.#stateWhenLost(index, call);
      states.push(state === 'queued' && call === loading ? 'loading' : state);
    }
    const calls = this.#removeRange(this.#first, end);
    this.#first = end;
    this.endChunks();
    return calls.map((call, place) => ({ call, state: states[place] }));
  }

  /** A call that was still queued when its worker died, and whose take-back was requested, counts as taken back. */
  #stateWhenLost(index: number, call: PooledCall): CallState {
    const state = this.#progress.stateOf(index);
    return state === 'queued' && call.hasMoved !== true && this.#takeBackRequested.has(call)
      ? 'taken back'
      : state;
  }

  #removeRange(first: number, end: number): PooledCall[] {
    const calls: PooledCall[] = [];
    for (let index = first; index < end; index++) {
      const call = this.#calls[index & indexMask];
      if (call === undefined) continue;
      this.#vacate(index & indexMask, call);
      calls.push(call);
    }
    return calls;
  }

  /** The index that stands at a place now. */
  #indexAt(place: number): number {
    return this.#first + ((place - this.#first) & indexMask);
  }

  #vacate(place: number, call: PooledCall): void {
    this.#calls[place] = undefined;
    this.#unfinished--;
    if (this.#takeBackRequested.size > 0) this.#takeBackRequested.delete(call);
    this.#onLeave(call);
  }
}

/** Settles a call whose take-back succeeded late: the worker skipped it. */
export function settleAsReturned(call: PooledCall): void {
  const reason = new TimeoutError('the job was taken back before it began', { phase: 'queue' });
  call.settle({ status: 'returned', reason });
}
