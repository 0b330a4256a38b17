import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { BrokenExecutorError, NotStartedError, WorkerCrashedError } from 'leasepool';
import { expect } from 'vitest';
import { range, reasonOf, summaryOf, taskOf } from '../support/executor-bench.ts';
import { FileGate, Ledger } from '../support/ledger.ts';
import { tasksUrl } from '../support/tasks-url.ts';
import { turns } from '../support/until.ts';
import type { Subject } from './subject.ts';

const task = (name: string) => taskOf('conformance-tasks.js', name);

let modules = 0;

/** How an executor ends: told to, or because its workers do not come up. And what jobs print. */
export function endRows(subject: Subject): void {
  const { hold } = subject;

  subject.row('M7 at a shutdown, what is not begun is returned at once and never runs', [], async () => {
    const bench = await subject.open();
    const ledger = new Ledger();
    const gate = new FileGate();
    await bench.outcomesOf(
      bench.sendAll(
        task('note'),
        range(50).map((entry) => [ledger.path, entry]),
      ),
    );
    const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
    const waiting = bench.sendAll(
      task('note'),
      range(100, 50).map((entry) => [ledger.path, entry]),
    );
    await ledger.untilHas('held');
    const down = bench.shutdown(60);
    const outcomes = await bench.outcomesOf(waiting);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['returned']));
    for (const outcome of outcomes) expect(reasonOf(outcome)).toBeInstanceOf(NotStartedError);
    expect(held.hasSettled).toBe(false);
    gate.open();
    await down;
    expect((await bench.outcomeOf(held)).status).toBe('fulfilled');
    expect(ledger.entries).toEqual(range(50));
  });

  subject.row(
    'M7 what runs may finish within timeoutSeconds, and the shutdown waits for it',
    [],
    async () => {
      const bench = await subject.open();
      const ledger = new Ledger();
      const gate = new FileGate();
      const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
      await ledger.untilHas('held');
      let isDown = false;
      const down = bench.shutdown(60).then(() => (isDown = true));
      await turns();
      expect([isDown, held.hasSettled]).toEqual([false, false]);
      gate.open();
      await down;
      expect((await bench.outcomeOf(held)).status).toBe('fulfilled');
      expect(ledger.lines).toEqual(['held', 'held done']);
    },
  );

  for (const timeoutSeconds of [0, 0.2]) {
    subject.row(
      `M7 what runs longer fails with WorkerCrashedError of phase "running": after ${timeoutSeconds} s`,
      ['ending workers', 'ending calls at once'],
      async () => {
        const bench = await subject.open();
        const ledger = new Ledger();
        const gate = new FileGate();
        const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
        await ledger.untilHas('held');
        const downAt = performance.now();
        await bench.shutdown(timeoutSeconds);
        expect(performance.now() - downAt).toBeGreaterThan(timeoutSeconds * 1000 - 1);
        const outcome = await bench.outcomeOf(held);
        expect(outcome.status).toBe('rejected');
        const reason = reasonOf(outcome);
        expect(reason).toBeInstanceOf(WorkerCrashedError);
        expect(reason).toMatchObject({ phase: 'running' });
        expect(reason.cause).toBeInstanceOf(NotStartedError);
        gate.open();
        await turns();
        expect(ledger.lines).toEqual(['held']);
      },
    );
  }

  subject.row('M7 shutting down again does nothing, and both resolve', [], async () => {
    const bench = await subject.open();
    const ledger = new Ledger();
    const gate = new FileGate();
    const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
    await ledger.untilHas('held');
    const down = [bench.shutdown(60), bench.shutdown(60)];
    gate.open();
    await Promise.all(down);
    await bench.shutdown(0);
    expect((await bench.outcomeOf(held)).status).toBe('fulfilled');
  });

  subject.row('M7 a second shutdown may cut the first one short', ['ending workers'], async () => {
    const bench = await subject.open();
    const ledger = new Ledger();
    const gate = new FileGate();
    const held = bench.send(task(hold), [ledger.path, 'held', gate.path]);
    await ledger.untilHas('held');
    await Promise.all([bench.shutdown(3600), bench.shutdown(0)]);
    expect(reasonOf(await bench.outcomeOf(held))).toMatchObject({ phase: 'running' });
  });

  subject.row('M7 what is submitted from then on is not taken', [], async () => {
    const bench = await subject.open();
    await bench.run(task('echo'), [1]);
    const down = bench.shutdown(0);
    for (const moment of ['while it shuts down', 'afterwards']) {
      const call = bench.call(task('echo'), [moment]);
      const { submitted, error } = bench.submit([call]);
      expect(submitted, moment).toBe(0);
      expect(error, moment).toBeInstanceOf(NotStartedError);
      expect(bench.executor.takeBack?.(call) ?? false).toBe(false);
      await down;
    }
  });

  for (const timeoutSeconds of [60, 0]) {
    subject.row(
      `W3 an idle worker ends by itself at a shutdown, with its exit listeners run: within ${timeoutSeconds} s`,
      ['dying workers', 'workers of its own'],
      async () => {
        const bench = await subject.open();
        const ledger = new Ledger();
        await bench.run(task('noteAtExit'), [ledger.path, 'left']);
        await bench.shutdown(timeoutSeconds);
        expect(ledger.lines).toEqual(['left']);
      },
    );
  }

  subject.row(
    'W3 so does a worker that is busy, once it has answered',
    ['dying workers', 'workers of its own', 'blocking jobs'],
    async () => {
      const bench = await subject.open();
      const ledger = new Ledger();
      const gate = new FileGate();
      await bench.run(task('noteAtExit'), [ledger.path, 'left']);
      const held = bench.send(task('hold'), [ledger.path, 'held', gate.path]);
      await ledger.untilHas('held');
      const down = bench.shutdown(60);
      gate.open();
      await down;
      expect((await bench.outcomeOf(held)).status).toBe('fulfilled');
      expect(ledger.lines).toEqual(['held', 'held done', 'left']);
    },
  );

  subject.row(
    'W3 M7 a worker whose exit listener does not return is ended for it',
    ['ending workers', 'dying workers', 'workers of its own'],
    async () => {
      const bench = await subject.open();
      const ledger = new Ledger();
      await bench.run(task('staysAtExit'), [ledger.path, 'leaving']);
      await bench.shutdown(60);
      expect(ledger.lines).toEqual(['leaving']);
    },
  );

  subject.row(
    'M7 an executor can be shut down before its workers are up',
    ['workers of its own'],
    async () => {
      const bench = await subject.open({ workers: subject.can('several workers') ? 2 : 1 });
      const ledger = new Ledger();
      const calls = bench.sendAll(
        task('note'),
        range(5).map((entry) => [ledger.path, entry]),
      );
      await bench.shutdown(0);
      const outcomes = await bench.outcomesOf(calls);
      const returned = outcomes.flatMap(({ status }, entry) => (status === 'returned' ? [entry] : []));
      expect(ledger.entries).toEqual(range(5).filter((entry) => !returned.includes(entry)));
    },
  );

  subject.row(
    'M7 a worker that dies during a shutdown does not hold it up, and nothing of it is replaced',
    ['dying workers', 'workers of its own'],
    async () => {
      const bench = await subject.open();
      const ledger = new Ledger();
      const gate = new FileGate();
      await bench.run(task('endIdle'), [ledger.path, gate.path]);
      await ledger.untilHas('idle');
      const calls = bench.sendAll(
        task('note'),
        range(5).map((entry) => [ledger.path, entry]),
      );
      const down = bench.shutdown(60);
      gate.open();
      await down;
      expect(new Set((await bench.outcomesOf(calls)).map(({ status }) => status))).toEqual(
        new Set(['returned']),
      );
      expect(ledger.entries).toEqual([]);
    },
  );

  for (const [mode, needs] of [
    ['throws', []],
    ['exits', ['dying workers']],
    ['never comes up', ['ending workers']],
  ] as const) {
    subject.row(
      `M6 a pool whose workers do not come up is broken after five attempts, says so and can be shut down: its preload ${mode}`,
      ['breaking', 'preload', 'workerData', ...needs],
      async () => {
        const ledger = new Ledger();
        const bench = await subject.open({
          preload: [`${tasksUrl('conformance-preload.js').href}?broken-${++modules}`],
          workerData: { ledger: ledger.path, mode },
          startTimeoutSeconds: mode === 'never comes up' ? 0.3 : 30,
        });
        const calls = bench.sendAll(
          task('echo'),
          range(10).map((value) => [value]),
        );
        const error = await bench.executor.broken!;
        expect(error).toBeInstanceOf(BrokenExecutorError);
        if (mode === 'throws')
          expect(error.cause).toMatchObject({
            code: 'ERR_LEASEPOOL_TASK_MODULE',
            cause: { message: 'this worker was told not to come up' },
          });
        for (const outcome of await bench.outcomesOf(calls)) {
          expect(outcome.status).toBe('returned');
          expect(reasonOf(outcome)).toBeInstanceOf(BrokenExecutorError);
        }
        const late = bench.submit([bench.call(task('echo'), [1])]);
        expect(late.submitted).toBe(0);
        expect(late.error).toBeInstanceOf(BrokenExecutorError);
        expect(summaryOf([{ status: 'rejected', reason: late.error }])).toEqual([
          'rejected ERR_LEASEPOOL_BROKEN_EXECUTOR',
        ]);
        await Promise.all([bench.shutdown(60), bench.shutdown(0)]);
        const attempts = ledger.lines.length;
        expect(attempts).toBeLessThanOrEqual(5);
        if (!subject.can('separate heaps')) return;
        // A worker that is not given the time may not have got as far as the ledger.
        if (mode !== 'never comes up') expect(attempts).toBe(5);
        const times = ledger.lines.map((line) => Number(line.split(' ')[2]));
        if (mode === 'throws')
          for (const [place, waitMs] of [100, 200, 400, 800].entries())
            expect(times[place + 1] - times[place]).toBeGreaterThan(waitMs - 1);
      },
    );
  }

  subject.row(
    'M6 a pool that tries again can be shut down',
    ['breaking', 'preload', 'workerData'],
    async () => {
      const ledger = new Ledger();
      const trying = await subject.open({
        preload: [`${tasksUrl('conformance-preload.js').href}?broken-${++modules}`],
        workerData: { ledger: ledger.path, mode: 'throws' },
      });
      await ledger.untilLines(1);
      const call = trying.send(task('echo'), [1]);
      await trying.shutdown(60);
      expect((await trying.outcomeOf(call)).status).toBe('returned');
    },
  );

  subject.row(
    'M6 workers that come up at a later attempt are used',
    ['breaking', 'preload', 'workerData', 'separate heaps'],
    async () => {
      const ledger = new Ledger();
      const flag = new FileGate();
      flag.open();
      const bench = await subject.open({
        preload: [tasksUrl('conformance-preload.js').href],
        workerData: { ledger: ledger.path, mode: 'throws while told', flag: flag.path },
      });
      const call = bench.send(task('add'), [1, 2]);
      await ledger.untilLines(2);
      flag.close();
      expect(await bench.outcomeOf(call)).toEqual({ status: 'fulfilled', value: 3 });
      expect(ledger.lines.length).toBeLessThanOrEqual(5);
    },
  );

  subject.row(
    'M9 what a job prints reaches the output of the program before its promise settles',
    ['printing from a worker'],
    async () => {
      const program = fileURLToPath(tasksUrl('conformance-prints.js'));
      const child = spawn(process.execPath, [program, subject.name], {
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 20_000,
      });
      const ended = once(child, 'exit');
      // The long text is more than the way there holds, and nobody takes it from there before all of it has been written.
      const [warning] = (await once(child.stderr, 'data')) as [Buffer];
      const lines = (await text(child.stdout)).split('\n').slice(0, -1);
      expect(await ended).toEqual([0, null]);
      expect(String(warning)).toBe('warned\n');
      expect(lines.filter((line) => line.startsWith('long')).map((line) => line.length)).toEqual([2_000_005]);
      expect(lines.map((line) => line.slice(0, 20))).toEqual([
        ...range(50).flatMap((entry) => [`printed ${entry}`, `settled ${entry}`]),
        `long ${'x'.repeat(15)}`,
        'settled long',
      ]);
    },
  );
}
