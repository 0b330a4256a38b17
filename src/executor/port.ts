import type { HostFrame, WorkerFrame } from '../wire/frame.ts';
import type { CloneTest } from '../wire/cloneable.ts';
import type { HostProgress } from '../wire/progress.ts';
import type { ExecutorCreateOptions } from './executor.ts';

/** The host's hold on one worker, whatever kind of worker it is. */
export interface WorkerPort {
  readonly progress: HostProgress;
  /** What its way of copying refuses, where that is more than structured clone does. */
  readonly cloneTest?: CloneTest;
  /** @throws when a value in the frame cannot be copied; then nothing was sent and nothing has moved */
  post(frame: HostFrame, transfer: readonly object[]): void;
  /** Whether the process stays alive for this worker's sake. */
  keepAlive(on: boolean): void;
  /** Asks a worker that has nothing to do to end by itself; `exit` is called once it has ended. */
  end(): void;
  /** Ends the worker on the spot; `exit` is called once it has ended. */
  kill(): void;
}

export interface PortEvents {
  frame(frame: WorkerFrame): void;
  /** A frame arrived that could not be read. It is lost. */
  unreadable(error: unknown): void;
  /** The worker is about to end because of this. Frames it sent before may still arrive. */
  failed(error: unknown): void;
  /** The last event: nothing arrives after it. */
  exit(exitCode: number | undefined, signal: string | undefined): void;
}

/** Starts a worker. @throws when it cannot even be started */
export type Spawn = (options: ExecutorCreateOptions, events: PortEvents) => WorkerPort;
