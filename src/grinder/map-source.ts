import type { ReadableStreamDefaultReader } from 'node:stream/web';
import { Promise, Symbol } from '../core/globals.ts';
import { invalidType } from '../core/options.ts';

/** What can be mapped: arrays, generators, Node's and web streams, anything with an iterator. Elements of a sync one are awaited. */
export type MapSource<E> = Iterable<E | PromiseLike<E>> | AsyncIterable<E>;

/** A source that is being read: one element at a time. */
export interface OpenSource {
  next(): Promise<IteratorResult<unknown, undefined>>;
  /**
   * Gives the source up. Resolves when it has closed; at once when it is at work on an element, because an
   * iterator closes only after that, which may be never.
   */
  close(reason: unknown): Promise<void>;
}

interface WebStream {
  getReader(): ReadableStreamDefaultReader<unknown>;
}

/** Node's streams; their iterators do not close a stream that they have not begun or that they wait for. */
interface NodeStream {
  destroy(): unknown;
  on(event: 'error', listener: () => void): unknown;
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function checkMapSource(source: unknown): void {
  if (source !== null && source !== undefined) {
    for (const method of [Symbol.asyncIterator, Symbol.iterator, 'getReader'])
      if (typeof (source as Record<string | symbol, unknown>)[method] === 'function') return;
  }
  throw invalidType('The source of map() must be an iterable, an async iterable or a stream', source);
}

/**
 * Takes a source over before anything is read: what emits its elements as events has an iterator that keeps them only
 * from when it is made. Takes no element.
 */
export function openMapSource(source: unknown): OpenSource {
  if (typeof (source as Partial<WebStream>).getReader === 'function')
    return new WebStreamSource((source as WebStream).getReader());
  return new IteratorSource(source as MapSource<unknown>);
}

/** Read through a reader rather than its iterator, whose `return()` waits for what has been asked for. */
class WebStreamSource implements OpenSource {
  readonly #reader: ReadableStreamDefaultReader<unknown>;

  constructor(reader: ReadableStreamDefaultReader<unknown>) {
    this.#reader = reader;
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    const { done, value } = await this.#reader.read();
    if (!done) return { done, value };
    this.#reader.releaseLock();
    return { done, value: undefined };
  }

  async close(reason: unknown): Promise<void> {
    const closed = this.#reader.cancel(reason);
    this.#reader.releaseLock();
    await closed;
  }
}

class IteratorSource implements OpenSource {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #isSync: boolean;
  readonly #stream: NodeStream | undefined;
  #isAtWork = false;
  /** It has ended by itself, or was told to. */
  #isOver = false;

  constructor(source: MapSource<unknown>) {
    const open = (source as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
    this.#isSync = typeof open !== 'function';
    this.#iterator = this.#isSync
      ? (source as Iterable<unknown>)[Symbol.iterator]()
      : (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    if (isNodeStream(source)) {
      this.#stream = source;
      // Its iterator tells the reader of an error, but listens to it only once it is read.
      source.on('error', ignore);
    } else if (isClosedInterface(source)) this.#endWhenEmpty();
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    this.#isAtWork = true;
    try {
      const step = await this.#step();
      if (step.done === true) {
        this.#isOver = true;
        return { done: true, value: undefined };
      }
      const { value } = step;
      return { done: false, value: this.#isSync ? await value : value };
    } finally {
      this.#isAtWork = false;
    }
  }

  async close(): Promise<void> {
    this.#stream?.destroy();
    if (this.#isOver) return;
    this.#isOver = true;
    const closed = Promise.resolve(this.#iterator.return?.());
    if (this.#isAtWork) closed.catch(ignore);
    else await closed;
  }

  /** What it has kept is still given; then it ends, where it would wait for ever. */
  #endWhenEmpty(): void {
    Promise.resolve(this.#iterator.return?.()).catch(ignore);
  }

  async #step(): Promise<IteratorResult<unknown>> {
    try {
      const step: unknown = await this.#iterator.next();
      if (typeof step === 'object' && step !== null) return step as IteratorResult<unknown>;
      throw invalidType('What the iterator of a source gives must be an object', step);
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }
}

function isNodeStream(source: object): source is NodeStream {
  const { destroy, pipe } = source as Record<'destroy' | 'pipe', unknown>;
  return typeof destroy === 'function' && typeof pipe === 'function';
}

/** Whether it is an interface of `node:readline` that will give no more lines, and will not say so again. */
function isClosedInterface(source: object): boolean {
  const { closed, line, terminal } = source as Record<'closed' | 'line' | 'terminal', unknown>;
  return closed === true && typeof line === 'string' && typeof terminal === 'boolean';
}

const ignore = (): void => {};
