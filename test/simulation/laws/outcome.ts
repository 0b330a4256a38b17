import { type Item, mostDeaths, nameOf } from '../items.ts';
import type { World } from '../world.ts';

/** What may become of an item, by the name of what it is rejected with; in a sentence what is wrong, or nothing. */
const reasons: Readonly<Record<string, (item: Item, world: World, reason: never) => string | false>> = {
  AbortError: (item) => !item.wasCancelled && !item.mayBeCancelled && 'nobody cancelled it',
  'TimeoutError queue': (item) =>
    (item.plan.queueTimeoutMs === null && 'it has no queue timeout') ||
    (item.starts > 0 && 'it has begun') ||
    (knownAtMs(item) < item.acceptedAtMs + item.plan.queueTimeoutMs! && 'it came too early'),
  'TimeoutError run': (item) =>
    (item.plan.timeoutMs === null && 'it has no run timeout') ||
    (item.starts === 0 && 'it has not begun') ||
    (item.settlement!.atMs < item.begunAtMs! + item.plan.timeoutMs! && 'it came too early') ||
    (endedBefore(item, item.begunAtMs! + item.plan.timeoutMs!) && 'it had ended in time'),
  LeaseExpiredError: (item, { plan }) =>
    item.isGrinders &&
    ((item.starts === 0 &&
      item.claimedAtMs === undefined &&
      canGoElsewhere(item, plan) &&
      'it was not begun, and can run elsewhere') ||
      (item.settlement!.atMs < item.leaseEndsAtMs && 'its lease has not expired') ||
      (endedBefore(item, item.leaseEndsAtMs) && 'it had ended in time')),
  NotStartedError: (item, { manager }) =>
    !item.mayLackManager && manager.isRunning && 'the manager was running',
  BrokenExecutorError: (item, { hasBroken }) =>
    (!hasBroken && item.refusedWith === undefined && 'no pool broke') || (item.starts > 0 && 'it has begun'),
  'WorkerCrashedError queued': (item) =>
    (item.starts > 0 && 'it has begun') ||
    (item.plan.args !== 'transfer' && item.deaths < mostDeaths && 'it can run elsewhere'),
  'WorkerCrashedError running': (item) =>
    (item.starts === 0 && !item.wasLoading && 'it has not begun') ||
    (item.lostWith === undefined && !item.mayLackManager && 'its worker has not died') ||
    (item.endedAtMs !== undefined && item.lostWith === 'flushed' && 'it had ended, and its result was sent'),
  'WorkerCrashedError finished': (item) =>
    (item.endedAtMs === undefined && 'it has not ended') ||
    (item.lostWith === 'flushed' && !item.wasUnreadable && 'its worker still sent what was finished') ||
    (item.hasAnswered && 'its result had left the worker'),
  NotCloneableError: ({ plan: { args, kind } }) =>
    !['uncloneable', 'unreadable'].includes(args) &&
    !['uncloneable', 'unreadable'].includes(kind) &&
    'all of it can be copied',
  TaskReferenceError: (item, { plan }) =>
    (item.starts > 0 && 'it has begun') ||
    (!item.couldNotLoad && !item.wasLoading && 'its module loads') ||
    (!item.couldNotLoad &&
      item.settlement!.atMs < Math.floor(item.loadingSinceMs!) + plan.startTimeoutMs &&
      'its module had time left to load'),
  AsyncTaskError: (_, { plan }) => plan.asyncTasks === 'await' && 'promises are awaited',
  Error: (item, _, reason: Error) =>
    reason !== item.refusedWith && reason.message !== `job ${item.id}` && 'it is not its own error',
};

/** A worker that is busy has done already what it is to do: its time is ahead of the host's. */
function knownAtMs({ settlement, claimedAtMs }: Item): number {
  return Math.max(settlement!.atMs, claimedAtMs ?? -Infinity);
}

/** A result that could not be read has to be sent again: its worker may die before it does that. */
function endedBefore({ endedAtMs, wasUnreadable, lostWith }: Item, ms: number): boolean {
  return endedAtMs !== undefined && endedAtMs < ms && !(wasUnreadable && lostWith !== undefined);
}

function canGoElsewhere(item: Item, { backend, poolsTakeBack }: World['plan']): boolean {
  return backend === 'workers' ? item.plan.args !== 'transfer' : poolsTakeBack;
}

/** An item has settled: in a way that what happened to it allows? */
export function checkOutcome(item: Item, world: World): void {
  const { scene } = world;
  const { settlement } = item;
  if (settlement === undefined) return;
  if (settlement.status === 'fulfilled') {
    if (item.starts === 0) scene.violate('N1 what gives a result has run', `item ${item.id}`);
    if (JSON.stringify(settlement.value) !== JSON.stringify(item.value))
      scene.violate(
        'S2 each caller gets its own result',
        `item ${item.id} got ${JSON.stringify(settlement.value)}`,
      );
    return;
  }
  const name = nameOf(settlement.reason);
  scene.saw(`an item rejected: ${name}`);
  const judge = reasons[name];
  const objection =
    judge === undefined ? 'nobody should get that' : judge(item, world, settlement.reason as never);
  if (objection !== false)
    scene.violate(
      'S29 N1 an item fails for a reason',
      `item ${item.id}: ${name}, but ${objection}`,
      settlement.reason,
    );
}

/** Items of a worker that has died: at most one was running. */
export function checkBlame(items: readonly Item[], world: World): void {
  const blamed = items.filter(
    ({ settlement }) =>
      settlement?.status === 'rejected' && nameOf(settlement.reason) === 'WorkerCrashedError running',
  );
  if (blamed.length > 1)
    world.scene.violate('N1 a death is blamed on one item', `on ${blamed.map(({ id }) => id).join()}`);
}
