import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { type Clock, type Timer } from '../backend.ts';
import { BrokenExecutorError, type Logger } from '../index.ts';
import type { BackendSettings } from './backend-options.ts';
import type { ChunkData } from './chunk-codec.ts';
import { Problems } from './problems.ts';
import { RedisClock } from './redis-clock.ts';
import { RedisConnection } from './redis-connection.ts';
import type { Reply } from './reply-codec.ts';
import { type ReplyOwner, ReplyStream } from './reply-stream.ts';

/** What became of a chunk, as the queue sees it. */
export type ChunkState = { readonly is: 'there' | 'gone' } | { readonly is: 'failed'; readonly why: string };

/** An executor, as far as the fleet's answers are concerned. */
export interface FleetMember {
  replies(chunk: string, replies: readonly Reply[]): void;
  /** Looks after its chunk, should its answers be late. */
  watch(): void;
  /** Redis has lost what was in it, and perhaps its chunk. */
  redisForgot(): void;
  /** Redis is out of reach for good. */
  lost(error: BrokenExecutorError): void;
}

/** Lost chunks that are kept for whoever looks at the queue with a dashboard. */
const keptFailures = 20;

/** The way of one backend to its fleet: a queue for chunks, a stream for answers. Its executors share it. */
export class Fleet implements ReplyOwner {
  readonly #settings: BackendSettings;
  readonly #clock: Clock;
  readonly #connection: RedisConnection;
  readonly #readerConnection: RedisConnection;
  readonly #queue: Queue;
  readonly #replies: ReplyStream;
  readonly #time: RedisClock;
  /** Goes before the names of its chunks. */
  readonly #id = randomUUID();
  readonly #members = new Map<string, FleetMember>();
  readonly #busy = new Set<FleetMember>();
  #numbered = 0;
  #isLooking = false;
  #watch: Timer | undefined;
  #lost: BrokenExecutorError | undefined;

  constructor(settings: BackendSettings, clock: Clock, logger: Logger) {
    const { connection, queue, prefix } = settings;
    this.#settings = settings;
    this.#clock = clock;
    const down = (cause: Error): void => this.#down(cause);
    const patience = { ms: settings.brokenAfterMs, down };
    const problems = new Problems(logger);
    const line = { connection, clock, problems };
    this.#connection = new RedisConnection({ ...line, name: `leasepool:${queue}`, proof: 'pings', patience });
    this.#readerConnection = new RedisConnection({
      ...line,
      name: `leasepool:${queue}:replies`,
      proof: 'reads',
    });
    const { redis } = this.#connection;
    this.#queue = new Queue(queue, { connection: redis, prefix });
    this.#queue.on('error', (error) => problems.tell('the queue has a problem', error));
    this.#time = new RedisClock(redis, clock);
    const connections = { reader: this.#readerConnection, redis };
    this.#replies = new ReplyStream(
      `${prefix}:${queue}:replies:${this.#id}`,
      connections,
      clock,
      logger,
      this,
    );
    redis.on('ready', () => void this.#replies.renew().catch(() => {}));
  }

  /** @throws when Redis cannot be reached in time */
  async open(timeoutMs: number): Promise<void> {
    await Promise.all([this.#connection.whenReady(timeoutMs), this.#readerConnection.whenReady(timeoutMs)]);
    await this.#time.start();
    await this.#replies.open();
    this.#watchLater();
  }

  get replyTo(): string {
    return this.#replies.key;
  }

  /** Milliseconds on the clock of Redis. */
  now(): number {
    return this.#time.now();
  }

  /** @returns what its chunks' names begin with */
  join(member: FleetMember): string {
    const name = `${this.#id}-${++this.#numbered}`;
    this.#members.set(name, member);
    if (this.#lost !== undefined) member.lost(this.#lost);
    this.#keepAlive();
    return name;
  }

  /** @returns whether nobody is left */
  leave(name: string): boolean {
    const member = this.#members.get(name);
    this.#members.delete(name);
    if (member !== undefined) this.setBusy(member, false);
    return this.#members.size === 0;
  }

  /** The process stays alive while somebody waits for the fleet. */
  setBusy(member: FleetMember, isBusy: boolean): void {
    if (isBusy === this.#busy.has(member)) return;
    if (isBusy) this.#busy.add(member);
    else this.#busy.delete(member);
    this.#keepAlive();
  }

  async send(id: string, name: string, chunk: ChunkData): Promise<void> {
    const options = { jobId: id, removeOnComplete: true, removeOnFail: { count: keptFailures } };
    await this.#queue.add(name, chunk, options);
  }

  async stateOf(id: string): Promise<ChunkState> {
    const state = await this.#queue.getJobState(id);
    if (state === 'unknown') return { is: 'gone' };
    if (state !== 'failed') return { is: 'there' };
    return { is: 'failed', why: (await this.#queue.getJob(id))?.failedReason ?? 'it is not known why' };
  }

  /** @returns whether it was taken out before any host had it */
  async withdraw(id: string): Promise<boolean> {
    const job = await this.#queue.getJob(id);
    if (job === undefined || job.attemptsStarted > 0 || !(await job.isWaiting())) return false;
    return (await this.#queue.remove(id)) === 1;
  }

  replies(chunk: string, replies: readonly Reply[]): void {
    this.#members.get(chunk.slice(0, chunk.lastIndexOf('-')))?.replies(chunk, replies);
  }

  streamForgotten(): void {
    for (const member of this.#busy) member.redisForgot();
  }

  async close(): Promise<void> {
    this.#watch?.cancel();
    this.#time.stop();
    this.#connection.keepAlive(true);
    await this.#replies.close();
    this.#readerConnection.close();
    await this.#queue.close().catch(() => {});
    this.#connection.close();
  }

  #keepAlive(): void {
    this.#connection.keepAlive(this.#busy.size > 0);
    this.#readerConnection.keepAlive(this.#busy.size > 0);
  }

  #watchLater(): void {
    const look = (): void => {
      if (this.#busy.size > 0) void this.#look();
      this.#watchLater();
    };
    this.#watch = this.#clock.setTimer(look, this.#settings.watchMs);
    this.#watch.unref();
  }

  /** The stream of answers first: for a manager without one, hosts run nothing. */
  async #look(): Promise<void> {
    // While Redis is away it waits, and all later looks would be answered at once when it is back.
    if (this.#isLooking) return;
    this.#isLooking = true;
    const isThere = await this.#replies.renew().catch(() => true); // The next look tells.
    this.#isLooking = false;
    if (!isThere) return; // They have looked.
    for (const member of this.#busy) member.watch();
  }

  #down(cause: Error): void {
    const seconds = this.#settings.brokenAfterMs / 1000;
    this.#lost = new BrokenExecutorError(`Redis was out of reach for ${seconds} s: ${cause.message}`, {
      cause,
    });
    for (const member of this.#members.values()) member.lost(this.#lost);
  }
}
