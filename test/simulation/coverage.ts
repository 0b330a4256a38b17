/** How often the interesting things happened: a simulation that never got there has shown nothing. */
export class Coverage {
  readonly counts = new Map<string, number>();

  saw(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  add(other: Coverage): void {
    for (const [what, times] of other.counts) this.saw(what, times);
  }
}

/** So many runs reach everything that must happen; the rarest of it about thirty times. */
export const enoughRuns = 1000;

/** What any session of so many runs must have seen. */
const mustHappen = [
  'a busy thread',
  'a cancel of an item that has been answered',
  'a cancel of an item that has been sent',
  'a cancel of an item that has settled',
  'a cancel of an item that runs',
  'a cancel of an item that waits',
  'a lease past hard expiry with an answer on its way',
  'a manager stopped while leases drain',
  'a manager stopped while pools come up',
  'a manager stopped with somebody waiting',
  'a module that loads: exit',
  'a module that loads: fails',
  'a module that loads: never',
  'a module that loads: slow',
  'a pool that takes part of a batch',
  'a pool that throws',
  'a second stop',
  'a simulated pool that breaks',
  'a start that fails: exit',
  'a start that fails: never',
  'a start that fails: slow',
  'a stop that escalates another',
  'a submission from inside a message',
  'a submission refused: GrinderStoppingError',
  'a submission refused: QueueFullError',
  'a worker that cannot be ended',
  'a worker that is ended late',
  'a worker that is left behind',
  "a worker's end with 0 jobs not answered",
  "a worker's end with 1 jobs not answered",
  "a worker's end with 2 jobs not answered",
  'an abort of an item that has been sent',
  'an abort of an item that runs',
  'an abort of an item that waits',
  'an acquire refused: AbortError',
  'an acquire refused: BrokenExecutorError',
  'an acquire refused: LeaseUnavailableError',
  'an acquire refused: TimeoutError acquire',
  'an item rejected: AbortError',
  'an item rejected: BrokenExecutorError',
  'an item rejected: LeaseExpiredError',
  'an item rejected: NotCloneableError',
  'an item rejected: NotStartedError',
  'an item rejected: TimeoutError queue',
  'an item rejected: TimeoutError run',
  'an item rejected: WorkerCrashedError running',
  'an item returned',
  'an item taken back',
  'an item that stays with an expired lease',
  'answers the host cannot read',
  'calls a worker cannot read',
  'calls that end a worker before it begins them',
  'calls that are ended',
  'due items that wait',
  'items that join a batch',
  'pools at rest',
  'several who wait for room are woken',
];

/** What should have happened, and did not. */
export function notSeen({ counts }: Coverage): string[] {
  return mustHappen.filter((what) => !counts.has(what));
}
