/**
 * How far a worker has come, where the host can see it also while the worker is busy and after it is dead. It is
 * what makes a call start at most once: of the worker that begins a call and the host that takes it back, only one
 * succeeds.
 */

import { Math } from '../core/globals.ts';

/** Calls a worker may have at once; indices of calls are kept modulo this. */
export const inFlightLimit = 1024;

/** `"taken back"`: it will never run. */
export type CallState = 'queued' | 'begun' | 'finished' | 'taken back';

/** The host's side. */
export interface HostProgress {
  /** The call is about to be sent. */
  queue(index: number): void;
  /** @returns whether the call will never run. After `false` the worker may still pass over it, and says so in its answer. */
  takeBack(index: number): boolean;
  stateOf(index: number): CallState;
  /** How long the call in work has been running. Only for calls the worker begins with a time. */
  runningMs(sharedNowMs: number): number;
}

/** The worker's side. */
export interface WorkerProgress {
  /**
   * @param sharedNowMs for calls with a longest run: the time, on the clock all threads and processes share
   * @returns `false` when the call was taken back: it must not run
   */
  begin(index: number, sharedNowMs: number | undefined): boolean;
  /** @param next whether `begin(next)` follows at once, which implies that this call has finished: then the write can be left out */
  finish(index: number, next: boolean): void;
}

/** A time as it is kept: whole milliseconds modulo 2^32, rounded up so that no call is ended early. */
export function timeMark(sharedNowMs: number): number {
  return Math.ceil(sharedNowMs) | 0;
}

export function elapsedSince(mark: number, sharedNowMs: number): number {
  return (Math.floor(sharedNowMs) - mark) | 0;
}
