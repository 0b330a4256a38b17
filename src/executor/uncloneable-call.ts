import { notCloneable } from '../wire/cloneable.ts';
import type { PooledCall } from './in-flight-calls.ts';
import type { WorkerPort } from './port.ts';
import { RangeError } from '../core/globals.ts';

/** A call whose arguments cannot reach a worker, with the reason. */
export interface UncloneableCall {
  readonly call: PooledCall;
  readonly reason: Error;
}

export function refusal(call: PooledCall, error: unknown, { cloneTest }: WorkerPort): UncloneableCall {
  return { call, reason: notCloneable('args', call.args, error, cloneTest) };
}

/** Of a call that the worker could not read, although it was alone in its frame. @param why as the worker says */
export function unreadable(call: PooledCall, port: WorkerPort, why: string): UncloneableCall {
  let error: unknown = new RangeError(`the worker could not read it${why === '' ? '' : ` (${why})`}`);
  try {
    port.cloneTest?.(call.args);
  } catch (refused) {
    error = refused;
  }
  return refusal(call, error, port);
}
