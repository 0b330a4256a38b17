import {
  AsyncTaskError,
  NotCloneableError,
  NotStartedError,
  TaskReferenceError,
  TimeoutError,
} from 'leasepool';
import type {
  CallOutcome,
  Executor,
  ExecutorBackend,
  ExecutorCall,
  ResolvedTask,
  SubmitReceipt,
} from 'leasepool';
import { executorConformance } from './suite.ts';

/** A backend as somebody else might write one: it makes the calls in the calling thread, one after the other. */
class CallingThread implements Executor {
  readonly workers = 1;
  readonly #asyncTasks: 'await' | 'reject';
  readonly #queue: ExecutorCall[] = [];
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(asyncTasks: 'await' | 'reject') {
    this.#asyncTasks = asyncTasks;
  }

  submitBatch(calls: readonly ExecutorCall[]): SubmitReceipt {
    if (this.#isClosed) return { submitted: 0, error: new NotStartedError('this executor was shut down') };
    this.#queue.push(...calls);
    this.#running ??= this.#runAll();
    return { submitted: calls.length };
  }

  takeBack(call: ExecutorCall): boolean {
    const place = this.#queue.indexOf(call);
    if (place >= 0) this.#queue.splice(place, 1);
    return place >= 0;
  }

  /** It cannot cut short what runs, so it waits for that, however long it takes. */
  async shutdown(): Promise<void> {
    this.#isClosed = true;
    const reason = new NotStartedError('this executor was shut down');
    for (const call of this.#queue.splice(0)) call.settle({ status: 'returned', reason });
    await this.#running;
  }

  async #runAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift())
      call.settle(await this.#outcomeOf(call));
    this.#running = undefined;
  }

  async #outcomeOf({ task, args, transfer, beginBeforeMs }: ExecutorCall): Promise<CallOutcome> {
    try {
      const own = copy('args', args, transfer);
      const run = await find(task);
      if (beginBeforeMs !== undefined && Number(process.hrtime.bigint()) / 1e6 > beginBeforeMs)
        throw new TimeoutError('begun too late', { phase: 'queue' });
      const value: unknown = run(...own);
      if (isThenable(value) && this.#asyncTasks === 'reject') {
        Promise.resolve(value).catch(() => {});
        throw new AsyncTaskError('the job returned a promise');
      }
      return { status: 'fulfilled', value: copy('result', await value) };
    } catch (reason) {
      return { status: 'rejected', reason };
    }
  }
}

async function find(task: ResolvedTask): Promise<(...args: unknown[]) => unknown> {
  if (task.kind === 'source') return (0, eval)(task.source) as () => unknown;
  const { module, name } = task;
  const exports = await load(module, name);
  const tables = [exports['tasks'], exports].filter((table) => typeof table === 'object' && table !== null);
  for (const table of tables) {
    const found: unknown = Object.hasOwn(table as object, name) && (table as Exports)[name];
    if (typeof found === 'function') return found as () => unknown;
  }
  const message = `${module} has no ${name}, but ${tables.flatMap((table) => Object.keys(table as object)).join()}`;
  throw new TaskReferenceError('ERR_LEASEPOOL_TASK_NOT_FOUND', message, { taskName: name });
}

type Exports = Readonly<Record<string, unknown>>;

let attempts = 0;

/** Node keeps a failure under the URL it happened to. */
async function load(module: string, taskName: string): Promise<Exports> {
  try {
    const url = new URL(module);
    if (url.searchParams.has('how')) url.searchParams.set('attempt', String(++attempts));
    return (await import(/* @vite-ignore */ url.href)) as Exports;
  } catch (cause) {
    throw new TaskReferenceError('ERR_LEASEPOOL_TASK_MODULE', `cannot load ${module}`, { taskName, cause });
  }
}

function copy<T>(what: string, value: T, transfer: ExecutorCall['transfer'] = []): T {
  try {
    for (const buffer of transfer) if (buffer instanceof ArrayBuffer) new Uint8Array(buffer); // Throws when it is detached.
    return structuredClone(value, { transfer: transfer as ArrayBuffer[] });
  } catch (cause) {
    throw new NotCloneableError(`${what} cannot be copied`, { cause });
  }
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

const here = 'jobs run in the calling thread';
const notItsOwn = 'this small backend leaves it out';

const callingThread: ExecutorBackend = {
  name: 'calling-thread',
  createExecutor: ({ asyncTasks }) => new CallingThread(asyncTasks),
};

executorConformance('a custom backend', {
  backend: callingThread,
  skips: {
    'blocking jobs': `${here}, and block it`,
    'ending workers': `${here}, which cannot be ended`,
    'dying workers': `${here}, and would end the program`,
    'sudden deaths': `${here}, and would end the program`,
    'memory limits': `${here}, which has no limits of its own`,
    'moving results': 'what a job gives to move() is known to the workers of the package only',
    'copying what is to be moved': 'it moves it',
    'refusing what cannot be shared': 'it shares it',
    'own memory': 'it copies by structured clone, which takes all of the memory of a view along',
    envelope: 'what is thrown stays what it is: nothing is sent',
    workerData: 'workerData() is set by the workers of the package only',
    preload: notItsOwn,
    breaking: 'it cannot break',
    'printing from a worker': here,
    'several workers': notItsOwn,
    parentPort: 'there is none',
    'an IPC channel': 'there is none',
    'a directory of its own': 'there is one directory',
    'asking a promise of its own': 'it awaits, which does not ask a native promise',
    'separate heaps': `${here}, where a module is evaluated once`,
  },
});
