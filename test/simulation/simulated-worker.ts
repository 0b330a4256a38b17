import type { ExecutorCreateOptions } from '../../src/executor/executor.ts';
import type { PortEvents, WorkerPort } from '../../src/executor/port.ts';
import { encodeThrow } from '../../src/wire/error-codec.ts';
import type { HostFrame, WorkerFrame } from '../../src/wire/frame.ts';
import { ProgressWords } from '../../src/wire/progress-words.ts';
import type { WorkerProgress } from '../../src/wire/progress.ts';
import { TaskLoader } from '../../src/worker/load.ts';
import type { HostPort } from '../../src/worker/outbox.ts';
import { Server } from '../../src/worker/serve.ts';
import { answersIn, callsIn, doneIn, isUnreadable } from './frames.ts';
import type { Item, Items, JobArgument } from './items.ts';
import type { Scene } from './scene.ts';
import { performedBy, type Performer } from './tasks.ts';

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
  #server: Server | undefined;
  #inbox: HostFrame[] = [];
  /** On their way to the host; `undefined` is the end. */
  readonly #outgoing: (WorkerFrame | undefined)[] = [];
  #end: End | undefined;
  readonly #ids = new Map<number, number>();
  /** Begun, and no readable answer sent. */
  readonly #unanswered = new Set<Item>();
  #busyUntil = 0;
  #printsUntil = 0;
  /** It cannot be ended before the faults are over. */
  #isStuck = false;
  state: 'starting' | 'up' | 'dead' | 'gone' = 'starting';
  isDeaf = false;
  /** The host has heard that it is up. */
  isKnownUp = false;
  isKilled = false;
  /** It has begun a call. */
  hasBegun = false;
  /** What it had begun and not answered when it died. */
  lost: readonly Item[] = [];
  isAccountedFor = false;
  isKeptAlive = true;
  /** Calls posted to it whose answers have not arrived, by their indices. */
  readonly outstanding = new Map<number, number>();
  /** Something had to be sent again: the counts of calls say nothing any more. */
  hasResent = false;

  constructor(name: string, scene: Scene, items: Items, options: ExecutorCreateOptions, events: PortEvents) {
    this.name = name;
    this.pool = options.name;
    this.#scene = scene;
    this.#items = items;
    this.#options = options;
    this.#events = events;
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
      !this.isKilled &&
      !this.hasResent &&
      this.outstanding.size === 0
    );
  }

  post(frame: HostFrame, transfer: readonly object[]): void {
    const copy = structuredClone(frame, { transfer: transfer as ArrayBuffer[] });
    for (const { index, job } of callsIn(frame)) {
      this.outstanding.set(index, job.id);
      this.#items.of(job).postedTo = this.name;
    }
    if (!this.isAlive) return; // In silence.
    this.#inbox.push(copy);
    this.#plan('worker', this.#latency(), 'receives', () => this.#receive());
  }

  keepAlive(on: boolean): void {
    this.isKeptAlive = on;
  }

  kill(): void {
    if (this.isKilled) return;
    this.isKilled = true;
    const inMs = Math.floor(this.#draw('kill') * 3);
    if (!this.#scene.fails('end')) return this.#terminateIn(inMs, 0);
    const isForEver = this.#draw('zombie') < 0.5;
    this.#scene.saw(isForEver ? 'a worker that cannot be ended' : 'a worker that is ended late');
    this.#terminateIn(inMs, isForEver ? Infinity : 30 + Math.floor(this.#draw('native call') * 3000));
  }

  /** Whatever keeps it from its end, or from its work, is over. */
  heal(): void {
    if (this.#isStuck) this.#leaveIn(1);
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

  #newServer(): Server {
    const port: HostPort = {
      post: (frame, transfer) => this.#send(structuredClone(frame, { transfer: transfer as ArrayBuffer[] })),
      printing: () => this.#printing(),
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
    const surround = <T>(run: () => T): T => performedBy(this, run);
    return new Server({
      port,
      asyncTasks: this.#options.asyncTasks,
      progress,
      loader: new TaskLoader(),
      surround,
    });
  }

  #claim(index: number, sharedNowMs: number | undefined): boolean {
    const isClaimed = this.progress.begin(index, sharedNowMs);
    if (isClaimed) this.#items.all[this.#ids.get(index)!].claimedAtMs = this.#scene.time.now;
    return isClaimed;
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
      return this.#server!.unreadable();
    }
    for (const { index, job } of callsIn(frame)) this.#ids.set(index, job.id);
    this.#server!.receive(frame);
  }

  #send(frame: WorkerFrame): void {
    if (!this.isAlive) return;
    const canBeRead = !isUnreadable(frame);
    for (const index of answersIn(frame)) {
      const item = this.#items.all[this.#ids.get(index)!];
      if (canBeRead) {
        item.hasAnswered = true;
        this.#unanswered.delete(item);
      } else item.wasUnreadable = true;
    }
    this.#deliver(frame, this.#latency());
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
      const { exitCode, signal } = this.#end!;
      return this.#events.exit(exitCode, signal);
    }
    if ('up' in frame && frame.up) this.isKnownUp = true;
    if (!isUnreadable(frame)) {
      for (const index of doneIn(frame)) this.outstanding.delete(index);
      return this.#events.frame(frame);
    }
    this.#scene.saw('answers the host cannot read');
    this.#events.unreadable(new RangeError('it nests too deep'));
  }

  #die(end: End, lingersMs = Math.floor(this.#draw('exit') * 3)): void {
    if (!this.isAlive) return;
    if (end.flushes) this.#server?.flushLast();
    this.state = 'dead';
    this.#end = end;
    for (const item of this.#unanswered) item.lostWith = end.flushes ? 'flushed' : 'killed';
    this.lost = [...this.#unanswered];
    const { error } = end;
    if (error !== undefined) this.#plan('input', 0, 'fails', () => this.#events.failed(error));
    this.#scene.saw(`a worker's end with ${Math.min(this.#unanswered.size, 2)} jobs not answered`);
    this.#leaveIn(lingersMs);
  }

  /** It does nothing any more, and is gone once its native call returns. */
  #terminateIn(ms: number, nativeCallMs: number): void {
    this.#plan('worker', ms, 'is terminated', () => this.#die({ exitCode: 1, flushes: false }, nativeCallMs));
  }

  #leaveIn(ms: number): void {
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
