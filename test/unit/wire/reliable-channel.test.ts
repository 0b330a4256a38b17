import { describe, expect, test } from 'vitest';
import { type Envelope, ReliableChannel } from '../../../src/wire/reliable-channel.ts';
import { untilCollected } from '../../support/collected.ts';

/** Two ends and what is on its way between them; an item `'!copy'` cannot be copied, one `'!read'` not be read. */
class Line {
  readonly a: ReliableChannel<string, string>;
  readonly b: ReliableChannel<string, string>;
  readonly arrived: { a: string[]; b: string[] } = { a: [], b: [] };
  readonly refused: string[] = [];
  readonly #toA: Envelope<string>[] = [];
  readonly #toB: Envelope<string>[] = [];
  posted = 0;

  constructor() {
    this.a = this.#end(this.#toB);
    this.b = this.#end(this.#toA);
  }

  #end(queue: Envelope<string>[]): ReliableChannel<string, string> {
    return new ReliableChannel({
      isItem: (value): value is string => typeof value === 'string',
      post: (frame) => {
        if (frame.items.some((item) => item.startsWith('!copy'))) throw new Error('cannot be copied');
        this.posted++;
        queue.push(frame);
      },
      undeliverable: (item, reason) => this.refused.push(`${item} (${(reason as Error).message})`),
    });
  }

  /** Delivers until nothing is on its way. */
  deliver(): void {
    while (this.#toA.length + this.#toB.length > 0) {
      this.#read(this.b, this.#toB, this.arrived.b);
      this.#read(this.a, this.#toA, this.arrived.a);
    }
  }

  #read(mail: ReliableChannel<string, string>, queue: Envelope<string>[], arrived: string[]): void {
    const frame = queue.shift();
    if (frame === undefined) return;
    if (frame.items.some((item) => item.startsWith('!read'))) mail.receiveUnreadable();
    else arrived.push(...mail.receive(frame));
  }
}

describe('a frame', () => {
  test('brings its items in order', () => {
    const line = new Line();
    line.a.send(['1', '2']);
    line.a.send(['3']);
    line.b.send(['x']);
    line.deliver();
    expect(line.arrived).toEqual({ a: ['x'], b: ['1', '2', '3'] });
    expect(line.posted).toBe(3);
  });

  test('that cannot be copied is sent item by item, less the one to blame', () => {
    const line = new Line();
    line.a.send(['1', '!copy', '2']);
    line.deliver();
    expect(line.arrived.b).toEqual(['1', '2']);
    expect(line.refused).toEqual(['!copy (cannot be copied)']);
  });

  test('that cannot be read is sent again item by item, less the one to blame', () => {
    const line = new Line();
    line.a.send(['0']);
    line.a.send(['1', '!read', '2']);
    line.a.send(['3']);
    line.deliver();
    expect(line.arrived.b).toEqual(['0', '3', '1', '2']);
    expect(line.refused).toEqual(['!read (the other thread could not read it)']);
  });

  test('that cannot be read while several are on their way, in both directions', () => {
    const line = new Line();
    for (const name of ['a', 'b'] as const) {
      line[name].send(['1', '!read 1']);
      line[name].send(['2', '!read 2']);
      line[name].send(['3']);
    }
    line.deliver();
    expect(line.arrived.a.toSorted()).toEqual(['1', '2', '3']);
    expect(line.arrived.b.toSorted()).toEqual(['1', '2', '3']);
    expect(line.refused).toHaveLength(4);
  });

  test('is kept only until the other side is known to have it, also when that has nothing to send', async () => {
    let frames = 0;
    const none = (): never => expect.unreachable();
    const isItem = (value: unknown): value is object => typeof value === 'object';
    const receiver: ReliableChannel<object, object> = new ReliableChannel({
      isItem,
      post: (frame) => void (frames++, sender.receive(frame)),
      undeliverable: none,
    });
    const sender: ReliableChannel<object, object> = new ReliableChannel({
      isItem,
      post: (frame) => void receiver.receive(frame),
      undeliverable: none,
    });
    const sent = Array.from({ length: 100 }, () => {
      const item = {};
      sender.send([item]);
      return new WeakRef(item);
    });
    await untilCollected(sent.slice(0, -16), 'items that have arrived');
    expect(frames).toBeLessThanOrEqual(100 / 8);
  });
});

test('S13 what is no frame of items is ignored, and disturbs none', () => {
  const line = new Line();
  line.a.send(['1']);
  const frame = { received: 1, unreadable: undefined, items: [] };
  const garbage = [
    undefined,
    null,
    1n,
    'frame',
    [],
    {},
    { ...frame, received: -1 },
    { ...frame, received: NaN },
    { ...frame, unreadable: 'x' },
    { ...frame, items: undefined },
    { ...frame, items: { length: 1 } },
    { ...frame, items: ['1', 2] },
  ];
  for (const each of garbage) expect(line.a.receive(each)).toEqual([]);
  line.deliver();
  line.b.send(['x']);
  line.deliver();
  expect(line.arrived).toEqual({ a: ['x'], b: ['1'] });
});
