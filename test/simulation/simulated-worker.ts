import type { ExecutorCreateOptions } from '../../src/executor/executor.ts';
import type { PortEvents, WorkerPort } from '../../src/executor/port.ts';
import { TaskReferenceError } from '../../src/core/errors.ts';
import { encodeThrow } from '../../src/wire/error-codec.ts';
import type { HostFrame, WorkerFrame } from '../../src/wire/frame.ts';
import { ProgressWords } from '../../src/wire/progress-words.ts';
import type { WorkerProgress } from '../../src/wire/progress.ts';
import type { AnyFunction } from '../../src/task/reference.ts';
import type { ResolvedTask } from '../../src/wire/reference.ts';
import { TaskLoader } from '../../src/worker/load.ts';
import type { HostPort } from '../../src/worker/outbox.ts';
import { WorkerLoop } from '../../src/worker/worker-loop.ts';
import { answersIn, callsIn, doneIn, isFatal, isUnreadable } from './frames.ts';
import { type Item, type Items, type JobArgument } from './items.ts';
import type { Scene } from './scene.ts';
import { performedBy, type Performer } from './tasks.ts';

interface PostedCall {
  readonly index: number;
  readonly item: Item;
}

/** How a worker comes to its end. */
interface End {
  readonly exitCode: number | undefined;
  readonly signal?: string;
  /** Told beforehand, and perhaps before messages that were sent earlier. */
  readonly error?: unknown;
  /** Whether it still sends what is finished. */
  readonly flushes: boolean;
}

const ends = {
  exit: { exitCode: 0, flushes: true },
  fail: { exitCode: 1, error: new Error('nobody caught it'), flushes: true },
  kill: { exitCode: undefined, signal: 'SIGKILL', flushes: false },
} as const satisfies Record<string, End>;

export type Death = keyof typeof ends;

/** Without saying so a worker takes this long for a job, so that short jobs count as short. */
const shortMs = 1 / 16;

/**
 * A worker as nasty as Node's were measured to be. What it does with its messages is done by the true loop of a
 * worker; the port, the time jobs take, and death are simulated.
 */
export class SimulatedWorker implements WorkerPort, Performer {
  readonly progress = new ProgressWords();
  readonly name: string;
  readonly pool: string;
  readonly #scene: Scene;
  readonly #items: Items;
  readonly #options: ExecutorCreateOptions;
  readonly #events: PortEvents;
  #server: WorkerLoop | undefined;
  #inbox: HostFrame[] = [];
  /** Messages with calls. */
  readonly #posted: (readonly PostedCall[])[] = [];
  /** On their way to the host; `undefined` is the end. */
  readonly #outgoing: (WorkerFrame | undefined)[] = [];
  #end: End | undefined;
  readonly #loader = new TaskLoader();
  readonly #ids = new Map<number, number>();
  /** Begun, and no readable answer sent. */
  readonly #unanswered = new Set<Item>();
  #busyUntil = 0;
  #printsUntil = 0;
  /** It cannot be ended before the faults are over. */
  #isStuck = false;
  /** It runs exit handlers that never return: it ends when it is killed. */
  #isHeldUp = false;
  state: 'starting' | 'up' | 'dead' | 'gone' = 'starting';
  isDeaf = false;
  /** The host has heard that it is up. */
  isKnownUp = false;
  isAskedToEnd = false;
  isKilled = false;
  killedAtMs = Infinity;
  readonly startedAtMs: number;
  /** The item whose module it loads. */
  #loadingFor: Item | undefined;
  /** Since when the host knows that it loads a module. */
  loadKnownSinceMs: number | undefined;
  /** Since when the host knows that it ends by itself. */
  leavingKnownSinceMs: number | undefined;
  /** It has begun a call. */
  hasBegun = false;
  /** It has begun to load the module of a call: it has come up, and what becomes of that is the call's affair. */
  hasBegunToLoad = false;
  /** It was sent a message that no worker survives. */
  hasMetFatal = false;
  /** What it had begun and not answered when it died. */
  lost: readonly Item[] = [];
  isAccountedFor = false;
  isKeptAlive = true;
  /** Since when it idles while another of its pool has calls that it has not begun. */
  idlesSinceMs: number | undefined;
  /** Calls posted to it whose answers have not arrived, by their indices. */
  readonly outstanding = new Map<number, number>();
  /** Something had to be sent again: the counts of calls say nothing any more. */
  hasResent = false;
  /** Answers up to this index are sent again. */
  #resendsTo = 0;
  /** An answer of it could not be read: it is outstanding until it has been sent again. */
  hasLostAnswers = false;

  constructor(name: string, scene: Scene, items: Items, options: ExecutorCreateOptions, events: PortEvents) {
    this.name = name;
    this.pool = options.name;
    this.#scene = scene;
    this.#items = items;
    this.#options = options;
    this.#events = events;
    this.startedAtMs = scene.time.now;
    this.#start();
  }

  get isAlive(): boolean {
    return this.state === 'starting' || this.state === 'up';
  }

  /** It has done already what it is to do in the time to come. */
  get isBusy(): boolean {
    return this.#busyUntil > this.#scene.time.now;
  }

  /** The host knows it as free: it is up, and all it was sent has been answered. */
  get isIdle(): boolean {
    return (
      this.isKnownUp &&
      this.state === 'up' &&
      !this.isAskedToEnd &&
      !this.isKilled &&
      !this.hasResent &&
      this.outstanding.size === 0
    );
  }

  /** The host knows it to be up, and has not asked for its end. */
  get isUsable(): boolean {
    return this.isKnownUp && !this.isKilled && this.state !== 'gone';
  }

  /** Nothing tells that it has something to do. */
  get mayBeIdle(): boolean {
    return this.isUsable && (this.hasResent || this.hasLostAnswers || this.outstanding.size === 0);
  }

  post(frame: HostFrame, transfer: readonly object[]): void {
    const copy = structuredClone(frame, { transfer: transfer as ArrayBuffer[] });
    const calls = callsIn(frame).map(({ index, job }) => ({ index, item: this.#items.of(job) }));
    for (const { index, item } of calls) {
      this.outstanding.set(index, item.id);
      item.postedTo = this.name;
      if (item.isSuspect && calls.length > 1)
        this.#scene.violate('S39 what may end workers is sent alone', `item ${item.id}`);
      if (item.hasEndedEnough)
        this.#scene.violate('S39 a message that ends its workers is not sent for ever', `item ${item.id}`);
    }
    if (calls.length > 0) this.#rememberPosted(calls);
    if (!this.isAlive) return; // In silence.
    this.#inbox.push(copy);
    this.#plan('worker', this.#latency(), 'receives', () => this.#receive());
  }

  /** What it could not read is posted again, in other messages. */
  #rememberPosted(calls: readonly PostedCall[]): void {
    const [{ index }] = calls;
    while ((this.#posted.at(-1)?.[0].index ?? -1) >= index) this.#posted.pop();
    this.#posted.push(calls);
  }

  keepAlive(on: boolean): void {
    this.isKeptAlive = on;
  }

  end(): void {
    this.isAskedToEnd = true;
    this.post({ end: true }, []);
  }

  kill(): void {
    if (this.isKilled) return;
    this.isKilled = true;
    this.killedAtMs = this.#scene.time.now;
    if (this.#loadingFor !== undefined) this.#loadingFor.wasLoading = true;
    const inMs = Math.floor(this.#draw('kill') * 3);
    if (!this.#scene.fails('end')) return this.#terminateIn(inMs, 0);
    const isForEver = this.#draw('zombie') < 0.5;
    this.#scene.saw(isForEver ? 'a worker that cannot be ended' : 'a worker that is ended late');
    this.#terminateIn(inMs, isForEver ? Infinity : 30 + Math.floor(this.#draw('native call') * 3000));
  }

  /** Whatever keeps it from its end, or from its work, is over, or will be. */
  heal(): void {
    if (this.#isStuck) this.#leaveIn(3_000);
    else if (this.isDeaf) this.#terminateIn(1, 0);
  }

  die(how: Death): void {
    this.#die(ends[how]);
  }

  /** As soon as it can: one that works ends only when it is killed. */
  dieSoon(how: Death): void {
    const inMs = how === 'kill' ? 0 : Math.max(0, this.#busyUntil - this.#scene.time.now);
    this.#plan('worker', inMs, how, () => this.die(how));
  }

  perform({ id, plan }: JobArgument): unknown {
    const item = this.#items.begin(id, this.name);
    this.hasBegun = true;
    this.#unanswered.add(item);
    if (plan.prints) this.#printsUntil = this.#scene.time.now + 1 + Math.floor(this.#draw('print') * 3);
    const blocks = plan.ms === 0 || (plan.blocks && plan.timeoutMs === null);
    if (!blocks)
      return this.#promised(
        item,
        this.#later(plan.ms, () => this.#conclude(item)),
      );
    this.#scene.time.pass(plan.ms === 0 ? shortMs : plan.ms);
    this.#busyUntil = this.#scene.time.now;
    const result = this.#conclude(item);
    return result instanceof Promise ? this.#promised(item, result) : result;
  }

  /** Where promises are refused, that is the end of the job; what it began is done all the same. */
  #promised(item: Item, promise: Promise<unknown>): Promise<unknown> {
    if (this.#options.asyncTasks === 'reject' && this.isAlive) item.endedAtMs = this.#scene.time.now;
    return promise;
  }

  #start(): void {
    const startMs = Math.floor(this.#draw('start') * 4);
    if (!this.#scene.fails('start')) return this.#plan('worker', startMs, 'is up', () => this.#comeUp());
    const failure = this.#scene.chance.oneOf('failed start', [
      'slow',
      'never',
      'exit',
      'fail',
      'refuse',
    ] as const);
    this.#scene.saw(`a start that fails: ${failure}`);
    if (failure === 'slow')
      this.#plan('worker', this.#options.startTimeoutSeconds * 1000 + startMs - 1, 'is up', () =>
        this.#comeUp(),
      );
    else if (failure === 'exit' || failure === 'fail')
      this.#plan('worker', startMs, failure, () => this.die(failure));
    else if (failure === 'refuse') {
      this.#plan('worker', startMs, 'refuses to come up', () => {
        this.#send({ up: false, thrown: encodeThrow(new Error('cannot preload')) });
        this.#die({ exitCode: 0, flushes: false });
      });
    }
  }

  #comeUp(): void {
    if (!this.isAlive) return;
    this.state = 'up';
    this.#server = this.#newServer();
    this.#send({ up: true, thrown: undefined });
    if (this.#scene.fails('death')) {
      const how = this.#scene.chance.oneOf('death', ['exit', 'fail', 'kill'] as const);
      this.#plan('worker', Math.floor(this.#draw('death') * 100), how, () => this.die(how));
    }
    if (this.#scene.fails('deaf'))
      this.#plan('worker', Math.floor(this.#draw('deafness') * 50), 'is deaf', () => {
        this.isDeaf = !this.#scene.isCalm;
      });
  }

  #newServer(): WorkerLoop {
    const port: HostPort = {
      post: (frame, transfer) => this.#send(structuredClone(frame, { transfer: transfer as ArrayBuffer[] })),
      stdioFlushed: () => this.#printing(),
    };
    const { time } = this.#scene;
    // The loop of a worker that a job has ended does nothing any more.
    const progress: WorkerProgress = {
      begin: (index, sharedNowMs) => {
        time.interject();
        return this.isAlive && this.#claim(index, sharedNowMs);
      },
      finish: (index) => {
        time.interject();
        if (this.isAlive) this.progress.finish(index);
      },
    };
    const runInScope = <T>(run: () => T): T => performedBy(this, run);
    return new WorkerLoop({
      port,
      asyncTasks: this.#options.asyncTasks,
      progress,
      loader: { find: (task) => this.#find(task) },
      runInScope,
      leave: () => this.die('exit'),
    });
  }

  /** Modules that load at once, or take their time; that fail, exit, or never come to their end. */
  #find(task: ResolvedTask): AnyFunction | Promise<AnyFunction> {
    const found = this.#loader.find(task);
    if (!this.#scene.fails('load')) return found;
    const how = this.#scene.chance.oneOf('load', [
      'slow',
      'slow',
      'fails',
      'exit',
      'never',
      'never',
    ] as const);
    this.#scene.saw(`a module that loads: ${how}`);
    return new Promise((resolve, reject) => {
      if (how === 'never') return;
      this.#plan('worker', Math.floor(this.#draw('load') * 60), `has loaded (${how})`, () => {
        if (!this.isAlive) return;
        if (how === 'exit') this.die('exit');
        else if (how === 'fails') {
          if (this.#loadingFor !== undefined) this.#loadingFor.couldNotLoad = true;
          const details = { taskName: task.name };
          reject(new TaskReferenceError('ERR_LEASEPOOL_TASK_MODULE', 'it cannot be loaded', details));
        } else resolve(found);
      });
    });
  }

  #claim(index: number, sharedNowMs: number | undefined): boolean {
    const isClaimed = this.progress.begin(index, sharedNowMs);
    if (isClaimed) this.#itemAt(index).claimedAtMs = this.#scene.time.now;
    return isClaimed;
  }

  #itemAt(index: number): Item {
    return this.#items.all[this.#ids.get(index)!];
  }

  #receive(): void {
    const { time } = this.#scene;
    if (this.state !== 'up' || this.isDeaf) {
      this.#inbox.shift();
      return;
    }
    if (time.now < this.#busyUntil)
      return this.#plan('worker', this.#busyUntil - time.now, 'receives', () => this.#receive());
    const frame = this.#inbox.shift()!;
    if (isUnreadable(frame)) {
      this.#scene.saw('calls a worker cannot read');
      this.hasResent = true;
      return this.#server!.unreadable(new RangeError('it nests too deep'));
    }
    if (isFatal(frame)) {
      this.#scene.saw('calls that end a worker before it begins them');
      this.#scene.struck++;
      this.hasMetFatal = true;
      return this.die('kill');
    }
    for (const { index, job } of callsIn(frame)) this.#ids.set(index, job.id);
    this.#server!.receive(frame);
  }

  #send(frame: WorkerFrame): void {
    if (!this.isAlive) return;
    if ('loading' in frame) this.#loads(frame.loading);
    const canBeRead = !isUnreadable(frame);
    for (const index of answersIn(frame)) {
      const item = this.#itemAt(index);
      if (canBeRead) {
        item.hasAnswered = true;
        this.#unanswered.delete(item);
      } else item.wasUnreadable = true;
    }
    this.#deliver(frame, this.#latency());
  }

  #loads(index: number | undefined): void {
    this.#loadingFor = index === undefined ? undefined : this.#itemAt(index);
    // It may load for a call that has been taken back, and that another worker loads for as well.
    if (this.#loadingFor?.postedTo === this.name) this.#loadingFor.loadingSinceMs = this.#scene.time.now;
  }

  #deliver(frame: WorkerFrame | undefined, inMs: number): void {
    this.#outgoing.push(frame);
    this.#plan('input', inMs, frame === undefined ? 'exits' : 'answers', () => this.#arrive());
  }

  /** At the host. In the order in which it was sent. */
  #arrive(): void {
    const frame = this.#outgoing.shift();
    if (frame === undefined) {
      this.state = 'gone';
      this.#countDeaths();
      const { exitCode, signal } = this.#end!;
      return this.#events.exit(exitCode, signal);
    }
    if ('up' in frame && frame.up) this.isKnownUp = true;
    if ('leaving' in frame) this.leavingKnownSinceMs = this.#scene.time.now;
    if ('loading' in frame) {
      this.hasBegunToLoad = true;
      this.loadKnownSinceMs = frame.loading === undefined ? undefined : this.#scene.time.now;
    }
    if ('retransmitResultsTo' in frame) this.#resendsTo = frame.retransmitResultsTo;
    const isReadable = !isUnreadable(frame);
    // Of answers that are sent again, one each, the host knows which one it cannot read.
    for (const index of doneIn(frame))
      if (isReadable || index < this.#resendsTo) this.outstanding.delete(index);
    if (isReadable) return this.#events.frame(frame);
    this.hasLostAnswers = true;
    this.#scene.saw('answers the host cannot read');
    this.#events.unreadable(new RangeError('it nests too deep'));
  }

  #die(end: End, lingersMs = Math.floor(this.#draw('exit') * 3)): void {
    if (!this.isAlive) return;
    if (end.flushes) this.#server?.flushOnExit();
    const exitHandlersMs = end.flushes ? this.#runExitHandlers() : 0;
    this.state = 'dead';
    this.#end = end;
    const lost = new Set(this.#unanswered);
    if (this.#loadingFor !== undefined) {
      this.#loadingFor.wasLoading = true;
      lost.add(this.#loadingFor);
    }
    for (const item of lost) item.lostWith = end.flushes ? 'flushed' : 'killed';
    this.lost = [...lost];
    const { error } = end;
    if (error !== undefined) this.#plan('input', 0, 'fails', () => this.#events.failed(error));
    this.#scene.saw(`a worker's end with ${Math.min(this.#unanswered.size, 2)} jobs not answered`);
    this.#isHeldUp = exitHandlersMs === Infinity;
    if (!this.#isHeldUp) this.#leaveIn(lingersMs + exitHandlersMs);
  }

  /** @returns how long they take */
  #runExitHandlers(): number {
    if (!this.#scene.fails('end', 'exit handlers')) return 0;
    this.#send({ leaving: true });
    const isForEver = this.#draw('exit handlers') < 0.5;
    this.#scene.saw(`exit handlers that take ${isForEver ? 'for ever' : 'long'}`);
    return isForEver ? Infinity : 30 + Math.floor(this.#draw('exit handlers') * 3000);
  }

  /** To the host the message that it had to begin next is a suspect, also one that was posted after its death. */
  #countDeaths(): void {
    if (this.isKilled || this.#loadingFor !== undefined) return;
    const isHere = ({ place, postedTo }: Item): boolean => place === 'held' && postedTo === this.name;
    const isOpen = ({ index }: PostedCall): boolean => this.outstanding.has(index);
    // What it was making is to blame, also when its submitter has cancelled it.
    if (this.#posted.flat().some((call) => isOpen(call) && this.#unanswered.has(call.item))) return;
    const next = this.#posted.find((calls) => calls.some(isOpen));
    if (next === undefined || !next.every(isOpen)) return;
    const hasAny = next.some(({ item }) => isHere(item));
    for (const { item } of next) {
      item.countDeath(next.length > 1, isHere(item));
      item.isSuspect ||= hasAny;
    }
  }

  /** It does nothing any more, and is gone once its native call returns. */
  #terminateIn(ms: number, nativeCallMs: number): void {
    this.#plan('worker', ms, 'is terminated', () => {
      if (this.#isHeldUp) this.#leaveIn(nativeCallMs);
      else this.#die({ exitCode: 1, flushes: false }, nativeCallMs);
    });
  }

  #leaveIn(ms: number): void {
    this.#isHeldUp = false;
    this.#isStuck = ms === Infinity && !this.#scene.isCalm;
    if (!this.#isStuck) this.#deliver(undefined, Math.min(ms, 5000));
  }

  /** What becomes of a job whose time is over. */
  #conclude(item: Item): unknown {
    const { kind } = item.plan;
    if (kind === 'exit' || kind === 'fail' || kind === 'kill') this.die(kind);
    if (kind === 'hang' || !this.isAlive) return new Promise(() => {});
    item.endedAtMs = this.#scene.time.now;
    if (kind === 'throw') throw new Error(`job ${item.id}`);
    if (kind === 'uncloneable') return () => item.id;
    if (kind === 'unreadable') return { of: item.id, isTooDeep: true };
    if (kind === 'late')
      this.#plan('worker', Math.floor(this.#draw('late') * 5), 'dies late', () => this.die('fail'));
    return item.value;
  }

  #later(ms: number, conclude: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#plan('worker', ms, 'goes on', () => {
        if (!this.isAlive) return;
        try {
          resolve(conclude());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  #printing(): Promise<void> | undefined {
    const leftMs = this.#printsUntil - this.#scene.time.now;
    if (leftMs <= 0) return undefined;
    return new Promise((resolve) => {
      this.#plan('worker', leftMs, 'has printed', () => {
        if (this.isAlive) resolve();
      });
    });
  }

  #latency(): number {
    return this.#scene.fails('slow') ? 1 + Math.floor(this.#draw('latency') * 15) : 0;
  }

  #draw(purpose: string): number {
    return this.#scene.chance.draw(`${this.name} ${purpose}`);
  }

  #plan(place: 'worker' | 'input', inMs: number, what: string, run: () => void): void {
    const { time } = this.#scene;
    time.plan(place, time.now + inMs, `${this.name} ${what}`, run);
  }
}
