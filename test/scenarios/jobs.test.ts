import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { importTasks, LeasedExecutorManager, NotCloneableError, WorkerCrashedError } from 'leasepool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Ledger } from '../support/ledger.ts';
import { rejection, startGrinder, startManager } from '../support/manager-start.ts';
import { sabotageNames, tasks } from '../tasks/scenario-tasks.js';

const backends = ['thread', 'process'] as const;
type Backend = (typeof backends)[number];
// They load it before their first job, so that no time limit is spent on it.
const preload = [new URL('../tasks/scenario-tasks.js', import.meta.url)];

async function leaseOf(backend: Backend, options: object = {}) {
  const manager = await startManager({ backend, preload, ...options });
  return manager.acquire();
}

async function grinderOn(backend: Backend, options: object = {}) {
  const executorManager = await startManager({ backend, preload, ...options });
  const grinder = await startGrinder({ executorManager, batchSizeThreshold: 5, maxWaitSeconds: 0.005 });
  return { executorManager, grinder };
}

describe.each(backends)('values, backend %s', (backend) => {
  test('B15 E18 E27 they arrive as what they are', async () => {
    const lease = await leaseOf(backend);
    const sparse = [1, , 3]; // oxlint-disable-line no-sparse-arrays -- it must stay one
    const circular: Record<string, unknown> = { name: 'itself' };
    circular['self'] = circular;
    const values = [
      undefined,
      null,
      Number.NaN,
      -0,
      2n ** 70n,
      '',
      new Uint8Array(0),
      sparse,
      circular,
      new Map<unknown, unknown>([[{ a: 1 }, new Set([1n])]]),
      new Date(0),
      /a+/giu,
      new Float64Array([Math.PI, -0]),
      [undefined, { inner: undefined }],
    ];
    for (const value of values) expect(await lease.run(tasks.echo, [value])).toStrictEqual(value);
    const back = (await lease.run(tasks.echo, [sparse])) as unknown[];
    expect(1 in back).toBe(false);
    expect(await lease.run(tasks.shares, [circular, circular])).toBe(true);
  });

  test('E18 a key named __proto__ pollutes nothing', async () => {
    const lease = await leaseOf(backend);
    const hostile = JSON.parse('{"__proto__": {"polluted": true}, "own": 1}') as object;
    expect(await lease.run(tasks.polluted, [hostile])).toEqual([['__proto__', 'own'], undefined, undefined]);
    expect(Object.keys((await lease.run(tasks.echo, [hostile])) as object)).toEqual(['__proto__', 'own']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('E19 an instance of a class arrives as a plain object with its fields', async () => {
    const lease = await leaseOf(backend);
    const point: unknown = await lease.run(tasks.point, [1, 2]);
    expect(point).toStrictEqual({ x: 1, y: 2 });
  });

  test('B16 an object with a property "then" that is no function is a value', async () => {
    const lease = await leaseOf(backend);
    expect(await lease.run(tasks.echo, [{ then: 1 }])).toEqual({ then: 1 });
  });

  test('B13 the same function with the same arguments runs as often as it is submitted', async () => {
    const { grinder } = await grinderOn(backend);
    const ledger = new Ledger();
    await Promise.all([1, 2].map(() => grinder.submit(tasks.append, [ledger.path, '7'])));
    expect(ledger.entries).toEqual([7, 7]);
  });

  test('E23 one object given to two items arrives as two', async () => {
    const { grinder } = await grinderOn(backend);
    const given = { list: [1] };
    const [first, second] = (await Promise.all([
      grinder.submit(tasks.echo, [given]),
      grinder.submit(tasks.echo, [given]),
    ])) as [object, object];
    expect(first).toEqual(given);
    expect(first).not.toBe(second);
  });

  test('E24 a result of 64 MB arrives', { timeout: 60_000 }, async () => {
    const lease = await leaseOf(backend);
    const result = (await lease.run(tasks.zeros, [2 ** 26])) as Uint8Array;
    expect(result.length).toBe(2 ** 26);
  });

  test('I13 what a job sends over the channel of its process is no answer', async () => {
    const lease = await leaseOf(backend);
    expect(await Promise.all([lease.run(tasks.sendsToParent), lease.run(tasks.echo, [1])])).toEqual([
      'sent',
      1,
    ]);
  });
});

describe.each(backends)('errors, backend %s', (backend) => {
  test.each(['prepareStackTrace', 'stackTraceLimit'])(
    'E10 an error arrives although a job has broken stack traces: %s',
    async (how) => {
      const lease = await leaseOf(backend);
      const error = await rejection(lease.run(tasks.brokenStacks, [how]));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toBe('it failed');
      expect(await rejection(lease.run(tasks.mended))).toMatchObject({ message: 'it failed again' });
      expect(await lease.run(tasks.echo, [1])).toBe(1);
    },
  );

  test('E9 a message of 20 MB does no harm', { timeout: 60_000 }, async () => {
    const lease = await leaseOf(backend);
    const [error, echoed] = await Promise.all([
      rejection(lease.run(tasks.longMessage, [20_000_000])),
      lease.run(tasks.echo, [2]),
    ]);
    expect(error.message.slice(0, 3)).toBe('xxx');
    expect(echoed).toBe(2);
  });

  test('E4 a chain of a thousand causes arrives as far as it goes', async () => {
    const lease = await leaseOf(backend);
    let error = await rejection(lease.run(tasks.chained, [1000]));
    expect(error.message).toBe('level 999');
    let length = 0;
    for (; error.cause !== undefined && length < 2000; length++) error = error.cause;
    expect(length).toBeGreaterThan(5);
  });

  test('E15 a hundred that cannot be copied do not keep a hundred others', async () => {
    const { grinder } = await grinderOn(backend);
    const bad = Array.from({ length: 100 }, () => rejection(grinder.submit(tasks.echo, [() => {}])));
    const good = Array.from({ length: 100 }, (_, value) => grinder.submit(tasks.echo, [value]));
    for (const error of await Promise.all(bad)) expect(error).toBeInstanceOf(NotCloneableError);
    expect(await Promise.all(good)).toEqual(Array.from({ length: 100 }, (_, value) => value));
  });

  test('K25 jobs whose workers die each get an error of their own', async () => {
    const { grinder } = await grinderOn(backend, { workersPerPool: 2 });
    const errors = await Promise.all([1, 2, 3].map((code) => rejection(grinder.submit(tasks.exit, [code]))));
    expect(new Set(errors).size).toBe(3);
    for (const error of errors) expect(error).toBeInstanceOf(WorkerCrashedError);
    expect(errors.map((error) => error.exitCode)).toEqual([1, 2, 3]);
  });
});

describe.each(backends)('jobs that do not end, backend %s', (backend) => {
  test.each(['catastrophe', 'waits', 'loopInFinally'] as const)(
    'K8 K9 timeoutSeconds ends it, and its mate runs elsewhere: %s',
    async (name) => {
      const { grinder } = await grinderOn(backend);
      const [error, value] = await Promise.all([
        rejection(grinder.submit(tasks[name], [], { timeoutSeconds: 0.1 })),
        grinder.submit(tasks.echo, [4]),
      ]);
      expect(error).toMatchObject({ code: 'ERR_LEASEPOOL_TIMEOUT', phase: 'run' });
      expect(value).toBe(4);
    },
  );
});

describe.each(backends)('sabotage, backend %s', (backend) => {
  test.each(sabotageNames)(
    'K28 a job that takes away %s hangs nobody, and the pool works on',
    async (name) => {
      const { grinder } = await grinderOn(backend);
      const after = [1, 2, 3].map((value) => grinder.submit(tasks.echo, [value]));
      const settled = Promise.allSettled([grinder.submit(tasks.sabotage, [name]), ...after]);
      const more = settled.then(() =>
        Promise.allSettled([4, 5].map((value) => grinder.submit(tasks.echo, [value]))),
      );
      const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'nothing').unref());
      const outcomes = await Promise.race([more, late]);
      expect(outcomes).toEqual([
        { status: 'fulfilled', value: 4 },
        { status: 'fulfilled', value: 5 },
      ]);
    },
  );
});

describe('what a thread has of its own', () => {
  test('K12 process.abort() in a thread is the error of its job, and its worker stays', async () => {
    const lease = await leaseOf('thread');
    const before = await lease.run(tasks.threadId);
    expect((await rejection(lease.run(tasks.abort))).code).toBe('ERR_WORKER_UNSUPPORTED_OPERATION');
    expect(await lease.run(tasks.threadId)).toBe(before);
  });

  test('M6 what a job writes to process.env is seen by later jobs of its worker, and not here', async () => {
    const lease = await leaseOf('thread');
    await lease.run(tasks.setVariable, ['LEASEPOOL_SCENARIO', 'M6']);
    expect(await lease.run(tasks.variable, ['LEASEPOOL_SCENARIO'])).toBe('M6');
    expect(process.env['LEASEPOOL_SCENARIO']).toBeUndefined();
  });
});

describe('what a process survives', () => {
  test('K6 one allocation that is too large ends its process only', { timeout: 60_000 }, async () => {
    const { grinder } = await grinderOn('process', {
      workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 32 } },
    });
    expect(await rejection(grinder.submit(tasks.allocate))).toMatchObject({
      code: 'ERR_LEASEPOOL_WORKER_CRASHED',
      phase: 'running',
    });
    expect(await grinder.submit(tasks.echo, [1])).toBe(1);
  });

  test(
    'K27 one killed while it writes a large result fails its job, and hangs nobody',
    { timeout: 60_000 },
    async () => {
      const ledger = new Ledger();
      const { grinder } = await grinderOn('process');
      const pid = (await grinder.submit(tasks.threadId)) as number;
      const settled = Promise.allSettled([grinder.submit(tasks.finishThenWrite, [ledger.path, 2 ** 27])]);
      await ledger.untilHas('finished');
      process.kill(pid, 'SIGKILL');
      const [{ status, ...outcome }] = await settled;
      // It may have been through already.
      if (status === 'rejected')
        expect(outcome).toMatchObject({ reason: { code: 'ERR_LEASEPOOL_WORKER_CRASHED' } });
      expect(await grinder.submit(tasks.echo, [1])).toBe(1);
    },
  );

  test.each([1, 2, 5])(
    'K31 jobs that kill each other all settle, %d workers',
    { timeout: 60_000 },
    async (workersPerPool) => {
      const ledger = new Ledger();
      const { grinder } = await grinderOn('process', { workersPerPool });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 40 }, (_, marks) => grinder.submit(tasks.killNeighbour, [ledger.path, marks])),
      );
      const codes = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'ran' : outcome.reason.code));
      expect(
        new Set(codes.filter((code) => code !== 'ran' && code !== 'ERR_LEASEPOOL_WORKER_CRASHED')),
      ).toEqual(new Set());
      expect(await grinder.submit(tasks.echo, [1])).toBe(1);
    },
  );
});

describe.each(backends)('memory in a worker, backend %s', (backend) => {
  test('M2 it lets go of the arguments of the last job', async () => {
    const lease = await leaseOf(backend);
    expect(await lease.run(tasks.keepWeakly, [{ large: 'x'.repeat(1000) }])).toBe(true);
    expect(await lease.run(tasks.isStillThere)).toBe(false);
  });
});

describe.each(backends)('modules with odd names, backend %s', (backend) => {
  test.each(['with spaces', 'ünï-cödé 日本', 'a#b?c', '100%25', "it's"])(
    'I11 a task in a folder named %s runs',
    async (name) => {
      const folder = join(mkdtempSync(join(tmpdir(), 'leasepool-names-')), name);
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      mkdirSync(folder);
      const file = join(folder, 'tasks file.mjs');
      writeFileSync(file, 'export const twice = (value) => value * 2;\n');
      const named = importTasks<{ twice(value: number): number }>(pathToFileURL(file));
      const lease = await leaseOf(backend, { preload: [pathToFileURL(file)] });
      expect(await lease.run(named.twice, [21])).toBe(42);
    },
  );
});

describe.each(backends)('workers that cannot be started, backend %s', (backend) => {
  test(
    'V19 with flags that Node does not know, start() rejects with the cause, and the manager is not started',
    { timeout: 60_000 },
    async () => {
      const manager = new LeasedExecutorManager({
        backend,
        workersPerPool: 1,
        workerOptions: { execArgv: ['--no-such-flag-at-all'] },
      });
      const error = await rejection(manager.start());
      expect(error.code).toBe('ERR_LEASEPOOL_BROKEN_EXECUTOR');
      expect(error.cause).toBeInstanceOf(Error);
      expect(manager.stats()).toMatchObject({ started: false, total: 0 });
      await manager.stop();
    },
  );
});
