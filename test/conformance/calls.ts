import type { CallOutcome } from 'leasepool';
import { expect } from 'vitest';
import { range, type RecordedCall, sourceTask, summaryOf, taskOf } from '../support/executor-bench.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import { turns } from '../support/until.ts';
import type { Subject } from './subject.ts';

const task = (name: string) => taskOf('conformance-tasks.js', name);

const isOdd = (value: number): boolean => value % 2 === 1;

/** Jobs begin once, in order, and settle once; what is taken back never begins. */
/** With a hole. */
const sparse = Object.assign(new Array<number>(3), { 0: 1, 2: 3 });

export function callRows(subject: Subject): void {
  const { hold } = subject;
  const shared = subject.share();
  const sharedByTwo = subject.share({ workers: subject.can('several workers') ? 2 : 1 });
  const sharedByThree = subject.share({ workers: 3 });

  subject.row(
    'M8 a call settles with its result, and only after submitBatch() has returned',
    [],
    async () => {
      const bench = await shared();
      const calls = bench.sendAll(
        task('echo'),
        [undefined, null, 0, -0, NaN, '', 42n, sparse, new Map([['key', new Date(0)]])].map((value) => [
          value,
        ]),
      );
      expect(calls.some((call) => call.hasSettled)).toBe(false);
      const outcomes = await bench.outcomesOf(calls);
      expect(outcomes).toEqual(
        [undefined, null, 0, -0, NaN, '', 42n, sparse, new Map([['key', new Date(0)]])].map((value) => ({
          status: 'fulfilled',
          value,
        })),
      );
    },
  );

  subject.row('M8 a call that cannot be made settles after submitBatch() has returned, too', [], async () => {
    const bench = await shared();
    await bench.run(task('nothing')); // Up: nothing but the rule delays the answer.
    const call = bench.send(task('lengthOf'), [() => {}]);
    expect(call.hasSettled).toBe(false);
    expect(summaryOf([await bench.outcomeOf(call)])).toEqual(['rejected ERR_LEASEPOOL_NOT_CLONEABLE']);
  });

  subject.row('M8 settle() is called as a method of its call', [], async () => {
    const bench = await shared();
    const receivers: unknown[] = [];
    const makeCall = (args: readonly unknown[]) => {
      const call = {
        task: task('lengthOf'),
        args,
        transfer: [],
        owner: undefined,
        timeoutSeconds: undefined,
        beginBeforeMs: undefined,
        settle(_outcome: CallOutcome) {
          receivers.push(this);
        },
      };
      return call;
    };
    const calls = [makeCall(['text']), makeCall([null]), makeCall([() => {}])];
    expect(bench.executor.submitBatch(calls)).toEqual({ submitted: 3 });
    await bench.run(task('nothing'));
    await turns();
    expect(receivers).toHaveLength(3);
    for (const call of calls) expect(receivers).toContain(call);
  });

  subject.row('S4 one worker begins calls in the order in which they were submitted', [], async () => {
    const bench = await subject.open();
    const ledger = new Ledger();
    const calls: RecordedCall[] = [];
    for (const batch of range(5)) {
      const entries = range(80, batch * 80);
      const batched = entries.map((entry) =>
        bench.call(task(entry % 7 === 0 ? 'noteToo' : 'note'), [ledger.path, entry]),
      );
      expect(bench.submit(batched).submitted).toBe(80);
      calls.push(...batched);
      await bench.outcomeOf(batched[40]);
    }
    const outcomes = await bench.outcomesOf(calls);
    expect(summaryOf(outcomes)).toEqual(range(400));
    expect(ledger.entries).toEqual(range(400));
  });

  subject.row('S4 several workers share the calls, and each is made once', ['several workers'], async () => {
    const bench = await sharedByThree();
    const ledger = new Ledger();
    const calls = bench.sendAll(
      task('note'),
      range(600).map((entry) => [ledger.path, entry]),
    );
    expect(summaryOf(await bench.outcomesOf(calls))).toEqual(range(600));
    expect(ledger.sorted).toEqual(range(600));
  });

  subject.row('S4 as many calls run at once as there are workers', ['several workers'], async () => {
    const bench = await sharedByThree();
    const ledger = new Ledger();
    const calls = bench.sendAll(
      task('meet'),
      range(3).map(() => [ledger.path, 3]),
    );
    const outcomes = await bench.outcomesOf(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  subject.row(
    'S33 a worker without work is given what another has not begun',
    ['several workers', 'several batches at once'],
    async () => {
      const bench = await sharedByTwo();
      const ledger = new Ledger();
      const gate = new FileGate();
      await bench.outcomesOf(
        bench.sendAll(
          task('note'),
          range(50).map((entry) => [ledger.path, entry]),
        ),
      );
      const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
      const notes = bench.sendAll(
        task('note'),
        range(200, 50).map((entry) => [ledger.path, entry]),
      );
      await bench.outcomesOf(notes);
      expect(held.hasSettled).toBe(false);
      gate.open();
      await bench.outcomeOf(held);
      expect(ledger.sorted).toEqual(range(250));
    },
  );

  subject.row('M8 an empty batch is taken', [], async () => {
    const bench = await shared();
    expect(bench.submit([])).toEqual({ submitted: 0 });
    expect(await bench.run(task('add'), [1, 2])).toBe(3);
  });

  subject.row('S7 calls submitted when another settles are taken, in order', [], async () => {
    const bench = await shared();
    const ledger = new Ledger();
    const calls: RecordedCall[] = [];
    const submitNext = (entry: number): RecordedCall => {
      const call = bench.call(task('note'), [ledger.path, entry]);
      const { settle } = call;
      call.settle = function (outcome) {
        settle.call(this, outcome);
        if (entry < 40) calls.push(submitNext(entry + 1));
      };
      bench.submit([call]);
      return call;
    };
    calls.push(submitNext(0));
    while (calls.length < 41 || !calls.at(-1)!.hasSettled) await bench.outcomeOf(calls.at(-1)!);
    expect(ledger.entries).toEqual(range(41));
  });

  subject.row('M8 calls may be submitted while an argument of another is being read', [], async () => {
    const bench = await shared();
    await bench.run(task('echo'), [0]);
    let inner: RecordedCall | undefined;
    const outer = bench.send(task('echo'), [
      {
        get value() {
          inner ??= bench.send(task('echo'), ['inner']);
          return 'outer';
        },
      },
    ]);
    expect(await bench.outcomeOf(outer)).toEqual({ status: 'fulfilled', value: { value: 'outer' } });
    expect(await bench.outcomeOf(inner!)).toEqual({ status: 'fulfilled', value: 'inner' });
    expect(await bench.run(task('add'), [1, 2])).toBe(3);
  });

  subject.row(
    'S27 a call that is taken back never runs and never settles',
    ['taking back what was sent'],
    async () => {
      const bench = await shared();
      const ledger = new Ledger();
      const gate = new FileGate();
      // Known to be short: the worker is then sent many of them at once.
      await bench.outcomesOf(
        bench.sendAll(
          task('note'),
          range(50).map((entry) => [ledger.path, entry]),
        ),
      );
      const calls = [
        bench.call(task(hold), [ledger.path, 'held', gate.path]),
        ...range(300, 50).map((entry) => bench.call(task('note'), [ledger.path, entry])),
      ];
      bench.submit(calls);
      await ledger.untilHas('held');
      const [held, ...notes] = calls;
      const taken = notes.filter((_call, index) => isOdd(index));
      expect(taken.map((call) => bench.takeBack(call))).toEqual(taken.map(() => true));
      gate.open();
      await bench.outcomesOf([held, ...notes.filter((call) => !call.wasTakenBack)]);
      await bench.run(task('nothing'));
      expect(taken.some((call) => call.hasSettled)).toBe(false);
      expect(ledger.entries).toEqual([...range(50), ...range(300, 50).filter((entry) => !isOdd(entry))]);
    },
  );

  subject.row('S27 a call that has begun is not taken back, and settles', [], async () => {
    const bench = await shared();
    const ledger = new Ledger();
    const gate = new FileGate();
    const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
    await ledger.untilHas('held');
    expect(bench.takeBack(held)).toBe(false);
    gate.open();
    expect((await bench.outcomeOf(held)).status).toBe('fulfilled');
    expect(bench.takeBack(held)).toBe(false);
    expect(ledger.lines).toEqual(['held', 'held done']);
  });

  subject.row('S27 a call that was taken back can be submitted again', [], async () => {
    const bench = await shared();
    const ledger = new Ledger();
    const gate = new FileGate();
    const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
    const call = bench.send(task('note'), [ledger.path, 1]);
    await ledger.untilHas('held');
    expect(bench.takeBack(call)).toBe(true);
    expect(bench.takeBack(call)).toBe(false);
    call.wasTakenBack = false;
    bench.submit([call]);
    gate.open();
    await bench.outcomesOf([held, call]);
    expect(ledger.entries).toEqual([1]);
  });

  subject.row('S27 a call that was never submitted is not taken back', [], async () => {
    const bench = await shared();
    const stranger = bench.call(task('echo'), [1]);
    expect(bench.executor.takeBack!(stranger)).toBe(false);
    expect(await bench.run(task('add'), [1, 2])).toBe(3);
  });

  subject.row('S27 whoever is first, a call either runs and settles or is taken back', [], async () => {
    const bench = await sharedByTwo();
    const ledger = new Ledger();
    await bench.outcomesOf(
      bench.sendAll(
        task('note'),
        range(40).map((entry) => [ledger.path, entry]),
      ),
    );
    const all: RecordedCall[] = [];
    for (const round of range(40)) {
      const calls = bench.sendAll(
        task('note'),
        range(40, 1000 + 40 * round).map((entry) => [ledger.path, entry]),
      );
      all.push(...calls);
      // Some rounds meet calls that wait, some meet them while they begin.
      if (round % 4 > 0) await bench.outcomeOf(calls[round % 4 === 1 ? 0 : round % 13]);
      for (const call of calls.toReversed()) if (!call.hasSettled) bench.takeBack(call);
      await bench.outcomesOf(calls.filter((call) => !call.wasTakenBack));
    }
    await bench.run(task('nothing'));
    // A worker that passes over a call which was wanted back gives it back: never begun.
    const ran = all
      .filter((call) => call.outcomes.some(({ status }) => status !== 'returned'))
      .map((call) => call.args[1]);
    expect(all.every((call) => call.hasSettled !== call.wasTakenBack)).toBe(true);
    expect(ledger.sorted.filter((entry) => entry >= 1000)).toEqual(ran);
  });

  subject.row('N11 an object given to several calls reaches each as its own copy', [], async () => {
    const bench = await shared();
    const object = { marks: 0 };
    const list: number[] = [];
    await bench.outcomesOf(
      bench.sendAll(
        task('markOnce'),
        range(30).map(() => [{}]),
      ),
    );
    const marks = bench.sendAll(
      task('markOnce'),
      range(50).map(() => [object]),
    );
    const pushes = bench.sendAll(
      task('push'),
      range(50).map((value) => [list, value]),
    );
    expect(summaryOf(await bench.outcomesOf(marks))).toEqual(range(50).map(() => 1));
    expect(summaryOf(await bench.outcomesOf(pushes))).toEqual(range(50).map((value) => [value]));
    expect([object, list]).toEqual([{ marks: 0 }, []]);
  });

  subject.row(
    'S10 a result is what it was when its job ended, whatever later jobs do to it',
    [],
    async () => {
      const bench = await shared();
      const list: number[] = [];
      const calls = bench.sendAll(
        task('push'),
        range(50).map((value) => [list, value]),
      );
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual(range(50).map((value) => [value]));
    },
  );

  subject.row('N4 a job that returns a promise holds its worker until it has settled', [], async () => {
    const bench = await shared();
    const ledger = new Ledger();
    const gate = new FileGate();
    const held = bench.send(task('holdAsync'), [ledger.path, 'held', gate.path]);
    const calls = bench.sendAll(task('note'), [
      [ledger.path, 1],
      [ledger.path, 2],
    ]);
    await ledger.untilHas('held');
    gate.open();
    await bench.outcomesOf([held, ...calls]);
    expect(ledger.lines).toEqual(['held', 'held done', '1', '2']);
  });

  subject.row('N4 promises and thenables are awaited, and their rejections arrive', [], async () => {
    const bench = await shared();
    expect(await bench.run(task('resolveLater'), ['value'])).toBe('value');
    expect(await bench.run(task('thenable'), ['value'])).toBe('value');
    const error = await bench.failure(task('rejectLater'), ['rejected']);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe('rejected');
  });

  subject.row(
    'N4 a promise has one outcome, whatever its own then does, and so have its mates',
    ['asking a promise of its own'],
    async () => {
      const bench = await shared();
      const calls = ['promiseOfItsOwn', 'echo', 'promiseOfItsOwn', 'echo'].map((name, index) =>
        bench.call(task(name), [index]),
      );
      bench.submit(calls);
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual([0, 1, 2, 3]);
      expect(await bench.run(task('add'), [1, 2])).toBe(3);
    },
  );

  subject.row(
    'N4 with asyncTasks: "reject" they fail with AsyncTaskError, and their mates do not',
    [],
    async () => {
      const bench = await subject.open({ asyncTasks: 'reject' });
      const calls = ['resolveLater', 'rejectLater', 'thenable', 'echo'].map((name) =>
        bench.call(task(name), ['a']),
      );
      bench.submit([...calls, bench.call(task('add'), [1, 2])]);
      const outcomes = await bench.outcomesOf(bench.calls);
      expect(summaryOf(outcomes)).toEqual([
        ...range(3).map(() => 'rejected ERR_LEASEPOOL_ASYNC_TASK'),
        'a',
        3,
      ]);
      await turns(); // What was refused rejects now, and harms nobody.
      expect(await bench.run(task('add'), [1, 2])).toBe(3);
    },
  );

  subject.row('N7 a task may come as source text', ['source text'], async () => {
    const bench = await shared();
    expect(await bench.run(sourceTask('(a, b) => Math.max(a, b)'), [3, 4])).toBe(4);
    expect(await bench.run(sourceTask('(function twice(a) { return a * 2; })', 'twice'), [3])).toBe(6);
    const error = await bench.failure(sourceTask('() => nowhereDefined + 1'));
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toContain('nowhereDefined');
  });

  subject.row('N6 timers of a worker run while it waits for work', [], async () => {
    const bench = await shared();
    const ledger = new Ledger();
    await bench.run(task('tick'), [ledger.path, 5]);
    await ledger.untilLines(5);
  });
}
