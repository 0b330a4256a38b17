/** The rows of the semantics about stopping, leaving and limits that a user of real workers of one kind sees. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  CancelledError,
  GrinderStoppingError,
  LeasedExecutorManager,
  type LeasedExecutorManagerOptions,
  NotStartedError,
  TimeoutError,
  WorkerCrashedError,
  type WorkGrinder,
  type WorkGrinderOptions,
} from 'leasepool';
import { describe, expect, test } from 'vitest';
import { range } from '../support/executor-bench.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import { rejection, startGrinder, startManager } from '../support/manager-start.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { until } from '../support/until.ts';
import { tasks } from '../tasks/conformance-tasks.js';
import type { WorkerKind } from './manager.ts';

const run = promisify(execFile);
const hour = 3600;

export function grinderConformance(backend: WorkerKind): void {
  /** A grinder on one worker, which sends a batch when it is told to stop or when `batchSizeThreshold` items wait. */
  async function grinding(
    more: Partial<WorkGrinderOptions> = {},
    managerOptions: LeasedExecutorManagerOptions = {},
  ) {
    const manager = await startManager({ backend, ...managerOptions });
    const grinder = await startGrinder({
      executorManager: manager,
      maxWaitSeconds: hour,
      batchSizeThreshold: 1000,
      ...more,
    });
    return { manager, grinder, ledger: new Ledger(), gate: new FileGate() };
  }

  /** One job at the gate, and notes that were sent with it and have not begun. */
  async function held(notes: number, more: Partial<WorkGrinderOptions> = {}) {
    const setting = await grinding({ batchSizeThreshold: notes + 1, ...more });
    const { grinder, ledger, gate } = setting;
    const holding = grinder.submit(tasks.hold, [ledger.path, 'held', gate.path]);
    const waiting = range(notes).map((entry) => grinder.submit(tasks.note, [ledger.path, entry]));
    await ledger.untilHas('held');
    return { ...setting, holding, waiting };
  }

  const statesOf = (outcomes: readonly PromiseSettledResult<unknown>[], type: new (...of: any[]) => Error) =>
    outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason instanceof type);

  function expectNothingLeft(grinder: WorkGrinder): void {
    const { pending, inFlight, totals } = grinder.stats();
    const { submitted, fulfilled, rejected, cancelled } = totals;
    expect([pending, inFlight, fulfilled + rejected + cancelled]).toEqual([0, 0, submitted]);
  }

  test('S3 a result leaves before its worker begins a job of another function, or of one that is not known to be short', async () => {
    const { grinder, ledger, gate } = await grinding({ batchSizeThreshold: 3 });
    const opened = new FileGate();
    opened.open();
    const fast = [
      grinder.submit(tasks.spin, [0]),
      grinder.submit(tasks.hold, [ledger.path, 'at once', opened.path]),
    ];
    const slow = grinder.submit(tasks.hold, [ledger.path, 'held', gate.path]);
    await Promise.all(fast); // Or else for ever.
    await ledger.untilHas('held');
    expect(ledger.lines).not.toContain('held done');
    gate.open();
    await slow;
  });

  describe('a grinder stops', () => {
    test('S19 S22 it runs what is queued, refuses what comes, and starts again', async () => {
      const { grinder, ledger } = await grinding();
      const notes = range(40).map((entry) => grinder.submit(tasks.note, [ledger.path, entry]));
      const stopped = grinder.stop();
      expect(await rejection(grinder.submit(tasks.echo, [1]))).toBeInstanceOf(GrinderStoppingError);
      await stopped;
      expect(await Promise.all(notes)).toEqual(range(40));
      expect(ledger.entries).toEqual(range(40));
      expectNothingLeft(grinder);
      expect(await rejection(grinder.submit(tasks.echo, [1]))).toBeInstanceOf(NotStartedError);
      await grinder.start();
      const again = grinder.submit(tasks.echo, [2]);
      await grinder.stop();
      expect(await again).toBe(2);
    });

    test('S20 S22 a cancelling stop takes back what is not begun, waits for nothing, and the pool comes back', async () => {
      const { manager, grinder, ledger, gate, holding, waiting } = await held(30);
      const queued = grinder.submit(tasks.note, [ledger.path, 99]);
      const outcomes = Promise.allSettled([holding, ...waiting, queued]);
      await grinder.stop({ cancelPending: true }); // Or else for ever: the gate is closed.
      expect(statesOf(await outcomes, CancelledError)).toEqual(range(32).map(() => true));
      expectNothingLeft(grinder);
      await grinder.start();
      const next = grinder.submit(tasks.echo, ['next']);
      const stopped = grinder.stop();
      gate.open();
      await stopped;
      expect(await next).toBe('next');
      expect(await manager.withLease((lease) => lease.run(tasks.add, [1, 2]))).toBe(3);
      expect(ledger.lines).toEqual(['held', 'held done']);
    });

    test('S21 a second stop escalates the first, and both resolve', async () => {
      const { grinder, ledger, gate, holding, waiting } = await held(5);
      const outcomes = Promise.allSettled([holding, ...waiting]);
      const stops = [grinder.stop(), grinder.stop({ cancelPending: true }), grinder.stop()];
      await Promise.all(stops);
      expect(statesOf(await outcomes, CancelledError)).toEqual(range(6).map(() => true));
      gate.open();
      await ledger.untilHas('held done');
      expect(ledger.lines).toEqual(['held', 'held done']);
    });

    test('S21 stop({ timeoutSeconds }) escalates by itself', async () => {
      const { grinder, gate, holding, waiting } = await held(5);
      const outcomes = Promise.allSettled([holding, ...waiting]);
      const stoppedAt = performance.now();
      await grinder.stop({ timeoutSeconds: 0.1 });
      expect(performance.now() - stoppedAt).toBeGreaterThan(99);
      expect(statesOf(await outcomes, CancelledError)).toEqual(range(6).map(() => true));
      gate.open();
    });

    test('S22 S23 M7 it and its manager are stopped and started under load, again and again', async () => {
      const { manager, grinder, ledger } = await grinding({ batchSizeThreshold: 5 }, { workersPerPool: 2 });
      const settled: Promise<PromiseSettledResult<unknown>[]>[] = [];
      for (const round of range(4)) {
        const entries = range(60, 60 * round);
        settled.push(
          Promise.allSettled(entries.map((entry) => grinder.submit(tasks.note, [ledger.path, entry]))),
        );
        await ledger.untilLines(ledger.lines.length + 1);
        const stops = [
          () => manager.stop({ timeoutSeconds: 0 }),
          () => Promise.all([manager.stop({ timeoutSeconds: 0 }), grinder.stop()]),
          () => Promise.all([grinder.stop({ cancelPending: true }), manager.stop()]),
          () => grinder.stop(),
        ];
        await stops[round]();
        await Promise.all([manager.start(), grinder.start()]);
      }
      const outcomes = (await Promise.all(settled)).flat();
      const codes = outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? 'fulfilled' : (outcome.reason as { code: string }).code,
      );
      const expected = [
        'fulfilled',
        'ABORT_ERR',
        'ERR_LEASEPOOL_NOT_STARTED',
        'ERR_LEASEPOOL_WORKER_CRASHED',
      ];
      expect(codes.filter((code) => !expected.includes(code))).toEqual([]);
      // Nothing begins twice, and what has a result began.
      expect(new Set(ledger.entries).size).toBe(ledger.entries.length);
      const done = range(240).filter((entry) => codes[entry] === 'fulfilled');
      expect(done.filter((entry) => !ledger.entries.includes(entry))).toEqual([]);
      expect(codes.slice(180)).toEqual(range(60).map(() => 'fulfilled'));
      expectNothingLeft(grinder);
    });
  });

  test('M7 a manager whose jobs run without end stops at once when it is told to', async () => {
    const { manager, grinder } = await grinding({ batchSizeThreshold: 2 }, { workersPerPool: 2 });
    const endless = range(2).map(() => rejection(grinder.submit(tasks.spin, [hour * 1000])));
    const waiting = rejection(grinder.submit(tasks.echo, [1]));
    await until(() => grinder.stats().inFlight >= 2, 'both run');
    await manager.stop({ timeoutSeconds: 0 });
    for (const error of await Promise.all(endless)) {
      expect([WorkerCrashedError, NotStartedError].some((type) => error instanceof type)).toBe(true);
    }
    expect(await waiting).toBeInstanceOf(NotStartedError);
    expectNothingLeft(grinder);
  });

  test('S33 a suddenly long job of a task that was short holds none of those sent behind it', async () => {
    const { grinder } = await grinding({ batchSizeThreshold: 1 }, { workersPerPool: 2 });
    await Promise.all(range(60).map(() => grinder.submit(tasks.spin, [0])));
    let isLongDone = false;
    const long = grinder.submit(tasks.spin, [1500]).then(() => (isLongDone = true));
    const short = range(30).map(() => grinder.submit(tasks.spin, [0]).then(() => isLongDone));
    expect(await Promise.all(short)).toEqual(range(30).map(() => false));
    await long;
  });

  test('N3 whoever is first, a job whose time is over when it ends has one outcome, and its worker is there for the next', async () => {
    const { grinder, ledger } = await grinding({ batchSizeThreshold: 1, dispatch: 'natural' });
    const outcomes: PromiseSettledResult<unknown>[] = [];
    await grinder.submit(tasks.echo, [0]); // Loading the module counts as running.
    for (const round of range(12)) {
      const args = [ledger.path, round, 20] as const;
      outcomes.push(
        ...(await Promise.allSettled([
          grinder.submit(tasks.noteAndSpin, args, { timeoutSeconds: 0.017 + 0.0005 * round }),
          grinder.submit(tasks.echo, [round]),
        ])),
      );
    }
    for (const [place, outcome] of outcomes.entries()) {
      const round = Math.floor(place / 2);
      if (place % 2 === 1 || outcome.status === 'fulfilled')
        expect(outcome).toEqual({ status: 'fulfilled', value: round });
      else expect(outcome.reason).toBeInstanceOf(TimeoutError);
    }
    // On a busy machine the time may be over before the job has come to its note.
    expect(ledger.entries).toEqual([...new Set(ledger.entries)]);
    const done = range(12).filter((round) => outcomes[2 * round].status === 'fulfilled');
    expect(done.filter((round) => !ledger.entries.includes(round))).toEqual([]);
  });

  describe('N9 limits', () => {
    const made = (resourceLimits: object) => () =>
      new LeasedExecutorManager({ backend, workerOptions: { resourceLimits } });

    test.each([
      ['maxOldGenerationSizeMb', 15.9],
      ['stackSizeMb', 0.49],
      ['maxOldGenerationSizeMb', 0],
      ['stackSizeMb', -1],
      ['maxOldGenerationSizeMb', Number.NaN],
    ])('N9 that can kill the whole process are refused: %s %d', (name, value) => {
      expect(made({ [name]: value })).toThrow(
        expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }) as Error,
      );
      expect(made({ [name]: value })).toThrow(new RegExp(`${name}.*${value}`));
    });

    test('N9 that are as small as they may be end jobs, and not the process', async () => {
      const { grinder, ledger } = await grinding(
        { dispatch: 'natural' },
        { workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 16, stackSizeMb: 0.5 } } },
      );
      const hungry = rejection(grinder.submit(tasks.endAt, [ledger.path, 1, 1, 'out of memory']));
      const deep = rejection(grinder.submit(tasks.overflow));
      expect(await hungry).toMatchObject({ code: 'ERR_LEASEPOOL_WORKER_CRASHED', phase: 'running' });
      expect(await deep).toBeInstanceOf(RangeError);
      expect(await grinder.submit(tasks.add, [1, 2])).toBe(3);
    });
  });

  describe('N5 a program', () => {
    const life = (scenario: string) =>
      run(process.execPath, [fileURLToPath(tasksUrl('manager-life.js')), scenario, backend], {
        timeout: 25_000,
      });

    test.each([
      ['an idle grinder', ''],
      ['a worker that leaves timers behind', ''],
      ['jobs that wait for a worker', 'it ran\nit ran\nit ran\n'],
      ['a job whose worker died before it began', 'it crashed\nit ran\n'],
      ['a waiter in acquire()', 'it was granted\n'],
      ['a pool that starts', 'it has started\n'],
    ])('N5 lives as long as it has work, and no longer: %s', async (scenario, stdout) => {
      expect(await life(scenario)).toEqual({ stdout, stderr: '' });
    });

    const title = 'N5 keeps no file, thread, timer or listener after stop()';
    if (backend === 'process')
      test.skip(`${title} [process: the jobs of this program wait at shared memory]`);
    else
      test(title, async () => {
        const { stdout, stderr } = await life('after work of all kinds');
        expect(stderr).toBe('');
        const [before, after] = JSON.parse(stdout) as [object, object];
        expect(before).toMatchObject({ resources: [], timers: 0 });
        expect(after).toEqual(before);
      });
  });
}
