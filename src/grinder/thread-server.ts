import { types } from 'node:util';
import { BroadcastChannel, MessagePort, threadId } from 'node:worker_threads';
import type { Clock } from '../core/clock.ts';
import { Atomics, Int32Array, Object, process, Promise, Set, SharedArrayBuffer } from '../core/globals.ts';
import { signalBytes, type Handshake } from '../wire/thread-frame.ts';
import { type GrinderThreadHandle, handleId, hasStopped, stateBytes } from '../wire/thread-handle.ts';
import { type RemoteApi, ClientSession } from './client-session.ts';

const liveServers = new Set<ThreadServer>();

/** This thread ends. Without it, other threads would find out only once its workers have ended as well. */
const closeAll = (): void => {
  for (const door of liveServers) door.closeNow();
};

/** Where other threads come in: opened by the first `threadHandle()` after a start, closed by the stop. */
export class ThreadServer {
  readonly handle: GrinderThreadHandle;
  readonly #state = new Int32Array(new SharedArrayBuffer(stateBytes));
  readonly #grinder: RemoteApi;
  readonly #clock: Clock;
  readonly #channel: BroadcastChannel;
  readonly #sessions = new Set<ClientSession>();

  constructor(grinder: RemoteApi, clock: Clock) {
    this.#grinder = grinder;
    this.#clock = clock;
    const id = handleId(threadId, secret());
    const state = this.#state.buffer as SharedArrayBuffer;
    this.handle = Object.freeze({ leasepool: 'grinder/1', id, threadId, pid: process.pid, state });
    this.#channel = new BroadcastChannel(id);
    this.#channel.onmessage = ({ data }) => this.#accept(data);
    (this.#channel as BroadcastChannel & { unref(): void }).unref();
    if (liveServers.size === 0) process.on('exit', closeAll);
    liveServers.add(this);
  }

  /** Admits nobody any more. Resolves when everybody inside has been sent all outcomes there are. */
  close(): Promise<void> {
    Atomics.store(this.#state, hasStopped, 1);
    this.#channel.close();
    liveServers.delete(this);
    if (liveServers.size === 0) process.off('exit', closeAll);
    // The promises of jobs that settle in this turn are heard first.
    return new Promise((resolve) => {
      this.#clock.defer(() => {
        this.#closeSessions();
        resolve();
      });
    });
  }

  /** At the end of the thread. */
  closeNow(): void {
    Atomics.store(this.#state, hasStopped, 1);
    this.#closeSessions();
  }

  #closeSessions(): void {
    for (const session of this.#sessions) session.close();
  }

  /** A thread that has the handle may post anything: what is no greeting is ignored. */
  #accept(hello: unknown): void {
    if (!isHandshake(hello)) return;
    const session = new ClientSession(hello, this.#grinder, this.#clock, () =>
      this.#sessions.delete(session),
    );
    this.#sessions.add(session);
  }
}

function isHandshake(value: unknown): value is Handshake {
  const { port, signal } = (value ?? {}) as Partial<Handshake>;
  return (
    port instanceof MessagePort && types.isSharedArrayBuffer(signal) && signal.byteLength === signalBytes
  );
}

/** Loaded here, because most programs have no handle. */
function secret(): string {
  return process.getBuiltinModule('node:crypto').randomBytes(16).toString('hex');
}
