import { sharedNow, systemClock } from '../ground/clock.ts';
import { AsyncTaskError, TimeoutError } from '../ground/errors.ts';
import { asMoved } from '../task/move.ts';
import type { AnyFunction } from '../task/reference.ts';
import type { Boot, CallFrame, HostFrame } from '../wire/frame.ts';
import type { WorkerProgress } from '../wire/progress.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { unpackTrees } from '../wire/trees.ts';
import { explainReferenceError, type TaskLoader } from './load.ts';
import { type HostPort, Outbox } from './outbox.ts';

/** A task as this worker knows it. */
interface KnownTask {
  readonly task: ResolvedTask;
  run: AnyFunction | undefined;
  /** Runs in a row that were short. */
  shortRuns: number;
}

export interface ServerOptions {
  readonly port: HostPort;
  readonly asyncTasks: Boot['asyncTasks'];
  readonly progress: WorkerProgress;
  readonly loader: TaskLoader;
  /** Enters the surroundings jobs run in, where the thread itself is not that. */
  readonly surround?: <T>(run: () => T) => T;
}

/** A finished result waits for company, unless the next job may be slow. This is how a task shows that it is not: S3. */
const shortRunMs = 0.2;
const shortRunsToTrust = 16;
/** … and no longer than this. */
const sendIntervalMs = 1;

const noArgs: readonly unknown[] = [];

/**
 * The loop of a worker, the same in a thread, in a child process and in the calling thread: makes the calls of
 * each frame in order, one at a time, and answers them.
 *
 * It goes through a frame synchronously and waits only for a job that returned a promise, for a module that is
 * being loaded, and for output that is on its way to the host.
 */
export class Server {
  readonly #port: HostPort;
  readonly #asyncTasks: Boot['asyncTasks'];
  readonly #progress: WorkerProgress;
  readonly #loader: TaskLoader;
  readonly #surround: ServerOptions['surround'];
  readonly #outbox: Outbox;
  readonly #tasks: KnownTask[] = [];
  readonly #frames: CallFrame[] = [];

  #frame: CallFrame | undefined;
  #frameArgs: readonly unknown[] = noArgs;
  /** The next call of the frame, and the place of its first argument. */
  #offset = 0;
  #place = 0;
  /** The call that has begun and not ended. */
  #task: KnownTask | undefined;
  #args: readonly unknown[] = noArgs;
  #index = 0;
  #waiting = false;
  /** Index of the first call of the next frame. */
  #expected = 0;
  /** The host knows of a frame that could not be read, and has not answered yet. */
  #hasUnread = false;
  #clockMs = 0;

  constructor(options: ServerOptions) {
    this.#port = options.port;
    this.#asyncTasks = options.asyncTasks;
    this.#progress = options.progress;
    this.#loader = options.loader;
    this.#surround = options.surround;
    this.#outbox = new Outbox(options.port);
  }

  receive(frame: HostFrame): void {
    if ('resendFrom' in frame) this.#outbox.resend(frame.resendFrom);
    else if ('againFrom' in frame) this.#hasUnread = false;
    else if (frame.first === this.#expected) this.#take(frame);
    // Otherwise it was sent behind one that could not be read, and comes once more.
  }

  /** A frame arrived that cannot be read (arguments nested too deep for this stack, say). */
  unreadable(): void {
    if (this.#hasUnread) return;
    this.#hasUnread = true;
    this.#port.post({ unreadFrom: this.#expected }, []);
  }

  /** Sends what is finished: for the last moment of a worker that a job ends. */
  flushLast(): void {
    this.#outbox.flushLast();
  }

  #take(frame: CallFrame): void {
    this.#expected += frame.count;
    this.#frames.push(frame);
    if (!this.#waiting) this.#run();
  }

  /** Goes on until there is nothing to do or something to wait for. */
  #run(): void {
    this.#clockMs = systemClock.now();
    for (;;) {
      if (this.#task !== undefined) {
        if (!this.#proceed(this.#task)) return;
      } else if (this.#frame === undefined) {
        if (!this.#openFrame()) return;
      } else if (this.#offset < this.#frame.count) {
        if (!this.#beginCall(this.#frame)) return;
      } else {
        if (!this.#flush()) return;
        this.#frame = undefined;
      }
    }
  }

  /** @returns `false` when there is none */
  #openFrame(): boolean {
    const frame = this.#frames.shift();
    if (frame === undefined) return false;
    this.#frame = frame;
    this.#offset = 0;
    this.#place = 0;
    this.#outbox.begin(frame.first, frame.answered);
    for (const task of frame.newTasks ?? []) this.#tasks.push({ task, run: undefined, shortRuns: 0 });
    this.#frameArgs = argumentsOf(frame);
    return true;
  }

  /** Begins the next call of the frame, unless it is late or was taken back. @returns `false` to wait and try again */
  #beginCall(frame: CallFrame): boolean {
    const offset = this.#offset;
    const known = this.#tasks[typeof frame.tasks === 'number' ? frame.tasks : frame.tasks[offset]];
    const timed = frame.timed !== undefined && frame.timed.includes(offset);
    const mayBeSlow = timed || known.shortRuns < shortRunsToTrust || this.#outbox.workMs >= sendIntervalMs;
    if (this.#outbox.size > 0 && (mayBeSlow || !this.#outbox.secure()) && !this.#flush()) return false;

    const arity = typeof frame.arity === 'number' ? frame.arity : frame.arity[offset];
    const place = this.#place;
    const index = frame.first + offset;
    this.#offset = offset + 1;
    this.#place = place + arity;
    if (!this.#progress.begin(index, timed ? sharedNow() : undefined)) {
      this.#outbox.addNothing();
    } else if (frame.beginBefore !== undefined && isLate(frame.beginBefore, offset)) {
      this.#outbox.addFailure(new TimeoutError('no worker began the job in time', { phase: 'queue' }), 0);
      this.#progress.finish(index, false);
    } else {
      this.#task = known;
      this.#index = index;
      this.#args = arity === 1 ? [this.#frameArgs[place]] : this.#frameArgs.slice(place, place + arity);
    }
    return true;
  }

  /** Runs the call that has begun. @returns `false` when it has to be waited for */
  #proceed(known: KnownTask): boolean {
    let value: unknown;
    try {
      if (known.run === undefined) {
        const found =
          this.#surround === undefined
            ? this.#loader.find(known.task)
            : this.#surround(() => this.#loader.find(known.task));
        if (found instanceof Promise) {
          this.#waitFor(
            found.then((run) => void (known.run = run)).catch((error: unknown) => this.#fail(known, error)),
          );
          return false;
        }
        known.run = found;
      }
      value =
        this.#surround === undefined
          ? apply(known.run, this.#args)
          : this.#surround(() => apply(known.run!, this.#args));
      if (isThenable(value)) {
        if (this.#asyncTasks === 'reject') throw refusePromise(value);
        const settled = settledOnce(value);
        if (this.#port.printing?.() === undefined) this.#outbox.flush(); // What is finished need not wait for it.
        this.#waitFor(
          settled.then(
            (result) => this.#finish(known, result),
            (error: unknown) => this.#fail(known, error),
          ),
        );
        return false;
      }
    } catch (error) {
      this.#fail(known, error);
      return true;
    }
    this.#finish(known, value);
    return true;
  }

  #finish(known: KnownTask, value: unknown): void {
    const workMs = this.#end(known);
    const moved = typeof value === 'object' && value !== null ? asMoved(value) : undefined;
    if (moved === undefined) this.#outbox.add(value, undefined, workMs);
    else this.#outbox.add(moved.value, moved.transfer, workMs);
  }

  #fail(known: KnownTask, error: unknown): void {
    const workMs = this.#end(known);
    this.#outbox.addFailure(explainReferenceError(known.task, error), workMs);
  }

  /** @returns milliseconds the call took */
  #end(known: KnownTask): number {
    const now = systemClock.now();
    const workMs = now - this.#clockMs;
    this.#clockMs = now;
    known.shortRuns = workMs < shortRunMs ? known.shortRuns + 1 : 0;
    const { timed, count } = this.#frame!;
    this.#progress.finish(this.#index, timed === undefined && this.#offset < count);
    this.#task = undefined;
    this.#args = noArgs;
    return workMs;
  }

  /** @returns `false` when output has to be waited for first: what a job prints arrives before its result */
  #flush(): boolean {
    const printing = this.#port.printing?.();
    if (printing === undefined) this.#outbox.flush();
    else this.#waitFor(printing);
    return printing === undefined;
  }

  #waitFor(done: Promise<void>): void {
    this.#waiting = true;
    const goOn = (): void => {
      this.#waiting = false;
      this.#run();
    };
    // An error in here would put the answers out of step: unhandled, it ends the worker.
    void done.then(goOn);
  }
}

/** The arguments of all calls, made before a job can change what it is given. */
function argumentsOf({ args, trees, copies }: CallFrame): readonly unknown[] {
  const unpacked = unpackTrees({ values: args, trees });
  if (copies === undefined) return unpacked;
  const own = [...unpacked];
  for (const place of copies) own[place] = structuredClone(unpacked[place]);
  return own;
}

// As it is before any job: one might replace it.
const { apply: callWith } = Reflect;

/** Through `Reflect.apply`: V8 would inline a direct call's job into the loop above and then run it several times slower. */
function apply(run: AnyFunction, args: readonly unknown[]): unknown {
  return callWith(run, undefined, args);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/** Whatever the `then` of the job's promise does, it has one outcome: a second answer would put all later ones out of step. */
function settledOnce(value: PromiseLike<unknown>): Promise<unknown> {
  return new Promise((resolve) => resolve(value));
}

function refusePromise(value: PromiseLike<unknown>): AsyncTaskError {
  settledOnce(value).catch(() => {}); // Nobody waits for it any more.
  return new AsyncTaskError('the job returned a promise, which this manager refuses (asyncTasks: "reject")');
}

function isLate(beginBefore: readonly number[], offset: number): boolean {
  for (let i = 0; i < beginBefore.length; i += 2) {
    if (beginBefore[i] === offset) return sharedNow() > beginBefore[i + 1];
  }
  return false;
}
