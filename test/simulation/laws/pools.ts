import type { Item } from '../items.ts';
import type { ObservedPool } from '../observed-pool.ts';
import type { SimulatedWorker } from '../simulated-worker.ts';
import type { World } from '../world.ts';

/** A pool tries this often to bring up a worker. */
const startAttempts = 5;

/** What a pool of workers promises, as far as it can be seen after each turn. */
export function checkPools(world: World): void {
  if (world.plan.backend !== 'workers') return;
  for (const pool of world.pools) {
    if (pool.state !== 'open' || pool.isBroken) continue;
    const workers = world.workers.filter((worker) => worker.pool === pool.name && worker.state !== 'gone');
    if (pool.held.size > 0) checkIdleness(world, pool, workers);
    checkKeepAlive(world, pool, workers);
  }
}

/** A worker has been started in a pool. */
export function checkStarts({ scene, workers, plan }: World, poolName: string): void {
  let inVain = 0;
  for (const worker of workers) {
    if (worker.pool !== poolName) continue;
    inVain = worker.hasBegun ? 0 : inVain + 1;
  }
  if (inVain > startAttempts * plan.workersPerPool)
    scene.violate('M6 never a spawn storm', `${inVain} starts in vain in ${poolName}`);
}

/** Whoever has nothing to do gets what somebody else has not begun. */
function checkIdleness(
  { scene, items }: World,
  pool: ObservedPool,
  workers: readonly SimulatedWorker[],
): void {
  const idle = workers.find((worker) => worker.isIdle);
  if (idle === undefined || workers.some(({ hasResent }) => hasResent)) return;
  const names = new Set(workers.map(({ name }) => name));
  for (const { item } of pool.held.values())
    if (item.starts === 0 && !names.has(item.postedTo!))
      return scene.violate(
        'S33 a free worker of a pool gets what waits there',
        `item ${item.id}, ${idle.name}`,
      );
  const mayGo = ({ claimedAtMs, plan, place }: Item): boolean =>
    claimedAtMs === undefined && plan.args !== 'transfer' && place === 'held';
  for (const { outstanding, name, isKnownUp, isKilled, isAlive, isBusy } of workers) {
    if (outstanding.size < 2 || !isKnownUp || isKilled || !isAlive || isBusy) continue;
    const held = [...new Set(outstanding.values())]
      .map((id) => items.all[id])
      .filter(({ place, postedTo }) => place === 'held' && postedTo === name);
    if (held.length > 1 && mayGo(held.at(-1)!))
      scene.violate(
        'S33 a free worker of a pool gets what another has not begun',
        `${idle.name}, of ${held.map(({ id }) => id).join()} on ${name}`,
      );
  }
}

/** An idle worker does not keep the process alive; one that works does. */
function checkKeepAlive({ scene }: World, pool: ObservedPool, workers: readonly SimulatedWorker[]): void {
  for (const { name, isIdle, isKeptAlive } of workers)
    if (isIdle && isKeptAlive) scene.violate('N5 an idle worker keeps nothing alive', name);
  const isWorking = [...pool.held.values()].some(
    ({ item }) => item.starts > 0 && !item.hasAnswered && item.lostWith === undefined,
  );
  if (isWorking && workers.length > 0 && !workers.some(({ isKeptAlive }) => isKeptAlive))
    scene.violate('N5 running work keeps the process alive', pool.name);
}
