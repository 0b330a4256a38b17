import { types } from 'node:util';
import { BroadcastChannel, MessagePort, threadId } from 'node:worker_threads';
import type { Clock } from '../ground/clock.ts';
import { Atomics, Int32Array, Object, process, Promise, Set, SharedArrayBuffer } from '../ground/globals.ts';
import { cellBytes, type Hello } from '../wire/thread-frame.ts';
import { type GrinderThreadHandle, handleId, hasStopped, stateBytes } from '../wire/thread-handle.ts';
import { type GrinderForThreads, Visitor } from './visitor.ts';

const open = new Set<Door>();

/** This thread ends. Without it, other threads would find out only once its workers have ended as well. */
const shutAll = (): void => {
  for (const door of open) door.shut();
};

/** Where other threads come in: opened by the first `threadHandle()` after a start, closed by the stop. */
export class Door {
  readonly handle: GrinderThreadHandle;
  readonly #state = new Int32Array(new SharedArrayBuffer(stateBytes));
  readonly #grinder: GrinderForThreads;
  readonly #clock: Clock;
  readonly #channel: BroadcastChannel;
  readonly #visitors = new Set<Visitor>();

  constructor(grinder: GrinderForThreads, clock: Clock) {
    this.#grinder = grinder;
    this.#clock = clock;
    const id = handleId(threadId, secret());
    const state = this.#state.buffer as SharedArrayBuffer;
    this.handle = Object.freeze({ leasepool: 'grinder/1', id, threadId, pid: process.pid, state });
    this.#channel = new BroadcastChannel(id);
    this.#channel.onmessage = ({ data }) => this.#admit(data);
    (this.#channel as BroadcastChannel & { unref(): void }).unref();
    if (open.size === 0) process.on('exit', shutAll);
    open.add(this);
  }

  /** Admits nobody any more. Resolves when everybody inside has been sent all outcomes there are. */
  close(): Promise<void> {
    Atomics.store(this.#state, hasStopped, 1);
    this.#channel.close();
    open.delete(this);
    if (open.size === 0) process.off('exit', shutAll);
    // The promises of jobs that settle in this turn are heard first.
    return new Promise((resolve) => {
      this.#clock.soon(() => {
        this.#dismissAll();
        resolve();
      });
    });
  }

  /** At the end of the thread. */
  shut(): void {
    Atomics.store(this.#state, hasStopped, 1);
    this.#dismissAll();
  }

  #dismissAll(): void {
    for (const visitor of this.#visitors) visitor.dismiss();
  }

  /** A thread that has the handle may post anything: what is no greeting is ignored. */
  #admit(hello: unknown): void {
    if (!isHello(hello)) return;
    const visitor = new Visitor(hello, this.#grinder, this.#clock, () => this.#visitors.delete(visitor));
    this.#visitors.add(visitor);
  }
}

function isHello(value: unknown): value is Hello {
  const { port, cell } = (value ?? {}) as Partial<Hello>;
  return port instanceof MessagePort && types.isSharedArrayBuffer(cell) && cell.byteLength === cellBytes;
}

/** Loaded here, because most programs have no handle. */
function secret(): string {
  return process.getBuiltinModule('node:crypto').randomBytes(16).toString('hex');
}
