import { WeakMap } from '../core/globals.ts';
import { RingBuffer } from '../core/ring-buffer.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { type CallCost, chunkSize, nextCost, worthMessage } from './chunk.ts';
import type { PooledCall } from './in-flight-calls.ts';

/** What one message is to carry. */
export interface Chunk {
  readonly calls: readonly PooledCall[];
  /** What each of them is taken to cost; `Infinity` when that is not known. */
  readonly callMs: number;
}

/** Calls that wait until a worker has room for them, and what calls cost: it decides what goes together. */
export class CallQueue {
  readonly #calls = new RingBuffer<PooledCall>();
  readonly #costs = new WeakMap<ResolvedTask, CallCost>();

  get size(): number {
    return this.#calls.size;
  }

  push(call: PooledCall): void {
    call.location = this.#calls.push(call);
  }

  /** Puts calls before all others, in their order. */
  requeue(calls: readonly PooledCall[]): void {
    for (let place = calls.length - 1; place >= 0; place--)
      calls[place].location = this.#calls.unshift(calls[place]);
  }

  shift(): PooledCall | undefined {
    return this.#calls.shift();
  }

  /** @returns whether it waited here */
  remove(call: PooledCall): boolean {
    return this.#calls.removeAt(call.location!, call);
  }

  /** Calls of one task were made. */
  measured(task: ResolvedTask, calls: number, workMs: number): void {
    this.#costs.set(task, nextCost(this.#costs.get(task), calls, workMs));
  }

  /** So many calls of the task are worth a message. */
  worthMessage(task: ResolvedTask): number {
    return worthMessage(this.#costs.get(task)?.ms);
  }

  /**
   * Something must wait here.
   * @param isIdle whether the worker it is for has nothing to do
   * @returns `undefined` when the next call has to wait for a worker without work
   */
  nextChunk(workers: number, isIdle: boolean): Chunk | undefined {
    const first = this.#calls.peek()!;
    const { task } = first;
    const costMs = this.#costs.get(task)?.ms;
    const isAlone = goesAlone(first);
    if (isAlone && !isIdle) return undefined;
    if (isAlone || costMs === undefined) return { calls: [this.#calls.shift()!], callMs: Infinity };
    return this.#fill(chunkSize(this.#calls.size, workers, costMs), task, costMs);
  }

  #fill(size: number, task: ResolvedTask, costMs: number): Chunk {
    const budgetMs = size * costMs * 1.001;
    const calls: PooledCall[] = [];
    let workMs = 0;
    while (calls.length < size) {
      const call = this.#calls.peek();
      if (call === undefined || goesAlone(call)) break;
      if (call.task !== task) {
        task = call.task;
        costMs = this.#costs.get(task)?.ms ?? Infinity;
      }
      if (calls.length > 0 && workMs + costMs > budgetMs) break;
      workMs += costMs;
      calls.push(this.#calls.shift()!);
    }
    return { calls, callMs: workMs / calls.length };
  }
}

/**
 * Whether a call travels alone, to an idle worker: memory that it moves stays in this thread until then, and a call
 * that may have ended the worker it was sent to must not take others along.
 */
function goesAlone({ transfer, sendsWithoutProgress }: PooledCall): boolean {
  return transfer.length > 0 || sendsWithoutProgress !== undefined;
}
