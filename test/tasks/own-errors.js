// Jobs that use this package themselves, and throw its errors.
import { appendFileSync } from 'node:fs';
import * as leasepool from 'leasepool';

const { defineTasks, LeasedExecutorManager, WorkGrinder } = leasepool;

/** One of each class, about an item of a pool of the job's own. */
const makers = {
  NotStartedError: (details) => new leasepool.NotStartedError('mine', details),
  GrinderStoppingError: (details) => new leasepool.GrinderStoppingError('mine', details),
  GrinderStoppedError: (details) => new leasepool.GrinderStoppedError('mine', details),
  QueueFullError: (details) => new leasepool.QueueFullError('mine', details),
  LeaseUnavailableError: (details) => new leasepool.LeaseUnavailableError('mine', details),
  LeaseExpiredError: (details) => new leasepool.LeaseExpiredError('mine', details),
  WorkerCrashedError: (details) =>
    new leasepool.WorkerCrashedError('mine', { ...details, phase: 'queued', exitCode: 3 }),
  BrokenExecutorError: (details) => new leasepool.BrokenExecutorError('mine', details),
  TimeoutError: (details) => new leasepool.TimeoutError('mine', { ...details, phase: 'queue' }),
  CancelledError: (details) => new leasepool.CancelledError('mine', details),
  TaskReferenceError: (details) =>
    new leasepool.TaskReferenceError('ERR_LEASEPOOL_TASK_NOT_FOUND', 'mine', {
      taskName: 'inner',
      ...details,
      taskNames: [],
    }),
  AsyncTaskError: (details) => new leasepool.AsyncTaskError('mine', details),
  NotCloneableError: (details) => new leasepool.NotCloneableError('mine', { ...details, path: 'args[0]' }),
  PoisonItemError: (details) => new leasepool.PoisonItemError('mine', { ...details, hostDeaths: 9 }),
};

export const names = Object.keys(makers);

export const tasks = defineTasks(import.meta.url, {
  throwing(ledger, name, details) {
    appendFileSync(ledger, `${name}\n`);
    throw makers[name](details);
  },
  rejecting: async (ledger, name, details) => {
    appendFileSync(ledger, `${name}\n`);
    return Promise.reject(makers[name](details));
  },
  /** A bug of the job: nobody has started its grinder. */
  usesUnstartedGrinder(ledger) {
    appendFileSync(ledger, 'unstarted\n');
    return new WorkGrinder({ executorManager: new LeasedExecutorManager() }).submit((value) => value, [1]);
  },
  echo: (value) => value,
});

/** For `leasepool run`: what it is given by name. */
export default function throwNamed(name) {
  if (name in makers) throw makers[name]({});
  return name;
}
