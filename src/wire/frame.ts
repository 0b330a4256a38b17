import type { EncodedErrors, EncodedThrow, EncodedValues } from './error-envelope.ts';
import type { ResolvedTask } from './reference.ts';
import type { ShapeTable } from './shape-encoding.ts';
import { Object } from '../core/globals.ts';

/**
 * What travels between a pool and one of its workers. Calls travel as a structure of arrays: it clones four to
 * six times faster than an array of objects. Answers come back in the order of the calls, so nothing needs an id.
 */

/** A chunk of calls, host to worker. */
export interface CallFrame {
  /** All calls before this one have been answered: the worker may forget their results. */
  readonly answered: number;
  /** Index of the first call, counted since the worker began; the others follow. */
  readonly first: number;
  /** Tasks this worker has not met yet; they get the next numbers. */
  readonly newTasks: readonly ResolvedTask[] | undefined;
  /** Number of the task: of all calls, or of each. */
  readonly tasks: number | readonly number[];
  /** Number of calls. */
  readonly count: number;
  /** Arguments a call has: all calls alike, or each. */
  readonly arity: number | readonly number[];
  /** The arguments of all calls, one after the other, packed. */
  readonly args: readonly unknown[];
  readonly trees: ShapeTable | undefined;
  readonly errors?: EncodedErrors | undefined;
  /** The values are plain: nothing has to be done for them on their way. */
  readonly isPlain?: boolean;
  /** Which arguments, when they have been unpacked, are an object that stands there more than once: the worker copies it, so that no call sees what another does to it. */
  readonly repeatedArgs: readonly number[] | undefined;
  /** Offsets of calls with a longest run: whatever is finished must have left before they begin. */
  readonly hasTimeout: readonly number[] | undefined;
  /** Offset, time (shared clock, milliseconds), offset, time …: calls that must not begin later. */
  readonly beginBefore: readonly number[] | undefined;
}

/** Sent when a frame could not be read: the worker sends its answers again, each on its own. */
export interface ResultsNackFrame {
  readonly nackResultsFrom: number;
}

/** The calls the worker could not read follow once more, from this index on. */
export interface CallsRetransmitFrame {
  readonly retransmitCallsFrom: number;
}

/** Sent to a worker that has answered everything: it ends by itself. */
export interface EndFrame {
  readonly end: true;
}

export type HostFrame = CallFrame | ResultsNackFrame | CallsRetransmitFrame | EndFrame;

/** Finished calls, worker to host. */
export interface ResultFrame {
  /** Index of the first call it answers. */
  readonly first: number;
  /** Results in order, packed; anything stands where `failed` speaks. */
  readonly values: readonly unknown[];
  readonly trees: ShapeTable | undefined;
  readonly errors?: EncodedErrors | undefined;
  /** The values are plain: nothing has to be done for them on their way. */
  readonly isPlain?: boolean;
  /** Offsets into `values` of the calls that did not give a result, rising. */
  readonly failed: readonly Failure[] | undefined;
  /** Milliseconds of work in it. */
  readonly workMs: number;
}

export interface Failure {
  readonly offset: number;
  /** What it threw; `undefined` for a call that was not begun because it had been taken back. */
  readonly thrown: EncodedThrow | undefined;
  /** The library raised it, no job. */
  readonly isOfLibrary?: boolean;
}

/** The answers to these calls follow once more, each in a frame of its own. */
export interface ResultsRetransmitFrame {
  readonly retransmitResultsTo: number;
}

/** A frame of calls could not be read: the calls from this index on, whatever has been sent of them, are to be sent again. */
export interface CallsNackFrame {
  readonly nackCallsFrom: number;
  /** Why not, in words. */
  readonly why: string;
}

/** First message of a worker: it is ready, or why it is not. */
export interface ReadyFrame {
  readonly up: boolean;
  readonly thrown: EncodedThrow | undefined;
}

/** The module of this call is being loaded before it begins; `undefined` when it is not any more. */
export interface LoadingFrame {
  readonly loading: number | undefined;
}

/** The worker ends by itself: an error ends it, or a job has exited. Exit handlers run before it is gone. */
export interface LeavingFrame {
  readonly leaving: true;
}

/** The worker has ended but for child processes that its jobs have started: it stays until they end, and nobody need wait. */
export interface StayingFrame {
  readonly staying: true;
}

/** Last word of a process that an uncaught error ends. */
export interface FatalFrame {
  readonly dying: EncodedThrow;
}

export type WorkerFrame =
  | ResultFrame
  | ResultsRetransmitFrame
  | CallsNackFrame
  | ReadyFrame
  | LoadingFrame
  | LeavingFrame
  | StayingFrame;

const { hasOwn } = Object;

/** Tells frames, and the like, apart by a field only one kind has. Somebody may have given all objects a field of that name. */
export function hasField<F extends object, K extends string>(
  frame: F,
  field: K,
): frame is Extract<F, Readonly<Record<K, unknown>>> {
  return hasOwn(frame, field);
}

/** What a worker is given when it starts. */
export interface WorkerInit {
  readonly asyncTasks: 'await' | 'reject';
  readonly preload: readonly string[];
  /** One value. */
  readonly workerData: EncodedValues;
}

/** The frame with what `change` makes of each list of the values in it: the frame itself when that changes nothing. */
export function withValues<F extends HostFrame | WorkerFrame | FatalFrame>(frame: F, change: Change): F {
  if (hasOwn(frame, 'args')) return withList(frame, 'args', change);
  if (hasOwn(frame, 'values')) return withList(withList(frame, 'values', change), 'failed', change);
  if (hasOwn(frame, 'thrown')) return withOne(frame, 'thrown', change);
  return hasOwn(frame, 'dying') ? withOne(frame, 'dying', change) : frame;
}

type Change = (values: readonly unknown[]) => readonly unknown[];

function withList<F extends object>(frame: F, key: 'args' | 'values' | 'failed', change: Change): F {
  const { isPlain, [key]: values } = frame as Record<typeof key, readonly unknown[] | undefined> & {
    readonly isPlain?: boolean;
  };
  if (values === undefined || (isPlain === true && key !== 'failed')) return frame;
  const changed = change(values);
  return changed === values ? frame : { ...frame, [key]: changed };
}

function withOne<F extends object>(frame: F, key: 'thrown' | 'dying', change: Change): F {
  const [changed] = change([(frame as Record<typeof key, unknown>)[key]]);
  return { ...frame, [key]: changed };
}
