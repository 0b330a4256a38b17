import {
  type AcquireOptions,
  type ExecutorLease,
  type GrinderStats,
  importTasks,
  LeasedExecutorManager,
  type LeasedExecutorManagerOptions,
  LeasepoolError,
  type Logger,
  type ManagerStats,
  type MapOutcome,
  type Mapping,
  type SubmitOptions,
  type TaskRef,
  TaskReferenceError,
  taskRef,
  type Transferable,
  type WorkFuture,
  WorkGrinder,
} from 'leasepool';
import { filled, join, later, square, word } from './tasks.mjs';

const backend = process.argv[2] === 'process' ? 'process' : 'thread';
const logger: Logger | undefined = process.argv[3] === 'log' ? console : undefined;
const given: LeasedExecutorManagerOptions = { backend, workersPerPool: 1, workerData: 'given', logger };
const terms: AcquireOptions = { leaseSeconds: 60, owner: undefined };

await using manager = new LeasedExecutorManager(given);
await using grinder = new WorkGrinder({ executorManager: manager, logger: undefined });
await manager.start();
await grinder.start();

const here = new URL('./tasks.mjs', import.meta.url);
const tasks = importTasks<typeof import('./tasks.mjs')>(here);
const reference: TaskRef<[value: number], number> = taskRef<typeof square>(here, 'square');

const controller = new AbortController();
const options: SubmitOptions = { owner: 'consumer', signal: controller.signal, timeoutSeconds: undefined };
const squared: number = await grinder.submit(square, [7], options);
const future: WorkFuture<number> = grinder.enqueue(reference, [8]);
const joined: string = await grinder.submit(join, ['a', '-', 'b', 'c']);
const alone: string = await grinder.submit(tasks.join, ['a']);
const awaited: string[] = [
  await grinder.submit(later, ['later']),
  await grinder.submit(tasks.later, ['too']),
];
const inline: string = await grinder.submit((value: number) => value.toFixed(1), [1]);

const outcomes = await manager.withLease(async (lease: ExecutorLease) => {
  const bytes: Uint8Array = await lease.run(filled, [3, 9]);
  const list: readonly Transferable[] = [new ArrayBuffer(8)];
  const moved: number = await lease.run(
    (buffer: ArrayBuffer) => buffer.byteLength,
    [list[0] as ArrayBuffer],
    {
      transfer: list,
    },
  );
  const all: PromiseSettledResult<number>[] = await lease.runBatch(square, [[1], [2]]);
  return [
    bytes.join(),
    moved,
    all.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 0)).join(),
  ];
}, terms);

const mapped: number[] = [];
for await (const value of grinder.map([1, 2], square)) mapped.push(value);
const mapping: Mapping<MapOutcome<string, string>> = grinder.map(['a'], tasks.join, { settled: true });
await mapping.return();

const error: unknown = await grinder
  .submit({ module: here.href, name: 'none' })
  .catch((reason: unknown) => reason);
if (!(error instanceof TaskReferenceError) || !(error instanceof LeasepoolError)) throw error;

const counts: ManagerStats = manager.stats();
const stats: GrinderStats = grinder.stats();
console.log(
  squared,
  await future,
  joined,
  alone,
  ...awaited,
  inline,
  ...outcomes,
  ...mapped,
  await grinder.submit(word),
);
console.log(error.code, counts.leased <= counts.maxPools, stats.totals.rejected);

// @ts-expect-error an argument of the wrong type
void (() => grinder.submit(square, ['7']));
// @ts-expect-error an option there is not
void (() => new WorkGrinder({ executorManager: manager, batchSize: 1 }));
// @ts-expect-error elements of the wrong type
void (() => grinder.map(['7'], square));
