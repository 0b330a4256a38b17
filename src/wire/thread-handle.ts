import { types } from 'node:util';
import { process } from '../core/globals.ts';
import { invalidType } from '../core/options.ts';

/** Put it in `workerData` or `postMessage()` it; no transfer list. Any number of threads may use one handle. */
export interface GrinderThreadHandle {
  /** Changes with what travels between the threads. */
  readonly leasepool: 'grinder/1';
  /** Names the grinder within the process, from one start to the next stop. A secret: only who has the handle knows it. */
  readonly id: string;
  /** The thread that owns the grinder. */
  readonly threadId: number;
  readonly pid: number;
  /** `hasStopped` and `tickets`. */
  readonly state: SharedArrayBuffer;
}

/** Word of the state: 1 once the grinder has stopped. */
export const hasStopped = 0;
/** Word of the state: connections begun, by whatever thread. */
export const tickets = 1;

export const stateBytes = 8;

const idPattern = /^leasepool\/grinder\/\d+\/[0-9a-f]{32}$/;

/** @param secret 128 random bits, in hexadecimal: no thread reaches a grinder whose handle it was not given */
export function handleId(threadId: number, secret: string): string {
  return `leasepool/grinder/${threadId}/${secret}`;
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function readHandle(value: unknown): GrinderThreadHandle {
  const { leasepool, id, threadId, pid, state } = (value ?? {}) as Partial<GrinderThreadHandle>;
  const isHandle =
    leasepool === 'grinder/1' &&
    typeof id === 'string' &&
    idPattern.test(id) &&
    typeof threadId === 'number' &&
    types.isSharedArrayBuffer(state) &&
    state.byteLength === stateBytes;
  if (isHandle && pid === process.pid) return { leasepool, id, threadId, pid, state };
  const expected = 'connectGrinder() needs what threadHandle() of a grinder gave, in this process';
  throw invalidType(isHandle ? `${expected}; this one is of process ${pid}` : expected, value);
}
