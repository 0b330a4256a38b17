import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkTracker, type ChunkLimits, type Settlement } from '../../../src/bullmq/chunk-tracker.ts';
import type { PackedArgs } from '../../../src/bullmq/payload.ts';
import type { ExecutorCall } from '../../../src/executor/executor.ts';
import { PoisonItemError } from '../../../src/core/errors.ts';

const limits: ChunkLimits = { maxChunkItems: 4, maxChunkBytes: 1000, maxHostDeaths: 2 };

const argsOf = (bytes: number): PackedArgs => ({ args: [], bytes });

interface NamedCall extends ExecutorCall {
  readonly name: number;
}

function newCall(name: number): NamedCall {
  return {
    name,
    task: { kind: 'reference', module: 'file:///tasks.js', name: 'resize' },
    args: [],
    transfer: [],
    owner: `owner ${name}`,
    timeoutSeconds: undefined,
    beginBeforeMs: undefined,
    settle() {},
  };
}

/** A ledger with calls 0, 1, 2 ... of 10 bytes each. */
function ledgerOf(count: number, given: Partial<ChunkLimits> = {}) {
  const ledger = new ChunkTracker({ ...limits, ...given });
  const calls = Array.from({ length: count }, (_, name) => newCall(name));
  for (const call of calls) ledger.add(call, argsOf(10));
  let chunks = 0;
  const cut = (): string => ledger.cut(`chunk ${++chunks}`)?.id ?? 'none';
  const content = (): number[] => ledger.current!.items.map(({ call }) => (call as NamedCall).name);
  const fulfil = (id: string, index: number): Settlement[] =>
    ledger.answer(id, index, { status: 'fulfilled', value: index });
  return { ledger, calls, cut, content, fulfil };
}

const names = (settlements: readonly Settlement[]): number[] =>
  settlements.map(({ call }) => (call as NamedCall).name);

test('M8 chunks are cut in order, as large as they may be, and one at a time', () => {
  const { cut, content, fulfil } = ledgerOf(6);
  const first = cut();
  expect(content()).toEqual([0, 1, 2, 3]);
  expect(cut()).toBe('none');
  for (const index of [0, 1, 2, 3]) fulfil(first, index);
  cut();
  expect(content()).toEqual([4, 5]);
});

test('M8 a chunk has so many bytes, unless its first item alone has more', () => {
  const { ledger, cut, content } = ledgerOf(1, { maxChunkBytes: 25 });
  for (const [name, bytes] of [
    [1, 10],
    [2, 10],
    [3, 500],
    [4, 1],
  ] as const)
    ledger.add(newCall(name), argsOf(bytes));
  const seen: number[][] = [];
  for (let id = cut(); id !== 'none'; id = cut()) {
    seen.push(content());
    ledger.failCurrent(id, new Error('next'));
  }
  expect(seen).toEqual([[0, 1], [2], [3], [4]]);
});

test('M8 an answer settles its call once, however often it comes', () => {
  const { cut, fulfil } = ledgerOf(2);
  const id = cut();
  expect(fulfil(id, 0)).toHaveLength(1);
  expect(fulfil(id, 0)).toEqual([]);
  expect(fulfil(id, 7)).toEqual([]);
  expect(fulfil('stranger', 1)).toEqual([]);
});

test('S27 what was not sent is taken back, what was sent is not', () => {
  const { ledger, calls, cut } = ledgerOf(6);
  cut();
  expect([ledger.takeBack(calls[5]), ledger.takeBack(calls[5]), ledger.takeBack(calls[0])]).toEqual([
    true,
    false,
    false,
  ]);
});

test('S27 a chunk is wanted back when all that is left of it is', () => {
  const { ledger, calls, cut, fulfil } = ledgerOf(3);
  const id = cut();
  ledger.takeBack(calls[0]);
  ledger.takeBack(calls[1]);
  ledger.takeBack(calls[1]);
  expect(ledger.isCurrentWanted).toBe(false);
  fulfil(id, 2);
  expect(ledger.isCurrentWanted).toBe(true);
  const settled = ledger.withdrawn(id, new Error('taken back'), 'what is wanted');
  expect(settled.map(({ outcome }) => outcome.status)).toEqual(['returned', 'returned']);
  expect(ledger.isEmpty).toBe(true);
});

test('S27 of a chunk that was taken out, what nobody wants back travels again', () => {
  const { ledger, calls, cut, content } = ledgerOf(3);
  const id = cut();
  ledger.takeBack(calls[1]);
  expect(names(ledger.withdrawn(id, new Error('taken back'), 'what is wanted'))).toEqual([1]);
  cut();
  expect(content()).toEqual([0, 2]);
});

test('M8 what a dead host has not answered travels again, before the rest, and carefully', () => {
  const { ledger, cut, content, fulfil } = ledgerOf(6);
  const id = cut();
  fulfil(id, 1);
  expect(ledger.lose(id, 'its host died')).toEqual([]);
  const again = cut();
  expect(content()).toEqual([0, 2, 3]);
  expect(ledger.current!.isCareful).toBe(true);
  for (const index of [0, 1, 2]) fulfil(again, index);
  cut();
  expect(content()).toEqual([4, 5]);
  expect(ledger.current!.isCareful).toBe(false);
});

test('M8 a chunk that Redis lost travels again, and nobody is suspected', () => {
  const { ledger, cut, content } = ledgerOf(2);
  ledger.lose(cut(), 'it is gone');
  cut();
  expect(content()).toEqual([0, 1]);
  expect(ledger.current!.isCareful).toBe(false);
});

test('M8 a late answer to a chunk that was lost counts, if it is the first', () => {
  const { ledger, cut, content, fulfil } = ledgerOf(3);
  const lost = cut();
  ledger.lose(lost, 'its host died');
  expect(names(fulfil(lost, 0))).toEqual([0]);
  const again = cut();
  expect(content()).toEqual([1, 2]);
  expect(names(fulfil(lost, 1))).toEqual([1]);
  expect(fulfil(again, 0)).toEqual([]);
  expect(names(fulfil(again, 1))).toEqual([2]);
  expect(ledger.isEmpty).toBe(true);
  expect(ledger.current).toBeUndefined();
});

test('N2 the item under which hosts die is found by its announcement, and its mates go on without it', () => {
  const { ledger, cut, content } = ledgerOf(4);
  ledger.lose(cut(), 'its host died');
  const careful = cut();
  ledger.begin(careful, 0);
  ledger.answer(careful, 0, { status: 'fulfilled', value: 0 });
  ledger.begin(careful, 1);
  expect(ledger.lose(careful, 'its host died')).toEqual([]);
  const mates = cut();
  expect(content()).toEqual([2, 3]);
  expect(ledger.current!.isCareful).toBe(false);
  for (const index of [0, 1]) ledger.answer(mates, index, { status: 'fulfilled', value: 0 });
  const alone = cut();
  expect(content()).toEqual([1]);
  expect(ledger.current!.isCareful).toBe(true);
  ledger.begin(alone, 0);
  const [{ outcome }] = ledger.lose(alone, 'its host died');
  const { reason } = outcome as { reason: unknown };
  expect(reason).toBeInstanceOf(PoisonItemError);
  expect(reason).toMatchObject({ hostDeaths: 2, owner: 'owner 1', taskName: 'resize' });
  expect(ledger.isEmpty).toBe(true);
});

test('N2 an item that had not begun when its host died is not blamed, however often that is', () => {
  const { ledger, cut } = ledgerOf(1);
  for (let death = 0; death < 20; death++) expect(ledger.lose(cut(), 'its host died')).toEqual([]);
});

test('M8 an item that hosts give back travels again, but not for ever', () => {
  const { ledger, cut } = ledgerOf(2);
  const reasons = [1, 2, 3, 4].map((time) => ledger.requeue(cut(), 0, new Error(`${time}`)));
  expect(reasons.flat()).toEqual([]);
  expect(ledger.current!.items).toHaveLength(2);
});

test('M8 an item is given up when a fifth host gives it back', () => {
  const { ledger, cut } = ledgerOf(1);
  const settled = [1, 2, 3, 4, 5].flatMap(() => ledger.requeue(cut(), 0, new Error('no pool')));
  expect(settled.map(({ outcome }) => outcome.status)).toEqual(['rejected']);
});

test('M8 a chunk that hosts fail as a whole travels again, but not for ever', () => {
  const { ledger, cut } = ledgerOf(2);
  const settled = [1, 2, 3, 4, 5].map((time) => ledger.failed(cut(), new Error(`failure ${time}`)));
  expect(settled.slice(0, 4).flat()).toEqual([]);
  expect(settled[4].map(({ outcome }) => outcome)).toEqual([
    { status: 'rejected', reason: new Error('failure 5') },
    { status: 'rejected', reason: new Error('failure 5') },
  ]);
});

test('M4 calls that end settle with the reason; what was never sent is left alone', () => {
  const { ledger, calls, cut, content } = ledgerOf(6);
  cut();
  const reason = new Error('expired');
  expect(names(ledger.end(calls, reason))).toEqual([0, 1, 2, 3]);
  cut();
  expect(content()).toEqual([4, 5]);
});

test('M7 at the end, what was never sent is returned, and the rest rejected', () => {
  const { ledger, cut } = ledgerOf(6);
  cut();
  expect(names(ledger.clear(new Error('stopped')))).toEqual([4, 5]);
  const rest = ledger.clear(new Error('stopped'), new Error('it ran'));
  expect(rest.map(({ outcome }) => outcome.status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
  expect(ledger.isEmpty).toBe(true);
});

test('M8 whatever happens in whatever order, every call settles exactly once or is taken back', () => {
  const step = fc.record({
    kind: fc.constantFrom('cut', 'answer', 'answer', 'begin', 'lose', 'gone', 'give', 'take', 'out', 'add'),
    chunk: fc.nat(5),
    index: fc.nat(4),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const ledger = new ChunkTracker(limits);
      const calls: NamedCall[] = [];
      const left: number[] = [];
      const ids: string[] = [];
      const settle = (settlements: readonly Settlement[]): void => void left.push(...names(settlements));
      const cut = (): void => {
        const chunk = ledger.cut(`chunk ${ids.length}`);
        if (chunk !== undefined) ids.unshift(chunk.id);
      };
      const fulfilled = { status: 'fulfilled', value: 1 } as const;
      for (const { kind, chunk, index } of steps) {
        const id = ids[chunk] ?? 'none';
        if (kind === 'add') {
          calls.push(newCall(calls.length));
          ledger.add(calls.at(-1)!, argsOf(1));
        } else if (kind === 'cut') cut();
        else if (kind === 'answer') settle(ledger.answer(id, index, fulfilled));
        else if (kind === 'begin') ledger.begin(id, index);
        else if (kind === 'lose') settle(ledger.lose(id, 'its host died'));
        else if (kind === 'gone') settle(ledger.lose(id, 'it is gone'));
        else if (kind === 'give') settle(ledger.requeue(id, index, 'given back'));
        else if (kind === 'out') settle(ledger.withdrawn(id, 'taken out', 'what is wanted'));
        else if (calls.length > 0) {
          const call = calls[(chunk * 5 + index) % calls.length];
          if (ledger.takeBack(call)) left.push(call.name);
        }
      }
      // A fleet that works finishes all of it.
      while (!ledger.isEmpty) {
        cut();
        const { id, items } = ledger.current!;
        for (const index of items.keys()) settle(ledger.answer(id, index, fulfilled));
      }
      expect(left.toSorted((a, b) => a - b)).toEqual(calls.map(({ name }) => name));
      expect(ledger.current).toBeUndefined();
    }),
  );
});
