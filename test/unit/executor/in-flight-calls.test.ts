import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PooledCall, InFlightCalls } from '../../../src/executor/in-flight-calls.ts';
import { ProgressWords } from '../../../src/wire/progress-words.ts';
import { inFlightLimit } from '../../../src/wire/progress.ts';
import { TestCall, testCalls, testTask } from '../../support/fake-workers.ts';

function setup(worker = 3) {
  const progress = new ProgressWords();
  const left: PooledCall[] = [];
  const inFlight = new InFlightCalls(worker, progress, (call) => void left.push(call));
  let sent = 0;
  /** Sends new calls as one chunk. */
  const send = (count: number, callMs?: number): TestCall[] => {
    const calls = testCalls(count, {}, sent);
    sent += count;
    inFlight.markQueued(count);
    inFlight.append(calls, testTask, [], 1000 + sent, callMs);
    return calls;
  };
  return { progress, inFlight, left, send };
}

const args = (calls: readonly PooledCall[]): unknown[] => calls.map((call) => call.args[0]);

describe('the calls with one worker', () => {
  test('leave in the order in which they were sent, those taken back as gaps', () => {
    const { inFlight, left, send } = setup();
    const calls = send(3);
    expect(inFlight.takeBack(calls[1])).toBe(true);
    expect([inFlight.shift(), inFlight.shift(), inFlight.shift()]).toEqual([calls[0], undefined, calls[2]]);
    expect(left).toEqual([calls[1], calls[0], calls[2]]);
    expect([inFlight.isEmpty, inFlight.unfinished, inFlight.first, inFlight.end]).toEqual([true, 0, 3, 3]);
  });

  test('know their worker by their location', () => {
    const { send } = setup(5);
    const [first] = send(700);
    expect(InFlightCalls.workerOf(first.location!)).toBe(5);
    expect(send(300).every((call) => InFlightCalls.workerOf(call.location!) === 5)).toBe(true);
  });

  test('free the room of a chunk when all of it is answered, and then say when it was sent', () => {
    const { inFlight, send } = setup();
    send(2);
    send(1);
    const after = Array.from({ length: 3 }, () => {
      inFlight.shift();
      return [inFlight.endChunks(), inFlight.chunks];
    });
    expect(after).toEqual([
      [undefined, 2],
      [1002, 1],
      [1003, 0],
    ]);
  });

  test('that were wanted back and had begun say so when they are answered', () => {
    const { progress, inFlight, send } = setup();
    const calls = send(2);
    progress.begin(0, undefined);
    expect(inFlight.takeBack(calls[0])).toBe(false);
    const wanted = [0, 1].map(() => {
      const isWanted = inFlight.isNextTakeBackRequested;
      inFlight.shift();
      return isWanted;
    });
    expect(wanted).toEqual([true, false]);
  });

  test('are lost with it, each as far as it had come', () => {
    const { progress, inFlight, send } = setup();
    const calls = send(4);
    progress.begin(0, undefined);
    progress.finish(0);
    inFlight.takeBack(calls[1]);
    progress.begin(2, undefined);
    expect(inFlight.removeLost()).toEqual([
      { call: calls[0], state: 'finished' },
      { call: calls[2], state: 'begun' },
      { call: calls[3], state: 'queued' },
    ]);
    expect([inFlight.isEmpty, inFlight.unfinished, inFlight.chunks]).toEqual([true, 0, 0]);
  });

  test('S27 that somebody wanted back, and that it was about to begin, are theirs when it is gone', () => {
    const { progress, inFlight, send } = setup();
    const calls = send(3);
    // A worker may say that it begins several; those behind the first are still to begin.
    progress.takeBack = () => false;
    for (const call of calls.slice(0, 2)) expect(inFlight.takeBack(call)).toBe(false);
    progress.begin(0, undefined);
    expect(inFlight.removeLost()).toEqual([
      { call: calls[0], state: 'begun' },
      { call: calls[1], state: 'taken back' },
      { call: calls[2], state: 'queued' },
    ]);
  });

  test('S39 that it had to begin next are suspected when it had begun nothing, also those taken back', () => {
    const { inFlight, progress, send } = setup();
    const calls = [...send(3), ...send(2)];
    inFlight.takeBack(calls[1]);
    expect(inFlight.nextIfNoneBegan()).toEqual(calls.slice(0, 3));
    progress.begin(0, undefined);
    expect(inFlight.nextIfNoneBegan()).toEqual([]);
    progress.finish(0);
    expect(inFlight.nextIfNoneBegan()).toEqual([]);
    inFlight.shift();
    expect(inFlight.nextIfNoneBegan()).toEqual([]);
    inFlight.shift();
    inFlight.shift();
    inFlight.endChunks();
    expect(inFlight.nextIfNoneBegan()).toEqual(calls.slice(3));
  });

  test('that it could not read are as if they had not been sent, chunk by chunk', () => {
    const { inFlight, send } = setup();
    const [first] = send(1);
    const unread = send(3);
    const [later] = send(1);
    inFlight.takeBack(unread[0]);
    expect(inFlight.rollBack(1)).toEqual([
      { calls: unread.slice(1), wasAlone: false, newTasks: [] },
      { calls: [later], wasAlone: true, newTasks: [] },
    ]);
    expect([inFlight.end, inFlight.unfinished, inFlight.chunks]).toEqual([1, 1, 1]);
    const [again] = send(1);
    expect([inFlight.shift(), inFlight.shift()]).toEqual([first, again]);
  });

  test('whose memory has moved stay when the last ones are taken back', () => {
    const { inFlight, send } = setup();
    const calls = send(3);
    calls[1].hasMoved = true;
    expect(inFlight.takeBackLast(Infinity)).toEqual([calls[0], calls[2]]);
    expect(inFlight.unfinished).toBe(1);
  });
});

test('N1 S27 whatever host and worker do, each call is taken back, begun, or neither, and places are used again (model)', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('send' as const), count: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ kind: fc.constant('answer' as const), count: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ kind: fc.constant('takeBack' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('takeBackLast' as const), count: fc.integer({ min: 1, max: 200 }) }),
    fc.constant({ kind: 'begin' as const }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { progress, inFlight, left, send } = setup();
      // The model: calls in flight in order, `undefined` where one was taken back; how many the worker is past.
      let model: (TestCall | undefined)[] = [];
      let begun = 0;
      const all: TestCall[] = [];
      for (const each of steps) {
        if (each.kind === 'send') {
          const calls = send(Math.min(each.count, inFlightLimit - model.length));
          if (calls.length > 0) all.push(...calls);
          model.push(...calls);
        } else if (each.kind === 'begin' && begun < model.length) {
          expect(progress.begin(inFlight.first + begun, undefined)).toBe(model[begun] !== undefined);
          begun++;
        } else if (each.kind === 'answer') {
          for (let i = 0; i < Math.min(each.count, model.length); i++) {
            if (begun <= 0) expect(progress.begin(inFlight.first, undefined)).toBe(model[0] !== undefined);
            else begun--;
            const expected = model.shift();
            expect(inFlight.shift()).toBe(expected);
            i++;
          }
          inFlight.endChunks();
        } else if (each.kind === 'takeBack' && all.length > 0) {
          const call = all[each.which % all.length];
          const place = model.indexOf(call);
          const canBe = place >= begun;
          expect(inFlight.takeBack(call)).toBe(canBe);
          if (canBe) model[place] = undefined;
        } else if (each.kind === 'takeBackLast') {
          const expected: TestCall[] = [];
          for (let place = model.length - 1; place >= begun && expected.length < each.count; place--) {
            const call = model[place];
            if (call === undefined) continue;
            expected.unshift(call);
            model[place] = undefined;
          }
          expect(args(inFlight.takeBackLast(each.count))).toEqual(args(expected));
        }
        const held = model.filter((call) => call !== undefined);
        expect(inFlight.unfinished).toBe(held.length);
        expect(inFlight.end - inFlight.first).toBe(model.length);
        expect(left.length).toBe(all.length - held.length);
        if (held.length > 0) {
          const [first] = held;
          expect(inFlight.stateOf(first)).toBe(model.indexOf(first) < begun ? 'begun' : 'queued');
        }
        expect(inFlight.isRunning).toBe(model.slice(0, begun).some((call) => call !== undefined));
        model = [...model];
      }
    }),
    { numRuns: 60 },
  );
});

describe('S33 what a worker has not begun', () => {
  test('is what could go elsewhere, with what it takes, since the oldest of it was sent', () => {
    const { progress, inFlight, send } = setup();
    send(4, 0.5);
    send(2, 3);
    expect(inFlight.backlog(1010)).toEqual({ calls: 6, workMs: 8, ageMs: 6 });
    for (const index of [0, 1, 2]) progress.begin(index, undefined);
    progress.finish(0);
    expect(inFlight.backlog(1010)).toEqual({ calls: 3, workMs: 6.5, ageMs: 6 });
    progress.begin(3, undefined);
    progress.begin(4, undefined);
    expect(inFlight.backlog(1010)).toEqual({ calls: 1, workMs: 3, ageMs: 4 });
    progress.begin(5, undefined);
    expect(inFlight.backlog(1010)).toEqual({ calls: 0, workMs: 0, ageMs: 0 });
    send(1);
    expect(inFlight.backlog(1010)).toEqual({ calls: 1, workMs: Infinity, ageMs: 3 });
  });

  test('is found beside gaps, whatever was taken back and however far the worker has come (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(47), { maxLength: 30 }),
        fc.nat(48),
        fc.nat(48),
        (sizes, gaps, begun, answered) => {
          const { progress, inFlight, send } = setup();
          const calls = sizes.flatMap((size) => send(size, 1));
          for (const gap of gaps) if (gap < calls.length) inFlight.takeBack(calls[gap]);
          const reached = Math.min(begun, calls.length);
          for (let index = 0; index < reached; index++)
            if (progress.begin(index, undefined)) progress.finish(index);
          for (let index = 0; index < Math.min(answered, reached); index++) inFlight.shift();
          inFlight.endChunks();
          const left = calls.filter((_, index) => index >= reached && !gaps.includes(index)).length;
          expect(inFlight.backlog(2000)).toMatchObject({ calls: left, workMs: left });
        },
      ),
    );
  });

  test('does not count what has moved its memory: it cannot go elsewhere', () => {
    const { inFlight, progress } = setup();
    const buffer = new ArrayBuffer(1);
    const moving = new TestCall([buffer], { transfer: [buffer] });
    inFlight.markQueued(1);
    inFlight.append([moving], testTask, [], 1000);
    expect(inFlight.backlog(1010).calls).toBe(0);
    expect(progress.stateOf(0)).toBe('queued');
  });
});
