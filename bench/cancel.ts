// Does cancelling 100,000 pending items take about ten times what 10,000 take, and 1,000,000 ten times that?
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import {
  alternate,
  collectGarbage,
  compare,
  count,
  type Goal,
  range,
  ratio,
  report,
  summarizeAll,
} from './harness.ts';
import { jobs } from './workers/jobs.ts';

const question =
  'Does cancelling 100,000 pending items take about ten times what 10,000 take, and 1,000,000 ten times that?\n' +
  '(the time of all `cancel()` calls, in two orders)';
const rounds = 5;
const sizes = [10_000, 100_000, 1_000_000];

type Order = (length: number) => Uint32Array;

const firstToLast: Order = (length) => Uint32Array.from({ length }, (_, i) => i);

/** The same at every run. */
const shuffled: Order = (length) => {
  const order = firstToLast(length);
  let state = 1;
  for (let i = length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
};

const orders: Record<string, Order> = {
  'first to last': firstToLast,
  shuffled,
};

const manager = new LeasedExecutorManager({ workersPerPool: 1 });
await manager.start();
// It sends nothing.
const grinder = new WorkGrinder({ executorManager: manager, batchSizeThreshold: 1e9, maxWaitSeconds: 1e6 });
await grinder.start();

/** Milliseconds. */
async function cancelAll(order: Uint32Array): Promise<number> {
  const futures = Array.from(order, (value) => grinder.enqueue(jobs.increment, [value]));
  collectGarbage();
  const began = performance.now();
  for (const index of order) futures[index].cancel();
  const elapsed = performance.now() - began;
  const { pending } = grinder.stats();
  if (pending > 0) throw new Error(`${pending} are still pending`);
  await Promise.allSettled(futures);
  return elapsed;
}

const milliseconds = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
const table = [['', 'items', 'ms', 'range', 'ns per item', 'times the size before']];
const measured: Record<string, unknown> = {};
const goals: Goal[] = [];
for (const [name, order] of Object.entries(orders)) {
  const runs = Object.fromEntries(sizes.map((size) => [size, order(size)]));
  const times = summarizeAll(
    await alternate<string>(
      rounds,
      Object.fromEntries(sizes.map((size) => [size, () => cancelAll(runs[size])])),
    ),
  );
  measured[name] = times;
  sizes.forEach((size, i) => {
    const { median } = times[size];
    const before = i > 0 ? ratio(compare(times[size], times[sizes[i - 1]]).median) : '';
    const perItem = count((median * 1e6) / size);
    const ms = milliseconds(median);
    table.push([name, count(size), ms, range(times[size], milliseconds), perItem, before]);
    if (size === 1_000_000) {
      const reached = compare(times[size], times[sizes[i - 1]]);
      const what = `1,000,000 cancels, ${name}`;
      goals.push({ case: what, mode: '', against: '100,000 cancels', reached, target: 15, atLeast: false });
    }
  });
}
await grinder.stop();
await manager.stop();

report('cancel', question, table, measured, goals);
