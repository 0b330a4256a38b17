import type {
  CallOutcome,
  Executor,
  ExecutorBackend,
  ExecutorCall,
  ExecutorCreateOptions,
  ResolvedTask,
  SubmitReceipt,
  Transferable,
} from 'leasepool';
import { onTestFinished } from 'vitest';
import { tasksUrl } from './tasks-url.ts';

export interface CallOptions {
  readonly transfer?: readonly Transferable[];
  readonly timeoutSeconds?: number;
  readonly beginBeforeMs?: number;
}

const known = new Map<string, ResolvedTask>();

/** A task of a module in test/tasks; the same object each time, as `resolveTask()` gives it. */
export function taskOf(file: string, name: string): ResolvedTask {
  const key = `${file}#${name}`;
  const task = known.get(key) ?? { kind: 'reference', module: tasksUrl(file).href, name };
  known.set(key, task);
  return task;
}

export function sourceTask(source: string, name = 'source'): ResolvedTask {
  return { kind: 'source', source, name };
}

/** Milliseconds on the clock of `process.hrtime()`. */
export function hrtimeNow(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** How long a call may take before a test that waits for it says so. */
const patienceMs = 10_000;

/** A call that keeps what becomes of it, and what should not have. */
export class RecordedCall implements ExecutorCall {
  readonly task: ResolvedTask;
  readonly args: readonly unknown[];
  readonly transfer: readonly Transferable[];
  readonly owner = 'bench';
  readonly timeoutSeconds: number | undefined;
  readonly beginBeforeMs: number | undefined;
  readonly outcomes: CallOutcome[] = [];
  readonly faults: string[] = [];
  settledAt: number | undefined;
  /** Inside `submitBatch()`. */
  isBeingSubmitted = false;
  wasTaken = false;
  wasTakenBack = false;
  /** Fulfilled with the outcome. */
  readonly settled: Promise<CallOutcome>;
  #resolve!: (outcome: CallOutcome) => void;

  constructor(task: ResolvedTask, args: readonly unknown[], options: CallOptions) {
    this.task = task;
    this.args = args;
    this.transfer = options.transfer ?? [];
    this.timeoutSeconds = options.timeoutSeconds;
    this.beginBeforeMs = options.beginBeforeMs;
    this.settled = new Promise((resolve) => (this.#resolve = resolve));
  }

  settle(outcome: CallOutcome): void {
    if (this.isBeingSubmitted) this.faults.push('settled before submitBatch() had returned');
    if (this.outcomes.length > 0) this.faults.push(`settled again, as ${outcome.status}`);
    if (this.wasTakenBack) this.faults.push(`settled as ${outcome.status} after it was taken back`);
    if (!['fulfilled', 'rejected', 'returned'].includes(outcome.status))
      this.faults.push(`no such outcome: ${String(outcome.status)}`);
    this.outcomes.push(outcome);
    this.settledAt ??= performance.now();
    this.#resolve(outcome);
  }

  get hasSettled(): boolean {
    return this.outcomes.length > 0;
  }
}

/** An executor under test, and every call it was given. */
export class Bench {
  readonly executor: Executor;
  readonly calls: RecordedCall[] = [];
  #hasEnded = false;

  private constructor(executor: Executor) {
    this.executor = executor;
  }

  static async of(backend: ExecutorBackend, options: Partial<ExecutorCreateOptions> = {}): Promise<Bench> {
    const silent = (): void => {};
    const executor = await backend.createExecutor({
      workers: 1,
      name: 'bench-1',
      asyncTasks: 'await',
      preload: [],
      workerData: undefined,
      startTimeoutSeconds: 30,
      workerOptions: undefined,
      logger: { debug: silent, info: silent, warn: silent, error: silent },
      ...options,
    });
    return new Bench(executor);
  }

  call(task: ResolvedTask, args: readonly unknown[] = [], options: CallOptions = {}): RecordedCall {
    return new RecordedCall(task, args, options);
  }

  submit(calls: readonly RecordedCall[]): SubmitReceipt {
    for (const call of calls) call.isBeingSubmitted = true;
    const receipt = this.executor.submitBatch(calls);
    for (const call of calls) call.isBeingSubmitted = false;
    for (const call of calls.slice(0, receipt.submitted)) {
      call.wasTaken = true;
      this.calls.push(call);
    }
    return receipt;
  }

  /** One call on its own. */
  send(task: ResolvedTask, args: readonly unknown[] = [], options: CallOptions = {}): RecordedCall {
    const call = this.call(task, args, options);
    const { submitted, error } = this.submit([call]);
    if (submitted !== 1) throw new Error('the call was not taken', { cause: error });
    return call;
  }

  /** Calls of one task, in one batch. */
  sendAll(task: ResolvedTask, tuples: readonly (readonly unknown[])[]): RecordedCall[] {
    const calls = tuples.map((args) => this.call(task, args));
    const { submitted, error } = this.submit(calls);
    if (submitted !== calls.length) throw new Error('not all calls were taken', { cause: error });
    return calls;
  }

  /** The value of one call; fails when it has none. */
  async run(task: ResolvedTask, args: readonly unknown[] = [], options: CallOptions = {}): Promise<any> {
    const outcome = await this.outcomeOf(this.send(task, args, options));
    if (outcome.status === 'fulfilled') return outcome.value;
    throw new Error(`${task.name} was ${outcome.status}: ${String(outcome.reason)}`, {
      cause: outcome.reason,
    });
  }

  /** The reason why one call failed. */
  async failure(task: ResolvedTask, args: readonly unknown[] = [], options: CallOptions = {}): Promise<any> {
    return reasonOf(await this.outcomeOf(this.send(task, args, options)));
  }

  async outcomeOf(call: RecordedCall): Promise<CallOutcome> {
    const [outcome] = await this.outcomesOf([call]);
    return outcome;
  }

  async outcomesOf(calls: readonly RecordedCall[]): Promise<CallOutcome[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const waiting = calls.flatMap((call, index) =>
          call.hasSettled ? [] : [`${index} (${call.task.name})`],
        );
        reject(
          new Error(`${waiting.length} of ${calls.length} calls have not settled: ${waiting.join(', ')}`),
        );
      }, patienceMs);
    });
    try {
      return await Promise.race([Promise.all(calls.map((call) => call.settled)), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  takeBack(call: RecordedCall): boolean {
    const isTaken = this.executor.takeBack!(call);
    if (isTaken) call.wasTakenBack = true;
    return isTaken;
  }

  endCalls(calls: readonly RecordedCall[], reason: unknown): void {
    this.executor.endCalls!(calls, reason);
  }

  shutdown(timeoutSeconds: number): Promise<void> {
    return this.executor.shutdown({ timeoutSeconds });
  }

  /** Ends the executor, and says what it did that it must not do. */
  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.shutdown(0);
    for (const call of this.calls) {
      if (!call.hasSettled && !call.wasTakenBack)
        call.faults.push('never settled, although its executor is gone');
    }
    const faulty = this.calls.filter((call) => call.faults.length > 0);
    if (faulty.length > 0) {
      throw new Error(
        faulty
          .map((call) => `${call.task.name} ${String(call.args[1])}: ${call.faults.join('; ')}`)
          .join('\n'),
      );
    }
  }
}

/** An executor for one test. */
export async function openBench(
  backend: ExecutorBackend,
  options: Partial<ExecutorCreateOptions> = {},
): Promise<Bench> {
  const bench = await Bench.of(backend, options);
  onTestFinished(() => bench.end());
  return bench;
}

export function reasonOf(outcome: CallOutcome): any {
  if (outcome.status === 'fulfilled') throw new Error(`it did not fail, but gave ${String(outcome.value)}`);
  return outcome.reason;
}

/** What came of calls, as values and codes: short enough to compare. */
export function summaryOf(outcomes: readonly CallOutcome[]): unknown[] {
  return outcomes.map((outcome) =>
    outcome.status === 'fulfilled' ? outcome.value : [outcome.status, ...signsOf(outcome.reason)].join(' '),
  );
}

function signsOf(reason: unknown): unknown[] {
  const { code, phase } = Object(reason) as { code?: unknown; phase?: unknown };
  return [code, phase].filter((sign) => sign !== undefined);
}

export function range(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
