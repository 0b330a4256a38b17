import type { MessagePort } from 'node:worker_threads';
import type { EncodedErrors, EncodedThrow } from './error-envelope.ts';
import type { ResolvedTask } from './reference.ts';
import { Array, Number } from '../core/globals.ts';

/** What travels between the thread that owns a grinder and a thread that uses it. */

/** First message, under the name in the handle: the thread's end of the connection to be. */
export interface Handshake {
  readonly port: MessagePort;
  /** {@link wake} and {@link ended}. */
  readonly signal: SharedArrayBuffer;
}

/** Word of the cell that changes whenever the owner has sent something: the other thread blocks on it. */
export const wake = 0;
/** Word of the cell: 1 once the owner has sent the last it will send. */
export const ended = 1;

export const signalBytes = 8;

export type ThreadRequest = ThreadSubmit | ThreadCall;

export interface ThreadSubmit {
  readonly kind: 'submit';
  readonly id: number;
  readonly task: ResolvedTask;
  readonly args: readonly unknown[];
  readonly errors?: EncodedErrors | undefined;
  readonly owner: string | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly queueTimeoutMs: number | undefined;
  /** Milliseconds of the shared clock. */
  readonly submittedAtMs: number;
}

export interface ThreadCall {
  /** `"cancel"`: the submission of that id. `"leave"`: nothing more will come. */
  readonly kind: 'cancel' | 'stats' | 'leave';
  readonly id: number;
}

/** Whether it is a request: threads may send anything. */
export function isThreadRequest(value: unknown): value is ThreadRequest {
  const { kind, id } = (value ?? {}) as Partial<ThreadRequest>;
  if (!Number.isSafeInteger(id)) return false;
  return kind === 'submit' ? isSubmit(value as ThreadSubmit) : calls.includes(kind as ThreadCall['kind']);
}

const calls: readonly ThreadCall['kind'][] = ['cancel', 'stats', 'leave'];

function isSubmit(value: ThreadSubmit): boolean {
  const { task, args, owner, timeoutSeconds, queueTimeoutMs, submittedAtMs } = value;
  return (
    isTask(task) &&
    Array.isArray(args) &&
    (owner === undefined || typeof owner === 'string') &&
    isLimit(timeoutSeconds) &&
    isLimit(queueTimeoutMs) &&
    Number.isFinite(submittedAtMs)
  );
}

function isTask(value: ResolvedTask | null | undefined): boolean {
  const text: unknown = value?.kind === 'source' ? value.source : value?.kind === 'reference' && value.module;
  return typeof text === 'string' && typeof value!.name === 'string';
}

function isLimit(value: number | undefined): boolean {
  return value === undefined || (Number.isFinite(value) && value > 0);
}

/** The outcome of a submission, or what was asked for. */
export type ThreadReply =
  | {
      readonly id: number;
      readonly status: 'fulfilled';
      readonly value: unknown;
      readonly errors?: EncodedErrors | undefined;
    }
  | { readonly id: number; readonly status: 'rejected'; readonly thrown: EncodedThrow }
  /** With the reason that was given for it. */
  | { readonly id: number; readonly status: 'cancelled'; readonly thrown: EncodedThrow };

export function isThreadReply(value: unknown): value is ThreadReply {
  const { id, status } = (value ?? {}) as Partial<ThreadReply>;
  return Number.isSafeInteger(id) && statuses.includes(status!);
}

const statuses: readonly ThreadReply['status'][] = ['fulfilled', 'rejected', 'cancelled'];
