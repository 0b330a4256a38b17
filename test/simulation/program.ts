/** What a run is made of: plain data, so that it can be written down, made smaller and run again. */

export interface Program {
  /** Decides what the program leaves to chance. */
  readonly luck: number;
  readonly world: WorldPlan;
  readonly faults: FaultPlan;
  readonly commands: readonly Command[];
  readonly ending: Ending;
}

export interface WorldPlan {
  /** What runs the jobs: real pools over simulated workers, or simulated pools. */
  readonly backend: 'workers' | 'pools';
  readonly maxPools: number;
  readonly minPools: number;
  readonly workersPerPool: number;
  readonly idleMs: number;
  readonly checkIntervalMs: number;
  readonly graceMs: number;
  readonly asyncTasks: 'await' | 'reject';
  readonly startTimeoutMs: number;
  readonly threshold: number;
  readonly maxWaitMs: number;
  readonly leaseMs: number;
  /** How much larger than the threshold a batch may be. */
  readonly batchSlack: number;
  readonly maxConcurrentBatches: number | null;
  readonly dispatch: 'threshold' | 'natural';
  readonly maxQueueSize: number | null;
  /** What simulated pools can do. */
  readonly poolsTakeBack: boolean;
  readonly poolsEndCalls: boolean;
}

/** How often each fault happens where it can: 0 never, 1 always. */
export interface FaultPlan {
  /** A worker or pool does not come up. */
  readonly start: number;
  /** A worker or pool is ended late, or never. */
  readonly end: number;
  /** A module takes its time to load, fails, or does not come to its end. Programs that were kept before may lack it. */
  readonly load?: number;
  /** A worker dies, or a pool breaks, for no reason. */
  readonly death: number;
  /** A worker's port is dead: nothing arrives, in silence. */
  readonly deaf: number;
  /** Messages are slow. */
  readonly slow: number;
  /** Timers are late or early. */
  readonly timers: number;
  /** Turns of the owning thread fall into the middle of what a worker does. */
  readonly interject: number;
  /** A pool takes part of a batch, or throws. */
  readonly submit: number;
}

export type JobKind =
  | 'value'
  | 'object'
  | 'throw'
  /** `process.exit()`: what is finished is still sent. */
  | 'exit'
  /** An error that nobody catches. */
  | 'fail'
  /** Killed from outside, or out of memory: what is not sent is lost. */
  | 'kill'
  /** Gives its value; its worker dies a little later. */
  | 'late'
  | 'hang'
  /** Its result cannot be copied. */
  | 'uncloneable'
  /** Its result cannot be read by the host. */
  | 'unreadable';

export interface JobPlan {
  readonly kind: JobKind;
  readonly ms: number;
  /** Its worker gives way to nothing while it runs; otherwise it returns a promise. */
  readonly blocks: boolean;
  /** `"fatal"`: a worker that is sent it ends before it can begin. */
  readonly args: 'plain' | 'uncloneable' | 'unreadable' | 'fatal' | 'transfer' | 'shared' | 'submits';
  readonly task: 0 | 1;
  readonly prints: boolean;
  readonly timeoutMs: number | null;
  readonly queueTimeoutMs: number | null;
  readonly signal: number | null;
}

/** Where in a turn a command is carried out. */
export interface Moment {
  /** Milliseconds after the command before it. */
  readonly afterMs: number;
  /** 0: in a turn of its own. Otherwise in the turn of whatever comes then, so many microtasks later. */
  readonly hops: number;
}

export type Deed =
  | { readonly do: 'submit'; readonly how: 'submit' | 'enqueue'; readonly jobs: readonly JobPlan[] }
  | { readonly do: 'cancel'; readonly pick: number; readonly count: number }
  | { readonly do: 'abort'; readonly signal: number }
  | {
      readonly do: 'acquire';
      readonly leaseMs: number | null;
      readonly wait: boolean;
      readonly timeoutMs: number | null;
      readonly signal: number | null;
    }
  | {
      readonly do: 'run';
      readonly lease: number;
      readonly how: 'run' | 'enqueue' | 'runBatch';
      readonly jobs: readonly JobPlan[];
    }
  | { readonly do: 'release'; readonly lease: number }
  | { readonly do: 'scale'; readonly units: number | 'throws' | 'nonsense'; readonly notify: boolean }
  | { readonly do: 'room'; readonly waiters: number }
  | { readonly do: 'block'; readonly ms: number; readonly timersFirst: boolean }
  | { readonly do: 'crash'; readonly worker: number; readonly how: 'exit' | 'fail' | 'kill' }
  /** The next time an item settles, another command is carried out at once. */
  | { readonly do: 'react'; readonly with: Deed }
  | {
      readonly do: 'stop grinder';
      readonly cancelPending: boolean;
      readonly timeoutMs: number | null;
      readonly restart: boolean;
    }
  | { readonly do: 'start grinder' }
  | { readonly do: 'stop manager'; readonly timeoutMs: number; readonly restart: boolean }
  | { readonly do: 'start manager' };

export interface Command extends Moment {
  readonly deed: Deed;
}

/** How a run ends, once all commands are carried out and the faults are over. */
export type Ending = 'settle' | 'drain' | 'cancel' | 'manager first';
