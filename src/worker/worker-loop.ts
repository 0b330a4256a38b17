import { sharedNow, systemClock } from '../core/clock.ts';
import { AsyncTaskError, TimeoutError } from '../core/errors.ts';
import { asMoved } from '../task/move.ts';
import type { AnyFunction } from '../task/reference.ts';
import { cloneWithErrors } from '../wire/error-codec.ts';
import { reviveErrors } from '../wire/error-envelope.ts';
import { type WorkerInit, type CallFrame, hasField, type HostFrame } from '../wire/frame.ts';
import type { WorkerProgress } from '../wire/progress.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { unpackTrees } from '../wire/shape-encoding.ts';
import { explainReferenceError, type TaskLoader } from './load.ts';
import { type HostPort, Outbox } from './outbox.ts';
import { Error, Promise, Reflect } from '../core/globals.ts';

/** A task as this worker knows it. */
interface KnownTask {
  readonly task: ResolvedTask;
  run: AnyFunction | undefined;
  /** Runs in a row that were short. */
  shortRuns: number;
}

export interface WorkerLoopOptions {
  readonly port: HostPort;
  readonly asyncTasks: WorkerInit['asyncTasks'];
  readonly progress: WorkerProgress;
  readonly loader: Pick<TaskLoader, 'find'>;
  /** Enters the surroundings jobs run in, where the thread itself is not that. */
  readonly runInScope?: <T>(run: () => T) => T;
  /** Ends the worker in order, where it is one that can be ended. */
  readonly leave?: () => void;
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
export class WorkerLoop {
  readonly #port: HostPort;
  readonly #asyncTasks: WorkerInit['asyncTasks'];
  readonly #progress: WorkerProgress;
  readonly #loader: WorkerLoopOptions['loader'];
  readonly #runInScope: WorkerLoopOptions['runInScope'];
  readonly #leave: WorkerLoopOptions['leave'];
  readonly #outbox: Outbox;
  readonly #tasks: KnownTask[] = [];
  readonly #frames: { readonly frame: CallFrame; readonly args: readonly unknown[] }[] = [];

  #frame: CallFrame | undefined;
  #frameArgs: readonly unknown[] = noArgs;
  /** The next call of the frame, and the place of its first argument. */
  #offset = 0;
  #argsAt = 0;
  /** The call that has begun and not ended. */
  #task: KnownTask | undefined;
  #args: readonly unknown[] = noArgs;
  #index = 0;
  /** The call whose function could not be found last, and why. */
  #unfound: { readonly index: number; readonly error: unknown } | undefined;
  #waiting = false;
  #isAfterPoll = false;
  /** Index of the first call of the next frame. */
  #expected = 0;
  /** The host knows of a frame that could not be read, and has not answered yet. */
  #hasUnread = false;
  #clockMs = 0;

  constructor(options: WorkerLoopOptions) {
    this.#port = options.port;
    this.#asyncTasks = options.asyncTasks;
    this.#progress = options.progress;
    this.#loader = options.loader;
    this.#runInScope = options.runInScope;
    this.#leave = options.leave;
    this.#outbox = new Outbox(options.port);
  }

  /** A call has begun and not ended. */
  get runsJob(): boolean {
    return this.#task !== undefined;
  }

  receive(frame: HostFrame): void {
    if (hasField(frame, 'nackResultsFrom')) this.#outbox.resend(frame.nackResultsFrom);
    else if (hasField(frame, 'retransmitCallsFrom')) this.#hasUnread = false;
    else if (hasField(frame, 'end')) this.#leave?.();
    else if (frame.first === this.#expected) this.#enqueueFrame(frame);
    // Otherwise it was sent behind one that could not be read, and comes once more.
  }

  /** A frame arrived that cannot be read (arguments nested too deep for this stack, say). */
  unreadable(error: unknown): void {
    if (this.#hasUnread) return;
    this.#hasUnread = true;
    this.#port.post({ nackCallsFrom: this.#expected, why: error instanceof Error ? error.message : '' }, []);
  }

  /** Sends what is finished: for the last moment of a worker that a job ends. */
  flushOnExit(): void {
    this.#outbox.flushOnExit();
  }

  #enqueueFrame(frame: CallFrame): void {
    let args: readonly unknown[];
    try {
      args = argumentsOf(frame);
    } catch (error) {
      return this.unreadable(error);
    }
    this.#expected += frame.count;
    this.#frames.push({ frame, args });
    if (!this.#waiting) this.#run();
  }

  /**
   * Goes on until there is nothing to do or something to wait for.
   * @param isAfterInput whether a call that may be slow can be made here
   */
  #run(isAfterInput: boolean = false): void {
    this.#isAfterPoll = isAfterInput;
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
    const next = this.#frames.shift();
    if (next === undefined) return false;
    const { frame, args } = next;
    this.#frame = frame;
    this.#offset = 0;
    this.#argsAt = 0;
    this.#outbox.begin(frame.first, frame.answered);
    for (const task of frame.newTasks ?? []) this.#tasks.push({ task, run: undefined, shortRuns: 0 });
    this.#frameArgs = args;
    return true;
  }

  /** Begins the next call of the frame, unless it is late or was taken back. @returns `false` to wait and try again */
  #beginCall(frame: CallFrame): boolean {
    const offset = this.#offset;
    const known = this.#tasks[typeof frame.tasks === 'number' ? frame.tasks : frame.tasks[offset]];
    const timed = frame.hasTimeout !== undefined && frame.hasTimeout.includes(offset);
    if (this.#outbox.size > 0 && !this.#mayGather(known, timed) && !this.#flush()) return false;

    const index = frame.first + offset;
    // First: what it takes to load a module is not the call's time, and the call can still be taken back.
    if (!this.#isReady(known, index)) return false;

    const arity = typeof frame.arity === 'number' ? frame.arity : frame.arity[offset];
    const place = this.#argsAt;
    this.#offset = offset + 1;
    this.#argsAt = place + arity;
    if (!this.#progress.begin(index, timed ? sharedNow() : undefined)) {
      this.#outbox.addSkipped();
    } else if (frame.beginBefore !== undefined && isLate(frame.beginBefore, offset)) {
      this.#refuse(index, new TimeoutError('no worker began the job in time', { phase: 'queue' }));
    } else if (known.run === undefined) {
      this.#refuse(index, explainReferenceError(known.task, this.#unfound!.error));
    } else {
      this.#task = known;
      this.#index = index;
      this.#args = arity === 1 ? [this.#frameArgs[place]] : this.#frameArgs.slice(place, place + arity);
    }
    return true;
  }

  /** Whether the next call can be made here and now. What is missing is waited for. */
  #isReady(known: KnownTask, index: number): boolean {
    if (known.run === undefined && !this.#find(known, index)) return false;
    if (known.shortRuns >= shortRunsToTrust || this.#isAfterPoll || this.#port.afterPoll === undefined)
      return true;
    this.#waitFor(this.#port.afterPoll(), true);
    return false;
  }

  /** Whether what is finished may wait for the outcome of the next call. */
  #mayGather({ shortRuns }: KnownTask, timed: boolean): boolean {
    const mayBeSlow = timed || shortRuns < shortRunsToTrust || this.#outbox.workMs >= sendIntervalMs;
    return !mayBeSlow && this.#outbox.copyLastResult();
  }

  /** The call fails without having run. */
  #refuse(index: number, error: unknown): void {
    this.#outbox.addFailure(error, 0, true);
    this.#progress.finish(index, false);
  }

  /** Finds the function of the next call. @returns `false` when its module has to be waited for */
  #find(known: KnownTask, index: number): boolean {
    if (this.#unfound?.index === index) return true;
    const isFound = (run: AnyFunction): void => void (known.run = run);
    const isUnfound = (error: unknown): void => void (this.#unfound = { index, error });
    try {
      const find = (): ReturnType<TaskLoader['find']> => this.#loader.find(known.task);
      const found = this.#runInScope === undefined ? find() : this.#runInScope(find);
      if (found instanceof Promise) {
        this.#port.post({ loading: index }, []);
        this.#waitFor(found.then(isFound, isUnfound).then(() => this.#port.post({ loading: undefined }, [])));
        return false;
      }
      isFound(found);
    } catch (error) {
      isUnfound(error);
    }
    return true;
  }

  /** Runs the call that has begun. @returns `false` when it has to be waited for */
  #proceed(known: KnownTask): boolean {
    let value: unknown;
    let isJobs = true;
    try {
      value =
        this.#runInScope === undefined
          ? apply(known.run!, this.#args)
          : this.#runInScope(() => apply(known.run!, this.#args));
      if (isThenable(value)) {
        if (this.#asyncTasks === 'reject') {
          isJobs = false;
          throw refusePromise(value);
        }
        const settled = settledOnce(value);
        if (this.#port.stdioFlushed?.() === undefined) this.#outbox.flush(); // What is finished need not wait for it.
        this.#waitFor(
          settled.then(
            (result) => this.#finish(known, result),
            (error: unknown) => this.#fail(known, error, true),
          ),
        );
        return false;
      }
    } catch (error) {
      this.#fail(known, error, isJobs);
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

  /** @param isJobs the job threw it, not the library */
  #fail(known: KnownTask, error: unknown, isJobs: boolean): void {
    const workMs = this.#end(known);
    const reason = explainReferenceError(known.task, error);
    this.#outbox.addFailure(reason, workMs, !isJobs || reason !== error);
  }

  /** @returns milliseconds the call took */
  #end(known: KnownTask): number {
    const now = systemClock.now();
    const workMs = now - this.#clockMs;
    this.#clockMs = now;
    known.shortRuns = workMs < shortRunMs ? known.shortRuns + 1 : 0;
    const { hasTimeout, count } = this.#frame!;
    this.#progress.finish(this.#index, hasTimeout === undefined && this.#offset < count);
    this.#task = undefined;
    this.#args = noArgs;
    return workMs;
  }

  /** @returns `false` when output has to be waited for first: what a job prints arrives before its result */
  #flush(): boolean {
    const printing = this.#port.stdioFlushed?.();
    if (printing === undefined) this.#outbox.flush();
    else this.#waitFor(printing);
    return printing === undefined;
  }

  #waitFor(done: Promise<void>, isAfterInput?: boolean): void {
    this.#waiting = true;
    const goOn = (): void => {
      this.#waiting = false;
      this.#run(isAfterInput);
    };
    // An error in here would put the answers out of step: unhandled, it ends the worker.
    void done.then(goOn);
  }
}

/** The arguments of all calls, made before a job can change what it is given. */
function argumentsOf({ args, trees, errors, repeatedArgs }: CallFrame): readonly unknown[] {
  reviveErrors(errors);
  const unpacked = unpackTrees({ values: args, trees });
  if (repeatedArgs === undefined) return unpacked;
  const own = [...unpacked];
  for (const place of repeatedArgs) own[place] = cloneWithErrors(unpacked[place]);
  return own;
}

// As they are before any job: one might replace them.
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
