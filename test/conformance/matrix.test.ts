import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runCases } from '../../bench/matrix/run.ts';
import { situations } from '../../bench/matrix/situations.ts';
import { range } from '../support/executor-bench.ts';

const file = fileURLToPath(new URL('../../build/bench/matrix/case.js', import.meta.url));

// Those of leasepool come first. Each has all situations in one process, which no error may end; the last one shows that it ends by itself.
const order = [
  ...range(situations.length).filter((place) => situations[place].endsByItself !== true),
  ...range(situations.length).filter((place) => situations[place].endsByItself === true),
];

test.each([
  ['thread', 0],
  ['process', 1],
])(
  'S29 S30 N1 N2 N3 N5 every situation of the behaviour matrix comes out right: %s',
  { timeout: 180_000 },
  async (_backend, contestant) => {
    const cells = await runCases(file, contestant, order);
    const seen = cells.map(({ verdict, note }, place) => [situations[order[place]].title, verdict, note]);
    expect(seen).toEqual(order.map((place) => [situations[place].title, 'right', '']));
  },
);
