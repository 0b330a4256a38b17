import type {
  Executor,
  ExecutorBackend,
  ExecutorCall,
  ExecutorCreateOptions,
  SubmitReceipt,
} from 'leasepool';

/** Runs nothing: records what reaches its pools, and lets the test say what becomes of it. */
export class FakeBackend implements ExecutorBackend {
  readonly name = 'fake';
  readonly pools: FakePool[] = [];
  /** What each `submitBatch()` brought, over all pools. */
  readonly batches: FakeCall[][] = [];
  readonly #answer: ((call: FakeCall) => void) | undefined;

  /** @param answer called for each call in a turn after it came, unless it has been taken back */
  constructor(answer?: (call: FakeCall) => void) {
    this.#answer = answer;
  }

  /** All calls, in the order in which they came. */
  get calls(): FakeCall[] {
    return this.batches.flat();
  }

  /** The first arguments of each batch. */
  get sent(): unknown[][] {
    return this.batches.map((batch) => batch.map((call) => call.args[0]));
  }

  createExecutor(options: ExecutorCreateOptions): FakePool {
    const pool = new FakePool(options, (calls) => this.#received(calls));
    this.pools.push(pool);
    return pool;
  }

  #received(calls: FakeCall[]): void {
    this.batches.push(calls);
    const answer = this.#answer;
    if (answer === undefined) return;
    setImmediate(() => {
      for (const call of calls) if (call.state === 'taken') answer(call);
    });
  }
}

/** One call that a pool took. It keeps what the call was, whatever its sender does to that later. */
export class FakeCall {
  readonly call: ExecutorCall;
  readonly pool: FakePool;
  readonly args: readonly unknown[];
  readonly owner: string | undefined;
  readonly at = performance.now();
  state: 'taken' | 'begun' | 'taken back' | 'settled' = 'taken';

  constructor(call: ExecutorCall, pool: FakePool) {
    this.call = call;
    this.pool = pool;
    this.args = [...call.args];
    this.owner = call.owner;
  }

  /** From here on it cannot be taken back. */
  begin(): void {
    this.state = 'begun';
  }

  fulfil(value?: unknown): void {
    this.#leave('settled');
    this.call.settle({ status: 'fulfilled', value });
  }

  reject(reason: unknown): void {
    this.#leave('settled');
    this.call.settle({ status: 'rejected', reason });
  }

  /** Says that it was never begun. */
  giveBack(reason: unknown = new Error('given back')): void {
    this.#leave('settled');
    this.call.settle({ status: 'returned', reason });
  }

  takeBack(): boolean {
    if (this.state !== 'taken') return false;
    this.#leave('taken back');
    return true;
  }

  #leave(state: 'taken back' | 'settled'): void {
    this.state = state;
    this.pool.held.delete(this.call);
  }
}

export class FakePool implements Executor {
  readonly workers: number;
  /** Calls that still have to settle. */
  readonly held = new Map<ExecutorCall, FakeCall>();
  readonly broken: Promise<Error>;
  /** Takes so many calls of the next batch, and refuses the rest. */
  refuseNext: { readonly after: number; readonly error: unknown } | undefined;
  /** Breaks the rule that `submitBatch()` does not throw. */
  throwNext: Error | undefined;
  shutdowns = 0;
  readonly #received: (calls: FakeCall[]) => void;
  #break!: (error: Error) => void;

  constructor(options: ExecutorCreateOptions, received: (calls: FakeCall[]) => void) {
    this.workers = options.workers;
    this.#received = received;
    this.broken = new Promise((resolve) => (this.#break = resolve));
  }

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    const { refuseNext, throwNext } = this;
    this.refuseNext = undefined;
    this.throwNext = undefined;
    if (throwNext !== undefined) throw throwNext;
    const taken = calls.slice(0, refuseNext?.after).map((call) => new FakeCall(call, this));
    for (const call of taken) this.held.set(call.call, call);
    this.#received(taken);
    return { submitted: taken.length, error: refuseNext?.error };
  }

  takeBack(call: ExecutorCall): boolean {
    return this.held.get(call)?.takeBack() ?? false;
  }

  endCalls(calls: readonly ExecutorCall[], reason: unknown): void {
    for (const call of calls) this.held.get(call)?.reject(reason);
  }

  /** What was begun fails, the rest goes back, and the pool can run nothing any more. */
  break(error: Error): void {
    this.#end(error);
    this.#break(error);
  }

  shutdown(): Promise<void> {
    this.shutdowns++;
    this.#end(new Error('the pool was shut down'));
    return Promise.resolve();
  }

  #end(reason: Error): void {
    for (const call of this.held.values()) {
      if (call.state === 'begun') call.reject(reason);
      else call.giveBack(reason);
    }
  }
}
