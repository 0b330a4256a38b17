import { AsyncLocalStorage } from 'node:async_hooks';
import type { Pool } from './pool.ts';
import {
  errorOf,
  expectValue,
  reasonOf,
  rest,
  said,
  type Scene,
  settled,
  settledAll,
  start,
  telling,
  within,
  worksOn,
} from './scene.ts';
import { Fault } from './verdict.ts';

/** Something that happens to a pool. It throws a `Fault` unless it comes out right. */
export interface Situation {
  readonly title: string;
  /** What right is. */
  readonly right: string;
  run(scene: Scene): Promise<void>;
  /** The process is then left alone, and is to end by itself. */
  readonly endsByItself?: boolean;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

function none(what: string): never {
  throw new Fault('none', what);
}

/** One task that fails, with an error that says something; the pool works on. */
async function failing(scene: Scene, job: string, arg?: unknown, memoryMb?: number): Promise<void> {
  const pool = await scene.open({ workers: 1, ...(memoryMb === undefined ? {} : { memoryMb }) });
  telling(await settled(start(pool, job, arg)));
  await worksOn(pool);
}

/** One task that throws a value, which arrives; the pool works on. */
async function throwing(
  scene: Scene,
  job: string,
  check: (outcome: PromiseSettledResult<unknown>) => void,
): Promise<void> {
  const pool = await scene.open();
  check(await settled(start(pool, job)));
  await worksOn(pool);
}

function thrown(expected: unknown) {
  return (outcome: PromiseSettledResult<unknown>): void => {
    const reason = reasonOf(outcome);
    if (reason !== expected) throw new Fault('wrong', `rejects with ${said(reason)}`);
  };
}

/** Names of the parts that are not as they were thrown. */
function expectParts(parts: Readonly<Record<string, boolean>>): void {
  const missing = Object.keys(parts).filter((name) => !parts[name]);
  if (missing.length > 0) throw new Fault('wrong', `does not arrive: ${missing.join(', ')}`);
}

function expectInnocent(outcomes: readonly PromiseSettledResult<unknown>[], guilty: readonly number[]): void {
  const innocent = range(outcomes.length).filter((index) => !guilty.includes(index));
  const lost = innocent.filter((index) => outcomes[index].status === 'rejected');
  if (lost.length > 0) {
    const { reason } = outcomes[lost[0]] as PromiseRejectedResult;
    throw new Fault('lost', `${lost.length} of ${innocent.length} other tasks are rejected: ${said(reason)}`);
  }
  for (const index of innocent) expectValue(outcomes[index], index);
}

const dying: readonly Situation[] = [
  ...[0, 1].map((code): Situation => ({
    title: `a task calls process.exit(${code})`,
    right: 'it rejects; the next task runs',
    run: (scene) => failing(scene, 'exit', code),
  })),
  {
    title: 'of 20 tasks on 2 workers, 5 call process.exit(1)',
    right: '15 resolve, 5 reject',
    async run(scene) {
      const pool = await scene.open({ workers: 2 });
      const outcomes = await settledAll(range(20).map((index) => start(pool, 'exitSometimes', index)));
      const guilty = range(20).filter((index) => index % 4 === 3);
      for (const index of guilty) telling(outcomes[index]);
      expectInnocent(outcomes, guilty);
      await worksOn(pool);
    },
  },
  {
    title: 'a rejection is unhandled while a task runs',
    right: 'it rejects; the next task runs',
    run: (scene) => failing(scene, 'rejectUnhandled'),
  },
  {
    title: 'an error is thrown after its task has resolved',
    right: 'the task has its result; nobody else notices',
    async run(scene) {
      const pool = await scene.open();
      expectValue(await settled(start(pool, 'throwLater')), 'returned');
      await rest(100);
      await worksOn(pool);
      await rest(100);
      await worksOn(pool);
    },
  },
  {
    title: 'a task uses up the memory of resourceLimits',
    right: 'it rejects; the next task runs',
    run: (scene) => failing(scene, 'hoard', undefined, 32),
  },
  {
    title: 'an endless loop is ended by a time limit or a signal',
    right: 'it rejects; the next task runs',
    async run(scene) {
      const pool = await scene.open();
      if (pool.runAtMost === undefined) none('no time limit and no signal');
      reasonOf(await settled(pool.runAtMost(200, 'endless')));
      await worksOn(pool);
    },
  },
  {
    title: 'the worker module throws when it is imported; 6 tasks',
    right: 'all 6 reject, and so does a later one',
    async run(scene) {
      const pool = await scene.open({ workers: 1, fails: true });
      for (const outcome of await settledAll(range(6).map(() => start(pool, 'echo', 1)))) telling(outcome);
      telling(await settled(start(pool, 'echo', 1), 'a later task'));
    },
  },
];

const throwingSituations: readonly Situation[] = [
  {
    title: '`throw null`',
    right: 'rejects with null',
    run: (scene) => throwing(scene, 'throwNull', thrown(null)),
  },
  {
    title: '`throw undefined`',
    right: 'rejects with undefined',
    run: (scene) => throwing(scene, 'throwUndefined', thrown(undefined)),
  },
  {
    title: "`throw 'just text'`",
    right: 'rejects with that text',
    run: (scene) => throwing(scene, 'throwText', thrown('just text')),
  },
  {
    title: 'a class of its own, with name, code, own fields and cause',
    right: 'all of it arrives, on an Error',
    run: (scene) =>
      throwing(scene, 'throwOrder', (outcome) => {
        const error = errorOf(outcome);
        const { name, message, stack, cause } = error;
        expectParts({
          name: name === 'OrderError',
          message: message === 'no such order',
          stack: String(stack).includes('throwOrder'),
          code: error['code'] === 'E_ORDER',
          'own fields': JSON.stringify(error['order']) === '{"id":7,"lines":["a","b"]}',
          cause: cause instanceof RangeError && cause.message === '7 of 5',
        });
      }),
  },
  {
    title: 'an AggregateError',
    right: 'it arrives as one, with its errors',
    run: (scene) =>
      throwing(scene, 'throwSeveral', (outcome) => {
        const error = errorOf(outcome);
        const errors = (error as { errors?: unknown }).errors;
        const inner = Array.isArray(errors) ? errors.map((each: unknown) => (each as Error).message) : [];
        expectParts({
          class: error instanceof AggregateError,
          message: error.message === 'several',
          errors: inner.join() === 'first,second',
        });
      }),
  },
  {
    title: 'an error that has a function as a field',
    right: 'the rest of it arrives',
    run: (scene) =>
      throwing(scene, 'throwWithFunction', (outcome) => {
        const error = errorOf(outcome);
        expectParts({ class: error instanceof TypeError, message: error.message === 'carries a function' });
      }),
  },
  {
    title: 'an error with a circle and a BigInt in a field',
    right: 'it arrives',
    run: (scene) =>
      throwing(scene, 'throwCircle', (outcome) => {
        const error = errorOf(outcome);
        expectParts({ class: error instanceof TypeError, message: error.message === 'goes in circles' });
      }),
  },
];

const copying: readonly Situation[] = [
  {
    title: 'a result cannot be copied',
    right: 'it rejects with an error that says so; the next task runs',
    run: (scene) => failing(scene, 'giveFunction'),
  },
  {
    title: '… while other tasks are with the same worker (two at once, where it can)',
    right: 'the others resolve',
    async run(scene) {
      const pool = await scene.open({ workers: 1, perWorker: 2 });
      const promises = range(20).map((index) =>
        index === 9 ? start(pool, 'giveFunctionLater') : start(pool, 'echoLater', index),
      );
      const outcomes = await settledAll(promises);
      expectInnocent(outcomes, [9]);
      telling(outcomes[9]);
      await worksOn(pool);
    },
  },
  {
    title: 'an argument cannot be copied',
    right: 'it rejects with an error that says so; the next task runs',
    run: (scene) => failing(scene, 'isCalled', { call: () => {} }),
  },
];

/** One short and one long task, both running. */
async function twoRunning(scene: Scene, pool: Pool): Promise<Promise<unknown>[]> {
  const { file } = scene;
  const running = [100, 700].map((ms, entry) => start(pool, 'note', { file, entry, ms }));
  await scene.untilNotes(2);
  return running;
}

const ending: readonly Situation[] = [
  {
    title: 'a graceful close while one short and one long task run',
    right: 'both resolve',
    async run(scene) {
      const pool = await scene.open({ workers: 2 });
      if (pool.close === undefined) none('no graceful close');
      const running = settledAll(await twoRunning(scene, pool));
      const closed = settled(
        pool.close().then(() => undefined),
        'close()',
      );
      expectInnocent(await running, []);
      expectValue(await closed, undefined, 'close()');
    },
  },
  {
    title: 'a task is submitted after that',
    right: 'it rejects, and the pool stays closed',
    async run(scene) {
      const pool = await scene.open();
      await settled(pool.destroy(), 'destroy()');
      const promise = start(pool, 'echo', 1);
      const outcome = await settled(promise, 'a task after it');
      if (outcome.status === 'fulfilled') throw new Fault('wrong', 'the pool comes back to life');
    },
  },
  {
    title: 'the pool is destroyed twice',
    right: 'both resolve',
    async run(scene) {
      const pool = await scene.open();
      for (const which of ['the first destroy()', 'the second destroy()']) {
        const outcome = await settled(pool.destroy(), which);
        if (outcome.status === 'rejected')
          throw new Fault('wrong', `${which} rejects: ${said(outcome.reason)}`);
      }
    },
  },
  {
    title: 'the program has nothing more to do, and the pool is not closed',
    right: 'the process ends',
    endsByItself: true,
    async run(scene) {
      await worksOn(await scene.open());
    },
  },
];

const queueing: readonly Situation[] = [
  {
    title: 'more tasks than the queue may hold',
    right: 'a promise rejects, and what was refused never runs',
    async run(scene) {
      const { file } = scene;
      const pool = await scene.open({ workers: 1, maxQueue: 1 });
      const promises = range(8).map((entry) => start(pool, 'note', { file, entry, ms: 50 }));
      const outcomes = await settledAll(promises);
      const refused = range(8).filter((entry) => outcomes[entry].status === 'rejected');
      if (refused.length === 0) none('no limit');
      await rest(200);
      const ran = refused.filter((entry) => scene.notes.includes(entry));
      if (ran.length > 0) throw new Fault('wrong', `${ran.length} refused tasks run all the same`);
      await worksOn(pool);
    },
  },
  {
    title: 'the order in which one worker begins 1000 tasks',
    right: 'that of their submission',
    async run(scene) {
      const { file } = scene;
      const pool = await scene.open();
      await settledAll(range(1000).map((entry) => start(pool, 'note', { file, entry })));
      const { notes } = scene;
      const early = notes.findIndex((entry, place) => entry !== place);
      if (early >= 0) throw new Fault('wrong', `begins with ${notes.slice(0, 6).join(' ')} …`);
    },
  },
  {
    title: 'timers in a worker that waits for work',
    right: 'they go on',
    async run(scene) {
      const pool = await scene.open();
      await settled(start(pool, 'tick', scene.file));
      await rest(300);
      if (scene.notes.length < 3) throw new Fault('wrong', `${scene.notes.length} ticks of 10 ms in 300 ms`);
    },
  },
  {
    title: 'AsyncLocalStorage in what is chained to the promise',
    right: 'the store of the caller',
    async run(scene) {
      const pool = await scene.open();
      const storage = new AsyncLocalStorage<string>();
      const seen = await within(
        storage.run('of the caller', () => pool.run('echo', 1).then(() => storage.getStore())),
        'the task never settles',
      );
      if (seen !== 'of the caller') throw new Fault('wrong', 'it is lost');
    },
  },
  {
    title: 'options that cannot be meant: NaN, a fraction, an unknown name',
    right: 'all are refused when the pool is made',
    async run({ contestant }) {
      const accepted = Object.keys(contestant.nonsense).filter((name) => {
        try {
          contestant.nonsense[name]();
          return true;
        } catch {
          return false;
        }
      });
      if (accepted.length > 0) throw new Fault('wrong', `accepts ${accepted.join(', ')}`);
    },
  },
  {
    title: '20,000 waiting tasks are called off',
    right: 'it costs the program less than half a second of work',
    async run(scene) {
      const pool = await scene.open();
      if (pool.cancellable === undefined) none('cannot be called off');
      const running = start(pool, 'sleep', 2_000);
      const waiting = range(20_000).map((index) => pool.cancellable!('echo', index));
      const outcomes = settledAll(waiting.map(({ promise }) => promise));
      await rest(500);
      // Not the time of day: others may use the machine too.
      const before = process.cpuUsage();
      for (const { cancel } of waiting.toReversed()) cancel();
      const { user, system } = process.cpuUsage(before);
      await outcomes;
      await settled(running);
      await worksOn(pool);
      const seconds = (user + system) / 1e6;
      if (seconds > 0.5) throw new Fault('wrong', `it costs ${seconds.toFixed(1)} s`);
    },
  },
];

export const situations: readonly Situation[] = [
  ...dying,
  ...throwingSituations,
  ...copying,
  ...ending,
  ...queueing,
];
