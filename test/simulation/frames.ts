/** What the simulation reads in the messages between a pool and its workers. The rest is none of its business. */

import type { ResultFrame, CallFrame, HostFrame, WorkerFrame } from '../../src/wire/frame.ts';
import { unpackTrees } from '../../src/wire/shape-encoding.ts';
import type { JobArgument } from './items.ts';

/** The calls in a message, by their indices. */
export function callsIn(frame: HostFrame): { readonly index: number; readonly job: JobArgument }[] {
  if (!('count' in frame)) return [];
  const calls: { index: number; job: JobArgument }[] = [];
  const args = unpackTrees({ values: frame.args, trees: frame.trees });
  let place = 0;
  for (let offset = 0; offset < frame.count; offset++) {
    calls.push({ index: frame.first + offset, job: args[place] as JobArgument });
    place += arityOf(frame, offset);
  }
  return calls;
}

/** Indices of the calls that a message answers; not those the worker passed over. */
export function answersIn(frame: WorkerFrame): number[] {
  if (!('values' in frame)) return [];
  return unpackTrees(frame)
    .map((_, offset) => frame.first + offset)
    .filter((_, offset) => !isPassedOver(frame, offset));
}

/** Indices of the calls that the worker is done with once this message has arrived. */
export function doneIn(frame: WorkerFrame): number[] {
  return 'values' in frame ? unpackTrees(frame).map((_, offset) => frame.first + offset) : [];
}

/** Whether something in a message nests too deep for whoever receives it. */
export function isUnreadable(frame: HostFrame | WorkerFrame): boolean {
  if ('count' in frame) return callsIn(frame).some(({ job }) => job.plan.args === 'unreadable');
  return 'values' in frame && frame.values.some((value) => Object(value).isTooDeep === true);
}

/** Whether a worker ends of a message before it begins anything that is in it. */
export function isFatal(frame: HostFrame): boolean {
  return callsIn(frame).some(({ job }) => job.plan.args === 'fatal');
}

function arityOf({ arity }: CallFrame, offset: number): number {
  return typeof arity === 'number' ? arity : arity[offset];
}

function isPassedOver({ failed }: ResultFrame, offset: number): boolean {
  return failed?.some((failure) => failure.offset === offset && failure.thrown === undefined) === true;
}
