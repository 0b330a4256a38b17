import type { MessagePort } from 'node:worker_threads';
import { type Clock, sharedOffsetMs } from '../core/clock.ts';
import { Atomics, Int32Array, Map } from '../core/globals.ts';
import { type Job, promiseOfLastJob } from '../job/job.ts';
import type { SubmitSettings } from '../job/submit-options.ts';
import { referenceTo } from '../task/intern.ts';
import { notCloneable } from '../wire/cloneable.ts';
import { encodeErrors, encodeThrow } from '../wire/error-codec.ts';
import { reviveErrors } from '../wire/error-envelope.ts';
import { ReliableChannel } from '../wire/reliable-channel.ts';
import { postItems, received } from '../wire/post.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import {
  ended,
  type Handshake,
  isThreadRequest,
  type ThreadReply,
  type ThreadRequest,
  type ThreadSubmit,
  wake,
} from '../wire/thread-frame.ts';
import type { GrinderStats } from './stats.ts';

/** What other threads get at. */
export interface RemoteApi {
  /**
   * Queues a job.
   * @param submittedAtMs when the other thread submitted it, on this thread's clock
   * @throws `NotStartedError`, `GrinderStoppingError`, `QueueFullError`
   */
  accept(
    task: ResolvedTask,
    args: readonly unknown[],
    submission: SubmitSettings,
    submittedAtMs: number,
  ): Job;
  stats(): GrinderStats;
}

/**
 * The owner's end of the connection to one thread. What that thread has asked for is cancelled when it leaves, exits
 * or is terminated.
 */
export class ClientSession {
  readonly #port: MessagePort;
  readonly #signal: Int32Array;
  readonly #grinder: RemoteApi;
  readonly #clock: Clock;
  readonly #onGone: () => void;
  readonly #channel: ReliableChannel<ThreadReply, ThreadRequest>;
  /** Not settled. */
  readonly #jobs = new Map<number, Job>();
  /** Not sent. */
  #replies: ThreadReply[] = [];
  #isGone = false;

  constructor({ port, signal }: Handshake, grinder: RemoteApi, clock: Clock, onGone: () => void) {
    this.#port = port;
    this.#signal = new Int32Array(signal);
    this.#grinder = grinder;
    this.#clock = clock;
    this.#onGone = onGone;
    this.#channel = new ReliableChannel<ThreadReply, ThreadRequest>({
      post: (frame) => {
        postItems(port, frame);
        this.#wake();
      },
      isItem: isThreadRequest,
      undeliverable: (reply, reason) => this.#refuse(reply, reason),
    });
    // A thread that makes sure of this one sends an empty message, which is no frame.
    port.on('message', (message: unknown) => this.#receive(message));
    port.on('messageerror', () => this.#channel.receiveUnreadable());
    port.on('close', () => this.#end());
    port.unref(); // After the listeners: adding one refs it again.
  }

  /** The grinder has stopped. */
  close(): void {
    this.#flush();
    Atomics.store(this.#signal, ended, 1);
    this.#wake();
    this.#end();
  }

  #receive(message: unknown): void {
    for (const request of this.#channel.receive(received(message))) {
      if (request.kind === 'submit') this.#submit(request);
      else if (request.kind === 'cancel') this.#jobs.get(request.id)?.cancel(undefined);
      else if (request.kind === 'stats')
        this.#reply({ id: request.id, status: 'fulfilled', value: this.#grinder.stats() });
      else this.#end();
    }
  }

  #submit({ id, task, args, errors, submittedAtMs, ...options }: ThreadSubmit): void {
    reviveErrors(errors);
    let job: Job;
    try {
      const { owner, timeoutSeconds, queueTimeoutMs } = options;
      const submission = { owner, timeoutSeconds, queueTimeoutMs, signal: undefined, transfer: noTransfer };
      job = this.#grinder.accept(ownTask(task), args, submission, submittedAtMs - sharedOffsetMs);
    } catch (error) {
      return this.#reply({ id, status: 'rejected', thrown: encodeThrow(error) });
    }
    this.#jobs.set(id, job);
    promiseOfLastJob().then(
      (value) => this.#settled(id, success(id, value)),
      (error: unknown) => this.#settled(id, failure(id, job, error)),
    );
  }

  #settled(id: number, reply: ThreadReply): void {
    this.#jobs.delete(id);
    this.#reply(reply);
  }

  #reply(reply: ThreadReply): void {
    if (this.#replies.push(reply) === 1) this.#clock.defer(() => this.#flush());
  }

  #flush(): void {
    const replies = this.#replies;
    this.#replies = [];
    if (replies.length === 0 || this.#isGone) return;
    this.#channel.send(replies);
  }

  #refuse(reply: ThreadReply, reason: unknown): void {
    const value = reply.status === 'fulfilled' ? reply.value : undefined;
    const thrown = encodeThrow(notCloneable('result', value, reason));
    this.#channel.send([{ id: reply.id, status: 'rejected', thrown }]);
  }

  #wake(): void {
    Atomics.add(this.#signal, wake, 1);
    Atomics.notify(this.#signal, wake);
  }

  #end(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#port.close();
    for (const job of this.#jobs.values()) job.cancel(undefined);
    this.#onGone();
  }
}

const noTransfer: SubmitSettings['transfer'] = [];

function success(id: number, value: unknown): ThreadReply {
  const { values, errors } = encodeErrors([value]);
  return { id, status: 'fulfilled', value: values[0], errors };
}

function failure(id: number, job: Job, error: unknown): ThreadReply {
  return job.state === 'cancelled'
    ? { id, status: 'cancelled', thrown: encodeThrow((error as Error).cause) }
    : { id, status: 'rejected', thrown: encodeThrow(error) };
}

const sources = new Map<string, ResolvedTask>();
/** Enough for the functions written in a program; one that writes functions itself must not pile them up here. */
const sourcesKept = 1000;

/** The object that stands for this task here: tasks are compared by identity. */
function ownTask(task: ResolvedTask): ResolvedTask {
  if (task.kind === 'reference') return referenceTo(task.module, task.name);
  const key = `${task.name}\n${task.source}`;
  const known = sources.get(key);
  if (known !== undefined) return known;
  if (sources.size === sourcesKept) sources.clear();
  sources.set(key, task);
  return task;
}
