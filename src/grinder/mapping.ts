import { CancelledError, type ErrorDetails } from '../core/errors.ts';
import { RingBuffer } from '../core/ring-buffer.ts';
import { reasonOf, unwatch, watch } from '../job/abort.ts';
import { type Job, promiseOfLastJob } from '../job/job.ts';
import { readArgs } from '../job/submit-options.ts';
import type { MapSettings } from './map-options.ts';
import { type OpenSource, openMapSource } from './map-source.ts';
import { Promise, Set } from '../core/globals.ts';

/** Where a mapping's jobs go. */
export interface MappingEvents {
  /** Queues a job. @throws as `enqueue()` */
  begin(args: readonly unknown[]): Job;
  /** Resolves when the queue may have room; `undefined` when it has. */
  queueSpace(): Promise<void> | undefined;
  /** The mapping takes elements from here on, until {@link inputEnded}. */
  inputOpened(mapping: Mapping<unknown>): void;
  inputEnded(mapping: Mapping<unknown>): void;
}

/** One element on its way. */
interface Entry {
  readonly element: unknown;
  readonly index: number;
  job: Job | undefined;
  state: 'running' | 'fulfilled' | 'rejected';
  value: unknown;
}

/** A call of `next()` that waits. Methods, so that a mapping of numbers is one of unknowns. */
interface PendingRead<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(reason: unknown): void;
}

const end = { done: true, value: undefined } as const;

/**
 * The results of `grinder.map()`: read it with `for await`, or give it to whatever takes an async iterable. It takes its
 * first element when the first result is asked for, and keeps at most `concurrency` elements between the source and the reader.
 *
 * When a job fails, reading throws its error, after the results before it (in order) or those known before it
 * (unordered); the other jobs are cancelled and the source is closed. When the source fails, or the grinder stops,
 * what was accepted is still yielded first. Leaving the loop, or `return()`, cancels and closes at once; results that
 * nobody has read are dropped.
 */
export class Mapping<T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #settings: MapSettings;
  readonly #events: MappingEvents;
  #state: 'unread' | 'open' | 'over' = 'unread';
  /** While elements are to be taken from it. */
  #source: OpenSource | undefined;
  /** Why no more elements come, when not because there are none: thrown after everything else. */
  #inputError: { readonly error: unknown } | undefined;
  #isTaking = false;
  #index = 0;
  /** Elements asked of the source and not yielded. */
  #taken = 0;
  /** In the order of their elements. What leaves it before it has settled is not heard any more. */
  readonly #running = new Set<Entry>();
  /** What is to be yielded: ordered, all that is under way; otherwise what has settled. */
  #buffer = new RingBuffer<Entry>();
  readonly #pendingReads = new RingBuffer<PendingRead<T>>();

  /** @internal */
  constructor(source: unknown, settings: MapSettings, owner: MappingEvents) {
    this.#settings = settings;
    this.#events = owner;
    try {
      this.#source = openMapSource(source);
    } catch (error) {
      this.#inputError = { error };
    }
  }

  /** The next result. May be called again before it has come: calls are answered in their order. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#state === 'unread') this.#open();
    return new Promise((resolve, reject) => {
      this.#pendingReads.push({ resolve, reject });
      this.#yield();
    });
  }

  /**
   * Cancels what is under way and closes the source. Resolves when that has closed; it is not waited for while it is
   * at work on an element. Calls of `next()` that wait resolve as at the end.
   */
  async return(): Promise<IteratorResult<T, undefined>> {
    if (this.#state === 'unread') this.#open();
    await this.#end(new CancelledError('the mapping was left', this.itsJobs));
    return end;
  }

  /** As {@link return}, but rejects with this error. */
  async throw(error?: unknown): Promise<IteratorResult<T, undefined>> {
    await this.return().catch(ignore);
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** `return()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** @internal The signal has aborted. */
  cancel(reason: unknown): void {
    if (this.#state === 'over') return;
    const error = new CancelledError('the mapping was cancelled', { ...this.itsJobs, cause: reason });
    this.#cancelAfter(-1, error);
    this.#buffer = new RingBuffer();
    this.#closeInput(error);
    this.#inputError = { error };
    this.#yield();
  }

  /** @internal Whose its jobs are, for errors about all of them. */
  get itsJobs(): ErrorDetails {
    const { submission, taskName } = this.#settings;
    return { owner: submission.owner, taskName };
  }

  /** @internal Nothing more is accepted. */
  failInput(error: unknown): void {
    if (this.#source === undefined) return;
    this.#closeInput(error);
    this.#inputError = { error };
    this.#yield();
  }

  #open(): void {
    this.#state = 'open';
    if (this.#source === undefined) return;
    const { signal } = this.#settings;
    this.#events.inputOpened(this);
    try {
      if (signal?.aborted === true) this.cancel(reasonOf(signal));
      else if (signal !== undefined) watch(signal, this);
    } catch (error) {
      this.failInput(error);
    }
  }

  /** Takes elements as long as there is room for them. One call does it at a time. */
  async #pull(): Promise<void> {
    if (this.#isTaking) return;
    this.#isTaking = true;
    while (this.#source !== undefined && this.#taken < this.#settings.concurrency) {
      this.#taken++;
      const source = this.#source;
      try {
        const { done, value } = await source.next();
        if (done === true) this.#inputIsUsedUp();
        else await this.#submit(value);
      } catch (error) {
        this.failInput(error);
      }
    }
    this.#isTaking = false;
  }

  #inputIsUsedUp(): void {
    if (this.#source === undefined) return;
    this.#source = undefined;
    this.#events.inputEnded(this);
    this.#yield();
  }

  async #submit(element: unknown): Promise<void> {
    if (this.#source === undefined) return;
    const index = this.#index++;
    const args = readArgs(this.#settings.argsOf(element, index));
    for (let room = this.#events.queueSpace(); room !== undefined; room = this.#events.queueSpace()) {
      await room;
      if (this.#source === undefined) return;
    }
    const job = this.#events.begin(args);
    const entry: Entry = { element, index, job, state: 'running', value: undefined };
    this.#running.add(entry);
    if (this.#settings.isOrdered) this.#buffer.push(entry);
    promiseOfLastJob().then(
      (value) => this.#settled(entry, 'fulfilled', value),
      (error: unknown) => this.#settled(entry, 'rejected', error),
    );
  }

  #settled(entry: Entry, state: 'fulfilled' | 'rejected', value: unknown): void {
    if (!this.#running.delete(entry)) return;
    entry.job = undefined;
    entry.state = state;
    entry.value = value;
    if (!this.#settings.isOrdered) this.#buffer.push(entry);
    if (state === 'rejected' && !this.#settings.isSettled) {
      this.#closeInput(value);
      this.#cancelAfter(this.#settings.isOrdered ? entry.index : -1, value);
    }
    this.#yield();
  }

  /** Answers those who ask as far as there are answers, then makes up for what has left. */
  #yield(): void {
    while (this.#pendingReads.size > 0 && this.#yieldOne());
    void this.#pull();
  }

  /** @returns whether there was an answer */
  #yieldOne(): boolean {
    if (this.#state === 'over') {
      this.#pendingReads.shift()!.resolve(end);
      return true;
    }
    const entry = this.#buffer.peek();
    if (entry === undefined) return this.#yieldEnd();
    if (entry.state === 'running') return false;
    const asker = this.#pendingReads.shift()!;
    if (entry.state === 'rejected' && !this.#settings.isSettled) this.#fail(asker, entry.value);
    else {
      this.#buffer.shift();
      this.#taken--;
      asker.resolve({ done: false, value: this.#yielded(entry) as T });
    }
    return true;
  }

  /** Nothing is in the line. */
  #yieldEnd(): boolean {
    if (this.#source !== undefined || this.#running.size > 0) return false;
    if (this.#inputError === undefined) void this.#end(undefined);
    else this.#fail(this.#pendingReads.shift()!, this.#inputError.error);
    return true;
  }

  #yielded({ element, index, state, value }: Entry): unknown {
    if (!this.#settings.isSettled) return value;
    return state === 'fulfilled'
      ? { status: state, value, element, index }
      : { status: state, reason: value, element, index };
  }

  #fail(asker: PendingRead<T>, error: unknown): void {
    asker.reject(error);
    this.#end(error).catch(ignore);
  }

  /** Resolves when the source has closed. */
  async #end(reason: unknown): Promise<void> {
    this.#state = 'over';
    this.#taken = 0;
    this.#buffer = new RingBuffer();
    if (this.#settings.signal !== undefined) unwatch(this.#settings.signal, this);
    this.#cancelAfter(-1, reason);
    const closed = this.#giveUpInput(reason);
    this.#yield();
    await closed;
  }

  /** Cancels what stands behind `index`. */
  #cancelAfter(index: number, reason: unknown): void {
    for (const entry of this.#running) {
      if (entry.index <= index) continue;
      this.#running.delete(entry);
      entry.job!.cancel(reason);
    }
  }

  /** What goes wrong in the source then is nothing to a reader who gets another error. */
  #closeInput(reason: unknown): void {
    this.#giveUpInput(reason).catch(ignore);
  }

  async #giveUpInput(reason: unknown): Promise<void> {
    const source = this.#source;
    if (source === undefined) return;
    this.#source = undefined;
    this.#events.inputEnded(this);
    await source.close(reason);
  }
}

const ignore = (): void => {};
