import { type CallOutcome, WorkerCrashedError } from 'leasepool';
import { expect } from 'vitest';
import {
  type Bench,
  range,
  type RecordedCall,
  reasonOf,
  summaryOf,
  taskOf,
} from '../support/executor-bench.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import type { Need, Subject } from './subject.ts';

const task = (name: string) => taskOf('conformance-tasks.js', name);

const jobs = 60;
const victim = 23;

interface Death {
  readonly how: string;
  readonly needs: readonly Need[];
  /** Of the error. */
  readonly sign: object;
  /** Without a last word: results of the last millisecond are lost. */
  readonly isSudden?: boolean;
}

const deaths: readonly Death[] = [
  { how: 'exit(0)', needs: [], sign: { exitCode: 0 } },
  { how: 'exit(1)', needs: [], sign: { exitCode: 1 } },
  { how: 'exit(7) later', needs: [], sign: { exitCode: 7 } },
  { how: 'an uncaught error', needs: [], sign: { cause: { name: 'TypeError', message: 'thrown late' } } },
  {
    how: 'an unhandled rejection',
    needs: [],
    sign: { cause: { name: 'TypeError', message: 'rejected late' } },
  },
  { how: 'an uncaught null', needs: [], sign: {} },
  { how: 'SIGKILL', needs: ['sudden deaths'], sign: { signal: 'SIGKILL' }, isSudden: true },
  { how: 'abort()', needs: ['sudden deaths'], sign: { signal: 'SIGABRT' }, isSudden: true },
  { how: 'out of memory', needs: ['memory limits'], sign: {}, isSudden: true },
];

/** What is thrown may be hard to tell about. */
const oddEnds = [
  'an uncaught symbol',
  'an uncaught function',
  'an uncaught proxy',
  'uncaught shared memory',
  'a rejection without a reason',
  'an exit after two timers',
];

/** What a job may do to its worker, and what then comes of that job; its mates notice nothing. */
const mischief: readonly (readonly [how: string, needs: readonly Need[]])[] = [
  ['sets process.exitCode', []],
  ['removes the listeners of its process', []],
  ['removes the listeners of its process, and stays busy', []],
  ['closes parentPort', ['parentPort']],
  ['floods parentPort', ['parentPort']],
  ['sends messages of its own', ['an IPC channel']],
  ['disconnects from its parent', ['an IPC channel']],
  ['changes its directory', ['a directory of its own']],
  ['leaves timers and a server behind', []],
  ['catches what is uncaught', []],
  ['prints and destroys its output', []],
  ['prints and ends its output', []],
  ['prints and corks its output', []],
  ['listens to its exit', []],
];

const limited = { resourceLimits: { maxOldGenerationSizeMb: 32 } };

/** A worker that dies fails at most the call it runs; nothing runs twice, and the pool works on. */
export function crashRows(subject: Subject): void {
  const shared = subject.share();
  const sharedByTwo = subject.share({ workers: 2 });

  async function worksOn(bench: Bench): Promise<void> {
    const calls = bench.sendAll(
      task('add'),
      range(20).map((value) => [value, 1]),
    );
    expect(summaryOf(await bench.outcomesOf(calls))).toEqual(range(20, 1));
  }

  /** All have their result, or, of a sudden death, lost it: those that had finished just before on that worker. */
  function expectMates(outcomes: readonly CallOutcome[], workers: number, isSudden: boolean): void {
    const mates = range(jobs).filter((entry) => entry !== victim);
    const lost = isSudden ? mates.filter((entry) => outcomes[entry].status !== 'fulfilled') : [];
    for (const entry of lost) expect(reasonOf(outcomes[entry])).toMatchObject({ phase: 'finished' });
    expect(lost.every((entry) => entry < victim)).toBe(true);
    if (workers === 1) expect(lost).toEqual(range(lost.length, victim - lost.length));
    const rest = mates.filter((entry) => !lost.includes(entry));
    expect(summaryOf(rest.map((entry) => outcomes[entry]))).toEqual(rest);
  }

  for (const { how, needs, sign, isSudden = false } of deaths) {
    for (const workers of [1, 2]) {
      subject.row(
        `N1 N2 a call that ends its worker fails alone, and nothing runs twice: ${how}, ${workers} worker${workers > 1 ? 's' : ''}`,
        ['dying workers', ...needs],
        async () => {
          const bench = await (how === 'out of memory'
            ? subject.open({ workers, workerOptions: limited })
            : workers === 1
              ? shared()
              : sharedByTwo());
          const ledger = new Ledger();
          const calls = bench.sendAll(
            task('endAt'),
            range(jobs).map((entry) => [ledger.path, entry, victim, how]),
          );
          const outcomes = await bench.outcomesOf(calls);
          expectMates(outcomes, workers, isSudden);
          const reason = reasonOf(outcomes[victim]);
          expect(outcomes[victim].status).toBe('rejected');
          expect(reason).toBeInstanceOf(WorkerCrashedError);
          expect(reason).toMatchObject({ code: 'ERR_LEASEPOOL_WORKER_CRASHED', phase: 'running', ...sign });
          expect(ledger.sorted).toEqual(range(jobs));
          await worksOn(bench);
        },
      );
    }
  }

  subject.row(
    'N2 whatever is thrown where nobody catches it fails its call alone',
    ['dying workers'],
    async () => {
      const bench = await sharedByTwo();
      const ledger = new Ledger();
      const calls = oddEnds.flatMap((how, index) => [
        bench.call(task('endAt'), [ledger.path, index, index, how]),
        bench.call(task('echo'), [how]),
      ]);
      bench.submit(calls);
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual(
        oddEnds.flatMap((how) => ['rejected ERR_LEASEPOOL_WORKER_CRASHED running', how]),
      );
      expect(ledger.sorted).toEqual(range(oddEnds.length));
    },
  );

  subject.row(
    'N1 a result that ends its worker while it is copied loses none of those before it',
    ['dying workers'],
    async () => {
      const bench = await shared();
      const send = (victim: number): RecordedCall[] =>
        bench.sendAll(
          task('endWhenCopied'),
          range(jobs).map((entry) => [entry, victim]),
        );
      await bench.outcomesOf(send(-1)); // Known to be short: results wait for company.
      const outcomes = await bench.outcomesOf(send(victim));
      expect(reasonOf(outcomes.splice(victim, 1)[0])).toMatchObject({ exitCode: 4 });
      expect(summaryOf(outcomes)).toEqual(range(jobs).filter((entry) => entry !== victim));
    },
  );

  subject.row(
    'N1 among many short calls, a death loses no result that had left',
    ['dying workers'],
    async () => {
      const bench = await shared();
      for (const last of [0, 1, 500, 999]) {
        const ledger = new Ledger();
        const calls = bench.sendAll(
          task('endAt'),
          range(1000).map((entry) => [ledger.path, entry, last, 'exit(1)']),
        );
        const outcomes = await bench.outcomesOf(calls);
        expect(range(1000).filter((entry) => outcomes[entry].status !== 'fulfilled')).toEqual([last]);
        expect(ledger.sorted).toEqual(range(1000));
      }
    },
  );

  subject.row(
    'N1 a sudden death loses at most the results of the last millisecond, with phase "finished"',
    ['dying workers', 'sudden deaths'],
    async () => {
      const bench = await shared();
      const ledger = new Ledger();
      const calls = bench.sendAll(
        task('endAtTimed'),
        range(2000).map((entry) => [ledger.path, entry, 1900, 'SIGKILL']),
      );
      const outcomes = await bench.outcomesOf(calls);
      const failed = range(2000).filter((entry) => outcomes[entry].status !== 'fulfilled');
      expect(failed.at(-1)).toBe(1900);
      expect(reasonOf(outcomes[1900])).toMatchObject({ phase: 'running', signal: 'SIGKILL' });
      const lost = failed.slice(0, -1);
      expect(lost).toEqual(range(lost.length, 1900 - lost.length));
      for (const entry of lost) expect(reasonOf(outcomes[entry])).toMatchObject({ phase: 'finished' });
      const begun = new Map(ledger.lines.map((line) => line.split(' ').map(Number) as [number, number]));
      expect(begun.size).toBe(2000);
      expect(ledger.lines).toHaveLength(2000);
      // A millisecond of work, and the last of them may have taken longer.
      if (lost.length > 1) expect(begun.get(lost.at(-1)!)! - begun.get(lost[0])!).toBeLessThan(2);
    },
  );

  subject.row(
    'N1 calls that all end their workers are each blamed once, and nothing else is',
    ['dying workers'],
    async () => {
      const bench = await sharedByTwo();
      const ledger = new Ledger();
      const calls = bench.sendAll(
        task('endAt'),
        range(24).map((entry) => [ledger.path, entry, entry % 3 === 0 ? entry : -1, 'exit(1)']),
      );
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual(
        range(24).map((entry) => (entry % 3 === 0 ? 'rejected ERR_LEASEPOOL_WORKER_CRASHED running' : entry)),
      );
      expect(ledger.sorted).toEqual(range(24));
      await worksOn(bench);
    },
  );

  subject.row(
    'N1 of several workers, only the one that dies has its call blamed',
    ['dying workers', 'several workers', 'several batches at once'],
    async () => {
      const bench = await subject.open({ workers: 3 });
      const ledger = new Ledger();
      const gate = new FileGate();
      const held = ['a', 'b'].map((entry) => bench.send(task('hold'), [ledger.path, entry, gate.path]));
      await ledger.untilHas('a', 'b');
      const dying = bench.send(task('endAt'), [ledger.path, 1, 1, 'exit(7) later']);
      expect(reasonOf(await bench.outcomeOf(dying))).toMatchObject({ phase: 'running', exitCode: 7 });
      expect(held.some((call) => call.hasSettled)).toBe(false);
      gate.open();
      expect((await bench.outcomesOf(held)).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    },
  );

  for (const how of ['exit(1)', 'an uncaught error at once', 'SIGKILL']) {
    subject.row(
      `N1 what is with a worker that dies before it begins it runs elsewhere: ${how}`,
      ['dying workers', ...(how === 'SIGKILL' ? (['sudden deaths'] as const) : [])],
      async () => {
        const bench = await shared();
        const ledger = new Ledger();
        const gate = new FileGate();
        const worker = await bench.run(task('endIdle'), [ledger.path, gate.path, how]);
        await ledger.untilHas('idle');
        const calls = bench.sendAll(
          task('note'),
          range(30).map((entry) => [ledger.path, entry]),
        );
        gate.open();
        expect(summaryOf(await bench.outcomesOf(calls))).toEqual(range(30));
        expect(ledger.entries).toEqual(range(30));
        expect(await bench.run(task('worker'))).not.toBe(worker);
      },
    );
  }

  subject.row(
    'N1 a call whose memory has moved to a worker that dies before it begins it fails with phase "queued"',
    ['dying workers', 'moving'],
    async () => {
      const bench = await shared();
      const ledger = new Ledger();
      const gate = new FileGate();
      await bench.run(task('endIdle'), [ledger.path, gate.path]);
      await ledger.untilHas('idle');
      const buffers = range(5).map(() => new ArrayBuffer(8));
      const calls = buffers.map((buffer) => bench.call(task('keep'), [buffer], { transfer: [buffer] }));
      const note = bench.call(task('note'), [ledger.path, 1]);
      bench.submit([...calls, note]);
      gate.open();
      expect(summaryOf(await bench.outcomesOf([...calls, note]))).toEqual([
        'rejected ERR_LEASEPOOL_WORKER_CRASHED queued',
        ...range(4).map(() => 8),
        1,
      ]);
    },
  );

  subject.row('N2 a worker that dies between jobs fails nothing', ['dying workers'], async () => {
    const bench = await subject.open();
    const ledger = new Ledger();
    for (const how of ['an uncaught error', 'an unhandled rejection']) {
      const calls = bench.sendAll(
        task('endLater'),
        range(30).map((entry) => [ledger.path, entry, 13, how]),
      );
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual(range(30));
      await worksOn(bench);
    }
    expect(ledger.sorted).toEqual(range(30).flatMap((entry) => [entry, entry]));
  });

  subject.row('N2 a stack overflow is the error of its job, and its worker stays', [], async () => {
    const bench = await shared();
    const worker = await bench.run(task('worker'));
    const calls = [
      bench.call(task('echo'), [1]),
      bench.call(task('overflow')),
      bench.call(task('echo'), [2]),
    ];
    bench.submit(calls);
    const [first, overflow, second] = await bench.outcomesOf(calls);
    expect(summaryOf([first, second])).toEqual([1, 2]);
    expect(reasonOf(overflow)).toBeInstanceOf(RangeError);
    expect(await bench.run(task('worker'))).toBe(worker);
  });

  subject.row(
    'N2 an import that exits ends its call alone, and is tried again by the next',
    ['dying workers'],
    async () => {
      const bench = await shared();
      const gate = new FileGate();
      const exits = taskOf(`conformance-load-once.js?how=exits&pass=${gate.path}`, 'loaded');
      const calls = [
        bench.call(task('echo'), [1]),
        bench.call(exits),
        bench.call(task('echo'), [2]),
        bench.call(exits),
        bench.call(task('echo'), [3]),
      ];
      bench.submit(calls);
      const outcomes = await bench.outcomesOf(calls);
      const crashed = 'rejected ERR_LEASEPOOL_WORKER_CRASHED running';
      expect(summaryOf(outcomes)).toEqual([1, crashed, 2, crashed, 3]);
      expect(reasonOf(outcomes[1])).toMatchObject({ exitCode: 9 });
      gate.open();
      expect(await bench.run(exits)).toBe('loaded');
    },
  );

  for (const [how, needs] of mischief) {
    subject.row(
      `N2 a job may do this to its worker, and nobody loses anything: it ${how}`,
      ['dying workers', ...needs],
      async () => {
        const bench = await shared();
        const ledger = new Ledger();
        const calls = bench.sendAll(
          task('misbehave'),
          range(jobs).map((entry) => [ledger.path, entry, victim, how]),
        );
        const outcomes = await bench.outcomesOf(calls);
        const mates = (of: readonly unknown[]): unknown[] => of.filter((_each, entry) => entry !== victim);
        expect(mates(summaryOf(outcomes))).toEqual(mates(range(jobs)));
        expect(outcomes[victim]).toEqual({ status: 'fulfilled', value: victim });
        expect(ledger.sorted).toEqual(range(jobs));
        await worksOn(bench);
        // It can still be ended, and what it was has no hold on its successor.
        const reason = reasonOf(
          await bench.outcomeOf(bench.send(task('endAt'), [ledger.path, 99, 99, 'exit(1)'])),
        );
        expect(reason).toMatchObject({ phase: 'running' });
        await worksOn(bench);
      },
    );
  }

  subject.row('N2 a thread has no directory of its own, and says so to the job', ['parentPort'], async () => {
    const bench = await shared();
    const ledger = new Ledger();
    const directory = process.cwd();
    const reason = await bench.failure(task('misbehave'), [ledger.path, 1, 1, 'changes its directory']);
    expect(reason).toMatchObject({ code: 'ERR_WORKER_UNSUPPORTED_OPERATION' });
    expect(process.cwd()).toBe(directory);
    await worksOn(bench);
  });

  subject.row('N2 many deaths in a row leave a pool that works', ['dying workers'], async () => {
    const bench = await shared();
    const ledger = new Ledger();
    // More of them than a pool may fail to start a worker.
    for (const round of range(7)) {
      const reason = await bench.failure(task('endAt'), [ledger.path, round, round, 'exit(1)']);
      expect(reason).toMatchObject({ phase: 'running' });
    }
    await worksOn(bench);
    expect(ledger.entries).toEqual(range(7));
  });
}
