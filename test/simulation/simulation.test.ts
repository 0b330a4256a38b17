import { describe, expect, test } from 'vitest';
import { holdSession } from './session.ts';

/** A session that never got there has shown nothing. */
const mustHappen = [
  'a cancel of an item that runs',
  'a lease past hard expiry with an answer on its way',
  'a manager stopped while leases drain',
  'an item rejected: TimeoutError queue',
  'an item rejected: TimeoutError run',
  'an item rejected: WorkerCrashedError running',
  'an item returned',
  'an item taken back',
  'answers the host cannot read',
  'calls a worker cannot read',
  'due items that wait',
  'items that join a batch',
];

describe('the simulation', () => {
  test.each([1, 2, 3])(
    'keeps every law through 300 programs of seed %i, and gets to the interesting states',
    async (seed) => {
      const { runs, coverage, failure } = await holdSession({ seed, runs: 300 });
      // Says what happened, and `npm run prove -- --seed … --path …` shows it again.
      expect(failure && { seed, path: failure.path, violation: String(failure.violation) }).toBeUndefined();
      expect(runs).toBe(300);
      expect(mustHappen.filter((what) => !coverage.counts.has(what))).toEqual([]);
    },
    120_000,
  );

  test('comes to the same events from the same seed', async () => {
    const sessions = [await holdSession({ seed: 4, runs: 30 }), await holdSession({ seed: 4, runs: 30 })];
    const [first, second] = sessions.map(({ events, deeds, items, coverage }) => ({
      events,
      deeds,
      items,
      counts: [...coverage.counts],
    }));
    expect(first).toEqual(second);
  }, 60_000);
});
