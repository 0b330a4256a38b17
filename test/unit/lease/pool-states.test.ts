import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PoolStates, type PoolState } from '../../../src/lease/pool-states.ts';

const states: readonly PoolState[] = ['starting', 'available', 'leased', 'closing'];

/** What a pool may become, said once more. */
const allowed: Readonly<Record<PoolState, readonly PoolState[]>> = {
  starting: ['available', 'leased', 'closing'],
  available: ['leased', 'closing'],
  leased: ['starting', 'available', 'closing'],
  closing: [],
};

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      state: fc.constantFrom('starting' as const, 'leased' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('move' as const),
      which: fc.nat(),
      to: fc.constantFrom(...states),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }) },
);

describe('M1 the ledger', () => {
  test('has each pool in one state, never more than maxPools, and lets no pool go where it cannot (model)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 80 }), (maxPools, steps) => {
        const ledger = new PoolStates<number>(maxPools);
        // The model: pools with their states, in the order in which they came into them.
        let model: [pool: number, state: PoolState][] = [];
        let named = 0;
        for (const each of steps) {
          const [pool, from] = model[('which' in each ? each.which : 0) % Math.max(1, model.length)] ?? [
            -1,
            undefined,
          ];
          if (each.kind === 'add') {
            const isFull = model.length === maxPools;
            if (isFull) expect(() => ledger.add(++named, each.state)).toThrow('a pool too many');
            else {
              ledger.add(++named, each.state);
              model.push([named, each.state]);
            }
          } else if (each.kind === 'move') {
            if (from !== undefined && allowed[from].includes(each.to)) {
              ledger.move(pool, each.to);
              model = [...model.filter(([other]) => other !== pool), [pool, each.to]];
            } else expect(() => ledger.move(pool, each.to)).toThrow('cannot go');
          } else {
            ledger.remove(pool);
            model = model.filter(([other]) => other !== pool);
          }
          const inState = (state: PoolState): number[] =>
            model.filter(([, is]) => is === state).map(([name]) => name);
          expect(ledger.total).toBe(model.length);
          expect(ledger.total).toBeLessThanOrEqual(maxPools);
          expect(ledger.canOpen).toBe(model.length < maxPools);
          expect(states.map((state) => ledger.count(state))).toEqual(
            states.map((state) => inState(state).length),
          );
          for (const state of states) expect(ledger.inState(state)).toEqual(inState(state));
          for (const [name, state] of model) expect(ledger.stateOf(name)).toBe(state);
          expect(ledger.active).toBe(model.length - inState('closing').length);
          expect(ledger.lendable()).toBe(inState('available').at(-1) ?? inState('starting')[0]);
        }
      }),
    );
  });

  test('knows nothing of a pool that is gone, or that it never had', () => {
    const ledger = new PoolStates<string>(2);
    ledger.add('a', 'starting');
    ledger.remove('a');
    ledger.remove('a');
    expect([ledger.total, ledger.stateOf('a')]).toEqual([0, undefined]);
    expect(() => ledger.move('a', 'leased')).toThrow('a pool cannot go from undefined to leased');
  });

  test('refuses a pool that it has', () => {
    const ledger = new PoolStates<string>(2);
    ledger.add('a', 'starting');
    expect(() => ledger.add('a', 'leased')).toThrow();
    expect([ledger.total, ledger.count('leased')]).toEqual([1, 0]);
  });

  test('M5 lends the pool used last, so that the others may idle out, and one that is coming up before none', () => {
    const ledger = new PoolStates<string>(3);
    for (const pool of ['a', 'b', 'c']) ledger.add(pool, 'starting');
    expect(ledger.lendable()).toBe('a');
    ledger.move('b', 'available');
    ledger.move('c', 'available');
    ledger.move('b', 'leased');
    ledger.move('b', 'available');
    expect(ledger.lendable()).toBe('b');
    expect(ledger.inState('starting', 'available')).toEqual(['a', 'c', 'b']);
  });

  test('M5 has as surplus only pools that are available, those idle longest first', () => {
    const ledger = new PoolStates<string>(5);
    for (const pool of ['a', 'b', 'c', 'd', 'e']) ledger.add(pool, 'starting');
    for (const pool of ['b', 'a', 'c']) ledger.move(pool, 'available');
    ledger.move('d', 'leased');
    expect(ledger.excess(5)).toEqual([]);
    expect(ledger.excess(4)).toEqual(['b']);
    expect(ledger.excess(2)).toEqual(['b', 'a', 'c']);
    expect(ledger.excess(0)).toEqual(['b', 'a', 'c']);
    ledger.move('b', 'closing');
    expect(ledger.excess(3)).toEqual(['a']);
  });
});
