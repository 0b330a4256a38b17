import type { Item } from '../items.ts';
import type { ObservedPool } from '../observed-pool.ts';
import type { SimulatedWorker } from '../simulated-worker.ts';
import type { World } from '../world.ts';
import { timerSlackMs } from './leases.ts';

/**
 * How long a worker may idle while another has calls that it has not begun: what is not worth a message is taken then. A
 * pool looks once its input has been taken in, which is in the turn after that of its timer.
 */
const longestIdleMs = 1 + timerSlackMs + 1;

/** So long a worker may take to end when it is told to. */
const endMs = 1_000;

/** So long a worker may take to end by itself. */
const leavingMs = 5_000;

/** A worker may have loaded a module just now, and the host not know. */
const loadSlackMs = 20;

/** A pool tries this often to bring up a worker. */
const startAttempts = 5;

/** What a pool of workers promises, as far as it can be seen after each turn. */
export function checkPools(world: World): void {
  if (world.plan.backend !== 'workers') return;
  for (const pool of world.pools) {
    if (pool.state !== 'open' || pool.isBroken) continue;
    const workers = world.workers.filter((worker) => worker.pool === pool.name && worker.state !== 'gone');
    checkIdleness(world, pool, workers);
    checkKeepAlive(world, pool, workers);
    checkLeftBehind(world, pool, workers);
    checkLoading(world, workers);
  }
  checkLeaving(world);
}

/** A worker has been started in a pool. */
export function checkStarts({ scene, workers, plan }: World, poolName: string): void {
  let inVain = 0;
  for (const worker of workers) {
    if (worker.pool !== poolName) continue;
    const hasWorked = worker.hasBegun || worker.hasBegunToLoad || worker.hasMetFatal;
    inVain = hasWorked ? 0 : inVain + 1;
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
  const idle = workers.filter((worker) => worker.isIdle);
  for (const worker of workers) if (!worker.isIdle) worker.idlesSinceMs = undefined;
  if (idle.length === 0 || workers.some(({ hasResent }) => hasResent)) return;
  const names = new Set(workers.map(({ name }) => name));
  for (const { item } of pool.held.values())
    if (item.starts === 0 && !names.has(item.postedTo!))
      return scene.violate(
        'S33 a free worker of a pool gets what waits there',
        `item ${item.id}, ${idle[0].name}`,
      );
  const left = leftWith(items, workers);
  for (const worker of idle) {
    worker.idlesSinceMs = left === undefined ? undefined : (worker.idlesSinceMs ?? scene.time.turnNow);
    if (left === undefined) continue;
    scene.saw('a worker that idles beside calls not begun');
    if (scene.time.hasKeptUp && scene.time.turnNow > worker.idlesSinceMs! + longestIdleMs)
      scene.violate(
        'S33 a free worker of a pool gets what another has not begun',
        `${worker.name}, of ${left}`,
      );
  }
}

/** Calls that a worker has not begun and could give away. */
function leftWith(items: World['items'], workers: readonly SimulatedWorker[]): string | undefined {
  const mayGo = ({ claimedAtMs, plan, place }: Item): boolean =>
    claimedAtMs === undefined && plan.args !== 'transfer' && place === 'held';
  for (const { outstanding, name, isKnownUp, isKilled, isAlive, isBusy } of workers) {
    if (outstanding.size < 2 || !isKnownUp || isKilled || !isAlive || isBusy) continue;
    const held = [...new Set(outstanding.values())]
      .map((id) => items.all[id])
      .filter(({ place, postedTo }) => place === 'held' && postedTo === name);
    if (held.length > 1 && mayGo(held.at(-1)!)) return `${held.map(({ id }) => id).join()} on ${name}`;
  }
  return undefined;
}

/** A worker that does not end when it is told to is replaced, but only so many of a pool are. */
function checkLeftBehind(
  { scene, plan, poolsWithoutThreads, workers: all }: World,
  pool: ObservedPool,
  workers: readonly SimulatedWorker[],
): void {
  if (pool.leftBehind !== undefined) scene.saw('a worker that is left behind');
  const { turnNow } = scene.time;
  const late = workers.filter(({ killedAtMs }) => turnNow >= killedAtMs + endMs + timerSlackMs);
  if (late.length === 0 || !scene.time.hasKeptUp) return;
  if (late.length > plan.workersPerPool)
    scene.violate('N3 a pool leaves behind as many workers as it has', `${late.length} of ${pool.name}`);
  if (poolsWithoutThreads.has(pool.name)) return;
  for (const { name, killedAtMs, hasBegun, isKeptAlive } of late) {
    if (isKeptAlive) scene.violate('N3 a worker that is left behind keeps nothing alive', name);
    const isReplaced = all.some((each) => each.pool === pool.name && each.startedAtMs > killedAtMs);
    if (hasBegun && !isReplaced) scene.violate('N3 a worker that cannot be ended is replaced', name);
  }
}

/** A worker that loads a module for too long may never come to another job. */
function checkLoading({ scene, plan }: World, workers: readonly SimulatedWorker[]): void {
  if (!scene.time.hasKeptUp) return;
  for (const { name, loadKnownSinceMs, isKilled, isAlive } of workers) {
    if (loadKnownSinceMs === undefined || isKilled || !isAlive) continue;
    if (scene.time.turnNow >= loadKnownSinceMs + plan.startTimeoutMs + loadSlackMs)
      scene.violate('T5 a worker that loads a module for too long is ended', name);
  }
}

/** A worker whose exit handlers take too long is ended. */
function checkLeaving({ scene, workers }: World): void {
  for (const { name, leavingKnownSinceMs, isKilled, state } of workers) {
    if (leavingKnownSinceMs === undefined || isKilled || state === 'gone') continue;
    if (scene.time.turnNow >= leavingKnownSinceMs + leavingMs + timerSlackMs && scene.time.hasKeptUp)
      scene.violate('N2 a worker that takes too long to end by itself is ended', name);
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
