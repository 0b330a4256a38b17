import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import {
  type ExecutorLease,
  importTasks,
  type LeasedExecutorManager,
  type LeasedExecutorManagerOptions,
  type WorkGrinder,
} from 'leasepool';
import { expect, test } from 'vitest';
import { range } from '../support/executor-bench.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import {
  newManager,
  recordingLogger,
  rejection,
  startGrinder,
  startManager,
} from '../support/manager-start.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { makePipe } from '../support/pipe.ts';
import { until } from '../support/until.ts';
import { tasks } from '../tasks/conformance-tasks.js';
import { giving } from '../tasks/manager-results.js';
import { readPipe } from '../tasks/native-calls.js';
import { throwing } from '../tasks/manager-throws.js';
import { tasks as own } from '../tasks/own-errors.js';

const hour = 3600;

/** What the caller saw, and what became of the worker. */
interface Seen {
  readonly error?: unknown;
  /** `-` when no worker is concerned. */
  readonly worker: '-' | 'stays' | 'new';
}

class Stage {
  readonly ledger = new Ledger();
  readonly gate = new FileGate();

  async leased(options: LeasedExecutorManagerOptions = {}) {
    const manager = await startManager({ defaultLeaseSeconds: hour, ...options });
    const lease = await manager.acquire();
    return { manager, lease, worker: await lease.run(tasks.worker) };
  }

  async grinding(options: LeasedExecutorManagerOptions = {}) {
    const manager = await startManager(options);
    const grinder = await startGrinder({ executorManager: manager, maxWaitSeconds: 0.001 });
    return { manager, grinder, worker: await grinder.submit(tasks.worker) };
  }

  hold(by: ExecutorLease, options: object = {}) {
    return by.enqueue(tasks.hold, [this.ledger.path, 'held', this.gate.path], options);
  }

  /** A job at the gate of the only worker. In an object, because a future would be waited for. */
  async held(lease: ExecutorLease) {
    const held = this.hold(lease);
    await this.ledger.untilHas('held');
    return { held };
  }

  endAt(by: ExecutorLease | WorkGrinder, how: string) {
    const args = [this.ledger.path, 1, 1, how] as const;
    return 'run' in by ? by.run(tasks.endAt, args) : by.submit(tasks.endAt, args);
  }

  /** Options under which workers come up unless the flag is up. */
  startingWhile(flag: FileGate): LeasedExecutorManagerOptions {
    return {
      preload: [tasksUrl('conformance-preload.js')],
      workerData: { ledger: this.ledger.path, mode: 'throws while told', flag: flag.path },
    };
  }
}

async function after(
  error: unknown,
  worker: string,
  by: ExecutorLease | LeasedExecutorManager,
): Promise<Seen> {
  const now =
    'run' in by ? await by.run(tasks.worker) : await by.withLease((lease) => lease.run(tasks.worker));
  return { error, worker: now === worker ? 'stays' : 'new' };
}

const aside = (error: unknown): Seen => ({ error, worker: '-' });

/** A job of a lease that fails while its worker is there to be asked. */
async function failing(
  stage: Stage,
  run: (lease: ExecutorLease) => Promise<unknown>,
  options: LeasedExecutorManagerOptions = {},
): Promise<Seen> {
  const { lease, worker } = await stage.leased(options);
  return after(await rejection(run(lease)), worker, lease);
}

const loading = (how: string, gate: FileGate) =>
  importTasks<{ loaded(): string }>(tasksUrl(`conformance-load-once.js?how=${how}&pass=${gate.path}`)).loaded;

const situations: Record<string, (stage: Stage) => Promise<Seen>> = {
  'it throws an error': (stage) => failing(stage, (lease) => lease.run(throwing, ['payment'])),
  'it throws an error of this package, which it uses': async (stage) => {
    const inner = { owner: 'inner owner', taskName: 'inner' };
    const { lease, worker } = await stage.leased();
    const thrown = lease.run(own.throwing, [stage.ledger.path, 'BrokenExecutorError', inner], {
      owner: 'me',
    });
    const error = await rejection(thrown);
    expect(error).toMatchObject({ message: 'mine', ...inner });
    return after(error, worker, lease);
  },
  'it throws something that is no error': async (stage) => {
    const { lease, worker } = await stage.leased();
    for (const what of ['null', 'undefined', 'string'])
      expect(await rejection(lease.run(throwing, [what]))).toBe(
        what === 'null' ? null : what === 'string' ? 'text' : undefined,
      );
    return after(undefined, worker, lease);
  },
  'it throws something that cannot be copied': (stage) =>
    failing(stage, (lease) => lease.run(throwing, ['function'])),
  'it returns a promise that rejects': (stage) =>
    failing(stage, (lease) =>
      lease.run(() => Promise.reject(Object.assign(new TypeError('later'), { code: 'E_PAYMENT' }))),
    ),
  'it returns a promise, with `asyncTasks: "reject"`': (stage) =>
    failing(stage, (lease) => lease.run(tasks.rejectLater, ['later']), { asyncTasks: 'reject' }),
  'it recurses too deep': (stage) => failing(stage, (lease) => lease.run(tasks.overflow)),
  'its result cannot be copied': async (stage) => {
    const seen = await failing(stage, (lease) => lease.run(giving, ['transform']));
    expect(seen.error).toMatchObject({ path: 'result.headers.transform', taskName: 'giving' });
    return seen;
  },
  'an argument cannot be copied': async (stage) => {
    const moved = new ArrayBuffer(8);
    const seen = await failing(stage, (lease) =>
      lease.run(tasks.echo, [{ moved, callback() {} }], { transfer: [moved], owner: 'me' }),
    );
    expect(seen.error).toMatchObject({ path: 'args[0].callback', owner: 'me', taskName: 'echo' });
    expect(moved.byteLength).toBe(8);
    return seen;
  },
  'it is a function that uses variables around it': async (stage) => {
    const { lease } = await stage.leased();
    const error = await rejection(lease.run(() => hour * 2));
    expect(error.freeVariables).toEqual(['hour']);
    return aside(error);
  },
  'its module cannot be loaded': async (stage) => {
    const { lease, worker } = await stage.leased();
    const loaded = loading('throws', stage.gate);
    const seen = await after(await rejection(lease.run(loaded)), worker, lease);
    expect(seen.error).toMatchObject({ cause: { message: 'this module does not load' } });
    stage.gate.open();
    expect(await lease.run(loaded)).toBe('loaded');
    return seen;
  },
  'its module has no such task': async (stage) => {
    const reference = { module: tasksUrl('conformance-results.js').href, name: 'nowhere' };
    const seen = await failing(stage, (lease) => lease.run(reference));
    expect((seen.error as Error).message).toContain('giving');
    return seen;
  },
  'its module starts a manager when it is imported': async (stage) => {
    const reference = { module: tasksUrl('conformance-starts-manager.js').href, name: 'never' };
    const seen = await failing(stage, (lease) => lease.run(reference));
    expect((seen.error as Error).cause).toMatchObject({ code: 'ERR_LEASEPOOL_IMPORT_REENTRY' });
    return seen;
  },

  'the job calls `process.exit()`': async (stage) => {
    const seen = await failing(stage, (lease) => stage.endAt(lease, 'exit(0)'));
    expect(seen.error).toMatchObject({ exitCode: 0, taskName: 'endAt' });
    return seen;
  },
  'an error is uncaught while the job runs': async (stage) => {
    const seen = await failing(stage, (lease) => stage.endAt(lease, 'an uncaught error'));
    expect(seen.error).toMatchObject({ cause: { message: 'thrown late' } });
    return seen;
  },
  'a rejection is unhandled while the job runs': async (stage) => {
    const seen = await failing(stage, (lease) => stage.endAt(lease, 'an unhandled rejection'));
    expect(seen.error).toMatchObject({ cause: { message: 'rejected late' } });
    return seen;
  },
  'the job uses up the memory of `resourceLimits`': (stage) =>
    failing(stage, (lease) => stage.endAt(lease, 'out of memory'), {
      workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 32 } },
    }),
  "the job's module exits while it is imported": (stage) =>
    failing(stage, (lease) => lease.run(loading('exits', stage.gate))),
  'the process of the job is killed': async (stage) => {
    const seen = await failing(stage, (lease) => stage.endAt(lease, 'SIGKILL'), { backend: 'process' });
    expect(seen.error).toMatchObject({ signal: 'SIGKILL' });
    return seen;
  },
  'the process is killed just after the job, before its result left': async (stage) => {
    const { lease, worker } = await stage.leased({ backend: 'process' });
    const run = (victim: number) =>
      lease.runBatch(
        tasks.killAt,
        range(600).map((entry) => [entry, victim] as const),
      );
    await run(-1); // Known to be short: then many travel in one message, and their results in one.
    const outcomes = await run(200);
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(new Set(reasons.map(({ phase }) => phase))).toEqual(new Set(['finished', 'running']));
    return after(reasons[0], worker, lease);
  },
  'the worker dies before it begins the job': async (stage) => {
    const { lease, worker } = await stage.leased();
    await lease.run(tasks.endIdle, [stage.ledger.path, stage.gate.path]);
    await stage.ledger.untilHas('idle');
    const waiting = lease.enqueue(tasks.note, [stage.ledger.path, 1]);
    await until(() => waiting.running(), 'the job is with the worker');
    stage.gate.open();
    expect(await waiting).toBe(1);
    return after(undefined, worker, lease);
  },
  'each worker that is sent the job dies before it begins it': (stage) => {
    // More than the process has room for: it dies while it takes the message in.
    const large = Array.from({ length: 1_000_000 }, (_, index) => ({ index }));
    const calls = async (lease: ExecutorLease): Promise<unknown> => {
      const mates = [1, 2, 3].map((value) => lease.run(tasks.echo, [value]));
      const settled = lease.run(tasks.echo, [large]);
      mates.push(...[4, 5, 6].map((value) => lease.run(tasks.echo, [value])));
      const error = await rejection(settled);
      expect(await Promise.all(mates)).toEqual([1, 2, 3, 4, 5, 6]);
      throw error;
    };
    return failing(stage, calls, {
      backend: 'process',
      workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 20 } },
    });
  },
  'the worker dies before it begins a job whose memory has moved there': async (stage) => {
    const { lease, worker } = await stage.leased();
    await lease.run(tasks.endIdle, [stage.ledger.path, stage.gate.path]);
    await stage.ledger.untilHas('idle');
    const buffer = new ArrayBuffer(8);
    const moved = rejection(lease.run(tasks.keep, [buffer], { transfer: [buffer] }));
    await until(() => buffer.byteLength === 0, 'the memory has moved');
    stage.gate.open();
    return after(await moved, worker, lease);
  },
  'a job has returned, and what it left behind ends the worker': async (stage) => {
    const { lease, worker } = await stage.leased();
    const args = [stage.ledger.path, 1, 1, 'an uncaught error'] as const;
    expect(await lease.run(tasks.endLater, args)).toBe(1);
    let now = worker;
    while (now === worker) now = await lease.run(tasks.worker);
    return after(undefined, worker, lease);
  },

  'the job runs longer than `timeoutSeconds`': (stage) =>
    failing(stage, (lease) => stage.hold(lease, { timeoutSeconds: 0.1 })),
  "the job's module does not load within `startTimeoutSeconds`": (stage) =>
    failing(stage, (lease) => lease.run(loading('never', stage.gate)), { startTimeoutSeconds: 3 }),
  'a result takes for ever to copy, with `timeoutSeconds`': (stage) =>
    failing(stage, (lease) => lease.run(tasks.endlessResult, [], { timeoutSeconds: 0.1 })),
  'no worker begins the job within `queueTimeoutSeconds`': async (stage) => {
    const { lease, worker } = await stage.leased();
    const { held } = await stage.held(lease);
    const error = await rejection(
      lease.run(tasks.note, [stage.ledger.path, 1], { queueTimeoutSeconds: 0.1 }),
    );
    stage.gate.open();
    await held;
    const seen = await after(error, worker, lease);
    expect(stage.ledger.entries).toEqual([]);
    return seen;
  },
  'no lease is free within the `timeoutSeconds` of `acquire()`': async (stage) => {
    const { manager } = await stage.leased();
    return aside(await rejection(manager.acquire({ timeoutSeconds: 0.1 })));
  },
  'no lease is free, with `wait: false`': async (stage) => {
    const { manager } = await stage.leased();
    return aside(await rejection(manager.acquire({ wait: false })));
  },
  'the job still runs when its lease is revoked': async (stage) => {
    const manager = await startManager({ leaseGraceSeconds: 0.1 });
    const worker = await manager.withLease((lease) => lease.run(tasks.worker));
    const error = await rejection(stage.hold(await manager.acquire({ leaseSeconds: 0.2 })));
    return after(error, worker, manager);
  },
  "a lease's job has not begun when the lease is revoked": async (stage) => {
    const manager = await startManager({ leaseGraceSeconds: 0.1 });
    const worker = await manager.withLease((lease) => lease.run(tasks.worker));
    const lease = await manager.acquire({ leaseSeconds: 0.2 });
    const held = rejection(stage.hold(lease));
    const error = await rejection(lease.run(tasks.note, [stage.ledger.path, 1]));
    await held;
    expect(lease.signal.aborted).toBe(true);
    const seen = await after(error, worker, manager);
    expect(stage.ledger.entries).toEqual([]);
    return seen;
  },
  "a grinder's item has not begun when its lease expires": async (stage) => {
    // Otherwise the new worker may still load the module, for a job it has begun, when the next lease is over.
    const preload = [tasksUrl('conformance-tasks.js')];
    const manager = await startManager({ leaseGraceSeconds: 0.1, preload });
    const worker = await manager.withLease((lease) => lease.run(tasks.worker));
    const grinder = await startGrinder({
      executorManager: manager,
      leaseSeconds: 0.2,
      batchSizeThreshold: 2,
    });
    const held = rejection(grinder.submit(tasks.hold, [stage.ledger.path, 'held', stage.gate.path]));
    expect(await grinder.submit(tasks.note, [stage.ledger.path, 1])).toBe(1);
    await held;
    return after(undefined, worker, manager);
  },
  'a lease is not released in its time, or ever': async (stage) => {
    const logger = recordingLogger();
    const { lease } = await stage.leased({ logger, defaultLeaseSeconds: 0.1, leaseGraceSeconds: hour });
    await until(() => logger.entries.some(({ message }) => message.endsWith('was not released')));
    expect(lease.active).toBe(true);
    return aside(undefined);
  },
  'a lease is used after its release': async (stage) => {
    const { lease } = await stage.leased();
    await lease.release();
    return aside(await rejection(lease.run(tasks.worker)));
  },
  'more than `maxQueueSize` items wait': async () => {
    const manager = await startManager();
    const grinder = await startGrinder({ executorManager: manager, maxQueueSize: 2, maxWaitSeconds: hour });
    const waiting = [1, 2].map((value) => grinder.enqueue(tasks.echo, [value]));
    const error = await rejection(grinder.submit(tasks.echo, [3]));
    const room = grinder.waitForRoom();
    waiting[0].cancel();
    await room;
    return aside(error);
  },

  'a job is cancelled before it begins': async (stage) => {
    const { lease, worker } = await stage.leased();
    const { held } = await stage.held(lease);
    const waiting = lease.enqueue(tasks.note, [stage.ledger.path, 1]);
    await setImmediate();
    waiting.cancel('not needed');
    const error = await rejection(waiting);
    expect(error.cause).toBe('not needed');
    stage.gate.open();
    await held;
    const seen = await after(error, worker, lease);
    expect(stage.ledger.entries).toEqual([]);
    return seen;
  },
  'a job is cancelled while it runs': async (stage) => {
    const { lease, worker } = await stage.leased();
    const { held } = await stage.held(lease);
    held.cancel();
    const error = await rejection(held);
    stage.gate.open();
    await stage.ledger.untilHas('held done');
    return after(error, worker, lease);
  },
  'the `signal` of a job aborts': async (stage) => {
    const controller = new AbortController();
    const { lease, worker } = await stage.leased();
    const { held } = await stage.held(lease);
    const waiting = rejection(lease.run(tasks.echo, [1], { signal: controller.signal }));
    controller.abort('not needed');
    const error = await waiting;
    stage.gate.open();
    await held;
    return after(error, worker, lease);
  },
  'the grinder stops with `cancelPending: true`': async (stage) => {
    const { manager, grinder, worker } = await stage.grinding();
    const held = rejection(grinder.submit(tasks.hold, [stage.ledger.path, 'held', stage.gate.path]));
    await stage.ledger.untilHas('held');
    await grinder.stop({ cancelPending: true });
    const error = await held;
    stage.gate.open();
    await stage.ledger.untilHas('held done');
    return after(error, worker, manager);
  },
  'a job is submitted while the grinder stops': async (stage) => {
    const { grinder } = await stage.grinding();
    const held = grinder.submit(tasks.hold, [stage.ledger.path, 'held', stage.gate.path]);
    const stopped = grinder.stop();
    const error = await rejection(grinder.submit(tasks.echo, [1]));
    stage.gate.open();
    await Promise.all([held, stopped]);
    return aside(error);
  },
  'a job is submitted before the grinder starts': async (stage) => {
    const { grinder } = await stage.grinding();
    await grinder.stop();
    return aside(await rejection(grinder.submit(tasks.echo, [1])));
  },
  'the manager stops before the job begins': async (stage) => {
    const { manager, lease } = await stage.leased();
    const { held } = await stage.held(lease);
    const waiting = rejection(lease.run(tasks.note, [stage.ledger.path, 1]));
    const stopped = manager.stop();
    const error = await waiting;
    stage.gate.open();
    await Promise.all([held, stopped]);
    expect(stage.ledger.entries).toEqual([]);
    return aside(error);
  },
  'the manager stops while somebody waits in `acquire()`': async (stage) => {
    const { manager } = await stage.leased();
    const waiting = rejection(manager.acquire());
    await manager.stop();
    return aside(await waiting);
  },
  'the manager stops, and the job does not end in `timeoutSeconds`': async (stage) => {
    const { manager, lease } = await stage.leased();
    const held = rejection(stage.hold(lease));
    await stage.ledger.untilHas('held');
    await manager.stop({ timeoutSeconds: 0.1 });
    const error = await held;
    expect(error.cause).toMatchObject({ code: 'ERR_LEASEPOOL_NOT_STARTED' });
    return aside(error);
  },

  'no worker comes up at `start()`': async (stage) => {
    const flag = new FileGate();
    flag.open();
    const manager = newManager(stage.startingWhile(flag));
    const error = await rejection(manager.start());
    expect(stage.ledger.lines).toHaveLength(5);
    expect(error.cause).toBeInstanceOf(Error);
    flag.close();
    await manager.start();
    return aside(error);
  },
  'the workers of a leased pool come up no more': async (stage) => {
    const flag = new FileGate();
    const { lease } = await stage.leased(stage.startingWhile(flag));
    flag.open();
    const dying = rejection(stage.endAt(lease, 'exit(1)'));
    const error = await rejection(lease.run(tasks.echo, [1]));
    await dying;
    await until(() => lease.signal.aborted, 'the lease is over');
    return aside(error);
  },
  'more workers than the pool has are in native calls': async (stage) => {
    const { lease } = await stage.leased();
    const { path } = makePipe();
    const calls = [1, 2].map(() => rejection(lease.run(readPipe, [path], { timeoutSeconds: 0.1 })));
    const errors = await Promise.all(calls);
    expect(errors).toMatchObject([{ phase: 'run' }, { phase: 'run' }]);
    const waiting = rejection(lease.run(tasks.note, [stage.ledger.path, 1]));
    await until(() => lease.signal.aborted, 'the lease is over');
    return aside(await waiting);
  },
  'a module that `--import` names, or `--require`, starts a manager': async (stage) => {
    const execArgv = ['--import', tasksUrl('flags-start-manager.mjs').href];
    const env = { ...process.env, LOG: stage.ledger.path, BACKEND: 'thread', HOW: 'awaits it' };
    const manager = newManager({ workerOptions: { execArgv, env }, workersPerPool: 1 });
    const error = await rejection(manager.start());
    expect(String(error.cause)).toContain('a worker runs what --import');
    expect(stage.ledger.lines).toHaveLength(5);
    return aside(error);
  },
  'a pool would have to be opened just after one broke': async (stage) => {
    const flag = new FileGate();
    const manager = await startManager({ ...stage.startingWhile(flag), minPools: 0 });
    flag.open();
    const lease = await manager.acquire();
    await rejection(lease.run(tasks.echo, [1]));
    await until(() => manager.totalCount === 0, 'the pool is gone');
    const attempts = stage.ledger.lines.length;
    const error = await rejection(manager.acquire());
    expect(stage.ledger.lines).toHaveLength(attempts);
    return aside(error);
  },
};

interface Row {
  readonly situation: string;
  readonly error: string;
  readonly code: string;
  readonly phase: string;
  readonly worker: string;
}

const page = readFileSync('docs/when-things-go-wrong.md', 'utf8');

const rows: Row[] = [...page.matchAll(/^\|(.*)\|$/gm)]
  .map(([, cells]) => cells.split('|').map((cell) => cell.trim()))
  .filter(([first]) => first !== 'Situation' && !/^-+$/.test(first))
  .map(([situation, error, code, phase, worker]) => ({ situation, error, code, phase, worker }));

test('every situation of the page is run, and each that is run is on the page', () => {
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.map(({ situation }) => situation).toSorted()).toEqual(Object.keys(situations).toSorted());
});

/** What an error is, as the page says it. */
function describe(error: unknown): Omit<Row, 'situation' | 'worker'> {
  if (error === undefined) return { error: '-', code: '-', phase: '-' };
  const { constructor, code, phase, message } = error as {
    constructor: { name: string };
    code?: string;
    phase?: string;
    message: string;
  };
  if (code === 'E_PAYMENT' || message === 'mine') return { error: 'its own', code: 'its own', phase: '-' };
  return {
    error: `\`${constructor.name}\``,
    code: code === undefined ? '-' : `\`${code.replace('ERR_LEASEPOOL_', '')}\``,
    phase: phase ?? '-',
  };
}

test.each(rows.map((row) => [row.situation, row] as const))(
  'what the page says is so: %s',
  async (_title, row) => {
    const { situation, ...expected } = row;
    const seen = await situations[situation](new Stage());
    expect({ ...describe(seen.error), worker: seen.worker }).toEqual(expected);
  },
);
