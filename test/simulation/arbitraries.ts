import fc from 'fast-check';
import type { Command, Deed, FaultPlan, JobPlan, Program, WorldPlan } from './program.ts';

/** Short times, so that things meet: the same few numbers stand for waits, leases and jobs. */
const times = [1, 2, 5, 10, 20, 50] as const;

const rate = fc.constantFrom(0, 0, 0, 0.02, 0.1, 0.3);

const anyBackend = fc.constantFrom<WorldPlan['backend']>('workers', 'workers', 'pools');

function worldOn(backend: fc.Arbitrary<WorldPlan['backend']>): fc.Arbitrary<WorldPlan> {
  return fc
    .record({
      backend,
      maxPools: fc.integer({ min: 1, max: 3 }),
      minPools: fc.integer({ min: 0, max: 2 }),
      workersPerPool: fc.integer({ min: 1, max: 3 }),
      idleMs: fc.constantFrom(20, 200),
      checkIntervalMs: fc.constantFrom(50, 1000),
      graceMs: fc.constantFrom(0, 5, 20, 200),
      asyncTasks: fc.constantFrom<WorldPlan['asyncTasks']>('await', 'await', 'await', 'reject'),
      startTimeoutMs: fc.constantFrom(30, 1000),
      threshold: fc.integer({ min: 1, max: 5 }),
      maxWaitMs: fc.constantFrom(1, 5, 20),
      leaseMs: fc.constantFrom(5, 20, 50, 200, 1000),
      batchSlack: fc.constantFrom(0, 1, 3, 1000),
      maxConcurrentBatches: fc.constantFrom(null, null, 1, 2),
      dispatch: fc.constantFrom<WorldPlan['dispatch']>('threshold', 'threshold', 'natural'),
      maxQueueSize: fc.constantFrom(null, null, 2, 5),
      poolsTakeBack: fc.boolean(),
      poolsEndCalls: fc.boolean(),
    })
    .map((plan) => ({ ...plan, minPools: Math.min(plan.minPools, plan.maxPools) }));
}

const anyFaults: fc.Arbitrary<FaultPlan> = fc.record({
  start: fc.oneof({ weight: 7, arbitrary: rate }, { weight: 1, arbitrary: fc.constant(0.9) }),
  end: rate,
  load: rate,
  death: rate,
  deaf: rate,
  slow: rate,
  timers: rate,
  interject: fc.constantFrom(0, 0.1, 0.5),
  submit: rate,
});

/** Pools that refuse work again and again. */
const refusals = fc
  .tuple(anyFaults, fc.constantFrom(0, 0.3, 0.6))
  .map(([faults, submit]): FaultPlan => ({ ...faults, submit }));

const signal = fc.constantFrom(null, null, null, null, 0, 1, 2);

const kind: fc.Arbitrary<JobPlan['kind']> = fc.oneof(
  { weight: 24, arbitrary: fc.constant('value' as const) },
  { weight: 4, arbitrary: fc.constant('object' as const) },
  { weight: 4, arbitrary: fc.constant('throw' as const) },
  {
    weight: 6,
    arbitrary: fc.constantFrom('exit', 'fail', 'kill', 'late', 'hang', 'uncloneable', 'unreadable'),
  },
);

/** Jobs of every kind. */
const anyJob: fc.Arbitrary<JobPlan> = fc.record({
  kind,
  ms: fc.constantFrom(0, 0, 0, 1, 3, 10, 50),
  blocks: fc.boolean(),
  args: fc.oneof(
    { weight: 16, arbitrary: fc.constant('plain' as const) },
    { weight: 2, arbitrary: fc.constant('transfer' as const) },
    { weight: 3, arbitrary: fc.constantFrom('uncloneable', 'unreadable', 'fatal', 'shared', 'submits') },
  ),
  task: fc.constantFrom(0, 0, 0, 1),
  prints: fc.constantFrom(false, false, false, true),
  timeoutMs: fc.constantFrom(null, null, null, null, null, 3, 20),
  queueTimeoutMs: fc.constantFrom(null, null, null, null, null, 2, 10),
  signal,
});

/** Jobs that keep workers busy, so that others wait behind them. */
const longJob: fc.Arbitrary<JobPlan> = fc.record({
  kind: fc.constantFrom<JobPlan['kind']>('value', 'value', 'value', 'value', 'value', 'hang'),
  ms: fc.constantFrom(1, 3, 10, 50),
  blocks: fc.boolean(),
  args: fc.constant('plain'),
  task: fc.constant(0),
  prints: fc.constant(false),
  timeoutMs: fc.constantFrom(null, null, null, 20),
  queueTimeoutMs: fc.constantFrom(null, 2, 10),
  signal,
});

const pick = fc.nat(999);

const cancel: fc.Arbitrary<Deed> = fc.record({
  do: fc.constant('cancel' as const),
  pick,
  count: fc.integer({ min: 1, max: 3 }),
});
/** Jobs that end their worker, or whose messages cannot be read, among short ones that are nothing special. */
const hostileJob: fc.Arbitrary<JobPlan> = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constant('value' as const) },
    { weight: 3, arbitrary: fc.constant('unreadable' as const) },
    { weight: 4, arbitrary: fc.constantFrom('exit', 'fail', 'kill', 'late') },
  ),
  ms: fc.constantFrom(0, 0, 1, 3),
  blocks: fc.boolean(),
  args: fc.constantFrom(
    'plain',
    'plain',
    'plain',
    'plain',
    'plain',
    'plain',
    'unreadable',
    'fatal',
    'transfer',
  ),
  task: fc.constant(0),
  prints: fc.constant(false),
  timeoutMs: fc.constant(null),
  queueTimeoutMs: fc.constant(null),
  signal,
});

/** What users do, with such jobs. */
function deedWith(job: fc.Arbitrary<JobPlan>): fc.Arbitrary<Deed> {
  const jobs = fc.array(job, { minLength: 1, maxLength: 6, size: 'max' });
  const submit: fc.Arbitrary<Deed> = fc.record({
    do: fc.constant('submit' as const),
    how: fc.constantFrom('submit', 'enqueue'),
    jobs,
  });
  const simple: fc.Arbitrary<Deed> = fc.oneof(
    { weight: 6, arbitrary: submit },
    { weight: 4, arbitrary: cancel },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), signal: fc.nat(2) }) },
  );

  return fc.oneof(
    { weight: 30, arbitrary: submit },
    { weight: 8, arbitrary: cancel },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), signal: fc.nat(2) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('acquire' as const),
        leaseMs: fc.constantFrom(null, ...times, 200),
        wait: fc.constantFrom(true, true, true, false),
        timeoutMs: fc.constantFrom(null, null, null, 0, ...times),
        signal,
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('run' as const),
        lease: fc.nat(99),
        how: fc.constantFrom('run', 'enqueue', 'runBatch'),
        jobs,
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('release' as const), lease: fc.nat(99) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('scale' as const),
        units: fc.oneof(fc.nat(40), fc.constantFrom('throws' as const, 'nonsense' as const)),
        notify: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('room' as const), waiters: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('block' as const),
        ms: fc.constantFrom(...times, 200),
        timersFirst: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('crash' as const),
        worker: fc.nat(99),
        how: fc.constantFrom('exit', 'fail', 'kill'),
      }),
    },
    { weight: 3, arbitrary: simple.map((reaction) => ({ do: 'react' as const, with: reaction })) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('stop grinder' as const),
        cancelPending: fc.boolean(),
        timeoutMs: fc.constantFrom(null, null, 0, 5, 50),
        restart: fc.constantFrom(true, true, true, false),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'start grinder' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('stop manager' as const),
        timeoutMs: fc.constantFrom(0, 5, 50, 1000),
        restart: fc.constantFrom(true, true, true, false),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'start manager' as const }) },
  );
}

function programWith(
  job: fc.Arbitrary<JobPlan>,
  backend: fc.Arbitrary<WorldPlan['backend']> = anyBackend,
  faults: fc.Arbitrary<FaultPlan> = anyFaults,
): fc.Arbitrary<Program> {
  const command: fc.Arbitrary<Command> = fc.record({
    afterMs: fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 4, 5, 20, 50),
    hops: fc.constantFrom(0, 0, 0, 1, 2, 3, 6),
    deed: deedWith(job),
  });
  return fc.record({
    luck: fc.integer(),
    world: worldOn(backend),
    faults,
    commands: fc.array(command, { minLength: 1, maxLength: 40, size: 'max' }),
    ending: fc.constantFrom<Program['ending']>('settle', 'settle', 'drain', 'cancel', 'manager first'),
  });
}

/** Most programs have a little of everything; some have much of one thing, which so gets further. */
export const program: fc.Arbitrary<Program> = fc.oneof(
  { weight: 6, arbitrary: programWith(anyJob) },
  { weight: 1, arbitrary: programWith(longJob) },
  { weight: 1, arbitrary: programWith(longJob, fc.constant('pools'), refusals) },
  { weight: 1, arbitrary: programWith(hostileJob, fc.constant('workers')) },
);
