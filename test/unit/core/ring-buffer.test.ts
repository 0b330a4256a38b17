import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RingBuffer } from '../../../src/core/ring-buffer.ts';

interface Entry {
  readonly name: number;
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ kind: 'push' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'unshift' as const }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'shift' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('strikeOut' as const), which: fc.nat(200) }) },
);

describe('a ring', () => {
  test('is an array, whatever is done to it (model)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ring = new RingBuffer<Entry>();
        const model: Entry[] = [];
        const all: { entry: Entry; position: number }[] = [];
        for (const each of steps) {
          if (each.kind === 'push' || each.kind === 'unshift') {
            const entry = { name: all.length };
            all.push({ entry, position: ring[each.kind](entry) });
            model[each.kind](entry);
          } else if (each.kind === 'shift') {
            expect(ring.shift()).toBe(model.shift());
          } else if (all.length > 0) {
            const { entry, position } = all[each.which % all.length];
            const at = model.indexOf(entry);
            expect(ring.removeAt(position, entry)).toBe(at >= 0);
            if (at >= 0) model.splice(at, 1);
          }
          expect(ring.size).toBe(model.length);
          expect(ring.peek()).toBe(model[0]);
        }
        expect(Array.from({ length: ring.size }, () => ring.shift())).toEqual(model);
      }),
      { numRuns: 300 },
    );
  });

  test('keeps its order while it grows past its first size from both ends', () => {
    const ring = new RingBuffer<Entry>();
    for (let name = 0; name < 100; name++) ring.push({ name });
    for (let name = -1; name >= -100; name--) ring.unshift({ name });
    expect(Array.from({ length: 200 }, () => ring.shift()?.name)).toEqual(
      Array.from({ length: 200 }, (_, index) => index - 100),
    );
  });

  test('an entry is struck out once, and only at its own position', () => {
    const ring = new RingBuffer<Entry>();
    const [first, second] = [{ name: 1 }, { name: 2 }];
    const at = ring.push(first);
    ring.push(second);
    expect(ring.removeAt(at, second)).toBe(false);
    expect(ring.removeAt(at + 16, first)).toBe(false);
    expect(ring.removeAt(at, first)).toBe(true);
    expect(ring.removeAt(at, first)).toBe(false);
    expect(ring.shift()).toBe(second);
  });

  test('an entry of before is not struck out in the place of one that has its position now', () => {
    const ring = new RingBuffer<Entry>();
    const [old, young] = [{ name: 1 }, { name: 2 }];
    const at = ring.push(old);
    ring.shift();
    expect(ring.push(young)).toBe(at);
    expect(ring.removeAt(at, old)).toBe(false);
    expect(ring.size).toBe(1);
  });
});
