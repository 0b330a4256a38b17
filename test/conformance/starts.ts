import { expect } from 'vitest';
import { range, reasonOf, summaryOf, taskOf } from '../support/executor-bench.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import type { Subject } from './subject.ts';

const task = (name: string) => taskOf('conformance-tasks.js', name);

let modules = 0;

/** Under a URL of its own, so that it is a module of its own also where workers share a thread. */
function preloadModule(): string {
  return `${tasksUrl('conformance-preload.js').href}?${++modules}`;
}

/** What a worker has before its first job, and how it finds its tasks. */
export function startRows(subject: Subject): void {
  const shared = subject.share();

  subject.row('T4 preload runs once in each worker, before any job', ['preload', 'workerData'], async () => {
    const ledger = new Ledger();
    const meetings = new Ledger();
    const bench = await subject.open({
      workers: 2,
      preload: [preloadModule()],
      workerData: { ledger: ledger.path, mode: 'comes up' },
    });
    const calls = bench.sendAll(
      task('note'),
      range(50).map((entry) => [ledger.path, entry]),
    );
    await bench.outcomesOf(calls);
    const met = await bench.outcomesOf(
      bench.sendAll(
        task('meet'),
        range(2).map(() => [meetings.path, 2]),
      ),
    );
    const workers = new Set(met.map((outcome) => (outcome as { value: { worker: string } }).value.worker));
    const preloads = ledger.lines.flatMap((line, place) =>
      line.startsWith('preload') ? [{ line, place }] : [],
    );
    expect(preloads.map(({ line }) => line.split(' ')[1]).toSorted()).toEqual([...workers].toSorted());
    expect(ledger.lines[0]).toMatch(/^preload/);
  });

  subject.row('T4 several modules are preloaded one after the other', ['preload', 'workerData'], async () => {
    const ledger = new Ledger();
    const bench = await subject.open({
      preload: [preloadModule(), preloadModule(), preloadModule()],
      workerData: { ledger: ledger.path, mode: 'comes up' },
    });
    await bench.run(task('note'), [ledger.path, 1]);
    expect(ledger.lines.map((line) => line.split(' ')[0])).toEqual(['preload', 'preload', 'preload', '1']);
  });

  subject.row(
    'T4 workerData() gives every worker a copy of its own',
    ['workerData', 'several workers'],
    async () => {
      const meetings = new Ledger();
      const original = { limit: 7, names: new Map([['a', 1]]) };
      const bench = await subject.open({ workers: 2, workerData: original });
      const data = await bench.run(task('workerData'));
      expect(data).toEqual(original);
      const changer = await bench.run(task('changeWorkerData'), ['limit', 8]);
      const met = await bench.outcomesOf(
        bench.sendAll(
          task('meet'),
          range(2).map(() => [meetings.path, 2]),
        ),
      );
      const seen = met.map((outcome) => (outcome as { value: { worker: string; data: object } }).value);
      const limits = seen.map(({ data: { limit } }: { data: { limit?: number } }) => limit);
      expect(limits.toSorted((a, b) => a! - b!)).toEqual([7, 8]);
      expect(seen.map(({ worker }) => worker)).toContain(changer);
      expect(original).toEqual({ limit: 7, names: new Map([['a', 1]]) });
    },
  );

  subject.row(
    'T4 S29 errors in workerData() keep their class, code, fields and cause',
    ['workerData'],
    async () => {
      const cause = Object.assign(new RangeError('inner'), { code: 'E_INNER' });
      const error = Object.assign(new TypeError('outer', { cause }), {
        code: 'E_OUTER',
        hint: { retry: true },
      });
      const bench = await subject.open({ workerData: { known: [error] } });
      const { known } = await bench.run(task('workerData'));
      expect(known[0]).toBeInstanceOf(TypeError);
      expect(known[0]).toMatchObject({ message: 'outer', code: 'E_OUTER', hint: { retry: true } });
      expect(known[0].cause).toBeInstanceOf(RangeError);
      expect(known[0].cause).toMatchObject({ message: 'inner', code: 'E_INNER' });
    },
  );

  subject.row('T4 workerData() is undefined when there is none', ['workerData'], async () => {
    const bench = await shared();
    expect(await bench.run(task('workerData'))).toBeUndefined();
  });

  subject.row(
    'T5 a module that does not load fails its call alone, and is tried again by the next',
    [],
    async () => {
      const bench = await shared();
      const gate = new FileGate();
      const failing = taskOf(`conformance-load-once.js?how=throws&pass=${gate.path}`, 'loaded');
      const calls = [
        bench.call(task('echo'), [1]),
        bench.call(failing),
        bench.call(task('echo'), [2]),
        bench.call(failing),
      ];
      bench.submit(calls);
      const outcomes = await bench.outcomesOf(calls);
      expect(summaryOf(outcomes)).toEqual([
        1,
        'rejected ERR_LEASEPOOL_TASK_MODULE',
        2,
        'rejected ERR_LEASEPOOL_TASK_MODULE',
      ]);
      expect(reasonOf(outcomes[1]).cause).toMatchObject({
        name: 'TypeError',
        message: 'this module does not load',
      });
      gate.open();
      expect(await bench.run(failing)).toBe('loaded');
    },
  );

  subject.row('T5 so does a module that is not there', [], async () => {
    const bench = await shared();
    const missing = taskOf('conformance-nowhere.js', 'loaded');
    const calls = [bench.call(task('echo'), [1]), bench.call(missing), bench.call(task('echo'), [2])];
    bench.submit(calls);
    expect(summaryOf(await bench.outcomesOf(calls))).toEqual([1, 'rejected ERR_LEASEPOOL_TASK_MODULE', 2]);
  });

  subject.row('T2 a name that the module does not have fails its call alone', [], async () => {
    const bench = await shared();
    for (const name of ['nowhere', 'toString', '__proto__', 'constructor']) {
      const calls = [
        bench.call(task('echo'), [1]),
        bench.call(taskOf('conformance-results.js', name)),
        bench.call(task('echo'), [2]),
      ];
      bench.submit(calls);
      const outcomes = await bench.outcomesOf(calls);
      expect(summaryOf(outcomes)).toEqual([1, 'rejected ERR_LEASEPOOL_TASK_NOT_FOUND', 2]);
      expect(reasonOf(outcomes[1]).message).toContain('giving');
    }
  });
}
