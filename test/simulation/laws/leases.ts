import type { LeaseStats, ManagerStats } from '../../../src/lease/stats.ts';
import type { Item } from '../items.ts';
import type { ObservedPool } from '../observed-pool.ts';
import type { Users } from '../users.ts';
import type { World } from '../world.ts';

/** Timers are set in whole milliseconds. */
export const timerSlackMs = 1;

/** A lease as it has been seen. */
interface SeenLease {
  readonly id: string;
  readonly softExpiresAtMs: number;
  readonly hardExpiresAtMs: number;
  /** Items sent through it. */
  taken: number;
  hasEnded: boolean;
  seenAtEvent: number;
}

export function leaseOf({ leases }: ManagerStats, poolName: string): LeaseStats | undefined {
  return leases.find(({ leaseId }) => leaseId.startsWith(`${poolName}-lease-`));
}

/** What the manager promises about pools and leases. */
export class Leases {
  readonly #world: World;
  readonly #users: Users;
  readonly #seen = new Map<string, SeenLease>();
  /** When a pool was seen leased last. */
  readonly #leasedAtMs = new Map<string, number>();

  constructor(world: World, users: Users) {
    this.#world = world;
    this.#users = users;
  }

  see({ leaseId, secondsUntilSoftExpiry, secondsUntilHardExpiry }: LeaseStats): SeenLease {
    let seen = this.#seen.get(leaseId);
    if (seen === undefined) {
      const { turnNow: now } = this.#world.scene.time;
      seen = {
        id: leaseId,
        softExpiresAtMs: now + secondsUntilSoftExpiry * 1000,
        hardExpiresAtMs: now + secondsUntilHardExpiry * 1000,
        taken: 0,
        hasEnded: false,
        seenAtEvent: 0,
      };
      this.#seen.set(leaseId, seen);
      if (this.#poolOf(leaseId).isKnownBroken)
        this.#world.scene.violate('M6 a broken pool is not lent again', leaseId);
    }
    seen.seenAtEvent = this.#world.scene.time.events;
    if (seen.hasEnded) this.#world.scene.violate('M1 a lease ends once', `${leaseId} is back`);
    return seen;
  }

  /** A pool is about to be closed. */
  closing({ name, openedAtMs, isBroken }: ObservedPool): void {
    const { scene, manager, plan } = this.#world;
    // Pools of somebody else's may have to be retired.
    if (!manager.isRunning || isBroken || plan.backend === 'pools') return;
    const idleSinceMs = Math.max(openedAtMs, this.#leasedAtMs.get(name) ?? -Infinity);
    if (this.#users.lastNotifyAtMs < openedAtMs && scene.time.turnNow < idleSinceMs + plan.idleMs)
      scene.violate('M5 a pool closes only when it has idled long enough', name);
  }

  /** After each turn. */
  check(stats: ManagerStats): void {
    this.#checkSums(stats);
    this.#checkLive(stats);
    this.#checkExpiries(stats);
    this.#checkRotation(stats);
    this.#checkUsers(stats);
  }

  #checkSums({
    starting,
    available,
    leased,
    closing,
    total,
    maxPools,
    minPools,
    leases,
    desired,
    stopping,
  }: ManagerStats): void {
    const { scene } = this.#world;
    const { time } = scene;
    if (total !== starting + available + leased + closing || total > maxPools)
      scene.violate(
        'M1 total = starting + available + leased + closing, at most maxPools',
        `${total} of ${maxPools}`,
      );
    // The pools of a manager that stops are closing, leased or not.
    if (leases.length !== leased && !stopping)
      scene.violate('M1 a leased pool has one lease', `${leases.length} of ${leased}`);
    if (desired < minPools || desired > maxPools)
      scene.violate('M5 desired is within bounds', String(desired));
    const here = new Set<string>();
    for (const lease of leases) {
      const pool = nameOfPool(lease.leaseId);
      if (here.has(pool)) scene.violate('M1 a pool has one lease at most', pool);
      here.add(pool);
      this.#leasedAtMs.set(pool, time.turnNow);
      this.see(lease);
      if (!lease.draining && this.#poolOf(lease.leaseId).isBroken)
        scene.violate('M6 a lease is lost when its pool breaks', lease.leaseId);
    }
    for (const seen of this.#seen.values()) if (seen.seenAtEvent !== time.events) seen.hasEnded = true;
  }

  #poolOf(leaseId: string): ObservedPool {
    const poolName = nameOfPool(leaseId);
    return this.#world.pools.find(({ name }) => name === poolName)!;
  }

  /** Pools and workers there really are. */
  #checkLive({ total }: ManagerStats): void {
    const { scene, pools, workers, plan } = this.#world;
    let live = 0;
    for (const pool of pools) if (pool.state !== 'closed') live++;
    if (live > total)
      scene.violate('M1 a pool counts until nothing of it is left', `${live} live, ${total} counted`);
    const perPool = new Map<string, number>();
    for (const { state, pool, isKilled } of workers)
      if (state !== 'gone' && !isKilled) perPool.set(pool, (perPool.get(pool) ?? 0) + 1);
    for (const [pool, count] of perPool)
      if (count > plan.workersPerPool)
        scene.violate('M6 a pool has its number of workers', `${count} in ${pool}`);
  }

  #checkExpiries({ leases }: ManagerStats): void {
    const { scene, plan } = this.#world;
    if (!scene.time.hasKeptUp) return;
    const late = leases.filter(
      (lease) => scene.time.turnNow >= this.see(lease).hardExpiresAtMs + timerSlackMs,
    );
    const active = late.find(({ draining }) => !draining);
    if (active !== undefined) scene.violate('M4 a lease is revoked at hard expiry', active.leaseId);
    const overstaying = late.find(({ pending }) => pending > 0);
    // An answer may be under way, and a pool of somebody else's may take its time to end calls.
    if (overstaying === undefined || plan.backend === 'pools') return;
    scene.saw('a lease past hard expiry with an answer on its way');
  }

  /** What a batch has not begun when its lease expires softly goes on elsewhere; its first item may have to stay. */
  #checkRotation({ leases, stopping }: ManagerStats): void {
    const { scene, plan } = this.#world;
    if (!scene.time.hasKeptUp || stopping || (plan.backend === 'pools' && !plan.poolsTakeBack)) return;
    for (const lease of leases) {
      if (scene.time.turnNow < this.see(lease).softExpiresAtMs + timerSlackMs) continue;
      const pool = this.#poolOf(lease.leaseId);
      if (pool.isBroken || pool.hasRefused) continue;
      const staying = [...pool.held.values()].filter(({ item }) => canRotate(item));
      if (staying.length > 0) scene.saw('an item that stays with an expired lease');
      if (staying.length > 1)
        scene.violate(
          'M4 S33 what was not begun at soft expiry goes on with a new lease',
          `${staying.length} in ${lease.leaseId}`,
        );
    }
  }

  #checkUsers({ leases }: ManagerStats): void {
    const { scene, manager } = this.#world;
    const here = new Set(leases.map(({ leaseId }) => leaseId));
    for (const { lease, isReleased } of this.#users.leases) {
      const { leaseId, active, signal } = lease;
      if (active && !here.has(leaseId)) scene.violate('M1 an active lease is counted', leaseId);
      if (active && isReleased) scene.violate('M3 a released lease is not active', leaseId);
      if (active && !manager.isRunning) scene.violate('M7 a stopped manager has no active leases', leaseId);
      if (!active && !isReleased && !signal.aborted)
        scene.violate('M4 the signal of a lost lease aborts', leaseId);
      if (active && signal.aborted)
        scene.violate('M4 the signal of an active lease has not aborted', leaseId);
    }
  }
}

function nameOfPool(leaseId: string): string {
  return leaseId.replace(/-lease-\d+$/, '');
}

function canRotate({ isGrinders, settlement, claimedAtMs, starts, plan }: Item): boolean {
  return (
    isGrinders &&
    settlement === undefined &&
    claimedAtMs === undefined &&
    starts === 0 &&
    plan.args !== 'transfer'
  );
}
