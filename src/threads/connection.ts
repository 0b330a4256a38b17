import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { systemClock } from '../core/clock.ts';
import { GrinderStoppedError, UnsupportedRuntimeError } from '../core/errors.ts';
import { Atomics, Int32Array, Map, Math, SharedArrayBuffer } from '../core/globals.ts';
import { notCloneable } from '../wire/cloneable.ts';
import { decodeThrow } from '../wire/error-codec.ts';
import { reviveErrors } from '../wire/error-envelope.ts';
import { ReliableChannel } from '../wire/reliable-channel.ts';
import { postItems, received } from '../wire/post.ts';
import {
  signalBytes,
  ended,
  type Handshake,
  isThreadReply,
  type ThreadReply,
  type ThreadRequest,
  wake,
} from '../wire/thread-frame.ts';
import { type GrinderThreadHandle, hasStopped, tickets } from '../wire/thread-handle.ts';
import { PendingCall, type CallTransport } from './pending-call.ts';
import { assertCanBlock, offerPort, isConnected } from './port-offer.ts';

/** How often a thread that waits looks whether the owner is still there: a thread that is terminated tells nobody. */
const checkMs = 250;

/** Each takes some 0.1 ms, and as many threads may be at it at the same time. */
const mostAttempts = 2_000;

/** A thread's end of the connection to the thread that owns a grinder. */
export class Connection implements CallTransport {
  readonly #state: Int32Array;
  readonly #signal = new Int32Array(new SharedArrayBuffer(signalBytes));
  readonly #port: MessagePort;
  readonly #channel: ReliableChannel<ThreadRequest, ThreadReply>;
  /** Not settled. */
  readonly #calls = new Map<number, PendingCall<any>>();
  /** Not sent. */
  #requests: ThreadRequest[] = [];
  #lastId = 0;
  #awaited = 0;
  #checkedAtMs = systemClock.now();
  #closedBecause: string | undefined;

  /** @throws `GrinderStoppedError`, `UnsupportedRuntimeError` */
  constructor(handle: GrinderThreadHandle) {
    this.#state = new Int32Array(handle.state);
    this.#port = connect(handle.id, this.#state, this.#signal.buffer as SharedArrayBuffer);
    this.#channel = new ReliableChannel<ThreadRequest, ThreadReply>({
      isItem: isThreadReply,
      post: (frame) => postItems(this.#port, frame),
      undeliverable: (request, reason) => this.#refuse(request, reason),
    });
    this.#port.on('message', (message: unknown) => this.#receive(message));
    this.#port.on('messageerror', () => this.#channel.receiveUnreadable());
    this.#port.on('close', () => this.#lose());
    this.#port.unref(); // After the listeners: adding one refs it again.
  }

  /**
   * Asks something of the owner: at the end of this turn, or when this thread blocks, if that is sooner.
   * @throws `GrinderStoppedError`
   */
  request<T>(request: (id: number) => ThreadRequest, owner?: string, taskName?: string): PendingCall<T> {
    const because =
      this.#closedBecause ?? (Atomics.load(this.#state, hasStopped) === 1 ? ownerGone : undefined);
    if (because !== undefined) throw new GrinderStoppedError(because, { owner, taskName });
    const call = new PendingCall<T>(++this.#lastId, this, owner, taskName);
    this.#calls.set(call.id, call);
    if (this.#requests.push(request(call.id)) === 1) systemClock.defer(() => this.#flush());
    return call;
  }

  /** Cancels what is not settled. */
  close(): void {
    if (this.#closedBecause !== undefined) return;
    this.#requests = [{ kind: 'leave', id: 0 }];
    this.#flush();
    this.#end('this connection was closed', (call) => call.settleCancelled(undefined));
  }

  receiveAvailable(): void {
    this.#flush();
    if (this.#closedBecause !== undefined) return;
    // Looked at first: whatever the owner has sent before its end is there to be taken in.
    const isOver = Atomics.load(this.#signal, ended) === 1 || !this.#isOwnerThere();
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#receive(next.message);
    if (isOver) this.#lose();
  }

  block(isDone: () => boolean, longestMs: number): void {
    const giveUpAt = systemClock.now() + longestMs;
    while (!isDone()) {
      const seen = Atomics.load(this.#signal, wake);
      this.receiveAvailable();
      const leftMs = giveUpAt - systemClock.now();
      if (isDone() || leftMs <= 0) return;
      Atomics.wait(this.#signal, wake, seen, Math.min(leftMs, checkMs));
    }
  }

  cancel(id: number): void {
    this.#calls.delete(id);
    this.#requests.push({ kind: 'cancel', id });
    this.#flush();
  }

  keepAlive(on: boolean): void {
    this.#awaited += on ? 1 : -1;
    if (this.#awaited > 0) this.#port.ref();
    else this.#port.unref();
  }

  #flush(): void {
    if (this.#requests.length === 0 || this.#closedBecause !== undefined) return;
    const requests = this.#requests;
    this.#requests = [];
    this.#channel.send(requests);
  }

  #next(): { readonly message: unknown } | undefined {
    for (;;) {
      try {
        return receiveMessageOnPort(this.#port);
      } catch {
        this.#channel.receiveUnreadable();
      }
    }
  }

  #receive(message: unknown): void {
    for (const reply of this.#channel.receive(received(message))) {
      const call = this.#calls.get(reply.id);
      this.#calls.delete(reply.id);
      if (reply.status === 'fulfilled') {
        reviveErrors(reply.errors);
        call?.settle(reply);
      } else if (reply.status === 'cancelled') call?.settleCancelled(decodeThrow(reply.thrown));
      else call?.settle({ status: 'rejected', reason: decodeThrow(reply.thrown) });
    }
  }

  #refuse(request: ThreadRequest, reason: unknown): void {
    const args = request.kind === 'submit' ? request.args : undefined;
    this.#calls.get(request.id)?.fail(notCloneable('args', args, reason));
    this.#calls.delete(request.id);
  }

  #isOwnerThere(): boolean {
    const now = systemClock.now();
    if (now - this.#checkedAtMs < checkMs) return true;
    this.#checkedAtMs = now;
    return isConnected(this.#port);
  }

  #lose(): void {
    if (this.#closedBecause !== undefined) return;
    const error = new GrinderStoppedError(ownerGone);
    this.#end(ownerGone, (call) => call.fail(error));
  }

  #end(because: string, settle: (call: PendingCall<any>) => void): void {
    this.#closedBecause = because;
    this.#requests = [];
    for (const call of this.#calls.values()) settle(call);
    this.#calls.clear();
    this.#port.close();
  }
}

const ownerGone = 'the grinder has stopped, or its thread has ended';

/** @throws `GrinderStoppedError`, `UnsupportedRuntimeError` */
function connect(id: string, state: Int32Array, cell: SharedArrayBuffer): MessagePort {
  const number = Atomics.add(state, tickets, 1);
  assertCanBlock(`${id}/${number}/trial`);
  for (let attempt = 1; Atomics.load(state, hasStopped) === 0; attempt++) {
    const { port1, port2: port } = new MessageChannel();
    const hello: Handshake = { port, signal: cell };
    const handed = offerPort(id, `${id}/${number}/${attempt}`, hello, [port]);
    if (handed === 'yes') return port1;
    port1.close();
    if (handed === 'nobody') break;
    if (attempt === mostAttempts) throw new UnsupportedRuntimeError('the owning thread cannot be reached');
    // Other threads are connecting: they come back at different times.
    Atomics.wait(new Int32Array(cell), wake, 0, 1 + (number % 8));
  }
  throw new GrinderStoppedError(ownerGone);
}
