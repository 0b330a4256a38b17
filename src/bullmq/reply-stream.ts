import type { Redis } from 'ioredis';
import type { Clock, Timer } from '../backend.ts';
import type { Logger } from '../index.ts';
import type { RedisConnection } from './redis-connection.ts';
import { runTransaction } from './redis-transaction.ts';
import { decodeReplies, encodeReplies, type Reply } from './reply-codec.ts';

/** How long a stream is kept whose manager is gone; hosts run nothing for it then. */
const keptMs = 60_000;
const renewMs = 15_000;
const blockMs = 5_000;
const retryMs = 200;
/** Answers that are ready within this time travel together: a way through Redis takes longer. */
const lingerMs = 2;

const start = '0-0';

/** Who the answers are for. */
export interface ReplyOwner {
  replies(chunk: string, replies: readonly Reply[]): void;
  /** Redis has lost the stream, and so what else was in it; the stream has been made anew. */
  streamForgotten(): void;
}

/**
 * The answers to one manager: a Redis stream that only it reads, and trims as it reads. An answer stays there until
 * it has been taken in, so none is lost with a connection.
 */
export class ReplyStream {
  readonly key: string;
  readonly #reader: RedisConnection;
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #owner: ReplyOwner;
  #isOpen = false;
  #lastId = start;
  #isTrimming = false;
  #isClosed = false;
  #renewal: Timer | undefined;

  /** @param reader a connection of its own: reading blocks it */
  constructor(
    key: string,
    connections: { readonly reader: RedisConnection; readonly redis: Redis },
    clock: Clock,
    logger: Logger,
    owner: ReplyOwner,
  ) {
    this.key = key;
    this.#reader = connections.reader;
    this.#redis = connections.redis;
    this.#clock = clock;
    this.#logger = logger;
    this.#owner = owner;
  }

  async open(): Promise<void> {
    await this.renew();
    this.#isOpen = true;
    this.#renewLater();
    void this.#readOn();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#renewal?.cancel();
    if (this.#redis.status === 'ready') await this.#redis.del(this.key).catch(() => {});
  }

  async #readOn(): Promise<void> {
    while (!this.#isClosed) {
      try {
        const id = this.#lastId;
        const found = await this.#reader.redis.xreadBuffer(
          ...(['COUNT', 100, 'BLOCK', blockMs, 'STREAMS', this.key, id] as const),
        );
        this.#reader.heard();
        if (found === null || this.#isClosed) continue;
        for (const [, entries] of found as [Buffer, [Buffer, Buffer[]][]][]) {
          // It may have been made anew meanwhile, and then begins anew.
          if (this.#lastId === id) for (const entry of entries) this.#takeIn(entry);
        }
        void this.#trim();
      } catch (error) {
        if (this.#isClosed) return;
        this.#logger.debug('answers cannot be read; trying again', { error });
        await new Promise<void>((resolve) => this.#clock.setTimer(resolve, retryMs).unref());
      }
    }
  }

  #takeIn([id, fields]: [Buffer, Buffer[]]): void {
    this.#lastId = String(id);
    const [name, plain, , rest] = fields;
    if (name.byteLength === 0) return; // The entry that made the stream.
    try {
      this.#owner.replies(String(name), decodeReplies({ plain: String(plain), rest }));
    } catch (error) {
      this.#logger.error('an answer of a host cannot be read', { chunk: String(name), error });
    }
  }

  /** What was taken in goes; one command at a time. */
  async #trim(): Promise<void> {
    if (this.#isTrimming) return;
    this.#isTrimming = true;
    for (let upTo = start; upTo !== this.#lastId && !this.#isClosed;) {
      upTo = this.#lastId;
      await this.#redis.xtrim(this.key, 'MINID', after(upTo)).catch(() => {}); // The next one takes it along.
    }
    this.#isTrimming = false;
  }

  /** Hosts write to a stream that is there: it is made here, and made anew when Redis has lost it. @returns whether it was there */
  async renew(): Promise<boolean> {
    const isThere = (await this.#redis.pexpire(this.key, keptMs)) === 1;
    if (isThere || this.#isClosed) return isThere;
    this.#lastId = start;
    await runTransaction(this.#redis.multi().xadd(this.key, '*', '', '').pexpire(this.key, keptMs));
    if (this.#isOpen) this.#owner.streamForgotten();
    return false;
  }

  #renewLater(): void {
    const again = (): void => {
      this.renew().catch((error: unknown) => {
        if (!this.#isClosed) this.#logger.warn('the stream of answers could not be renewed', { error });
      });
      this.#renewLater();
    };
    if (this.#isClosed) return;
    this.#renewal = this.#clock.setTimer(again, renewMs);
    this.#renewal.unref();
  }
}

/** The next id a stream can have. */
function after(id: string): string {
  const [ms, sequence] = id.split('-');
  return `${ms}-${BigInt(sequence) + 1n}`;
}

/** A host's way to answer one chunk. What is ready while an answer is under way travels with the next. */
export class ReplyWriter {
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #chunk: string;
  readonly #onAbandoned: () => void;
  #ready: Reply[] = [];
  #writing: Promise<void> | undefined;
  #linger: Timer | undefined;

  /** @param onAbandoned nobody reads the answers any more */
  constructor(redis: Redis, clock: Clock, key: string, chunk: string, onAbandoned: () => void) {
    this.#redis = redis;
    this.#clock = clock;
    this.#key = key;
    this.#chunk = chunk;
    this.#onAbandoned = onAbandoned;
  }

  /** It leaves soon, with what comes meanwhile. */
  write(reply: Reply): void {
    this.#ready.push(reply);
    if (this.#writing !== undefined || this.#linger !== undefined) return;
    this.#linger = this.#clock.setTimer(() => {
      this.#flushNow().catch(() => {}); // flush() tells.
    }, lingerMs);
  }

  /** Resolves when everything is in the stream. @throws when it cannot be written */
  async flush(): Promise<void> {
    await this.#flushNow();
  }

  #flushNow(): Promise<void> {
    this.#linger?.cancel();
    this.#linger = undefined;
    if (this.#ready.length === 0) return this.#writing ?? Promise.resolve();
    return (this.#writing ??= this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    while (this.#ready.length > 0) {
      const { plain, rest } = encodeReplies(this.#ready.splice(0));
      const fields = [this.#chunk, plain, '', Buffer.from(rest.buffer, rest.byteOffset, rest.byteLength)];
      const id = await this.#redis.xadd(this.#key, 'NOMKSTREAM', '*', ...fields);
      if (id === null) this.#onAbandoned();
    }
    this.#writing = undefined;
  }
}
