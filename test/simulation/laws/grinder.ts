import type { GrinderStats } from '../../../src/grinder/stats.ts';
import type { Item } from '../items.ts';
import type { LeaseStats, ManagerStats } from '../../../src/lease/stats.ts';
import type { ObservedPool } from '../observed-pool.ts';
import { idles, mayIdle, ownerPrefix, waitingItems, type World } from '../world.ts';
import { leaseOf, type Leases, timerSlackMs } from './leases.ts';

/** What the grinder promises, as far as it can be seen after each turn and at each batch. */
export class GrinderLaws {
  readonly #world: World;
  readonly #leases: Leases;
  #wasDueAtEvent = -1;
  /** Promises that have settled, as their submitters see it. */
  readonly settled = { fulfilled: 0, rejected: 0, cancelled: 0 };
  accepted = 0;

  constructor(world: World, leases: Leases) {
    this.#world = world;
    this.#leases = leases;
  }

  count(item: Item): void {
    if (!item.isGrinders) return;
    const { settlement } = item;
    if (settlement!.status === 'fulfilled') this.settled.fulfilled++;
    else if ((settlement as { reason: { code?: string } }).reason?.code === 'ABORT_ERR')
      this.settled.cancelled++;
    else this.settled.rejected++;
  }

  /** Items are about to leave together for a pool. */
  sending(pool: ObservedPool, items: readonly Item[]): void {
    const { scene, manager, maxBatchSize } = this.#world;
    const waiting = waitingItems(this.#world);
    const lease = leaseOf(manager.stats(), pool.name);
    if (lease === undefined)
      return scene.violate('S2 a batch has a lease', `${pool.name} got items without one`);
    const known = this.#leases.see(lease);
    known.taken += items.length;
    for (const item of items) item.leaseEndsAtMs = known.hardExpiresAtMs;
    if (known.taken > items.length) this.#checkJoin(pool, lease, known.softExpiresAtMs, items.length);
    if (known.taken > items.length && known.taken < maxBatchSize) this.#checkShare(waiting, items);
    if (!mayIdle(this.#world, pool))
      scene.violate('S33 an item is bound to a pool when a worker of it can take it', pool.name);
    if (known.taken > maxBatchSize)
      scene.violate('S4 a batch takes at most maxBatchSize', `${known.taken} items in ${lease.leaseId}`);
    if (scene.time.turnNow >= known.softExpiresAtMs + timerSlackMs && scene.time.hasKeptUp)
      scene.violate('M4 S33 nothing is sent after soft expiry', lease.leaseId);
    if (lease.draining) scene.violate('M3 a lease that drains gets no work', lease.leaseId);
    this.#checkTimeouts(items);
    this.#checkOrder(waiting, items);
    // One whose signal aborts in this very turn may not have heard of it.
    this.#checkDue([...new Set([...waiting, ...items])]);
  }

  /** After each turn. */
  check(stats: GrinderStats, managerStats: ManagerStats): void {
    this.#checkTotals(stats);
    this.#checkQueue(stats);
    this.#checkBatches(stats, managerStats);
    this.#checkWork(stats, managerStats);
  }

  /** Items join a batch that has begun. However late its timers are, it knows the time. */
  #checkJoin(
    { name }: ObservedPool,
    { leaseId, pending }: LeaseStats,
    softExpiresAtMs: number,
    count: number,
  ): void {
    const { scene, plan, workers } = this.#world;
    scene.saw('items that join a batch');
    if (scene.time.turnNow > softExpiresAtMs + 0.001)
      scene.violate('S33 nothing joins a batch after its soft expiry', leaseId);
    const mayIdle =
      plan.backend === 'pools'
        ? pending - count < plan.workersPerPool
        : workers.some((worker) => worker.pool === name && worker.mayBeIdle);
    if (!mayIdle) scene.violate('S33 items join when a worker idles', `${count} of ${leaseId}`);
  }

  /** What joins the only open batch is all that waits. */
  #checkShare(waiting: readonly Item[], items: readonly Item[]): void {
    const { scene, manager } = this.#world;
    const open = manager
      .stats()
      .leases.filter(({ owner, draining }) => owner?.startsWith(ownerPrefix) && !draining);
    const sent = new Set(items);
    const left = waiting.filter(
      (item) => !sent.has(item) && !this.#isLeaving(item) && item.signal?.aborted !== true,
    );
    if (open.length === 1 && left.length > 0)
      scene.violate(
        'S33 items do not join one by one while more wait',
        `${items.length}, not ${left.length} more`,
      );
  }

  #checkTimeouts(items: readonly Item[]): void {
    const late = items.find(({ isOverdue }) => isOverdue);
    if (late !== undefined)
      this.#world.scene.violate('N3 what has waited too long is not sent again', `item ${late.id}`);
  }

  #checkOrder(waiting: readonly Item[], items: readonly Item[]): void {
    const { scene } = this.#world;
    const sent = new Set(items);
    let last = -1;
    for (const { id } of items) {
      if (id < last) scene.violate('S4 items leave in the order of their acceptance', `${id} after ${last}`);
      last = id;
    }
    const passedOver = waiting.find((item) => !sent.has(item) && item.id < last && !this.#isLeaving(item));
    if (passedOver !== undefined)
      scene.violate('S4 items leave in the order of their acceptance', `${last} before ${passedOver.id}`);
  }

  /** It is being rejected in this very turn. */
  #isLeaving({ breaks, acceptedAtMs, plan: { queueTimeoutMs } }: Item): boolean {
    if (breaks > 1) return true;
    return queueTimeoutMs !== null && this.#world.scene.time.turnNow >= acceptedAtMs + queueTimeoutMs;
  }

  #checkDue(waiting: readonly Item[]): void {
    const { scene, grinder } = this.#world;
    const { events } = scene.time;
    if (this.#isDue(waiting, grinder.stats(), 0)) this.#wasDueAtEvent = events;
    // Several batches take what was due together.
    else if (this.#wasDueAtEvent !== events)
      scene.violate('S1 a batch is never early', `${waiting.length} waited`);
  }

  #isDue(waiting: readonly Item[], { stopping }: GrinderStats, slackMs: number): boolean {
    const { plan, scene } = this.#world;
    if (waiting.length === 0) return false;
    return (
      plan.dispatch === 'natural' ||
      stopping ||
      waiting.length >= plan.threshold ||
      waiting.some(({ isGivenBack }) => isGivenBack) ||
      scene.time.turnNow - waiting[0].acceptedAtMs >= plan.maxWaitMs + slackMs
    );
  }

  #checkTotals({ totals, inFlight, pending }: GrinderStats): void {
    const { scene, items } = this.#world;
    let open = 0;
    for (const item of items.open) if (item.isGrinders) open++;
    const { submitted, fulfilled, rejected, cancelled } = totals;
    const { settled } = this;
    const counted = `${submitted} = ${pending} + ${inFlight} + ${fulfilled} + ${rejected} + ${cancelled}`;
    if (submitted !== pending + inFlight + fulfilled + rejected + cancelled || inFlight < 0)
      scene.violate('S32 totals balance', counted);
    if (
      fulfilled !== settled.fulfilled ||
      rejected !== settled.rejected ||
      cancelled !== settled.cancelled ||
      pending + inFlight !== open
    )
      scene.violate(
        'S32 each item settles once, and is counted so',
        `${counted}; seen: ${open} open, ${settled.fulfilled} + ${settled.rejected} + ${settled.cancelled}`,
      );
  }

  #checkQueue({ pending, oldestWaitSeconds }: GrinderStats): void {
    const { scene } = this.#world;
    const waiting = waitingItems(this.#world);
    if (pending !== waiting.length)
      scene.violate(
        'S26 pending counts what is not with an executor',
        `${pending}, but ${waiting.length} wait`,
      );
    const oldestMs = waiting.length === 0 ? 0 : Math.max(0, scene.time.turnNow - waiting[0].acceptedAtMs);
    if (Math.abs(oldestWaitSeconds * 1000 - oldestMs) > 1e-6)
      scene.violate(
        'S32 oldestWaitSeconds is that of the oldest',
        `${oldestWaitSeconds * 1000}, not ${oldestMs} ms`,
      );
  }

  #checkBatches({ batchesInFlight }: GrinderStats, { leases }: ManagerStats): void {
    const own = leases.filter(({ owner }) => owner?.startsWith(ownerPrefix)).length;
    if (batchesInFlight > own)
      this.#world.scene.violate('S2 a batch holds a lease', `${batchesInFlight} batches, ${own} leases`);
    const open = leases.filter(({ owner, draining }) => owner?.startsWith(ownerPrefix) && !draining).length;
    if (open > this.#world.maxConcurrentBatches)
      this.#world.scene.violate('S5 at most maxConcurrentBatches are open', String(open));
    if (open > batchesInFlight)
      this.#world.scene.violate(
        'S2 a lease is released when its batch is over',
        `${open} of ${batchesInFlight}`,
      );
  }

  /** A due item waits only while nothing can take it. */
  #checkWork(stats: GrinderStats, { leases, starting, total, maxPools }: ManagerStats): void {
    const { scene, manager, lastBreakAtMs, maxConcurrentBatches, maxBatchSize, pools } = this.#world;
    if (stats.pending === 0 || !manager.isRunning) return;
    if (!this.#isDue(waitingItems(this.#world), stats, timerSlackMs) || !scene.time.hasKeptUp) return;
    scene.saw('due items that wait');
    const own = leases.filter(({ owner, draining }) => owner?.startsWith(ownerPrefix) && !draining);
    const isLeased = ({ name }: ObservedPool): boolean => leaseOf(manager.stats(), name) !== undefined;
    const free = pools.filter((pool) => pool.state === 'open' && !pool.isBroken && !isLeased(pool));
    const isBreak = scene.time.turnNow - lastBreakAtMs < 5000 + 5;
    if (own.length < maxConcurrentBatches) {
      if (free.some((pool) => idles(this.#world, pool)))
        scene.violate('S5 a due batch begins when there is a pool for it', `${stats.pending} wait`);
      if (starting + free.length === 0 && total < maxPools && !isBreak)
        scene.violate('M5 a pool is opened when none is free', `${stats.pending} wait`);
    }
    const idle = own.find(
      (lease) =>
        lease.secondsUntilSoftExpiry > 0 &&
        this.#idles(lease) &&
        this.#leases.see(lease).taken < maxBatchSize,
    );
    if (idle !== undefined)
      scene.violate(
        'S33 no worker of a leased pool idles while a due item waits',
        `${stats.pending} wait, ${idle.leaseId}`,
      );
  }

  /** A worker of its pool has nothing to do. */
  #idles({ leaseId, pending }: LeaseStats): boolean {
    const { plan, workers } = this.#world;
    if (plan.backend === 'pools') return pending < plan.workersPerPool;
    return workers.some(({ pool, isIdle }) => isIdle && leaseId.startsWith(`${pool}-lease-`));
  }
}
