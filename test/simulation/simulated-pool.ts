import type { Executor, ExecutorCall, SubmitReceipt } from '../../src/executor/executor.ts';
import {
  BrokenExecutorError,
  NotStartedError,
  TimeoutError,
  WorkerCrashedError,
} from '../../src/core/errors.ts';
import type { Item, Items, JobArgument } from './items.ts';
import type { WorldPlan } from './program.ts';
import type { Scene } from './scene.ts';

/** A call that a simulated pool has. */
interface Held {
  readonly call: ExecutorCall;
  readonly item: Item;
}

/**
 * A pool as a backend of somebody else's might be: it keeps the rules of `Executor`, in the least convenient way. It
 * may lack what is optional, take part of a batch, throw, break, or not come to an end.
 */
export class SimulatedPool implements Executor {
  readonly workers: number;
  readonly ready: Promise<void>;
  readonly broken: Promise<Error>;
  takeBack?: (call: ExecutorCall) => boolean;
  endCalls?: (calls: readonly ExecutorCall[], reason: unknown) => void;
  readonly #name: string;
  readonly #scene: Scene;
  readonly #items: Items;
  #queue: Held[] = [];
  readonly #running = new Map<ExecutorCall, Held>();
  #state: 'starting' | 'up' | 'broken' | 'closing' | 'closed' = 'starting';
  #brokenBy: Error | undefined;
  #markReady!: () => void;
  #markBroken!: (error: Error) => void;
  #markClosed: (() => void)[] = [];
  #isStuck = false;
  /** Calls it has been told to end, and has not settled yet. */
  #ending = 0;

  constructor(name: string, workers: number, plan: WorldPlan, scene: Scene, items: Items) {
    this.#name = name;
    this.workers = workers;
    this.#scene = scene;
    this.#items = items;
    this.ready = new Promise((resolve) => (this.#markReady = resolve));
    this.broken = new Promise((resolve) => (this.#markBroken = resolve));
    if (plan.poolsTakeBack) this.takeBack = (call) => this.#takeBack(call);
    if (plan.poolsEndCalls) this.endCalls = (calls, reason) => this.#endCalls(calls, reason);
    const startMs = Math.floor(this.#draw('start') * 5);
    if (scene.fails('start')) this.#plan(startMs, 'breaks', () => this.break());
    else this.#plan(startMs, 'is up', () => this.#comeUp());
    if (scene.fails('death')) this.#plan(Math.floor(this.#draw('death') * 100), 'breaks', () => this.break());
  }

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    if (this.#brokenBy !== undefined) return { submitted: 0, error: this.#brokenBy };
    if (this.#state === 'closing' || this.#state === 'closed')
      return { submitted: 0, error: new NotStartedError('the pool was shut down') };
    if (this.#scene.fails('submit')) return this.#takeSome(calls);
    this.#take(calls);
    return { submitted: calls.length };
  }

  async shutdown({ timeoutSeconds }: { readonly timeoutSeconds: number }): Promise<void> {
    if (this.#state !== 'broken') this.#state = 'closing';
    this.#giveBack(this.#brokenBy ?? new NotStartedError('the pool was shut down'));
    this.#plan(timeoutSeconds * 1000, 'ends what runs', () => this.#crash(new NotStartedError('stopped')));
    this.#isStuck = this.#scene.fails('end');
    if (this.#isStuck) this.#scene.saw('a pool that does not come to its end');
    await new Promise<void>((resolve) => {
      this.#markClosed.push(resolve);
      this.#closeWhenDone();
    });
    if (this.#scene.fails('end')) throw new Error('the pool failed to shut down');
  }

  /** Whatever keeps it from its end is over. */
  heal(): void {
    this.#isStuck = false;
    this.#closeWhenDone();
  }

  /** It can run nothing any more: what runs fails, the rest goes back. It may say so before or after. */
  break(): void {
    if (this.#state !== 'starting' && this.#state !== 'up') return;
    this.#scene.saw('a simulated pool that breaks');
    this.#state = 'broken';
    this.#brokenBy = new BrokenExecutorError(`${this.#name} broke`);
    const isFirst = this.#draw('says so first') < 0.5;
    if (isFirst) this.#markBroken(this.#brokenBy);
    this.#plan(isFirst ? Math.floor(this.#draw('gives back') * 3) : 0, 'gives back', () => {
      this.#crash(this.#brokenBy);
      this.#giveBack(this.#brokenBy);
      if (!isFirst) this.#markBroken(this.#brokenBy!);
    });
  }

  #comeUp(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'up';
    this.#markReady();
    this.#next();
  }

  #takeSome(calls: readonly ExecutorCall[]): SubmitReceipt {
    const count = Math.floor(this.#draw('takes') * calls.length);
    const error =
      this.#draw('refuses') < 0.5 ? new BrokenExecutorError('no room') : new Error('the pool refuses');
    for (const call of calls.slice(count)) this.#items.of(call.args[0]).refusedWith = error;
    if (count === 0 && this.#draw('throws') < 0.5) {
      this.#scene.saw('a pool that throws');
      throw error;
    }
    this.#scene.saw('a pool that takes part of a batch');
    this.#take(calls.slice(0, count));
    return { submitted: count, error };
  }

  #take(calls: readonly ExecutorCall[]): void {
    for (const call of calls) this.#queue.push({ call, item: this.#items.of(call.args[0]) });
    this.#plan(0, 'begins', () => this.#next());
  }

  #next(): void {
    while (this.#state === 'up' && this.#queue.length > 0 && this.#running.size < this.workers)
      this.#begin(this.#queue.shift()!);
  }

  #begin(held: Held): void {
    const { call, item } = held;
    const { now } = this.#scene.time;
    if (call.beginBeforeMs !== undefined && now > item.acceptedAtMs + item.plan.queueTimeoutMs!) {
      const reason = new TimeoutError('no worker began the job in time', { phase: 'queue' });
      return call.settle({ status: 'rejected', reason });
    }
    this.#running.set(call, held);
    this.#items.begin((call.args[0] as JobArgument).id, this.#name);
    const limitMs = item.plan.timeoutMs;
    const ms = item.plan.kind === 'hang' ? Infinity : item.plan.ms;
    if (limitMs !== null && limitMs <= ms) {
      const reason = new TimeoutError('the job ran too long', { phase: 'run' });
      this.#plan(limitMs, 'times out', () =>
        this.#settle(held, () => call.settle({ status: 'rejected', reason })),
      );
    } else if (ms < Infinity) this.#plan(ms, 'ends', () => this.#settle(held, () => this.#conclude(held)));
  }

  #conclude({ call, item }: Held): void {
    const { kind } = item.plan;
    if (kind === 'exit' || kind === 'fail' || kind === 'kill') {
      item.lostWith = 'killed';
      const reason = new WorkerCrashedError('its worker died', { phase: 'running' });
      return call.settle({ status: 'rejected', reason });
    }
    item.endedAtMs = this.#scene.time.now;
    item.hasAnswered = true;
    if (kind === 'throw') call.settle({ status: 'rejected', reason: new Error(`job ${item.id}`) });
    else call.settle({ status: 'fulfilled', value: item.value });
  }

  #settle(held: Held, settle: () => void): void {
    if (!this.#running.delete(held.call)) return;
    settle();
    this.#next();
    this.#closeWhenDone();
  }

  #takeBack(call: ExecutorCall): boolean {
    const place = this.#queue.findIndex((held) => held.call === call);
    return place >= 0 && this.#queue.splice(place, 1).length > 0;
  }

  #endCalls(calls: readonly ExecutorCall[], reason: unknown): void {
    const running = calls.map((call) => this.#running.get(call)).filter((held) => held !== undefined);
    const queued = calls.filter((call) => this.#takeBack(call));
    this.#ending += queued.length;
    this.#plan(Math.floor(this.#draw('ends calls') * 2), 'ends calls', () => {
      for (const held of running) this.#settle(held, () => held.call.settle({ status: 'rejected', reason }));
      for (const call of queued) call.settle({ status: 'rejected', reason });
      this.#ending -= queued.length;
      this.#closeWhenDone();
    });
  }

  #giveBack(reason: unknown): void {
    const given = this.#queue;
    this.#queue = [];
    for (const { call } of given) call.settle({ status: 'returned', reason });
  }

  /** What runs fails. */
  #crash(cause: unknown): void {
    for (const held of this.#running.values()) {
      held.item.lostWith = 'killed';
      const reason = new WorkerCrashedError('its worker died', { phase: 'running', cause });
      this.#settle(held, () => held.call.settle({ status: 'rejected', reason }));
    }
  }

  #closeWhenDone(): void {
    if (this.#markClosed.length === 0 || this.#isStuck) return;
    if (this.#running.size + this.#ending > 0) return;
    const resolves = this.#markClosed;
    this.#markClosed = [];
    this.#state = 'closed';
    this.#plan(Math.floor(this.#draw('closes') * 3), 'is closed', () => {
      for (const resolve of resolves) resolve();
    });
  }

  #draw(purpose: string): number {
    return this.#scene.chance.draw(`${this.#name} ${purpose}`);
  }

  #plan(inMs: number, what: string, run: () => void): void {
    const { time } = this.#scene;
    time.plan('input', time.now + inMs, `${this.#name} ${what}`, run);
  }
}
