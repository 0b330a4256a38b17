import type { CallOutcome, Executor, ExecutorCall, SubmitReceipt } from '../../src/executor/executor.ts';
import type { PooledCall } from '../../src/executor/in-flight-calls.ts';
import { loadOf, type PoolLoad } from '../../src/executor/load.ts';
import { BrokenExecutorError } from '../../src/core/errors.ts';
import type { Transferable } from '../../src/task/reference.ts';
import type { ResolvedTask } from '../../src/wire/reference.ts';
import type { Item, Items } from './items.ts';
import type { Scene } from './scene.ts';

/** A call as its executor gets it: it tells what becomes of it. */
class ObservedCall implements ExecutorCall {
  readonly call: PooledCall;
  readonly item: Item;
  readonly task: ResolvedTask;
  readonly args: readonly unknown[];
  readonly transfer: readonly Transferable[];
  readonly owner: string | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly beginBeforeMs: number | undefined;
  readonly #onSettle: (call: ObservedCall, outcome: CallOutcome) => void;

  constructor(call: PooledCall, item: Item, onSettle: (call: ObservedCall, outcome: CallOutcome) => void) {
    this.call = call;
    this.item = item;
    this.task = call.task;
    this.args = call.args;
    this.transfer = call.transfer;
    this.owner = call.owner;
    this.timeoutSeconds = call.timeoutSeconds;
    this.beginBeforeMs = call.beginBeforeMs;
    this.#onSettle = onSettle;
  }

  get hasMoved(): boolean {
    return this.call.hasMoved === true;
  }

  set hasMoved(hasMoved: boolean) {
    this.call.hasMoved = hasMoved;
  }

  get sendsWithoutProgress(): number | undefined {
    return this.call.sendsWithoutProgress;
  }

  set sendsWithoutProgress(count: number) {
    this.call.sendsWithoutProgress = count;
  }

  settle(outcome: CallOutcome): void {
    this.#onSettle(this, outcome);
  }
}

/** Who wants to know what goes in and out of pools. */
export interface PoolObserver {
  /** These items are about to be sent, together. */
  sending(pool: ObservedPool, items: readonly Item[]): void;
  poolBroke?(pool: ObservedPool): void;
  closing?(pool: ObservedPool): void;
}

/** Stands before a pool and watches that both sides keep the rules of `Executor`. */
export class ObservedPool implements Executor, Partial<PoolLoad> {
  readonly name: string;
  readonly workers: number;
  readonly takeBack?: (call: ExecutorCall) => boolean;
  readonly backlog?: PoolLoad['backlog'];
  readonly ready: Promise<void> | undefined;
  readonly broken: Promise<Error> | undefined;
  /** What it has to settle. */
  readonly held = new Map<ExecutorCall, ObservedCall>();
  state: 'open' | 'closing' | 'closed' = 'open';
  isBroken = false;
  /** It has said that it can run something. */
  isReady = false;
  /** It has refused work as a broken pool does: nobody takes anything back from it before hard expiry. */
  hasRefused = false;
  readonly openedAtMs: number;
  #brokeAtEvent = Infinity;
  readonly #executor: Executor;
  readonly #load: PoolLoad | undefined;
  readonly #scene: Scene;
  readonly #items: Items;
  readonly #observer: PoolObserver;
  #isSubmitting = false;

  constructor(name: string, executor: Executor, scene: Scene, items: Items, observer: PoolObserver) {
    this.name = name;
    this.openedAtMs = scene.time.turnNow;
    this.workers = executor.workers;
    this.ready = executor.ready;
    this.broken = executor.broken;
    this.#executor = executor;
    this.#load = loadOf(executor);
    this.#scene = scene;
    this.#items = items;
    this.#observer = observer;
    if (executor.takeBack !== undefined) this.takeBack = (call) => this.#takeBack(call);
    if (this.#load !== undefined) this.backlog = () => this.#load!.backlog();
    void executor.ready?.then(() => (this.isReady = true));
    void executor.broken?.then(() => {
      this.isBroken = true;
      this.#brokeAtEvent = scene.time.events;
      for (const { item } of this.held.values()) item.breaks++;
      observer.poolBroke?.(this);
    });
  }

  get workersUp(): number {
    return this.#load!.workersUp;
  }

  get idleWorkers(): number {
    return this.#load!.idleWorkers;
  }

  worthMessage(task: ResolvedTask): number {
    return this.#load!.worthMessage(task);
  }

  set onWorkerFreed(listener: () => void) {
    this.#load!.onWorkerFreed = listener;
  }

  /** It had broken before this turn began: the manager knows. */
  get isKnownBroken(): boolean {
    return this.#brokeAtEvent < this.#scene.time.events;
  }

  get leftBehind(): Promise<void> | undefined {
    return this.#executor.leftBehind;
  }

  /** As the pool has it: one that is still being made may not know yet. */
  get endCalls(): Executor['endCalls'] {
    const { endCalls } = this.#executor;
    if (endCalls === undefined) return undefined;
    return (calls, reason) => {
      this.#scene.saw('calls that are ended');
      endCalls.call(this.#executor, this.#known(calls), reason);
    };
  }

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    const observed = calls.map((call) => new ObservedCall(call, this.#items.of(call.args[0]), this.#settle));
    this.#scene.note(`${this.name} gets ${observed.map(({ item }) => item.id).join()}`);
    if (this.state !== 'open') this.#fault('gets work although it was shut down');
    this.#observer.sending(
      this,
      observed.map(({ item }) => item),
    );
    for (const each of observed) this.#take(each);
    this.#isSubmitting = true;
    let receipt: SubmitReceipt = { submitted: 0 };
    try {
      receipt = this.#executor.submitBatch(observed);
      return receipt;
    } catch (error) {
      receipt = { submitted: 0, error };
      throw error;
    } finally {
      this.#isSubmitting = false;
      const canGoElsewhere = receipt.error instanceof BrokenExecutorError;
      if (canGoElsewhere) {
        this.hasRefused = true;
        this.#observer.poolBroke?.(this);
      }
      for (const each of observed.slice(receipt.submitted)) {
        this.#release(each);
        if (canGoElsewhere) brokeUnder(each.item);
        else each.item.place = 'over';
      }
    }
  }

  async shutdown(options: { readonly timeoutSeconds: number }): Promise<void> {
    if (this.state !== 'open') this.#fault('is shut down again');
    this.#observer.closing?.(this);
    this.state = 'closing';
    this.#scene.note(`${this.name} is shut down`);
    try {
      await this.#executor.shutdown(options);
    } finally {
      this.#closeWhenEmpty();
      if (this.held.size > 0) this.#fault(`is closed and still holds ${this.held.size} calls`);
    }
  }

  /** It is closed when nothing of it is left. */
  #closeWhenEmpty(): void {
    const { leftBehind } = this.#executor;
    if (leftBehind !== undefined) return void leftBehind.then(() => this.#closeWhenEmpty());
    this.state = 'closed';
    this.#scene.note(`${this.name} is closed`);
  }

  readonly #settle = (observed: ObservedCall, outcome: CallOutcome): void => {
    const { item, call } = observed;
    if (this.#isSubmitting) this.#fault(`settled item ${item.id} before submitBatch() had returned`);
    if (this.held.get(call) !== observed)
      return this.#fault(`settled item ${item.id}, which it does not hold`);
    this.#release(observed);
    if (outcome.status !== 'returned') item.place = 'over';
    else {
      if (item.starts > 0) this.#fault(`returned item ${item.id}, which had begun`);
      if (!(outcome.reason instanceof BrokenExecutorError)) item.brokenReturns = 0;
      else if (this.isBroken) item.brokenReturns++;
      else brokeUnder(item);
      this.#scene.saw('an item returned');
      if (this.#wasGivenUp(item)) item.place = 'over';
    }
    call.settle(outcome);
  };

  /** Its lease had to be revoked without the help of this pool, and then the pool was shut down: it has been rejected. */
  #wasGivenUp({ leaseEndsAtMs }: Item): boolean {
    const isRevoked = this.#scene.time.turnNow >= leaseEndsAtMs;
    return isRevoked && this.state !== 'open' && this.#executor.endCalls === undefined;
  }

  #take(observed: ObservedCall): void {
    const { item } = observed;
    if (item.place === 'held')
      this.#scene.violate('an item is in one lease at most', `item ${item.id}, now in ${this.name} too`);
    if (item.settlement !== undefined)
      this.#scene.violate('S26 what has settled is not sent', `item ${item.id} went to ${this.name}`);
    if (item.isGrinders && item.brokenReturns > 1)
      this.#scene.violate('M6 an item under which two pools broke fails', `item ${item.id} went on`);
    item.place = 'held';
    item.claimedAtMs = undefined;
    item.postedTo = undefined;
    item.isTakenBack = false;
    item.isGivenBack = false;
    this.held.set(observed.call, observed);
  }

  #release({ item, call }: ObservedCall): void {
    this.held.delete(call);
    item.place = 'waiting';
    item.isGivenBack = true;
  }

  #takeBack(call: ExecutorCall): boolean {
    const observed = this.held.get(call);
    if (observed === undefined) return this.#executor.takeBack!(call);
    const isTaken = this.#executor.takeBack!(observed);
    if (!isTaken) return false;
    if (observed.item.starts > 0) this.#fault(`let item ${observed.item.id} be taken back, which had begun`);
    this.#release(observed);
    observed.item.isTakenBack = true;
    observed.item.brokenReturns = 0;
    if (observed.item.wasCancelled || observed.hasMoved) observed.item.place = 'over';
    this.#scene.saw('an item taken back');
    return true;
  }

  #known(calls: readonly ExecutorCall[]): ExecutorCall[] {
    return calls.map((call) => this.held.get(call) ?? call);
  }

  #fault(what: string): void {
    this.#scene.violate('an executor keeps its contract', `${this.name} ${what}`);
  }
}

/** It came back because its pool cannot run it, before or without its pool having said that it broke. */
function brokeUnder(item: Item): void {
  item.breaks++;
  item.brokenReturns++;
}
