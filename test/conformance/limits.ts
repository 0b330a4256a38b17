import { TimeoutError } from 'leasepool';
import { expect } from 'vitest';
import { hrtimeNow, range, reasonOf, summaryOf, taskOf } from '../support/executor-bench.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import { until } from '../support/until.ts';
import type { Subject } from './subject.ts';

const task = (name: string) => taskOf('conformance-tasks.js', name);

/** Calls end when they are told to, or when their time is over; their mates do not notice. */
export function limitRows(subject: Subject): void {
  const { hold } = subject;
  const shared = subject.share();
  const sharedByTwo = subject.share({ workers: 2 });

  subject.row(
    'M4 endCalls() settles running calls with the reason at once, and only their workers are replaced',
    ['ending workers', 'ending calls at once', 'several workers'],
    async () => {
      const bench = await sharedByTwo();
      const ledger = new Ledger();
      const meetings = new Ledger();
      const [gateA, gateB] = [new FileGate(), new FileGate()];
      const met = await bench.outcomesOf(
        bench.sendAll(task('meet'), [
          [meetings.path, 2],
          [meetings.path, 2],
        ]),
      );
      const before = met.map((outcome) => (outcome as { value: { worker: string } }).value.worker);
      expect(new Set(before).size).toBe(2);

      const a = bench.send(task(hold), [ledger.path, 'a', gateA.path]);
      const b = bench.send(task(hold), [ledger.path, 'b', gateB.path]);
      await ledger.untilHas('a', 'b');
      const notes = bench.sendAll(
        task('note'),
        range(20).map((entry) => [ledger.path, entry]),
      );
      const reason = new Error('ended by the test');
      bench.endCalls([a], reason);
      expect(await bench.outcomeOf(a)).toEqual({ status: 'rejected', reason });
      expect(reasonOf(await a.settled)).toBe(reason);
      expect(b.hasSettled).toBe(false);
      // On the replacement: the other worker is held.
      expect(summaryOf(await bench.outcomesOf(notes))).toEqual(range(20));
      const replacement = await bench.run(task('worker'));
      expect(before).not.toContain(replacement);
      gateA.open();
      gateB.open();
      const survivor = (await bench.outcomeOf(b)) as { value: string };
      expect(before).toContain(survivor.value);
      await bench.run(task('nothing'));
      expect(ledger.lines.filter((line) => line.startsWith('a'))).toEqual(['a']);
      expect(ledger.sorted).toEqual(range(20));
    },
  );

  subject.row(
    'M4 endCalls() leaves alone what does not run: calls that wait, have settled or are unknown',
    ['ending workers'],
    async () => {
      const bench = await shared();
      const ledger = new Ledger();
      const gate = new FileGate();
      const worker = await bench.run(task('worker'));
      const settled = bench.send(task('echo'), [1]);
      await bench.outcomeOf(settled);
      const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
      await ledger.untilHas('held');
      const waiting = bench.sendAll(
        task('note'),
        range(10).map((entry) => [ledger.path, entry]),
      );
      bench.endCalls([settled, ...waiting, bench.call(task('echo'))], new Error('ended by the test'));
      gate.open();
      expect(summaryOf(await bench.outcomesOf([held, ...waiting]))).toEqual([worker, ...range(10)]);
    },
  );

  subject.row(
    'M4 endCalls() of several calls ends each, and nothing behind them is lost',
    ['ending workers', 'ending calls at once', 'several workers'],
    async () => {
      const bench = await sharedByTwo();
      const ledger = new Ledger();
      const gate = new FileGate();
      const held = ['a', 'b'].map((entry) => bench.send(task(hold), [ledger.path, entry, gate.path]));
      await ledger.untilHas('a', 'b');
      const notes = bench.sendAll(
        task('note'),
        range(40).map((entry) => [ledger.path, entry]),
      );
      bench.endCalls([...held, ...notes], new Error('ended by the test'));
      expect((await bench.outcomesOf(held)).map(reasonOf).map((reason) => reason.message)).toEqual([
        'ended by the test',
        'ended by the test',
      ]);
      expect(summaryOf(await bench.outcomesOf(notes))).toEqual(range(40));
      expect(ledger.sorted).toEqual(range(40));
    },
  );

  for (const kind of [hold, 'holdAsync'] as const) {
    subject.row(
      `N3 a call that runs longer than its timeoutSeconds fails alone, and its worker is replaced: ${kind}`,
      ['ending workers'],
      async () => {
        const bench = await shared();
        const ledger = new Ledger();
        const gate = new FileGate();
        const worker = await bench.run(task('worker'));
        const before = range(20).map((entry) => bench.call(task('note'), [ledger.path, entry]));
        const slow = bench.call(task(kind), [ledger.path, 'slow', gate.path], { timeoutSeconds: 0.2 });
        const after = range(20, 20).map((entry) => bench.call(task('note'), [ledger.path, entry]));
        const sentAt = performance.now();
        bench.submit([...before, slow, ...after]);
        const reason = reasonOf(await bench.outcomeOf(slow));
        expect(slow.settledAt! - sentAt).toBeGreaterThan(199);
        expect(reason).toBeInstanceOf(TimeoutError);
        expect(reason).toMatchObject({ name: 'TimeoutError', code: 'ERR_LEASEPOOL_TIMEOUT', phase: 'run' });
        expect(before.every((call) => call.hasSettled)).toBe(true);
        expect(summaryOf(await bench.outcomesOf([...before, ...after]))).toEqual(range(40));
        expect(ledger.entries).toEqual(range(40));
        gate.open();
        expect(await bench.run(task('worker'))).not.toBe(worker);
        expect(ledger.lines).not.toContain('slow done');
      },
    );
  }

  subject.row(
    'N3 timeoutSeconds counts from the moment a worker begins the call',
    ['ending workers'],
    async () => {
      const bench = await shared();
      const ledger = new Ledger();
      const gate = new FileGate();
      const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
      await ledger.untilHas('held');
      const sentAt = performance.now();
      const limited = bench.send(task('note'), [ledger.path, 1], { timeoutSeconds: 0.5 });
      await until(() => performance.now() - sentAt > 600);
      expect(limited.hasSettled).toBe(false);
      gate.open();
      const worker = (await bench.outcomeOf(held)) as { value: string };
      expect(await bench.outcomeOf(limited)).toEqual({ status: 'fulfilled', value: 1 });
      expect(await bench.run(task('worker'))).toBe(worker.value);
    },
  );

  subject.row('N3 a call that ends in time is not disturbed later', ['ending workers'], async () => {
    const bench = await shared();
    const worker = await bench.run(task('worker'));
    const calls = range(10).map((value) => bench.call(task('echo'), [value], { timeoutSeconds: 1 }));
    bench.submit(calls);
    expect(summaryOf(await bench.outcomesOf(calls))).toEqual(range(10));
    const endedAt = performance.now();
    await until(() => performance.now() - endedAt > 1100);
    expect(await bench.run(task('worker'))).toBe(worker);
  });

  subject.row(
    'N3 a call whose result can never be copied ends with its timeoutSeconds, and its mates lose nothing',
    ['ending workers'],
    async () => {
      const bench = await shared();
      const worker = await bench.run(task('worker'));
      const calls = [
        bench.call(task('echo'), [1]),
        bench.call(task('endlessResult'), [], { timeoutSeconds: 0.1 }),
        bench.call(task('echo'), [2]),
      ];
      bench.submit(calls);
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual([1, 'rejected ERR_LEASEPOOL_TIMEOUT run', 2]);
      expect(await bench.run(task('worker'))).not.toBe(worker);
    },
  );

  subject.row(
    'M4 endCalls() ends a call whose result can never be copied',
    ['ending workers', 'ending calls at once'],
    async () => {
      const bench = await shared();
      const ledger = new Ledger();
      const calls = bench.sendAll(task('endlessResult'), [[ledger.path], [ledger.path]]);
      const reason = new Error('ended by the test');
      for (const [place, call] of calls.entries()) {
        await ledger.untilLines(place + 1);
        bench.endCalls([call], reason);
        expect(reasonOf(await bench.outcomeOf(call))).toBe(reason);
      }
      expect(await bench.run(task('echo'), [3])).toBe(3);
    },
  );

  subject.row('N3 several calls that run too long each fail alone', ['ending workers'], async () => {
    const bench = await sharedByTwo();
    const ledger = new Ledger();
    const gate = new FileGate();
    const calls = range(12).map((entry) =>
      entry % 4 === 1
        ? bench.call(task(hold), [ledger.path, `slow ${entry}`, gate.path], { timeoutSeconds: 0.2 })
        : bench.call(task('note'), [ledger.path, entry]),
    );
    bench.submit(calls);
    expect(summaryOf(await bench.outcomesOf(calls))).toEqual(
      range(12).map((entry) => (entry % 4 === 1 ? 'rejected ERR_LEASEPOOL_TIMEOUT run' : entry)),
    );
    expect(ledger.sorted).toEqual(range(12).filter((entry) => entry % 4 !== 1));
  });

  subject.row(
    'S3 a result leaves before a call with timeoutSeconds begins, so a fast call loses nothing to a slow mate',
    ['ending workers'],
    async () => {
      const bench = await shared();
      const ledger = new Ledger();
      const gate = new FileGate();
      // Short so often that its results may wait for company, but not for one that has a time limit.
      await bench.outcomesOf(
        bench.sendAll(
          task('note'),
          range(60).map((entry) => [ledger.path, entry]),
        ),
      );
      const fast = range(5, 60).map((entry) => bench.call(task('note'), [ledger.path, entry]));
      const slow = bench.call(task(hold), [ledger.path, 'slow', gate.path], { timeoutSeconds: 5 });
      bench.submit([...fast, slow]);
      expect(summaryOf(await bench.outcomesOf(fast))).toEqual(range(5, 60));
      expect(slow.hasSettled).toBe(false);
      gate.open();
      expect((await bench.outcomeOf(slow)).status).toBe('fulfilled');
    },
  );

  subject.row(
    'T5 a module that does not finish loading within startTimeoutSeconds fails its item, and is tried again by the next',
    ['ending workers'],
    async () => {
      const bench = await subject.open({ startTimeoutSeconds: 3 });
      const gate = new FileGate();
      const neverLoads = taskOf(`conformance-load-once.js?how=never&pass=${gate.path}`, 'loaded');
      const calls = [
        bench.call(task('echo'), [1]),
        bench.call(neverLoads, [], { timeoutSeconds: 0.3 }),
        bench.call(task('echo'), [2]),
      ];
      bench.submit(calls);
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual([1, 'rejected ERR_LEASEPOOL_TASK_MODULE', 2]);
      gate.open();
      expect(await bench.run(neverLoads)).toBe('loaded');
    },
  );

  subject.row('N3 a call that is late already never begins', [], async () => {
    const bench = await shared();
    const ledger = new Ledger();
    const calls = [
      bench.call(task('note'), [ledger.path, 1]),
      bench.call(task('note'), [ledger.path, 2], { beginBeforeMs: hrtimeNow() - 1 }),
      bench.call(task('note'), [ledger.path, 3], { beginBeforeMs: hrtimeNow() + 60_000 }),
      bench.call(task('note'), [ledger.path, 4]),
    ];
    bench.submit(calls);
    const outcomes = await bench.outcomesOf(calls);
    expect(summaryOf(outcomes)).toEqual([1, 'rejected ERR_LEASEPOOL_TIMEOUT queue', 3, 4]);
    expect(reasonOf(outcomes[1])).toBeInstanceOf(TimeoutError);
    expect(ledger.entries).toEqual([1, 3, 4]);
  });

  subject.row('N3 a call that becomes late while it waits for its worker never begins', [], async () => {
    const bench = await subject.open();
    const ledger = new Ledger();
    const gate = new FileGate();
    const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
    await ledger.untilHas('held');
    const lateAt = hrtimeNow() + 100;
    const late = range(3).map((entry) =>
      bench.call(task('note'), [ledger.path, entry], { beginBeforeMs: lateAt }),
    );
    const inTime = bench.call(task('note'), [ledger.path, 9], { beginBeforeMs: lateAt + 60_000 });
    bench.submit([...late, inTime]);
    await until(() => hrtimeNow() > lateAt);
    gate.open();
    expect(summaryOf(await bench.outcomesOf([...late, inTime]))).toEqual([
      ...late.map(() => 'rejected ERR_LEASEPOOL_TIMEOUT queue'),
      9,
    ]);
    await bench.outcomeOf(held);
    expect(ledger.entries).toEqual([9]);
  });
}
