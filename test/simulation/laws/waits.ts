import { getEventListeners } from 'node:events';
import type { GrinderStats } from '../../../src/grinder/stats.ts';
import type { ManagerStats } from '../../../src/lease/stats.ts';
import type { Users } from '../users.ts';
import type { World } from '../world.ts';
import { timerSlackMs } from './leases.ts';

/** How long a pool that does not come to its end may hold up a stop. */
const stopSlackMs = 3_000 + 10;

/** Those who wait for room in the queue, from one turn to the next. */
export class RoomLaws {
  readonly #world: World;
  readonly #users: Users;
  #pending = 0;
  #waiting = 0;
  #left = 0;
  /** When those who wait first saw room that nobody took; `undefined` when there is none, or somebody was woken. */
  #unusedSinceMs: number | undefined;

  constructor(world: World, users: Users) {
    this.#world = world;
    this.#users = users;
  }

  /** After each turn. */
  check({ pending }: GrinderStats): void {
    const { scene, maxQueueSize } = this.#world;
    const { roomWaiters, roomLeft } = this.#users;
    const freed = Math.min(this.#pending, maxQueueSize) - pending;
    const left = roomLeft - this.#left;
    if (left < Math.min(freed, this.#waiting))
      scene.violate('S34 each free place wakes one who waits for room', `${freed} free, ${left} woken`);
    if (left > 1) scene.saw('several who wait for room are woken');
    this.#checkUnused(pending, left > 0);
    this.#pending = pending;
    this.#waiting = roomWaiters.length;
    this.#left = roomLeft;
  }

  /** Room that those who were woken leave unused is for the next: woken at the end of a turn, not when time has passed. */
  #checkUnused(pending: number, hasWoken: boolean): void {
    const { scene, maxQueueSize } = this.#world;
    const { turnNow } = scene.time;
    if (pending >= maxQueueSize || this.#users.roomWaiters.length === 0 || hasWoken)
      this.#unusedSinceMs = undefined;
    else {
      this.#unusedSinceMs ??= turnNow;
      if (turnNow > this.#unusedSinceMs && scene.time.hasKeptUp)
        scene.violate('S34 nobody who waits for room sleeps beside it', `${pending} of ${maxQueueSize} wait`);
    }
  }
}

/** Whoever waits does not wait too long. After each turn. */
export function checkWaits(world: World, users: Users, grinder: GrinderStats, manager: ManagerStats): void {
  checkItems(world);
  checkAskings(world, users);
  checkStops(world, users, grinder);
  checkSignals(world, users);
  const askings = users.askings.filter(({ answer }) => answer === 'none').length;
  const surplus = manager.waiting - askings;
  if (surplus < 0) world.scene.violate('M2 waiting counts those inside acquire()', String(manager.waiting));
  if (surplus > (grinder.pending > 0 ? 1 : 0))
    world.scene.violate('M2 who wants no lease any more has left the line', `${manager.waiting} wait`);
}

function checkItems({ items, scene, plan }: World): void {
  const { turnNow: now } = scene.time;
  for (const item of items.open) {
    if (item.isHeardLate) continue;
    const { queueTimeoutMs, timeoutMs } = item.plan;
    if (item.signal?.aborted === true)
      scene.violate('S28 a signal cancels all its items', `item ${item.id} is open`);
    if (
      queueTimeoutMs !== null &&
      item.starts === 0 &&
      !item.hasAnswered &&
      now >= item.acceptedAtMs + queueTimeoutMs + timerSlackMs &&
      scene.time.hasKeptUp
    ) {
      const isMoved = item.plan.args === 'transfer' || !plan.poolsTakeBack;
      if (item.place === 'waiting' || (plan.backend === 'workers' && !isMoved))
        scene.violate('N3 a queue timeout comes on time', `item ${item.id}`);
      item.isOverdue = true;
    }
    if (timeoutMs !== null && item.begunAtMs !== undefined && item.endedAtMs === undefined) {
      if (now > item.begunAtMs + timeoutMs + 2 && item.lostWith === undefined && scene.time.hasKeptUp)
        scene.violate('N3 a run timeout comes on time', `item ${item.id}`);
    }
  }
}

function checkAskings({ scene }: World, users: Users): void {
  for (const { answer, deed, askedAtMs } of users.askings) {
    if (answer !== 'none') continue;
    if (!deed.wait) scene.violate('M2 an acquire that does not wait is answered at once', `of ${askedAtMs}`);
    if (
      deed.timeoutMs !== null &&
      scene.time.turnNow >= askedAtMs + deed.timeoutMs + timerSlackMs &&
      scene.time.hasKeptUp
    )
      scene.violate('M2 a timeout of acquire() comes on time', `of ${askedAtMs}`);
  }
}

function checkStops(
  { scene, items, managerClock, grinderClock }: World,
  users: Users,
  grinder: GrinderStats,
): void {
  for (const { of, hasResolved, cancels, timeoutMs, askedAtMs } of users.stoppings) {
    if (hasResolved) continue;
    if (of === 'grinder' && cancels)
      scene.violate('S20 a cancelling stop resolves promptly', `of ${askedAtMs}`);
    const longestMs = of === 'grinder' ? timeoutMs : timeoutMs! + stopSlackMs;
    if (
      longestMs !== null &&
      scene.time.turnNow >= askedAtMs + longestMs + scene.time.blockedMs + timerSlackMs &&
      scene.time.hasKeptUp
    )
      scene.violate('M7 S21 a stop with a timeout resolves in time', `${of}, of ${askedAtMs}`);
  }
  if (grinder.started || grinder.stopping) return;
  for (const item of items.open)
    if (item.isGrinders) scene.violate('S20 S22 a stopped grinder has no open item', `item ${item.id}`);
  if (grinderClock.timers > 0)
    scene.violate('S22 a stopped grinder has no timer', String(grinderClock.timers));
  if (managerClock.timers > 1) scene.violate('a manager has one timer', String(managerClock.timers));
}

function checkSignals({ scene, items }: World, { allSignals, askings }: Users): void {
  for (const { signal } of allSignals) {
    const listeners = getEventListeners(signal, 'abort').length;
    if (listeners > 1) scene.violate('S28 a signal has one listener', String(listeners));
    if (listeners === 0) continue;
    const isUsed = [...items.open].some((item) => item.signal === signal);
    if (!isUsed && !askings.some(({ answer, signal: own }) => answer === 'none' && own === signal))
      scene.violate('S22 S28 no listener is left on a signal', 'nobody uses it any more');
  }
}

/** Everything has come to its end. */
export function checkRest(world: World, users: Users): void {
  const { scene, grinder, manager, managerClock, grinderClock, poolClock, pools, workers } = world;
  const { started, stopping, pending, inFlight, batchesInFlight } = grinder.stats();
  if (started || stopping || pending > 0 || inFlight > 0 || batchesInFlight > 0)
    scene.violate('S22 after a stop nothing is left of the grinder', JSON.stringify(grinder.stats()));
  const { total, waiting, leases } = manager.stats();
  if (total > 0 || waiting > 0 || leases.length > 0)
    scene.violate('M7 after a stop nothing is left of the manager', JSON.stringify(manager.stats()));
  const timers = grinderClock.timers + managerClock.timers + poolClock.timers;
  if (timers > 0) scene.violate('S22 N5 after a stop no timer is left', String(timers));
  if (users.roomWaiters.length > 0) scene.violate('S34 stop() rejects who waits for room', 'somebody waits');
  for (const { signal } of users.allSignals)
    if (getEventListeners(signal, 'abort').length > 0)
      scene.violate('S22 N5 after a stop no listener is left', '');
  for (const { name, state } of pools)
    if (state !== 'closed') scene.violate('N5 after a stop no pool is left', name);
  for (const { name, state } of workers)
    if (state !== 'gone') scene.violate('N5 after a stop no worker is left', name);
}
