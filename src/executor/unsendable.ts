import { notCloneable } from '../wire/cloneable.ts';
import type { HeldCall } from './in-flight.ts';
import type { WorkerPort } from './port.ts';
import { RangeError } from '../ground/globals.ts';

/** A call whose arguments cannot reach a worker, with the reason. */
export interface Unsendable {
  readonly call: HeldCall;
  readonly reason: Error;
}

export function refusal(call: HeldCall, error: unknown, { copies }: WorkerPort): Unsendable {
  return { call, reason: notCloneable('args', call.args, error, copies) };
}

/** Of a call that the worker could not read, although it was alone in its frame. @param why as the worker says */
export function unreadable(call: HeldCall, port: WorkerPort, why: string): Unsendable {
  let error: unknown = new RangeError(`the worker could not read it${why === '' ? '' : ` (${why})`}`);
  try {
    port.copies?.(call.args);
  } catch (refused) {
    error = refused;
  }
  return refusal(call, error, port);
}
