import { Redis, type RedisOptions } from 'ioredis';
import { type Clock, type Timer } from '../backend.ts';
import type { FleetConnection } from './backend-options.ts';
import type { Problems } from './problems.ts';
import { RedisSecrets } from './redis-secrets.ts';

/** Silence where an answer is due, before a connection counts as dead. Longer than any blocking command. */
const deadAfterMs = 15_000;
const beatMs = 5_000;

export interface LineOptions {
  readonly connection: FleetConnection;
  readonly name: string;
  readonly clock: Clock;
  readonly problems: Problems;
  /**
   * How its life is known. `"pings"`: it is asked now and then. `"reads"`: whoever reads from it says so. `"commands"`:
   * by its commands, at the price of a timer that keeps the process alive.
   */
  readonly proof: 'pings' | 'reads' | 'commands';
  /** How long it may be out of reach, and who is told (once) when it was longer. */
  readonly patience?: { readonly ms: number; down(cause: Error): void };
}

/** One connection to Redis. What is asked while it is down waits, and is sent again when it is back. */
export class RedisConnection {
  readonly redis: Redis;
  readonly #options: LineOptions;
  #lastError: Error | undefined;
  #downTimer: Timer | undefined;
  #beatTimer: Timer | undefined;
  #heardAt = Infinity;
  #keepsAlive = true;
  #isClosed = false;

  constructor(options: LineOptions) {
    this.#options = options;
    this.redis = connect(options);
    this.redis.on('error', (error: Error) => {
      this.#lastError = error;
      options.problems.tell('the connection to Redis has a problem', error);
    });
    this.redis.on('connect', () => this.#applyKeepAlive());
    this.redis.on('close', () => this.#isDown());
    this.redis.on('ready', () => {
      this.heard();
      options.problems.over();
      this.#downTimer?.cancel();
      this.#downTimer = undefined;
    });
    this.#isDown();
    if (options.proof !== 'commands') this.#beatLater();
  }

  /** Resolves when commands can be sent; rejects when that takes longer. */
  whenReady(timeoutMs: number): Promise<void> {
    if (this.redis.status === 'ready') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const late = (): void => {
        this.redis.off('ready', ready);
        reject(this.#cause);
      };
      const timer = this.#options.clock.setTimer(late, timeoutMs);
      const ready = (): void => {
        timer.cancel();
        resolve();
      };
      this.redis.once('ready', ready);
    });
  }

  /** Redis has answered. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
  }

  /** Whether the process stays alive for this connection's sake. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    this.#applyKeepAlive();
  }

  close(): void {
    this.#isClosed = true;
    this.#downTimer?.cancel();
    this.#beatTimer?.cancel();
    this.redis.disconnect();
  }

  get #cause(): Error {
    return this.#lastError ?? new Error('Redis does not answer');
  }

  #isDown(): void {
    const { clock, patience } = this.#options;
    this.#heardAt = Infinity;
    if (patience === undefined || this.#isClosed) return;
    this.#downTimer ??= clock.setTimer(() => patience.down(this.#cause), patience.ms);
  }

  #beatLater(): void {
    const { clock, proof } = this.#options;
    const beat = (): void => {
      if (clock.now() - this.#heardAt > deadAfterMs) this.redis.disconnect(true);
      else if (proof === 'pings' && this.redis.status === 'ready') {
        this.redis.ping().then(
          () => this.heard(),
          () => {},
        );
      }
      this.#beatLater();
    };
    this.#beatTimer = clock.setTimer(beat, beatMs);
    this.#beatTimer.unref();
  }

  #applyKeepAlive(): void {
    const { stream } = this.redis as { stream?: { ref?(): void; unref?(): void } };
    if (this.#keepsAlive) stream?.ref?.();
    else stream?.unref?.();
  }
}

function connect({ connection, name, proof }: LineOptions): Redis {
  const options = {
    connectionName: name,
    maxRetriesPerRequest: null,
    replyMapping: 'legacy' as const,
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
    ...(proof === 'commands' ? { socketTimeout: deadAfterMs } : {}),
  };
  const secrets = new RedisSecrets(connection);
  const isUrl = typeof connection === 'string' || connection instanceof URL;
  const given: RedisOptions = isUrl ? {} : connection;
  const guarded = { ...given, ...options, reconnectOnError: secrets.cleanReplies(given) };
  return secrets.guard(isUrl ? new Redis(String(connection), guarded) : new Redis(guarded));
}
