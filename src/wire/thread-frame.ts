import type { MessagePort } from 'node:worker_threads';
import type { EncodedThrow } from './error-codec.ts';
import type { ResolvedTask } from './reference.ts';

/** What travels between the thread that owns a grinder and a thread that uses it. */

/** First message, under the name in the handle: the thread's end of the connection to be. */
export interface Hello {
  readonly port: MessagePort;
  /** {@link wake} and {@link ended}. */
  readonly cell: SharedArrayBuffer;
}

/** Word of the cell that changes whenever the owner has sent something: the other thread blocks on it. */
export const wake = 0;
/** Word of the cell: 1 once the owner has sent the last it will send. */
export const ended = 1;

export const cellBytes = 8;

export type ThreadRequest = ThreadSubmit | ThreadCall;

export interface ThreadSubmit {
  readonly kind: 'submit';
  readonly id: number;
  readonly task: ResolvedTask;
  readonly args: readonly unknown[];
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

/** The outcome of a submission, or what was asked for. */
export type ThreadReply =
  | { readonly id: number; readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly id: number; readonly status: 'rejected'; readonly thrown: EncodedThrow }
  /** With the reason that was given for it. */
  | { readonly id: number; readonly status: 'cancelled'; readonly thrown: EncodedThrow };
