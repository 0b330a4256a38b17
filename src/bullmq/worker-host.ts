import { type Job, Queue, Worker } from 'bullmq';
import { type Clock, readDurationMs, readOptions, systemClock } from '../backend.ts';
import { LeasedExecutorManager } from '../index.ts';
import { type ChunkData, decodeChunk } from './chunk-codec.ts';
import { ChunkRun, type ChunkTally } from './chunk-run.ts';
import { HealthServer } from './health-server.ts';
import { type HostSettings, readHostOptions, type WorkerHostOptions } from './host-options.ts';
import type { HostStats } from './host-stats.ts';
import { Problems } from './problems.ts';
import { RedisClock } from './redis-clock.ts';
import { RedisConnection } from './redis-connection.ts';
import { nothing } from './reply-codec.ts';
import { ReplyWriter } from './reply-stream.ts';
import { ServedModules } from './task-modules.ts';

export interface HostStopOptions {
  /** How long the chunks it runs may take to finish. What has not begun by then goes back to its manager; what runs is ended. @defaultValue `30` */
  readonly timeoutSeconds?: number | undefined;
}

/** After its pools broke, a host takes no chunk for so long: otherwise it would take, and give back, everybody's. */
const breakMs = 5_000;

/** How long a manager that was there is taken to be there still. Writing an answer to it shows when it is gone. */
const believedMs = 1_000;

/** A member of a fleet: takes chunks of jobs from a queue and runs them on its own manager. */
export class WorkerHost implements AsyncDisposable {
  readonly #settings: HostSettings;
  readonly #clock: Clock;
  readonly #manager: LeasedExecutorManager;
  readonly #modules: ServedModules;
  readonly #tally: ChunkTally = { fulfilled: 0, rejected: 0, returned: 0 };
  readonly #counts = { active: 0, taken: 0, lost: 0, unwanted: 0, failed: 0 };
  readonly #health: HealthServer | undefined;
  #state: HostStats['state'] = 'stopped';
  #connection: RedisConnection | undefined;
  #time: RedisClock | undefined;
  #worker: Worker | undefined;
  #stopping: Promise<void> | undefined;
  /** Streams whose managers read them. */
  readonly #read = new Set<string>();
  #readUntilMs = 0;

  /**
   * Checks the options; starts nothing.
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, RangeError `ERR_OUT_OF_RANGE`, `TaskReferenceError`, and as `LeasedExecutorManager`
   */
  constructor(options: WorkerHostOptions) {
    this.#settings = readHostOptions(options);
    this.#clock = systemClock;
    this.#manager = new LeasedExecutorManager(this.#settings.manager);
    this.#modules = new ServedModules(this.#settings.modules);
    const { health, queue } = this.#settings;
    if (health !== undefined) this.#health = new HealthServer(health, queue, () => this.stats());
  }

  /**
   * Brings the local pools up, connects and begins to take chunks. Waits for Redis as long as it takes.
   * @throws `BrokenExecutorError` when no worker comes up; what listening at the health port throws
   */
  async start(): Promise<void> {
    if (this.#state !== 'stopped') return;
    this.#state = 'starting';
    try {
      await this.#manager.start();
      await this.#health?.start();
      await this.#connect();
      this.#state = 'started';
    } catch (error) {
      await this.stop({ timeoutSeconds: 0 });
      throw error;
    }
  }

  /**
   * Takes no more chunks and finishes those it has. Resolves when nothing of it is left. Calling it again with less
   * time cuts the first short.
   * @throws TypeError, RangeError for options that cannot work
   */
  async stop(options?: HostStopOptions): Promise<void> {
    const given = readOptions<HostStopOptions>('stop()', options, ['timeoutSeconds']);
    const timeoutMs = readDurationMs('timeoutSeconds', given.timeoutSeconds, { orZero: true }) ?? 30_000;
    if (this.#state === 'stopped') return;
    this.#state = 'draining';
    const late = this.#clock.setTimer(() => void this.#manager.stop({ timeoutSeconds: 0 }), timeoutMs);
    this.#stopping ??= this.#drain();
    await this.#stopping;
    late.cancel();
  }

  stats(): HostStats {
    return {
      state: this.#state,
      connected: this.#connection?.redis.status === 'ready',
      chunks: { ...this.#counts },
      items: { ...this.#tally },
      manager: this.#manager.stats(),
    };
  }

  /** Where `/health` and `/metrics` are served, once started. */
  get healthUrl(): string | undefined {
    return this.#health?.url;
  }

  /** `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #connect(): Promise<void> {
    const { connection, queue, prefix, slots, lockMs, fleetLimit, logger } = this.#settings;
    const problems = new Problems(logger);
    const line = new RedisConnection({
      connection,
      name: `leasepool:${queue}:host`,
      clock: this.#clock,
      problems,
      proof: 'commands',
    });
    this.#connection = line;
    this.#time = new RedisClock(line.redis, this.#clock);
    await this.#time.start();
    if (fleetLimit !== undefined) {
      const admin = new Queue(queue, { connection: line.redis, prefix });
      admin.on('error', () => {}); // Those of its connection, which has told.
      await admin.setGlobalConcurrency(fleetLimit);
      await admin.close();
    }
    this.#worker = new Worker(queue, (job: Job) => this.#process(job), {
      connection: line.redis,
      prefix,
      concurrency: slots,
      lockDuration: lockMs,
      stalledInterval: lockMs / 2,
      // A chunk that comes a second time is reported, not run: see #process.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
    });
    this.#worker.on('error', (error) => problems.tell('the queue has a problem', error));
    this.#worker.on('failed', (job, error) => {
      this.#counts.failed++;
      logger.error('a chunk failed as a whole', { chunk: job?.id, error });
    });
    await this.#worker.waitUntilReady();
  }

  async #process(job: Job): Promise<void> {
    const id = job.id!;
    this.#counts.taken++;
    this.#counts.active++;
    try {
      const { replyTo } = job.data as ChunkData;
      if (job.stalledCounter > 0) await this.#report(replyTo, id);
      else if (await this.#isRead(replyTo)) await this.#run(job.data, id);
      else this.#counts.unwanted++; // Its manager is gone.
    } finally {
      this.#counts.active--;
    }
  }

  async #isRead(replyTo: string): Promise<boolean> {
    const now = this.#clock.now();
    if (now >= this.#readUntilMs) {
      this.#read.clear();
      this.#readUntilMs = now + believedMs;
    }
    if (this.#read.has(replyTo)) return true;
    const isThere = (await this.#connection!.redis.exists(replyTo)) === 1;
    if (isThere) this.#read.add(replyTo);
    return isThere;
  }

  /** A host had it before and did not finish: its manager knows what is left. */
  async #report(replyTo: string, id: string): Promise<void> {
    this.#counts.lost++;
    const writer = new ReplyWriter(this.#connection!.redis, this.#clock, replyTo, id, () => {});
    writer.write({ kind: 'lost', index: 0, bytes: nothing });
    await writer.flush();
  }

  async #run(data: unknown, id: string): Promise<void> {
    const chunk = decodeChunk(data);
    const { maxItemBytes } = this.#settings;
    const time = this.#time!;
    const tools = { manager: this.#manager, modules: this.#modules, maxItemBytes, now: () => time.now() };
    const abandon = (): void => {
      this.#counts.unwanted++;
      run.abandon();
    };
    const writer = new ReplyWriter(this.#connection!.redis, this.#clock, chunk.replyTo, id, abandon);
    const run = new ChunkRun(tools, chunk, writer, this.#tally);
    await run.run();
    if (run.broken !== undefined) this.#pause(run.broken);
  }

  #pause(error: Error): void {
    const worker = this.#worker;
    if (worker === undefined || worker.isPaused()) return;
    this.#settings.logger.error('a pool broke; this host takes no chunks for a while', { error });
    void worker.pause(true);
    this.#clock.setTimer(() => void worker.resume(), breakMs).unref();
  }

  async #drain(): Promise<void> {
    await this.#worker?.close().catch(() => {}); // Waits for the chunks it runs.
    await this.#manager.stop();
    this.#time?.stop();
    this.#connection?.close();
    await this.#health?.stop();
    this.#stopping = undefined;
    this.#state = 'stopped';
  }
}
