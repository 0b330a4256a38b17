/** A soak: verified work in rounds, while workers die and everything else is done to them. */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { LeasedExecutorManager, LeasepoolError, WorkGrinder } from 'leasepool';
import { answer } from './answer.ts';
import { disturb, type Field } from './disturbances.ts';
import { type Entry, jobs } from './jobs.ts';
import { Ledgers } from './ledger.ts';
import { type Backend, drawDisturbance, drawJob, type JobKind, type Random, randomFrom } from './plan.ts';
import type { Report } from './report.ts';
import { submit } from './submissions.ts';
import { fairWeather, isVictim, judge, mostVictims, type Outcome, type Weather } from './verdict.ts';
import { Visitors } from './visitors.ts';

const roundMs = 4000;
const mostOutstanding = 400;
/** Nothing that a soak submits takes so long. */
const hungAfterMs = 240_000;

interface Job {
  readonly kind: JobKind;
  readonly entry: Entry;
  readonly isDirect: boolean;
  settlements: number;
  outcome: Outcome | undefined;
}

interface Round {
  readonly number: number;
  readonly jobs: Job[];
  readonly weather: Weather;
}

/** What a job failed with, as it is judged. */
function outcomeOf(kind: JobKind, id: number, error: unknown): Outcome {
  const atMs = Date.now();
  if (kind === 'throws a value' && error === id) return { code: 'a value', message: String(error), atMs };
  if (!(error instanceof Error)) return { code: undefined, message: String(error), atMs };
  const { code, phase, message, cause } = error as Error & { code?: string; phase?: string };
  const isOwn = code !== 'ERR_SOAK' || (error instanceof RangeError && message === `job ${id}`);
  const causeCode = cause instanceof LeasepoolError ? cause.code : undefined;
  return { code: isOwn ? code : 'another job’s error', phase, message, causeCode, atMs };
}

export class Soak {
  readonly report: Report;
  readonly #backend: Backend;
  readonly #seed: number;
  readonly #manager: LeasedExecutorManager;
  readonly #grinder: WorkGrinder;
  readonly #ledgers = new Ledgers();
  readonly #visitors: Visitors;
  #random: Random;
  #units = 2;
  #abort = new AbortController();
  #nextId = 1;
  #outstanding = new Set<Job>();
  #wake = (): void => {};
  /** In the round that runs. */
  readonly #loopDelay: IntervalHistogram = monitorEventLoopDelay({ resolution: 20 });
  #roundStartedAt = 0;
  #round: Round = { number: 0, jobs: [], weather: fairWeather() };

  constructor(backend: Backend, seed: number, report: Report) {
    this.#backend = backend;
    this.#seed = seed;
    this.report = report;
    this.#random = randomFrom(seed);
    this.#manager = new LeasedExecutorManager({
      backend,
      maxPools: 2,
      minPools: 0,
      workersPerPool: 2,
      unitsPerPool: 1,
      sizeProvider: () => this.#units,
      idleSeconds: 0.3,
      checkIntervalSeconds: 0.5,
      // Long enough for a machine that others use too; short enough to be reached.
      leaseGraceSeconds: 10,
      // A machine that has no time for them must not look like workers that do not start.
      startTimeoutSeconds: 120,
      // A thread that is ended while it loads a module leaves files open, and that is Node's.
      preload: [new URL('./jobs.js', import.meta.url)],
      workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 48 } },
      logger: report.logger,
    });
    this.#grinder = new WorkGrinder({
      executorManager: this.#manager,
      batchSizeThreshold: 10,
      maxWaitSeconds: 0.002,
      leaseSeconds: 3,
      logger: report.logger,
    });
    this.#visitors = new Visitors(report);
  }

  async run(untilMs: number): Promise<void> {
    this.#loopDelay.enable();
    await this.#manager.start();
    await this.#grinder.start();
    let before: Round | undefined;
    for (let number = 1; performance.now() < untilMs; number++) {
      // Each round can be drawn again without those before it.
      this.#random = randomFrom(this.#seed + number);
      this.#round = { number, jobs: [], weather: fairWeather() };
      this.#loopDelay.reset();
      this.#roundStartedAt = performance.now();
      this.#visitors.invite(this.#grinder, this.#ledgers.path(number));
      await this.#runRound(Math.min(untilMs, performance.now() + roundMs));
      // What was cancelled while it ran may have written to its ledger until now.
      if (before !== undefined) this.#judge(before);
      before = this.#round;
      this.report.endRound(number);
    }
    this.#loopDelay.disable();
    await this.#visitors.end();
    await this.#within('grinder.stop()', this.#grinder.stop());
    await this.#within('manager.stop()', this.#manager.stop({ timeoutSeconds: 5 }));
    if (before !== undefined) this.#judge(before);
    const { submitted, fulfilled, rejected, cancelled } = this.#grinder.stats().totals;
    if (submitted !== fulfilled + rejected + cancelled) this.report.wrong.push('the totals do not balance');
  }

  /** For whoever finds it hanging. */
  state(): object {
    return {
      round: this.#round.number,
      weather: this.#round.weather,
      secondsOfTheRound: (performance.now() - this.#roundStartedAt) / 1000,
      // A machine that gives this process no time looks like a hang.
      longestLoopDelayMs: this.#loopDelay.max / 1e6,
      grinder: this.#grinder.stats(),
      manager: this.#manager.stats(),
      outstanding: [...this.#outstanding].slice(0, 20).map(({ kind, entry, isDirect }) => ({
        kind,
        id: entry.id,
        isDirect,
        evidence: this.#ledgers.read(this.#round.number).of(entry.id),
      })),
      outstandingInAll: this.#outstanding.size,
      resources: process.getActiveResourcesInfo(),
    };
  }

  clean(): void {
    this.#ledgers.removeAll();
  }

  async #runRound(untilMs: number): Promise<void> {
    const disturbed = this.#disturb(untilMs);
    while (performance.now() < untilMs) {
      while (this.#outstanding.size < mostOutstanding) this.#submitOne();
      await this.#change();
      // Not as fast as a stopped grinder refuses.
      if (!this.#isOpen) await delay(50);
    }
    await this.#within('a disturbance', disturbed);
    const giveUpAt = performance.now() + hungAfterMs;
    while (this.#outstanding.size > 0) {
      if (performance.now() > giveUpAt) throw new Error(`${this.#outstanding.size} jobs have not settled`);
      await this.#change();
    }
  }

  get #isOpen(): boolean {
    const { started, stopping } = this.#grinder.stats();
    return started && !stopping && this.#manager.stats().started;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, 20);
    });
  }

  async #within(what: string, done: Promise<unknown>): Promise<void> {
    const ended = new AbortController();
    const late = delay(hungAfterMs, undefined, { signal: ended.signal }).then(
      () => Promise.reject(new Error(`${what} has not ended after ${hungAfterMs / 1000} s`)),
      () => undefined,
    );
    await Promise.race([done, late]).finally(() => ended.abort());
  }

  #submitOne(): void {
    const kind = drawJob(this.#backend, this.#random);
    const entry = { ledger: this.#ledgers.path(this.#round.number), id: this.#nextId++ };
    const surroundings = { grinder: this.#grinder, random: this.#random, signal: this.#abort.signal };
    const { result, isRight } = submit(kind, entry, surroundings);
    this.#follow({ kind, entry, isDirect: false, settlements: 0, outcome: undefined }, result, isRight);
  }

  #follow(job: Job, result: Promise<unknown>, isRight: (value: unknown) => boolean): void {
    const { jobs, weather } = this.#round;
    jobs.push(job);
    this.#outstanding.add(job);
    this.report.submitted(job.kind);
    if (job.kind === 'throws late') weather.lateThrows++;
    if (job.kind === 'runs out of memory') weather.outOfMemory++;
    const settle = (outcome: Outcome): void => {
      job.settlements++;
      job.outcome = outcome;
      this.#outstanding.delete(job);
      this.#wake();
    };
    result.then(
      (value) => settle({ isRight: isRight(value), atMs: Date.now() }),
      (error: unknown) => settle({ ...outcomeOf(job.kind, job.entry.id, error), isDirect: job.isDirect }),
    );
  }

  async #disturb(untilMs: number): Promise<void> {
    // Of its own, so that what is drawn does not hang on when it is.
    const random = randomFrom(this.#seed ^ (this.#round.number << 16));
    const field = this.#field(random);
    for (;;) {
      await delay(20 + random() * 180);
      if (performance.now() >= untilMs) return;
      const disturbance = drawDisturbance(this.#backend, random);
      this.report.disturbed(disturbance);
      await disturb(disturbance, field);
    }
  }

  #field(random: Random): Field {
    const { number, weather } = this.#round;
    return {
      backend: this.#backend,
      random,
      weather,
      lastWorkers: () => this.#ledgers.lastWorkers(number),
      abortSignal: () => {
        this.#abort.abort();
        this.#abort = new AbortController();
      },
      resize: (units) => {
        this.#units = units;
        this.#manager.notifyScaleChanged();
      },
      restartGrinder: async (cancelPending) => {
        await this.#within('grinder.stop()', this.#grinder.stop({ cancelPending }));
        await this.#grinder.start();
        this.#visitors.invite(this.#grinder, this.#ledgers.path(number));
      },
      restartManager: async (timeoutSeconds) => {
        await this.#within('manager.stop()', this.#manager.stop({ timeoutSeconds }));
        await this.#within('manager.start()', this.#manager.start());
      },
      stopWhileStarting: async () => {
        await this.#within('manager.stop()', this.#manager.stop({ timeoutSeconds: 1 }));
        const started = this.#manager.start().catch(() => {});
        await delay(random() * 30);
        await this.#within('manager.stop()', this.#manager.stop({ timeoutSeconds: 1 }));
        await this.#within('manager.start()', started);
        await this.#within('manager.start()', this.#manager.start());
      },
      borrowLease: () => this.#borrowLease(),
      forgetLease: () => this.#forgetLease(),
    };
  }

  /** A series of calls through a lease of its own. */
  async #borrowLease(): Promise<void> {
    const lease = await this.#manager.acquire({ leaseSeconds: 5, owner: 'borrower', timeoutSeconds: 60 });
    for (let count = 0; count < 20; count++) {
      const entry = { ledger: this.#ledgers.path(this.#round.number), id: this.#nextId++ };
      const job: Job = { kind: 'computes', entry, isDirect: true, settlements: 0, outcome: undefined };
      this.#follow(job, lease.run(jobs.computes, [entry, entry.id]), (value) => value === answer(entry.id));
    }
    await this.#within('lease.release()', lease.release());
  }

  async #forgetLease(): Promise<void> {
    const { signal } = await this.#manager.acquire({ leaseSeconds: 0.1, timeoutSeconds: 60 });
    await this.#within(
      'the revocation of a forgotten lease',
      signal.aborted ? Promise.resolve() : aborted(signal),
    );
  }

  #judge({ number, jobs, weather }: Round): void {
    const ledger = this.#ledgers.read(number);
    const { report } = this;
    let victims = 0;
    for (const { kind, entry, settlements, outcome, isDirect } of jobs) {
      const evidence = ledger.of(entry.id);
      if (outcome === undefined) {
        report.lost++;
        report.wrong.push(`round ${number}, job ${entry.id} (${kind}): it never settled`);
        continue;
      }
      if (settlements > 1) report.settledTwice++;
      if (isVictim(kind, outcome)) victims++;
      const mistake = judge(kind, outcome, evidence, weather);
      report.judged(kind, outcome);
      if (mistake !== undefined) {
        const told = JSON.stringify({ outcome, evidence, weather, isDirect });
        report.wrong.push(`round ${number}, job ${entry.id} (${kind}): ${mistake}: ${told}`);
      }
    }
    report.begunTwice += ledger.begunTwice.length;
    if (victims > mostVictims(weather)) {
      const told = JSON.stringify(weather);
      report.wrong.push(`round ${number}: ${victims} jobs were taken along by the deaths of others: ${told}`);
    }
    this.#ledgers.remove(number);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
