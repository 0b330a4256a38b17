import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { type LeasedExecutorManagerOptions, WorkGrinder } from 'leasepool';
import { describe, expect, test } from 'vitest';
import { Gate } from '../support/gate.ts';
import { runNode, runProgram } from '../support/manager-child.ts';
import { rejection, startManager } from '../support/manager-start.ts';
import { SharedLog } from '../support/shared-log.ts';
import { turns, until } from '../support/until.ts';
import { tasks } from '../tasks/manager-tasks.js';

/** A lease of the only pool, whose one worker is a thread. */
async function setup(options: LeasedExecutorManagerOptions = {}) {
  const manager = await startManager(options);
  return { manager, lease: await manager.acquire(), gate: new Gate(), log: new SharedLog() };
}

/** Of more situations than those that conformance/grinder.ts tries with each kind of worker. */
describe('what keeps the process alive', () => {
  const life = (scenario: string) => runProgram('manager-life.js', scenario);

  test.each([
    'idle pools',
    'a lease without work',
    'an idle manager whose demand may change',
    'a job that was cancelled and is over',
  ])('N5 the process exits by itself with %s', async (scenario) => {
    expect(await life(scenario)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test.each([
    ['a job that runs', 'it ran\n'],
    ['a job that waits for its promise', 'it ran\n'],
    ['an item that waits for company', 'it ran\n'],
    ['an item that waits for a lease', 'it ran\n'],
    ['a waiter with a time limit', 'ERR_LEASEPOOL_TIMEOUT\n'],
    ['a pool that is opened for more demand', 'it has started\n'],
    ['a pool that tries to start again', 'ERR_LEASEPOOL_BROKEN_EXECUTOR\n'],
    ['a stop that waits for a job', 'it ran\nit has stopped\n'],
  ])('N5 the process stays alive for %s, and exits then', async (scenario, stdout) => {
    expect(await life(scenario)).toEqual({ exitCode: 0, stdout, stderr: '' });
  });

  test.each(['although its workers were coming up', 'although a worker was to be tried again'])(
    'N5 no file, thread, timer or listener outlives stop(), %s',
    async (scenario) => {
      const { exitCode, stdout, stderr } = await life(scenario);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      const [before, after] = JSON.parse(stdout) as [object, object];
      expect(before).toMatchObject({ resources: [], timers: 0 });
      expect(after).toEqual(before);
    },
  );
});

describe('workers between jobs', () => {
  test('N6 timers of a worker run while it waits for work', async () => {
    const { lease } = await setup();
    const ticks = new Int32Array(new SharedArrayBuffer(4));
    await lease.run(tasks.tick, [ticks]);
    await until(() => ticks[0]! > 5);
  });

  test('N6 messages reach a worker while it waits for work', async () => {
    const { lease } = await setup();
    const { port1, port2 } = new MessageChannel();
    await lease.run(tasks.answer, [port2], { transfer: [port2] });
    const answers: unknown[] = [];
    port1.on('message', (answer) => answers.push(answer));
    port1.postMessage('call');
    await until(() => answers.length === 1);
    expect(answers).toEqual(['call back']);
  });
});

describe('jobs that return promises', () => {
  test('N4 such a job holds its worker until the promise has settled', async () => {
    const { lease, gate, log } = await setup();
    const first = lease.run(tasks.holdAsync, [gate.cells, 'first']);
    const second = lease.run(tasks.record, [log.cells, 2]);
    await gate.untilBegun();
    await turns();
    expect(log.entries).toEqual([]);
    gate.open();
    expect(await first).toBe('first');
    expect(await second).toBe(2);
  });

  test('N4 with more workers, the others go on', async () => {
    const { lease, gate } = await setup({ workersPerPool: 2 });
    const first = lease.run(tasks.holdAsync, [gate.cells, 'first']);
    await gate.untilBegun();
    expect(await lease.run(tasks.echo, ['second'])).toBe('second');
    gate.open();
    expect(await first).toBe('first');
  });

  test('N4 its rejection is the error of its caller', async () => {
    const { lease } = await setup();
    await expect(lease.run(async () => Promise.reject(new RangeError('later')))).rejects.toThrow(RangeError);
    expect(await lease.run(tasks.echo, [1])).toBe(1);
  });

  test('N4 any thenable is awaited', async () => {
    const { lease } = await setup();
    expect(await lease.run(tasks.thenable, ['value'])).toBe('value');
  });

  test('N4 with asyncTasks: "reject" it fails with AsyncTaskError, and alone', async () => {
    const { lease } = await setup({ asyncTasks: 'reject' });
    const before = await lease.run(tasks.whichThread);
    const [good, bad, alsoGood] = await Promise.allSettled([
      lease.run(tasks.echo, [1]),
      lease.run(async () => 2, [], { owner: 'me' }),
      lease.run(tasks.echo, [3]),
    ]);
    expect(good).toMatchObject({ status: 'fulfilled', value: 1 });
    expect(bad).toMatchObject({
      status: 'rejected',
      reason: { name: 'AsyncTaskError', code: 'ERR_LEASEPOOL_ASYNC_TASK', owner: 'me' },
    });
    expect(alsoGood).toMatchObject({ status: 'fulfilled', value: 3 });
    expect(await lease.run(tasks.whichThread)).toBe(before);
  });

  test('N4 a promise that was refused and rejects later harms nobody', async () => {
    const { lease } = await setup({ asyncTasks: 'reject' });
    const before = await lease.run(tasks.whichThread);
    for (let count = 0; count < 3; count++) {
      await expect(lease.run(async () => Promise.reject(new Error('unheard')))).rejects.toMatchObject({
        code: 'ERR_LEASEPOOL_ASYNC_TASK',
      });
    }
    const ticks = new Int32Array(new SharedArrayBuffer(4));
    await lease.run(tasks.tick, [ticks]);
    await until(() => ticks[0]! > 2, 'the event loop of the worker has turned');
    expect(await lease.run(tasks.whichThread)).toBe(before);
  });
});

describe('copies', () => {
  test('N11 an object given to several jobs of one message reaches each as its own copy', async () => {
    const { lease } = await setup();
    await lease.runBatch(
      tasks.push,
      Array.from({ length: 50 }, () => [[], 0] as const),
    );
    const list: number[] = [];
    const outcomes = await lease.runBatch(tasks.push, [
      [list, 1],
      [list, 2],
      [list, 3],
    ]);
    expect(outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value)).toEqual([
      [1],
      [2],
      [3],
    ]);
    expect(list).toEqual([]);
  });

  test('N11 the same goes for jobs in a long row, whatever messages they travel in', async () => {
    const { lease } = await setup({ workersPerPool: 2 });
    const list = ['given'];
    const values = Array.from({ length: 500 }, (_, value) => value);
    const results = await Promise.all(values.map((value) => lease.run(tasks.push, [list, value])));
    expect(results).toEqual(values.map((value) => ['given', value]));
  });

  test('N11 the same goes for typed arrays, maps and errors', async () => {
    const { lease } = await setup();
    for (const shared of [new Uint8Array(4), new Map([['key', 'value']]), new Error('shared')] as const) {
      const outcomes = await lease.runBatch(tasks.markOnce, [[shared], [shared], [shared]]);
      expect(outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value)).toEqual([1, 1, 1]);
    }
  });
});

describe('the package', () => {
  const use = `
    const manager = new LeasedExecutorManager({ workersPerPool: 1 });
    manager.start()
      .then(() => manager.withLease((lease) => lease.run((a, b) => a + b, [20, 22])))
      .then((sum) => console.log(sum))
      .finally(() => manager.stop());`;

  test.each([
    ['imported', `import('leasepool').then(({ LeasedExecutorManager }) => { ${use} })`],
    ['required', `const { LeasedExecutorManager } = require('leasepool'); ${use}`],
  ])('N10 it can be %s, without a warning', async (_how, program) => {
    expect(await runNode(['-e', program])).toEqual({ exitCode: 0, stdout: '42\n', stderr: '' });
  });

  test('N10 imported and required, it is the same', async () => {
    const path = fileURLToPath(import.meta.resolve('leasepool'));
    const program = `
      import { createRequire } from 'node:module';
      import * as imported from 'leasepool';
      const required = createRequire(${JSON.stringify(path)})('leasepool');
      console.log(imported.LeasedExecutorManager === required.LeasedExecutorManager);`;
    expect(await runNode(['--input-type=module', '-e', program])).toMatchObject({
      exitCode: 0,
      stdout: 'true\n',
    });
  });
});

describe('what belongs to its thread', () => {
  async function setupOwned() {
    const { manager, lease } = await setup();
    const grinder = new WorkGrinder({ executorManager: manager });
    return { lease, owned: { manager, lease, grinder } };
  }

  test.each(['manager', 'grinder', 'lease'] as const)(
    'S12 a %s cannot be posted to another thread',
    async (what) => {
      const { owned } = await setupOwned();
      const { port1 } = new MessageChannel();
      const refused = expect.objectContaining({ name: 'DataCloneError' });
      for (const value of [owned[what], { deep: [owned[what]] }]) {
        expect(() => port1.postMessage(value)).toThrow(refused);
        expect(() => structuredClone(value)).toThrow(refused);
      }
      port1.close();
    },
  );

  test.each(['manager', 'grinder', 'lease'] as const)(
    'S12 a %s cannot be the argument of a job',
    async (what) => {
      const { lease, owned } = await setupOwned();
      expect(await rejection(lease.run(tasks.echo, [owned[what]]))).toMatchObject({
        code: 'ERR_LEASEPOOL_NOT_CLONEABLE',
      });
      expect(await lease.run(tasks.echo, ['unharmed'])).toBe('unharmed');
    },
  );
});
