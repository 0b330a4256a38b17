import fc from 'fast-check';
import { EventEmitter, getEventListeners } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { MapSettings } from '../../../src/grinder/map-options.ts';
import { Mapping } from '../../../src/grinder/mapping.ts';
import { CancelledError } from '../../../src/core/errors.ts';
import { Deferred } from '../../support/deferred.ts';
import { CountingSource, FakeOwner, plain, Reader, settled } from '../../support/mapping.ts';
import { rejectionOf } from '../../support/test-jobs.ts';

function setup(settings: Partial<MapSettings> = {}, source: unknown = new CountingSource()) {
  const unhandled: unknown[] = [];
  const hear = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', hear);
  onTestFinished(async () => {
    await settled();
    process.off('unhandledRejection', hear);
    expect(unhandled).toEqual([]);
  });
  const owner = new FakeOwner();
  const mapping = new Mapping<unknown>(source, { ...plain, ...settings }, owner);
  return { owner, mapping, reader: new Reader(mapping), source: source as CountingSource };
}

const never = new Promise<never>(() => {});

describe('a mapping takes from its source', () => {
  test('nothing before the first result is asked for', async () => {
    const { owner, source } = setup();
    await settled();
    expect([source.taken, owner.open.size]).toEqual([0, 0]);
  });

  test('from the moment it is made: what the source emits before it is read is not lost', async () => {
    const kept: string[] = [];
    const emitter = new EventEmitter();
    const next = async () =>
      kept.length > 0
        ? { done: false as const, value: kept.shift()! }
        : { done: true as const, value: undefined };
    const listen = (): { next: typeof next } => {
      emitter.on('line', (line: string) => kept.push(line));
      return { next };
    };
    const { owner, reader } = setup({}, { [Symbol.asyncIterator]: listen });
    emitter.emit('line', 'one');
    emitter.emit('line', 'two');
    await reader.ask();
    expect([...owner.jobs.keys()]).toEqual(['one', 'two']);
  });

  test('and tells only its reader of a source that cannot be opened', async () => {
    const { reader } = setup(
      {},
      {
        [Symbol.asyncIterator]: () => {
          throw new Error('closed');
        },
      },
    );
    await settled();
    await reader.ask(2);
    expect(reader.seen).toEqual([new Error('closed'), 'end']);
  });

  test.each([true, false])(
    'as many elements as it may hold, and one for each result that is read (ordered: %s)',
    async (isOrdered) => {
      const { owner, reader, source } = setup({ isOrdered });
      await reader.ask();
      expect(source.taken).toBe(3);
      for (const job of owner.jobs.values()) job.fulfil('result');
      await settled();
      expect([source.taken, reader.seen.length]).toEqual([4, 1]);
      await reader.ask(2);
      expect([source.taken, reader.seen.length]).toEqual([6, 3]);
    },
  );

  test('one element at a time', async () => {
    let asked = 0;
    let most = 0;
    const source = new CountingSource(5);
    const next = source.next.bind(source);
    source.next = async () => {
      most = Math.max(most, ++asked);
      const step = await next();
      asked--;
      return step;
    };
    const { reader } = setup({}, source);
    await reader.ask(3);
    expect([source.taken, most]).toEqual([3, 1]);
  });

  test('nothing while the queue is full', async () => {
    const { owner, reader, source } = setup();
    owner.full = new Deferred();
    await reader.ask();
    expect([source.taken, owner.jobs.size]).toEqual([1, 0]);
    const { full } = owner;
    owner.full = undefined;
    full.resolve();
    await settled();
    expect([source.taken, owner.jobs.size]).toEqual([3, 3]);
  });

  test('and queues nothing when it was left while it waited for a place', async () => {
    const { owner, mapping, reader } = setup();
    owner.full = new Deferred();
    await reader.ask();
    await mapping.return();
    owner.full.resolve();
    await settled();
    expect([owner.jobs.size, reader.seen]).toEqual([0, ['end']]);
  });

  test('and makes the arguments of its elements', async () => {
    const { owner, reader } = setup({ argsOf: (element, index) => [`${index}`, element] });
    await reader.ask();
    expect([...owner.jobs.values()].map(({ args }) => args)).toEqual([
      ['0', 0],
      ['1', 1],
      ['2', 2],
    ]);
  });
});

describe('a mapping yields', () => {
  test('in the order of the elements', async () => {
    const { owner, reader } = setup({}, new CountingSource(3));
    await reader.ask(4);
    owner.jobs.get(2)!.fulfil('c');
    owner.jobs.get(1)!.fulfil('b');
    await settled();
    expect(reader.seen).toEqual([]);
    owner.jobs.get(0)!.fulfil('a');
    await settled();
    expect(reader.seen).toEqual(['a', 'b', 'c', 'end']);
  });

  test('in the order in which they are known, when unordered', async () => {
    const { owner, reader } = setup({ isOrdered: false }, new CountingSource(3));
    await reader.ask(4);
    for (const index of [2, 0, 1]) {
      owner.jobs.get(index)!.fulfil(index);
      await settled();
    }
    expect(reader.seen).toEqual([2, 0, 1, 'end']);
  });

  test('each outcome with its element, when a failure is to end nothing', async () => {
    const { owner, reader } = setup({ isSettled: true, isOrdered: false }, ['a', 'b']);
    await reader.ask(3);
    const reason = new Error('bad');
    owner.jobs.get('b')!.reject(reason);
    await settled();
    owner.jobs.get('a')!.fulfil(1);
    await settled();
    expect(reader.seen).toEqual([
      { status: 'rejected', reason, element: 'b', index: 1 },
      { status: 'fulfilled', value: 1, element: 'a', index: 0 },
      'end',
    ]);
  });

  test('the end to everybody who asks after it', async () => {
    const { owner, mapping, reader } = setup({}, []);
    await reader.ask(3);
    await reader.ask();
    expect(reader.seen).toEqual(['end', 'end', 'end', 'end']);
    expect(await mapping.return()).toEqual({ done: true, value: undefined });
    expect(owner.open.size).toBe(0);
  });

  test('elements of a sync source once their promises have settled', async () => {
    const { owner, reader } = setup({}, [Promise.resolve('a'), 'b']);
    await reader.ask();
    expect([...owner.jobs.keys()]).toEqual(['a', 'b']);
  });
});

describe('a job that fails', () => {
  test('in order: its error follows the results before it; those behind it are cancelled at once', async () => {
    const { owner, reader, source } = setup();
    await reader.ask(4);
    const error = new Error('bad');
    owner.jobs.get(1)!.reject(error);
    await settled();
    expect(owner.those('cancelled')).toEqual([2]);
    expect([source.returns, reader.seen]).toEqual([1, []]);
    owner.jobs.get(0)!.fulfil('a');
    await settled();
    expect(reader.seen).toEqual(['a', error, 'end', 'end']);
    expect([source.taken, owner.open.size]).toEqual([3, 0]);
  });

  test('in order: one before it that fails later is the error', async () => {
    const { owner, reader } = setup();
    owner.jobs.clear();
    await reader.ask(2);
    owner.jobs.get(2)!.reject(new Error('third'));
    await settled();
    owner.jobs.get(0)!.reject(new Error('first'));
    await settled();
    expect(reader.seen).toEqual([expect.objectContaining({ message: 'first' }), 'end']);
    expect(owner.those('cancelled')).toEqual([1]);
  });

  test('unordered: its error follows the results that were known; the others are cancelled', async () => {
    const { owner, reader, source } = setup({ isOrdered: false });
    await reader.ask();
    owner.jobs.get(2)!.fulfil('c');
    await settled();
    owner.jobs.get(1)!.fulfil('b');
    await settled();
    owner.jobs.get(0)!.reject(new Error('bad'));
    await settled();
    expect(owner.those('cancelled')).toEqual([3]);
    await reader.ask(3);
    expect(reader.seen).toEqual(['c', 'b', expect.objectContaining({ message: 'bad' }), 'end']);
    expect(source.returns).toBe(1);
  });

  test('is no unhandled rejection while nobody asks', async () => {
    const { owner, reader } = setup();
    await reader.ask();
    owner.jobs.get(0)!.fulfil('a');
    owner.jobs.get(1)!.reject(new Error('bad'));
    await settled();
    expect(reader.seen).toEqual(['a']);
  });
});

describe('a source that fails', () => {
  test.each([true, false])(
    'what was accepted is yielded before its error (ordered: %s)',
    async (isOrdered) => {
      const source = new CountingSource();
      const { owner, reader } = setup({ isOrdered }, source);
      await reader.ask();
      source.instead = () => Promise.reject(new Error('torn'));
      owner.jobs.get(0)!.fulfil(0);
      await settled();
      await reader.ask(3);
      expect(owner.those('pending')).toEqual([1, 2]);
      owner.jobs.get(1)!.fulfil(1);
      owner.jobs.get(2)!.fulfil(2);
      await settled();
      expect(reader.seen).toEqual([0, 1, 2, expect.objectContaining({ message: 'torn' })]);
      expect([source.returns, owner.open.size]).toEqual([0, 0]);
      await reader.ask();
      expect(reader.seen.at(-1)).toBe('end');
    },
  );

  const hostile: Record<string, [source: unknown, message: string]> = {
    'whose iterator is none': [{ [Symbol.asyncIterator]: () => undefined }, 'next'],
    'that throws when it is opened': [
      {
        [Symbol.iterator]: () => {
          throw new Error('not today');
        },
      },
      'not today',
    ],
    'that throws instead of rejecting': [
      {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            throw new Error('thrown');
          },
        }),
      },
      'thrown',
    ],
    'that gives no object': [{ [Symbol.asyncIterator]: () => ({ next: async () => 7 }) }, '7'],
    'whose result cannot be read': [
      {
        [Symbol.asyncIterator]: () => ({
          next: async () => ({
            get done(): boolean {
              throw new Error('done?');
            },
          }),
        }),
      },
      'done?',
    ],
    'whose element rejects': [
      {
        *[Symbol.iterator]() {
          yield Promise.reject(new Error('element'));
        },
      },
      'element',
    ],
  };
  test.each(Object.keys(hostile))('one %s', async (name) => {
    const [source, message] = hostile[name]!;
    const { owner, reader } = setup({}, source);
    await reader.ask(2);
    expect(reader.seen).toEqual([
      expect.objectContaining({ message: expect.stringContaining(message) }),
      'end',
    ]);
    expect(owner.open.size).toBe(0);
  });

  test('as one whose elements make no arguments', async () => {
    const source = new CountingSource();
    const { reader } = setup({ argsOf: () => 'text' }, source);
    await reader.ask();
    expect(reader.seen).toEqual([expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' })]);
    expect(source.returns).toBe(1);
  });

  test('as when the jobs are refused', async () => {
    const { owner, reader, source } = setup();
    await reader.ask();
    owner.refusal = new Error('stopping');
    for (const job of owner.jobs.values()) job.fulfil('result');
    await reader.ask(3);
    expect(reader.seen).toEqual(['result', 'result', 'result', owner.refusal]);
    expect(source.returns).toBe(1);
  });

  test('as when it is told that nothing more is accepted, even while the source is silent', async () => {
    const source = new CountingSource();
    const { owner, mapping, reader } = setup({}, source);
    await reader.ask();
    source.instead = () => never;
    owner.jobs.get(0)!.fulfil('a');
    await reader.ask(3);
    mapping.failInput(new Error('stopping'));
    owner.jobs.get(1)!.fulfil('b');
    owner.jobs.get(2)!.fulfil('c');
    await settled();
    expect(reader.seen).toEqual(['a', 'b', 'c', expect.objectContaining({ message: 'stopping' })]);
    expect(source.returns).toBe(1);
  });
});

describe('leaving a mapping', () => {
  test('cancels what is under way, closes the source and answers who waits', async () => {
    const { owner, mapping, reader, source } = setup();
    await reader.ask(2);
    expect(await mapping.return()).toEqual({ done: true, value: undefined });
    expect(owner.those('cancelled')).toEqual([0, 1, 2]);
    expect([source.returns, owner.open.size, reader.seen]).toEqual([1, 0, ['end', 'end']]);
    await reader.ask();
    expect([source.taken, reader.seen.length]).toEqual([3, 3]);
  });

  test('before it has begun closes the source all the same', async () => {
    const { mapping, reader, source } = setup();
    await mapping.return();
    await reader.ask();
    expect([source.returns, source.taken, reader.seen]).toEqual([1, 0, ['end']]);
  });

  test('happens by leaving the loop, and by await using', async () => {
    const looped = setup();
    const all = (async () => {
      for await (const value of looped.mapping) {
        expect(value).toBe('a');
        break;
      }
    })();
    await settled();
    looped.owner.jobs.get(0)!.fulfil('a');
    await all;
    expect(looped.source.returns).toBe(1);
    const disposed = setup();
    await disposed.mapping[Symbol.asyncDispose]();
    expect(disposed.source.returns).toBe(1);
  });

  test('waits for the source to have closed, and rejects with its error', async () => {
    const source = new CountingSource();
    const isClosed = new Deferred<never>();
    source.onReturn = () => isClosed.promise;
    const { mapping, reader } = setup({}, source);
    await reader.ask();
    let hasLeft = false;
    const left = rejectionOf(mapping.return()).finally(() => (hasLeft = true));
    await settled();
    expect(hasLeft).toBe(false);
    isClosed.reject(new Error('still open'));
    expect(await left).toMatchObject({ message: 'still open' });
  });

  test('does not wait for a source that is at work on an element', async () => {
    const source = new CountingSource();
    source.instead = () => never;
    source.onReturn = () => never;
    const { mapping, reader } = setup({}, source);
    await reader.ask();
    await mapping.return();
    expect([source.returns, reader.seen]).toEqual([1, ['end']]);
  });

  test('with throw() does the same and rejects with that error', async () => {
    const { owner, mapping, reader, source } = setup();
    await reader.ask();
    const error = new Error('mine');
    expect(await rejectionOf(mapping.throw(error))).toBe(error);
    expect([source.returns, owner.those('cancelled').length, reader.seen]).toEqual([1, 3, ['end']]);
  });

  test('twice closes once', async () => {
    const { mapping, source } = setup();
    await Promise.all([mapping.return(), mapping.return()]);
    expect(source.returns).toBe(1);
  });
});

describe('the signal of a mapping', () => {
  test('cancels what is under way, closes the source, and is the error once', async () => {
    const controller = new AbortController();
    const { owner, reader, source } = setup({ signal: controller.signal });
    await reader.ask(2);
    owner.jobs.get(1)!.fulfil('unread');
    await settled();
    controller.abort('enough');
    await settled();
    expect(owner.those('cancelled')).toEqual([0, 2]);
    expect(reader.seen).toEqual([expect.any(CancelledError), 'end']);
    expect(reader.seen[0]).toMatchObject({ code: 'ABORT_ERR', cause: 'enough' });
    expect([source.returns, owner.open.size]).toEqual([1, 0]);
  });

  test('that has aborted before closes the source unread', async () => {
    const { owner, reader, source } = setup({ signal: AbortSignal.abort() });
    await reader.ask(2);
    expect(reader.seen).toEqual([expect.any(CancelledError), 'end']);
    expect([source.taken, source.returns, owner.open.size]).toEqual([0, 1, 0]);
  });

  test('that throws is the error, and closes the source unread', async () => {
    const { signal } = new AbortController();
    signal.addEventListener = () => {
      throw new Error('no listeners here');
    };
    const { owner, reader, source } = setup({ signal });
    await reader.ask(2);
    expect(reader.seen).toEqual([new Error('no listeners here'), 'end']);
    expect([source.taken, source.returns, owner.open.size]).toEqual([0, 1, 0]);
  });

  test('is kept for whoever asks next', async () => {
    const controller = new AbortController();
    const { owner, reader } = setup({ signal: controller.signal });
    await reader.ask();
    owner.jobs.get(0)!.fulfil('a');
    await settled();
    controller.abort();
    await reader.ask(2);
    expect(reader.seen).toEqual(['a', expect.any(CancelledError), 'end']);
  });

  test.each(['the end', 'leaving', 'an error'])('is not listened to after %s', async (way) => {
    const { signal } = new AbortController();
    const { owner, mapping, reader } = setup({ signal }, way === 'the end' ? [0] : new CountingSource());
    await reader.ask(2);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    if (way === 'the end') owner.jobs.get(0)!.fulfil(0);
    else if (way === 'leaving') await mapping.return();
    else owner.jobs.get(0)!.reject(new Error('bad'));
    await settled();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

const act = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('ask' as const), count: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constantFrom('fulfil' as const, 'reject' as const), which: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('abort' as const, 'leave' as const, 'stop' as const) }),
  },
);

test('whatever happens: at most so many elements are under way, every call is answered, nothing is left (property)', async () => {
  const settings = fc.record({
    concurrency: fc.integer({ min: 1, max: 5 }),
    isOrdered: fc.boolean(),
    isSettled: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(settings, fc.nat(12), fc.array(act, { maxLength: 40 }), async (given, length, acts) => {
      const controller = new AbortController();
      const source = new CountingSource(length);
      const owner = new FakeOwner();
      const settingsNow = { ...plain, ...given, signal: controller.signal };
      const reader = new Reader(new Mapping<unknown>(source, settingsNow, owner));
      let asked = 0;
      let interventions = 0;
      for (const each of acts) {
        if (each.kind === 'ask') {
          asked += each.count;
          await reader.ask(each.count);
        } else if (each.kind === 'abort') controller.abort();
        else if (each.kind === 'leave') void reader.mapping.return();
        else if (each.kind === 'stop') reader.mapping.failInput(new Error('stopping'));
        else if ('which' in each) {
          const running = [...owner.jobs.values()].filter(({ hasSettled }) => !hasSettled);
          const job = running[each.which % Math.max(1, running.length)];
          if (each.kind === 'fulfil') job?.fulfil(job.args[0]);
          else job?.reject(new Error('bad'));
        }
        if (each.kind === 'abort' || each.kind === 'leave' || each.kind === 'stop') interventions++;
        await settled();
        const yielded = reader.seen.filter((value) => value !== 'end' && !(value instanceof Error)).length;
        expect(source.taken - yielded).toBeLessThanOrEqual(given.concurrency);
      }
      while (reader.seen.filter((value) => value === 'end').length === 0) {
        asked++;
        await reader.ask();
        for (const job of owner.jobs.values()) if (!job.hasSettled) job.fulfil(job.args[0]);
        await settled();
      }
      expect(reader.seen).toHaveLength(asked);
      expect(owner.open.size).toBe(0);
      expect([...owner.jobs.values()].filter(({ hasSettled }) => !hasSettled)).toEqual([]);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
      expect(reader.seen.filter((value) => value instanceof Error).length).toBeLessThanOrEqual(1);
      if (given.isOrdered && !given.isSettled) {
        const values = reader.seen.filter((value) => typeof value === 'number');
        expect(values).toEqual([...values.keys()]);
      }
      if (interventions === 0 && given.isSettled)
        expect(reader.seen.filter((value) => value !== 'end')).toHaveLength(length);
    }),
    { numRuns: 60 },
  );
});
