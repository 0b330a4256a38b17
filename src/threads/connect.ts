import { threadId } from 'node:worker_threads';
import { WrongThreadError } from '../core/errors.ts';
import { type GrinderThreadHandle, readHandle } from '../wire/thread-handle.ts';
import { Connection } from './connection.ts';
import { RemoteGrinderClient, type RemoteGrinder } from './remote-grinder.ts';

/**
 * Reaches a grinder of another thread. {@link RemoteGrinder.close} it, or declare it with `using`; an open one does
 * not keep its thread alive.
 * @throws `WrongThreadError` on the owning thread; `GrinderStoppedError` when the grinder has stopped or its thread has
 *   ended; `UnsupportedRuntimeError` where a thread cannot block for another one's answer; TypeError for something
 *   that is not a handle of this process
 */
export function connectGrinder(handle: GrinderThreadHandle): RemoteGrinder {
  const known = readHandle(handle);
  if (known.threadId === threadId)
    throw new WrongThreadError('this thread owns the grinder: use its submit(), enqueue() and stats()');
  return new RemoteGrinderClient(new Connection(known));
}
