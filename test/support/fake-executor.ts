import type {
  Executor,
  ExecutorBackend,
  ExecutorCall,
  ExecutorCreateOptions,
  SubmitReceipt,
} from '../../src/executor/executor.ts';
import type { Backlog } from '../../src/executor/chunk.ts';
import type { PoolLoad } from '../../src/executor/load.ts';
import { Deferred } from './deferred.ts';

/** A pool that runs nothing: the test says what becomes of each call. */
export class FakeExecutor implements Executor {
  readonly workers: number;
  readonly name: string;
  /** What each `submitBatch()` brought. */
  readonly batches: ExecutorCall[][] = [];
  /** Calls that still have to settle; those begun are not given back. */
  readonly held = new Set<ExecutorCall>();
  readonly begun = new Set<ExecutorCall>();
  readonly ended: { readonly calls: readonly ExecutorCall[]; readonly reason: unknown }[] = [];
  readonly isUp = new Deferred();
  readonly hasBroken = new Deferred<Error>();
  readonly ready = this.isUp.promise;
  readonly broken = this.hasBroken.promise;
  /** `timeoutSeconds` of each shutdown. */
  readonly shutdowns: number[] = [];
  readonly #hasShutDown = new Deferred();
  /** Takes so many calls of the next batch, and refuses the rest with this. */
  refuseNext: { readonly after: number; readonly error: unknown } | undefined;
  /** Breaks the rule that `submitBatch()` does not throw. */
  throwNext: Error | undefined;
  /** Its shutdown takes until {@link endShutdown}. */
  endsLater = false;
  /** It has workers that cannot be ended, until this resolves. */
  leftBehind: Promise<void> | undefined;

  constructor({ workers = 1, name = 'pool-1' }: Partial<ExecutorCreateOptions> = {}) {
    this.workers = workers;
    this.name = name;
  }

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    const { refuseNext, throwNext } = this;
    this.refuseNext = undefined;
    this.throwNext = undefined;
    if (throwNext !== undefined) throw throwNext;
    const taken = calls.slice(0, refuseNext?.after);
    this.batches.push(taken);
    for (const call of taken) this.held.add(call);
    return { submitted: taken.length, error: refuseNext?.error };
  }

  takeBack(call: ExecutorCall): boolean {
    return !this.begun.has(call) && this.held.delete(call);
  }

  endCalls: Executor['endCalls'] = (calls, reason) => {
    this.ended.push({ calls: [...calls], reason });
    for (const call of calls) this.#settle(call, { status: 'rejected', reason });
  };

  /** What is held, the oldest first. */
  get calls(): ExecutorCall[] {
    return [...this.held];
  }

  begin(count = Infinity): void {
    for (const call of this.calls.slice(0, count)) this.begun.add(call);
  }

  /** Fulfils the oldest calls with their first argument. */
  finish(count = Infinity): void {
    for (const call of this.calls.slice(0, count))
      this.#settle(call, { status: 'fulfilled', value: call.args[0] });
  }

  finishCall(call: ExecutorCall): void {
    this.#settle(call, { status: 'fulfilled', value: call.args[0] });
  }

  reject(reason: unknown, count = 1): void {
    for (const call of this.calls.slice(0, count)) this.#settle(call, { status: 'rejected', reason });
  }

  /** Never begun. */
  giveBack(reason: unknown, count = Infinity): void {
    for (const call of this.calls.slice(0, count)) this.#settle(call, { status: 'returned', reason });
  }

  /** It can run nothing any more, and says so before it gives back what it has. */
  break(error: Error): void {
    this.hasBroken.resolve(error);
  }

  async shutdown({ timeoutSeconds }: { readonly timeoutSeconds: number }): Promise<void> {
    this.shutdowns.push(timeoutSeconds);
    this.giveBack(new Error('the pool was shut down'));
    if (this.endsLater) await this.#hasShutDown.promise;
  }

  endShutdown(): void {
    this.#hasShutDown.resolve();
  }

  #settle(call: ExecutorCall, outcome: Parameters<ExecutorCall['settle']>[0]): void {
    this.begun.delete(call);
    if (this.held.delete(call)) call.settle(outcome);
  }
}

/** One that tells how busy it is, as the pools of this package do: what the test says. */
export class FakeLoadedExecutor extends FakeExecutor implements PoolLoad {
  workersUp = this.workers;
  idleWorkers = this.workers;
  left: Backlog = { calls: 0, workMs: 0, ageMs: 0 };
  worth = 1;
  onWorkerFreed: () => void = () => {};

  override submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    this.idleWorkers = 0;
    return super.submitBatch(calls);
  }

  override takeBack(call: ExecutorCall): boolean {
    if (!super.takeBack(call)) return false;
    const { calls, workMs } = this.left;
    this.left = { ...this.left, calls: calls - 1, workMs: workMs - workMs / calls };
    return true;
  }

  backlog(): Backlog {
    return this.left;
  }

  worthMessage(): number {
    return this.worth;
  }
}

/** Makes fake pools. They are up at once unless told otherwise. */
export class FakePools implements ExecutorBackend {
  readonly name = 'fake';
  readonly all: FakeExecutor[] = [];
  readonly options: ExecutorCreateOptions[] = [];
  comeUp = true;
  /** Whether they tell how busy they are. */
  tellLoad = false;
  /** What `createExecutor()` throws. */
  refusal: Error | undefined;
  /** What each pool does as soon as it is there. */
  onCreate: (pool: FakeExecutor) => void = () => {};

  get last(): FakeExecutor {
    return this.all.at(-1)!;
  }

  /** All calls that reached pools, batch by batch. */
  get batches(): unknown[][] {
    return this.all.flatMap(({ batches }) => batches.map((batch) => batch.map((call) => call.args[0])));
  }

  createExecutor(options: ExecutorCreateOptions): Executor {
    if (this.refusal !== undefined) throw this.refusal;
    const executor = this.tellLoad ? new FakeLoadedExecutor(options) : new FakeExecutor(options);
    this.options.push(options);
    this.all.push(executor);
    this.onCreate(executor);
    if (this.comeUp) executor.isUp.resolve();
    return executor;
  }
}
