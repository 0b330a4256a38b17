import type { CallOutcome, ExecutorCall, ExecutorCreateOptions } from '../../src/executor/executor.ts';
import type { PortEvents, Spawn, WorkerPort } from '../../src/executor/port.ts';
import type { Transferable } from '../../src/task/reference.ts';
import { encodeThrow } from '../../src/wire/error-codec.ts';
import type { ResultFrame, CallFrame, HostFrame } from '../../src/wire/frame.ts';
import { ProgressWords } from '../../src/wire/progress-words.ts';
import type { ResolvedTask } from '../../src/wire/reference.ts';
import { unpackTrees } from '../../src/wire/shape-encoding.ts';

/** A call as a fake worker sees it. */
interface ReceivedCall {
  readonly index: number;
  readonly task: ResolvedTask;
  readonly args: readonly unknown[];
  readonly isTimed: boolean;
}

type Answer = { readonly value: unknown } | { readonly thrown: ReturnType<typeof encodeThrow> | undefined };

/**
 * Workers that do only what the test says, and are as nasty as real ones were seen to be: an error that is told
 * before earlier answers, a dead port that swallows messages, an end without a word, frames that cannot be read, an
 * end that never comes.
 */
export class FakeWorkers {
  readonly all: FakeWorker[] = [];
  /** Why the next workers cannot even be started. */
  refusal: Error | undefined;
  /** What each worker does as soon as it is there. */
  onSpawn: (worker: FakeWorker) => void = () => {};
  /** Calls that workers have begun: their first arguments, in order. */
  readonly begun: unknown[] = [];

  readonly spawn: Spawn = (options, events) => {
    if (this.refusal !== undefined) throw this.refusal;
    const worker = new FakeWorker(this, options, events);
    this.all.push(worker);
    queueMicrotask(() => this.onSpawn(worker));
    return worker;
  };

  get last(): FakeWorker {
    return this.all.at(-1)!;
  }

  /** Those that have not ended. */
  get live(): FakeWorker[] {
    return this.all.filter((worker) => !worker.hasEnded);
  }
}

export class FakeWorker implements WorkerPort {
  readonly progress = new ProgressWords();
  readonly options: ExecutorCreateOptions;
  readonly #inbox: HostFrame[] = [];
  readonly #words: HostFrame[] = [];
  readonly #chunks: number[] = [];
  readonly #workers: FakeWorkers;
  readonly #events: PortEvents;
  readonly #tasks: ResolvedTask[] = [];
  readonly #queue: ReceivedCall[] = [];
  /** The call in work. */
  current: ReceivedCall | undefined;
  #gathered: Answer[] = [];
  #gatheredFirst = 0;
  readonly #sent: { first: number; answers: Answer[] }[] = [];
  kills = 0;
  isAskedToEnd = false;
  /** It ends by itself as soon as it is asked to. */
  endsWhenAsked = true;
  keptAlive = true;
  hasEnded = false;
  /** Its port is dead: what is posted is lost in silence. */
  isDeaf = false;
  /** It ends as soon as it is told to. */
  endsWhenKilled = true;
  /** Which messages it cannot read. */
  cannotRead: (args: readonly unknown[]) => boolean = () => false;
  #expected = 0;
  #hasUnread = false;

  constructor(workers: FakeWorkers, options: ExecutorCreateOptions, events: PortEvents) {
    this.#workers = workers;
    this.options = options;
    this.#events = events;
  }

  post(frame: HostFrame, transfer: readonly object[]): void {
    const arrived = structuredClone(frame, { transfer: transfer as ArrayBuffer[] });
    if (!this.isDeaf && !this.hasEnded) this.#inbox.push(arrived);
  }

  /** Calls it has received and not begun. */
  get queue(): readonly ReceivedCall[] {
    this.#takeIn();
    return this.#queue;
  }

  /** How many calls each message brought. */
  get chunks(): readonly number[] {
    this.#takeIn();
    return this.#chunks;
  }

  /** Messages without calls. */
  get words(): readonly HostFrame[] {
    this.#takeIn();
    return this.#words;
  }

  keepAlive(on: boolean): void {
    this.keptAlive = on;
  }

  end(): void {
    this.isAskedToEnd = true;
    if (this.endsWhenAsked) queueMicrotask(() => this.exit(0));
  }

  kill(): void {
    this.kills++;
    if (this.endsWhenKilled) queueMicrotask(() => this.exit(1));
  }

  up(): void {
    this.#events.frame({ up: true, thrown: undefined });
  }

  /** It could not preload. */
  refuseToComeUp(error: unknown): void {
    this.#events.frame({ up: false, thrown: encodeThrow(error) });
  }

  /** Goes on to the next call, past those taken back. @param sharedNowMs when, for one with a longest run */
  begin(sharedNowMs?: number): ReceivedCall | undefined {
    while (this.current === undefined && this.queue.length > 0) {
      const call = this.#queue.shift()!;
      if (this.progress.begin(call.index, call.isTimed ? (sharedNowMs ?? 0) : undefined)) {
        this.current = call;
        this.#workers.begun.push(call.args[0]);
      } else this.#gather({ thrown: undefined }, call.index);
    }
    return this.current;
  }

  /** The call in work gives this. */
  finish(value: unknown): void {
    this.#end({ value });
  }

  throws(error: unknown): void {
    this.#end({ thrown: encodeThrow(error) });
  }

  /** Sends what is finished. @returns whether there was anything */
  send(workMs = 0): boolean {
    const frame = this.#takeGathered(workMs);
    if (frame !== undefined) this.#events.frame(structuredClone(frame));
    return frame !== undefined;
  }

  /** Sends it so that the host cannot read it. */
  sendUnreadable(): void {
    if (this.#takeGathered(0) !== undefined) this.#events.unreadable(new RangeError('too deep'));
  }

  /** Sends it so that the host can read the message, and make nothing of it. */
  sendBroken(): void {
    const frame = this.#takeGathered(0);
    if (frame === undefined) return;
    const trees = { count: frame.values.length, shapes: [], shapeOf: 1 };
    this.#events.frame({ ...frame, trees });
  }

  /** Makes calls, each giving its first argument, and sends the results together. */
  work(count = Infinity, workMs = 0): void {
    for (let made = 0; made < count && this.begin() !== undefined; made++) this.finish(this.current!.args[0]);
    this.send(workMs);
  }

  /**
   * Does what the host has asked for last: sends answers again, singly, some of them as unreadable as before.
   * @param secondCopy what is left of a value by now: jobs may have changed it, its memory may have moved
   */
  resend(
    isUnreadable: (value: unknown) => boolean = () => false,
    secondCopy: (value: unknown) => unknown = (value) => value,
  ): void {
    const request = this.words.at(-1);
    const from = request !== undefined && 'nackResultsFrom' in request ? request.nackResultsFrom : Infinity;
    this.#events.frame({ retransmitResultsTo: this.#gatheredFirst });
    for (const { first, answers } of this.#sent) {
      if (first + answers.length <= from) continue;
      answers.forEach((answer, offset) => {
        if ('value' in answer && isUnreadable(answer.value))
          this.#events.unreadable(new RangeError('too deep'));
        else {
          const again = 'value' in answer ? { value: secondCopy(answer.value) } : answer;
          this.#events.frame(structuredClone(frameOf(first + offset, [again], 0)));
        }
      });
    }
  }

  /** It loads the module of this call before it begins; `undefined`: it has. */
  load(index: number | undefined): void {
    this.#events.frame({ loading: index });
  }

  /** It ends by itself, and its exit handlers run first. */
  leave(): void {
    this.#events.frame({ leaving: true });
  }

  /** It has ended but for child processes of its jobs. */
  stay(): void {
    this.#events.frame({ staying: true });
  }

  /** An error ends it; the end itself comes later, and so may answers. */
  fail(error: unknown): void {
    this.#events.failed(error);
  }

  exit(exitCode: number | undefined, signal?: string): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.#events.exit(exitCode, signal);
  }

  #takeIn(): void {
    for (let frame = this.#inbox.shift(); frame !== undefined; frame = this.#inbox.shift()) {
      if ('count' in frame) this.#receive(frame);
      else {
        this.#words.push(frame);
        if ('retransmitCallsFrom' in frame) this.#hasUnread = false;
      }
    }
  }

  #receive(frame: CallFrame): void {
    if (frame.first !== this.#expected) return;
    const args = unpackTrees({ values: frame.args, trees: frame.trees });
    if (this.cannotRead(args)) {
      if (this.#hasUnread) return;
      this.#hasUnread = true;
      this.#events.frame({ nackCallsFrom: this.#expected, why: 'too deep' });
      return;
    }
    if (this.#gathered.length === 0 && this.#queue.length === 0 && this.current === undefined)
      this.#gatheredFirst = frame.first;
    this.#expected += frame.count;
    this.#chunks.push(frame.count);
    this.#tasks.push(...(frame.newTasks ?? []));
    let place = 0;
    for (let offset = 0; offset < frame.count; offset++) {
      const arity = typeof frame.arity === 'number' ? frame.arity : frame.arity[offset];
      const task = this.#tasks[typeof frame.tasks === 'number' ? frame.tasks : frame.tasks[offset]];
      if (task === undefined) throw new Error('a task this worker has not been told of');
      this.#queue.push({
        index: frame.first + offset,
        task,
        args: args.slice(place, place + arity),
        isTimed: frame.hasTimeout?.includes(offset) === true,
      });
      place += arity;
    }
  }

  #end(answer: Answer): void {
    const { index } = this.current!;
    this.progress.finish(index);
    this.current = undefined;
    this.#gather(answer, index);
  }

  #gather(answer: Answer, index: number): void {
    if (this.#gathered.length === 0) this.#gatheredFirst = index;
    this.#gathered.push(answer);
  }

  #takeGathered(workMs: number): ResultFrame | undefined {
    if (this.#gathered.length === 0) return undefined;
    const answers = this.#gathered;
    const first = this.#gatheredFirst;
    this.#gathered = [];
    this.#gatheredFirst = first + answers.length;
    this.#sent.push({ first, answers });
    return frameOf(first, answers, workMs);
  }
}

function frameOf(first: number, answers: readonly Answer[], workMs: number): ResultFrame {
  const failed = answers.flatMap((answer, offset) =>
    'thrown' in answer ? [{ offset, thrown: answer.thrown }] : [],
  );
  return {
    first,
    values: answers.map((answer) => ('value' in answer ? answer.value : undefined)),
    trees: undefined,
    failed: failed.length > 0 ? failed : undefined,
    workMs,
  };
}

/** A call whose outcome the test reads. */
export class TestCall implements ExecutorCall {
  readonly task: ResolvedTask;
  readonly args: readonly unknown[];
  readonly transfer: readonly Transferable[];
  readonly owner: string | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly beginBeforeMs = undefined;
  readonly outcomes: CallOutcome[] = [];
  declare location?: number;
  declare hasMoved?: boolean;
  declare sendsWithoutProgress?: number;

  constructor(args: readonly unknown[], rest: Partial<ExecutorCall> = {}) {
    this.args = args;
    this.task = rest.task ?? testTask;
    this.transfer = rest.transfer ?? [];
    this.owner = rest.owner;
    this.timeoutSeconds = rest.timeoutSeconds;
  }

  settle(outcome: CallOutcome): void {
    this.outcomes.push(outcome);
  }

  /** Its one outcome, in short: its value, or `'rejected <name>'`, or `'returned <name>'`; `undefined` before. */
  get result(): unknown {
    if (this.outcomes.length > 1) throw new Error(`settled ${this.outcomes.length} times`);
    const [outcome] = this.outcomes;
    if (outcome === undefined) return undefined;
    return outcome.status === 'fulfilled'
      ? outcome.value
      : `${outcome.status} ${(outcome.reason as Error).name}`;
  }

  /** Why it was rejected or returned. */
  get reason(): any {
    const [outcome] = this.outcomes;
    return outcome === undefined || outcome.status === 'fulfilled' ? undefined : outcome.reason;
  }
}

export const testTask: ResolvedTask = { kind: 'reference', module: 'file:///tasks.js', name: 'task' };

/** Calls with the arguments `[first]`, `[first + 1]` … */
export function testCalls(count: number, rest: Partial<ExecutorCall> = {}, first = 0): TestCall[] {
  return Array.from({ length: count }, (_, index) => new TestCall([first + index], rest));
}
