// A program: `node conformance-deaths.js <backend> <deaths> <seconds> <seed>`. Workers die at random points under load;
// it prints what became of the items, as JSON, and what is left behind.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import { tasks } from './conformance-tasks.js';

const [backend, wantedDeaths, seconds, seed] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const faults = [];
process.on('unhandledRejection', (reason) => faults.push(`unhandled rejection: ${String(reason)}`));
process.on('uncaughtException', (error) => faults.push(`uncaught: ${error?.stack ?? error}`));

const folder = mkdtempSync(join(tmpdir(), 'leasepool-deaths-'));
const ledger = join(folder, 'ledger');
writeFileSync(ledger, '');

/** Mulberry32: the same deaths for the same seed, as far as scheduling allows. */
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const pick = (list) => list[Math.floor(random() * list.length)];

const ways = [
  'exit(0)',
  'exit(1)',
  'exit(7) later',
  'an uncaught error',
  'an unhandled rejection',
  ...(backend === 'process' ? ['SIGKILL'] : []),
];

let deaths = 0;
const count = (_message) => void deaths++;
const silent = () => {};
const logger = {
  debug: silent,
  info: silent,
  error: silent,
  warn: (message) => message === 'worker died' && count(message),
};

function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

function census() {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    children: childrenOf(process.pid).length,
  };
}

async function sameAs(before) {
  const giveUpAt = Date.now() + 10_000;
  let now = census();
  while (JSON.stringify(now) !== JSON.stringify(before) && Date.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    now = census();
  }
  return now;
}

async function start() {
  // A thread that is ended while it loads a module leaves files open, and that is Node's.
  const preload = [new URL('./conformance-tasks.js', import.meta.url)];
  const manager = new LeasedExecutorManager({ backend, maxPools: 2, workersPerPool: 2, logger, preload });
  const grinder = new WorkGrinder({
    executorManager: manager,
    batchSizeThreshold: 10,
    maxWaitSeconds: 0.002,
  });
  await manager.start();
  await grinder.start();
  return { manager, grinder };
}

// Whatever is made once is there before the first census.
const warm = await start();
await Promise.all([1, 2, 3].map((value) => warm.grinder.submit(tasks.add, [value, 1])));
await warm.grinder.stop();
await warm.manager.stop();
const before = await sameAs(census());

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');
/** Bytes in use after each twentieth of the deaths. */
const heap = [];
function weigh() {
  collectGarbage();
  heap.push(process.memoryUsage().heapUsed);
}

const { manager, grinder } = await start();
/** What became of each item, by its id. Bytes, so that what the test keeps does not look like a leak. */
const most = 1_000_000;
const settlements = new Uint8Array(most);
const endings = new Uint8Array(most);
const kinds = { innocent: 0, guilty: 1 };
const guilt = new Uint8Array(most);
const fates = ['value', 'running', 'finished', 'queued', 'limit', 'otherwise'];
const otherwise = [];
let items = 0;
let unsettled = 0;
let wake = silent;
let killedFromOutside = 0;
let timeLimits = 0;

/** A thread that is ended while it comes up leaves files open, and that is Node's. */
async function untilAllAreUp() {
  const leases = await Promise.all([manager.acquire(), manager.acquire()]);
  const meeting = join(folder, 'meeting');
  writeFileSync(meeting, '');
  await Promise.all(leases.flatMap((lease) => [1, 2].map(() => lease.run(tasks.meet, [meeting, 4]))));
  await Promise.all(leases.map((lease) => lease.release()));
}

function fateOf({ code, phase, message }) {
  if (code === 'ERR_LEASEPOOL_WORKER_CRASHED') return phase;
  if (code === 'ERR_LEASEPOOL_TIMEOUT' && phase === 'run') return 'limit';
  otherwise.push(`${code} ${phase} ${message}`);
  return 'otherwise';
}

function submit() {
  const id = items++;
  const dies = random() < 0.06;
  const isLimited = dies && random() < 0.2;
  const how = dies && !isLimited ? pick(ways) : undefined;
  guilt[id] = dies ? kinds.guilty : kinds.innocent;
  unsettled++;
  if (isLimited) timeLimits++;
  const promise = isLimited
    ? grinder.submit(tasks.hold, [ledger, id, join(folder, 'never')], { timeoutSeconds: 0.02 })
    : grinder.submit(tasks.endAtWhere, [ledger, id, how === undefined ? -1 : id, how]);
  const settled = (fate) => {
    settlements[id]++;
    endings[id] = fates.indexOf(fate);
    unsettled--;
    wake();
  };
  promise.then(
    () => settled('value'),
    (error) => settled(fateOf(error)),
  );
}

const endAt = Date.now() + seconds * 1000;
let nextKillAt = Date.now() + 100;
while (deaths + timeLimits < wantedDeaths && Date.now() < endAt) {
  if (deaths + timeLimits >= (wantedDeaths * (heap.length + 1)) / 20) weigh();
  while (unsettled < 100) submit();
  if (backend === 'process' && Date.now() > nextKillAt) {
    nextKillAt = Date.now() + 100 + random() * 200;
    // One that works: to kill those that start, again and again, is to break their pool.
    const [, working] = readFileSync(ledger, 'utf8').trimEnd().split('\n').at(-1).split(' ').map(Number);
    if (childrenOf(process.pid).includes(working)) {
      process.kill(working, 'SIGKILL');
      killedFromOutside++;
    }
  }
  await new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, 50).unref();
  });
}
await grinder.stop();
const { pending, inFlight, totals } = grinder.stats();
await untilAllAreUp();
await manager.stop();
const after = await sameAs(before);

const begun = new Map();
for (const line of readFileSync(ledger, 'utf8').split('\n')) {
  const id = Number(line.split(' ')[0]);
  if (line !== '' && !line.includes('done')) begun.set(id, (begun.get(id) ?? 0) + 1);
}
rmSync(folder, { recursive: true, force: true });

const ids = Array.from({ length: items }, (_, id) => id);
const hadFate = (id, ...which) => which.includes(fates[endings[id]]);
const innocents = ids.filter((id) => guilt[id] === kinds.innocent);
console.log(
  JSON.stringify({
    deaths,
    timeLimits,
    killedFromOutside,
    items,
    heap,
    faults,
    notSettledOnce: ids.filter((id) => settlements[id] !== 1).length,
    begunTwice: [...begun.values()].filter((times) => times > 1).length,
    /** An item that has a result began; one of phase "queued" did not. */
    contradictions: ids.filter((id) =>
      hadFate(id, 'value', 'finished') ? !begun.has(id) : hadFate(id, 'queued') && begun.has(id),
    ).length,
    guiltyThatSucceeded: ids.filter((id) => guilt[id] === kinds.guilty && hadFate(id, 'value')).length,
    innocentsRunning: innocents.filter((id) => hadFate(id, 'running')).length,
    innocentsFinished: innocents.filter((id) => hadFate(id, 'finished')).length,
    innocentsOtherwise: innocents.filter((id) => hadFate(id, 'queued', 'limit', 'otherwise')).length,
    otherwise: otherwise.slice(0, 5),
    balance: { pending, inFlight, submitted: totals.submitted, settled: totals.fulfilled + totals.rejected },
    before,
    after,
  }),
);
