import { encodeErrors } from './error-codec.ts';
import type { CallFrame } from './frame.ts';
import { Array, Map, WeakMap } from '../core/globals.ts';
import type { ResolvedTask } from './reference.ts';
import { packTrees } from './shape-encoding.ts';
import { isAnyView, isWindow, memoryOf } from './views.ts';

/** What is packed of a call. */
export interface PackedCall {
  readonly task: ResolvedTask;
  readonly args: readonly unknown[];
  readonly timeoutSeconds: number | undefined;
  readonly beginBeforeMs: number | undefined;
}

/** Tasks one worker knows, by the numbers it knows them by. */
export class TaskNumbers {
  readonly #numbers = new WeakMap<ResolvedTask, number>();
  #known = 0;
  #lastTask: ResolvedTask | undefined;
  #lastNumber = 0;

  /** The task's number; a task that is new to the worker gets the next one and is added to `newTasks`. */
  of(task: ResolvedTask, newTasks: ResolvedTask[]): number {
    if (task === this.#lastTask) return this.#lastNumber;
    let number = this.#numbers.get(task);
    if (number === undefined) {
      number = this.#known++;
      this.#numbers.set(task, number);
      newTasks.push(task);
    }
    this.#lastTask = task;
    this.#lastNumber = number;
    return number;
  }

  /** The frame that was to introduce them did not leave. */
  forget(tasks: readonly ResolvedTask[]): void {
    for (const task of tasks) this.#numbers.delete(task);
    this.#known -= tasks.length;
    this.#lastTask = undefined;
  }
}

/** A number per call, kept as one number while it is the same for all. */
class UniformOrEach {
  #first = 0;
  #each: number[] | undefined;
  #count = 0;

  add(value: number): void {
    if (this.#count === 0) this.#first = value;
    else if (this.#each === undefined && value !== this.#first)
      this.#each = new Array<number>(this.#count).fill(this.#first);
    this.#each?.push(value);
    this.#count++;
  }

  get packed(): number | readonly number[] {
    return this.#each ?? this.#first;
  }
}

/**
 * Packs calls into one frame: numbers and counts that are the same for all are sent once.
 * @param newTasks receives the tasks the worker has not met; they are to be forgotten when the frame cannot leave
 */
export function packCalls(
  calls: readonly PackedCall[],
  first: number,
  answered: number,
  numbers: TaskNumbers,
  newTasks: ResolvedTask[],
): CallFrame {
  const tasks = new UniformOrEach();
  const arity = new UniformOrEach();
  let timed: number[] | undefined;
  let beginBefore: number[] | undefined;
  for (let offset = 0; offset < calls.length; offset++) {
    const call = calls[offset];
    tasks.add(numbers.of(call.task, newTasks));
    arity.add(call.args.length);
    if (call.timeoutSeconds !== undefined) (timed ??= []).push(offset);
    if (call.beginBeforeMs !== undefined) (beginBefore ??= []).push(offset, call.beginBeforeMs);
  }
  const args: unknown[] = [];
  for (const call of calls) for (const argument of call.args) args.push(argument);
  const { values: leaves, trees } = packTrees(args, arity.packed);
  const { values, errors, isPlain } = encodeErrors(leaves);
  return {
    answered,
    first,
    newTasks: newTasks.length > 0 ? newTasks : undefined,
    tasks: tasks.packed,
    count: calls.length,
    arity: arity.packed,
    args: values,
    trees,
    errors,
    isPlain,
    repeatedArgs: repeatedArguments(calls, trees?.shapeOf ?? 0),
    hasTimeout: timed,
    beginBefore,
  };
}

/** Places of objects that an earlier call is given too, or whose memory it is given. Trees are nobody else's: each call gets one of its own. */
function repeatedArguments(
  calls: readonly PackedCall[],
  shapeOf: number | readonly number[],
): readonly number[] | undefined {
  if (typeof shapeOf === 'number' && shapeOf > 0) return undefined;
  /** Objects, with the offset of the first call they are given to. */
  let givenTo: Map<unknown, number> | undefined;
  let places: number[] | undefined;
  let place = 0;
  for (let offset = 0; offset < calls.length; offset++) {
    for (const argument of calls[offset].args) {
      const here = place++;
      if (typeof argument !== 'object' || argument === null) continue;
      if (typeof shapeOf !== 'number' && shapeOf[here] > 0) continue;
      givenTo ??= new Map();
      const given = isAnyView(argument) && !isWindow(argument) ? memoryOf(argument) : argument;
      const before = givenTo.get(given);
      if (before === undefined) givenTo.set(given, offset);
      else if (before !== offset) (places ??= []).push(here);
    }
  }
  return places;
}
