import type { ExecutorLease } from '../../src/lease/executor-lease.ts';
import type { WorkFuture } from '../../src/job/future.ts';
import type { Item } from './items.ts';
import { nameOf } from './items.ts';
import type { Deed, JobPlan } from './program.ts';
import type { Scene } from './scene.ts';
import { tasks } from './tasks.ts';
import type { World } from './world.ts';

/** Somebody who asked for a lease. */
export interface Asking {
  readonly deed: Extract<Deed, { do: 'acquire' }>;
  readonly askedAtMs: number;
  readonly signal: AbortSignal | undefined;
  /** At that moment a pool could be had. */
  readonly couldBeHad: boolean;
  answer: 'none' | 'granted' | 'refused';
}

export interface UserLease {
  readonly lease: ExecutorLease;
  isReleased: boolean;
  /** The manager has been stopped since, or its start has failed. */
  isOfThePast: boolean;
}

/** A `stop()`, and whether it has resolved. */
export interface Stopping {
  readonly of: 'grinder' | 'manager';
  readonly askedAtMs: number;
  readonly timeoutMs: number | null;
  readonly cancels: boolean;
  hasResolved: boolean;
}

/** How many items a run may have: a reaction may submit, and be followed by another. */
const mostItems = 300;

const plainJob: JobPlan = {
  kind: 'value',
  ms: 0,
  blocks: true,
  args: 'plain',
  task: 0,
  prints: false,
  timeoutMs: null,
  queueTimeoutMs: null,
  signal: null,
};

/** Those who use the manager and the grinder. */
export class Users {
  readonly #world: World;
  readonly #scene: Scene;
  readonly leases: UserLease[] = [];
  readonly askings: Asking[] = [];
  readonly stoppings: Stopping[] = [];
  readonly signals: AbortController[] = [0, 1, 2].map(() => new AbortController());
  /** Everybody's signals, aborted ones too. */
  readonly allSignals: AbortController[] = [...this.signals];
  /** Those who wait for room in the queue, in their order. */
  readonly roomWaiters: object[] = [];
  /** Those who wait for room no more, woken or refused. */
  roomLeft = 0;
  readonly #futures: { readonly item: Item; readonly future: WorkFuture<unknown> }[] = [];
  readonly #reactions: Deed[] = [];
  readonly #shared = { shared: true };
  readonly #starts = new Set<Promise<void>>();
  deeds = 0;
  lastNotifyAtMs = -Infinity;
  /** Whoever stopped something starts it again, if that was the plan. */
  mayRestart = true;

  constructor(world: World) {
    this.#world = world;
    this.#scene = world.scene;
  }

  /** Promises that have still to settle. */
  get isWaiting(): boolean {
    return (
      this.#world.items.open.size > 0 ||
      this.askings.some(({ answer }) => answer === 'none') ||
      this.stoppings.some(({ hasResolved }) => !hasResolved) ||
      this.#starts.size > 0
    );
  }

  /** An item has settled: somebody may react to that at once. */
  react(): void {
    const reaction = this.#reactions.shift();
    if (reaction !== undefined) this.carryOut(reaction);
  }

  carryOut(deed: Deed): void {
    this.deeds++;
    this.#scene.note(deed.do);
    switch (deed.do) {
      case 'submit':
        for (const plan of deed.jobs) this.#submit(plan, deed.how);
        return;
      case 'cancel':
        return this.#cancel(deed.pick, deed.count);
      case 'abort':
        return this.#abort(deed.signal);
      case 'acquire':
        return this.#acquire(deed);
      case 'run':
        return this.#run(deed);
      case 'release':
        return this.#release(deed.lease);
      case 'scale':
        this.#world.units = deed.units;
        if (!deed.notify) return;
        this.lastNotifyAtMs = this.#scene.time.turnNow;
        return this.#world.manager.notifyScaleChanged();
      case 'room':
        for (let waiter = 0; waiter < deed.waiters; waiter++) this.#waitForRoom();
        return;
      case 'block':
        this.#scene.struck++;
        this.#scene.saw('a busy thread');
        return this.#scene.time.block(deed.ms, deed.timersFirst);
      case 'crash':
        return this.#crash(deed);
      case 'react':
        this.#reactions.push(deed.with);
        return;
      case 'stop grinder':
        return this.stopGrinder(deed.cancelPending, deed.timeoutMs, deed.restart);
      case 'start grinder':
        return this.#started(this.#world.grinder.start());
      case 'stop manager':
        return this.stopManager(deed.timeoutMs, deed.restart);
      case 'start manager':
        return this.startManager();
    }
  }

  start(): void {
    this.startManager();
    this.#started(this.#world.grinder.start());
  }

  startManager(): void {
    this.#world.breakEndsAtMs = -Infinity;
    const start = this.#world.manager.start();
    this.#started(start);
    // One that fails ends as a stop does.
    start.catch(() => {
      for (const user of this.leases) if (!user.lease.active) user.isOfThePast = true;
    });
  }

  stopGrinder(cancelPending: boolean, timeoutMs: number | null, restart: boolean): void {
    const { grinder, items } = this.#world;
    const { started, stopping } = grinder.stats();
    const cancels = cancelPending || timeoutMs !== null;
    if (cancels && (started || stopping))
      for (const item of items.open) if (item.isGrinders) item.mayBeCancelled = true;
    if (stopping) this.#scene.saw(cancelPending ? 'a stop that escalates another' : 'a second stop');
    const stopped = grinder.stop({
      cancelPending,
      ...(timeoutMs === null ? {} : { timeoutSeconds: timeoutMs / 1000 }),
    });
    this.#track({ of: 'grinder', timeoutMs, cancels: cancelPending || timeoutMs === 0 }, stopped);
    if (restart) void stopped.then(() => this.mayRestart && this.#started(grinder.start()));
    if (started && !cancels) this.#stopAgain();
  }

  /** Whoever waits for a drain may lose patience. */
  #stopAgain(): void {
    const { chance, time } = this.#scene;
    if (chance.draw('stops again') > 0.3) return;
    const inMs = Math.floor(chance.draw('stops again in') * 10);
    time.plan('user', time.now + inMs, 'stop again', () => {
      if (this.#world.grinder.stats().stopping)
        this.stopGrinder(chance.draw('escalates') < 0.5, null, this.mayRestart);
    });
  }

  stopManager(timeoutMs: number, restart: boolean): void {
    const { manager, items } = this.#world;
    const stats = manager.stats();
    if (stats.starting > 0) this.#scene.saw('a manager stopped while pools come up');
    if (stats.waiting > 0) this.#scene.saw('a manager stopped with somebody waiting');
    if (stats.leases.some(({ draining }) => draining))
      this.#scene.saw('a manager stopped while leases drain');
    for (const item of items.open) item.mayLackManager = true;
    for (const user of this.leases) user.isOfThePast = true;
    const stopped = manager.stop({ timeoutSeconds: timeoutMs / 1000 });
    this.#track({ of: 'manager', timeoutMs, cancels: false }, stopped);
    if (restart) void stopped.then(() => this.mayRestart && this.startManager());
  }

  /** Without losing count of those who never settle. */
  #started(start: Promise<void>): void {
    this.#starts.add(start);
    const end = (): void => void this.#starts.delete(start);
    start.then(end, (error: unknown) => {
      end();
      const name = nameOf(error);
      if (name !== 'BrokenExecutorError' && name !== 'NotStartedError')
        this.#scene.violate('M6 a start fails for a reason', String(error), error);
    });
  }

  #track(about: Pick<Stopping, 'of' | 'timeoutMs' | 'cancels'>, stopped: Promise<void>): void {
    const stopping = { ...about, askedAtMs: this.#scene.time.turnNow, hasResolved: false };
    this.stoppings.push(stopping);
    stopped.then(
      () => (stopping.hasResolved = true),
      (error: unknown) => {
        stopping.hasResolved = true;
        this.#scene.violate('M7 a stop always resolves', String(error), error);
      },
    );
  }

  #submit(plan: JobPlan, how: 'submit' | 'enqueue'): void {
    const { grinder, items, manager, maxQueueSize } = this.#world;
    if (items.all.length >= mostItems) return;
    const before = grinder.stats();
    const item = items.add(plan, true, this.#signalOf(plan));
    if (!manager.isRunning) item.mayLackManager = true;
    const isAborted = item.signal?.aborted === true;
    if (isAborted) {
      item.wasCancelled = true;
      item.place = 'over';
    }
    const args = this.#argsOf(item);
    const expected = !before.started
      ? before.stopping
        ? 'GrinderStoppingError'
        : 'NotStartedError'
      : before.pending >= maxQueueSize && !isAborted
        ? 'QueueFullError'
        : undefined;
    let promise: Promise<unknown>;
    try {
      if (how === 'submit') promise = grinder.submit(taskOf(plan), args, this.#optionsOf(plan, args));
      else {
        const future = grinder.enqueue(taskOf(plan), args, this.#optionsOf(plan, args));
        this.#futures.push({ item, future });
        promise = future;
      }
    } catch (error) {
      promise = Promise.reject(error);
    }
    const after = grinder.stats();
    const isAccepted = after.totals.submitted > before.totals.submitted;
    if (isAccepted !== (expected === undefined))
      this.#scene.violate('S8 S34 what cannot be queued is refused', `item ${item.id}: expected ${expected}`);
    if (isAccepted) {
      if (after.pending !== before.pending + (isAborted ? 0 : 1))
        this.#scene.violate('S1 nothing is sent inside the call that submits', `item ${item.id}`);
      items.accepted(item, promise);
    } else {
      this.#scene.saw(`a submission refused: ${expected}`);
      promise.catch((error: unknown) => {
        if (nameOf(error) !== expected)
          this.#scene.violate(
            'S8 S34 what cannot be queued is refused',
            `${nameOf(error)}, not ${expected}`,
            error,
          );
      });
    }
  }

  #signalOf({ signal }: JobPlan): AbortSignal | undefined {
    return signal === null ? undefined : this.signals[signal].signal;
  }

  #argsOf({ id, plan }: Item): [{ id: number; plan: JobPlan }, ...unknown[]] {
    const job = { id, plan };
    switch (plan.args) {
      case 'plain':
      case 'unreadable':
      case 'fatal':
        return [job];
      case 'uncloneable':
        return [job, () => id];
      case 'transfer':
        return [job, new ArrayBuffer(8)];
      case 'shared':
        return [job, this.#shared];
      case 'submits':
        return [job, this.#submitsWhenCopied()];
    }
  }

  /** An argument whose getter submits, while the message it is in is being written. */
  #submitsWhenCopied(): object {
    let isFirst = true;
    const submit = (): void => {
      if (isFirst && this.#world.grinder.stats().started) {
        this.#scene.saw('a submission from inside a message');
        this.#submit(plainJob, 'enqueue');
      }
      isFirst = false;
    };
    return {
      get submits() {
        submit();
        return true;
      },
    };
  }

  #optionsOf({ timeoutMs, queueTimeoutMs, signal }: JobPlan, [, buffer]: readonly unknown[]) {
    return {
      ...(timeoutMs === null ? {} : { timeoutSeconds: timeoutMs / 1000 }),
      ...(queueTimeoutMs === null ? {} : { queueTimeoutSeconds: queueTimeoutMs / 1000 }),
      ...(signal === null ? {} : { signal: this.signals[signal].signal }),
      ...(buffer instanceof ArrayBuffer ? { transfer: [buffer] } : {}),
    };
  }

  #cancel(pick: number, count: number): void {
    for (let cancelled = 0; cancelled < count; cancelled++) {
      const open = this.#futures.filter(({ item }) => item.settlement === undefined);
      if (open.length === 0) return;
      this.#cancelOne(open[(pick + cancelled) % open.length]);
    }
  }

  #cancelOne({ item, future }: { readonly item: Item; readonly future: WorkFuture<unknown> }): void {
    const { grinder } = this.#world;
    const before = grinder.stats().pending;
    const wasDone = future.done();
    const wasWaiting = item.isGrinders && !wasDone && item.place === 'waiting';
    this.#scene.saw(`a cancel of an item that ${stageOf(item, wasDone)}`);
    item.wasCancelled = true;
    if (wasWaiting) item.place = 'over';
    const isCancelled = future.cancel('no longer wanted');
    if (!wasDone && !isCancelled)
      this.#scene.violate('S27 what has not settled can be cancelled', `item ${item.id}`);
    if (isCancelled !== future.cancelled() || !future.done())
      this.#scene.violate('S27 cancel() tells the truth', `item ${item.id}`);
    if (wasWaiting && grinder.stats().pending !== before - 1)
      this.#scene.violate('S26 a cancelled item has left when cancel() returns', `item ${item.id}`);
  }

  #abort(number: number): void {
    const controller = this.signals[number];
    for (const item of this.#world.items.open) {
      if (item.signal !== controller.signal) continue;
      this.#scene.saw(`an abort of an item that ${stageOf(item, false)}`);
      item.wasCancelled = true;
      if (item.place === 'waiting') item.place = 'over';
    }
    controller.abort('enough');
    // Mostly another signal takes its place; otherwise what comes is cancelled before it begins.
    if (this.#scene.chance.draw('new signal') > 0.7) return;
    this.signals[number] = new AbortController();
    this.allSignals.push(this.signals[number]);
  }

  #acquire(deed: Extract<Deed, { do: 'acquire' }>): void {
    const { manager } = this.#world;
    const { signal } = deed;
    const { available, starting, total, maxPools } = manager.stats();
    const isFirst = this.askings.every(({ answer }) => answer !== 'none');
    const couldBeHad = isFirst && (available + starting > 0 || total < maxPools);
    const asking: Asking = {
      deed,
      askedAtMs: this.#scene.time.turnNow,
      signal: signal === null ? undefined : this.signals[signal].signal,
      couldBeHad,
      answer: 'none',
    };
    this.askings.push(asking);
    const options = {
      wait: deed.wait,
      owner: 'user',
      ...(deed.leaseMs === null ? {} : { leaseSeconds: deed.leaseMs / 1000 }),
      ...(deed.timeoutMs === null ? {} : { timeoutSeconds: deed.timeoutMs / 1000 }),
      ...(signal === null ? {} : { signal: this.signals[signal].signal }),
    };
    manager.acquire(options).then(
      (lease) => {
        asking.answer = 'granted';
        this.#scene.note(`${lease.leaseId} granted`);
        const earlier = this.askings.slice(0, this.askings.indexOf(asking));
        if (earlier.some(({ answer }) => answer === 'none'))
          this.#scene.violate('M2 leases are granted first come, first served', lease.leaseId);
        this.leases.push({ lease, isReleased: false, isOfThePast: !manager.isRunning });
      },
      (error: unknown) => {
        asking.answer = 'refused';
        this.#refused(asking, error);
      },
    );
  }

  #refused({ deed, askedAtMs, couldBeHad }: Asking, error: unknown): void {
    const name = nameOf(error);
    const waited = this.#scene.time.turnNow - askedAtMs;
    this.#scene.note(`acquire ${name}`);
    this.#scene.saw(`an acquire refused: ${name}`);
    const isBreak = this.#scene.time.turnNow - this.#world.lastBreakAtMs <= 5000;
    const isRight =
      name === 'LeaseUnavailableError'
        ? !deed.wait && (!couldBeHad || isBreak)
        : name === 'TimeoutError acquire'
          ? deed.timeoutMs !== null &&
            waited >= deed.timeoutMs &&
            (deed.timeoutMs > 0 || !couldBeHad || isBreak)
          : name === 'AbortError'
            ? deed.signal !== null
            : name === 'NotStartedError' || (name === 'BrokenExecutorError' && this.#world.hasBroken);
    if (!isRight)
      this.#scene.violate('M2 an acquire is refused for a reason', `${name} after ${waited} ms`, error);
  }

  #run({ lease: pick, how, jobs }: Extract<Deed, { do: 'run' }>): void {
    if (this.leases.length === 0) return;
    const { lease, isOfThePast } = this.leases[pick % this.leases.length];
    if (how === 'runBatch') return this.#runBatch(lease, jobs, isOfThePast);
    for (const plan of jobs) {
      if (this.#world.items.all.length >= mostItems) return;
      const item = this.#world.items.add(plan, false, this.#signalOf(plan));
      item.mayLackManager = isOfThePast;
      if (item.signal?.aborted === true) item.wasCancelled = true;
      const args = this.#argsOf(item);
      if (how === 'run') {
        this.#world.items.accepted(item, lease.run(taskOf(plan), args, this.#optionsOf(plan, args)));
        continue;
      }
      try {
        const future = lease.enqueue(taskOf(plan), args, this.#optionsOf(plan, args));
        this.#futures.push({ item, future });
        this.#world.items.accepted(item, future);
      } catch (error) {
        if (lease.active) this.#scene.violate('M4 an active lease takes work', String(error), error);
      }
    }
  }

  #runBatch(lease: ExecutorLease, jobs: readonly JobPlan[], isOfThePast: boolean): void {
    const { items } = this.#world;
    if (items.all.length >= mostItems) return;
    const plan = jobs[0];
    const args = jobs.map((each) => {
      const item = items.add({ ...each, ...optionsAlike(plan) }, false, this.#signalOf(plan));
      item.mayLackManager = isOfThePast;
      item.isHeardLate = true;
      if (item.signal?.aborted === true) item.wasCancelled = true;
      return { item, args: this.#argsOf(item) };
    });
    const options = this.#optionsOf({ ...plan, ...optionsAlike(plan) }, []);
    const batch = lease.runBatch(
      taskOf(plan),
      args.map((each) => each.args),
      options,
    );
    args.forEach(({ item }, place) => {
      const one = batch.then((outcomes) => {
        const outcome = outcomes[place];
        if (outcome.status === 'fulfilled') return outcome.value;
        throw outcome.reason;
      });
      items.accepted(item, one);
    });
  }

  #release(pick: number): void {
    const active = this.leases.filter(({ isReleased }) => !isReleased);
    // Now and then one that has been released before.
    const among = active.length > 0 && this.#scene.chance.draw('release again') < 0.9 ? active : this.leases;
    if (among.length === 0) return;
    const user = among[pick % among.length];
    user.isReleased = true;
    void user.lease.release().then(() => {
      if (this.#world.manager.stats().leases.some(({ leaseId }) => leaseId === user.lease.leaseId))
        this.#scene.violate('M3 release() resolves when nothing of the lease is left', user.lease.leaseId);
    });
  }

  #waitForRoom(): void {
    const waiter = {};
    const { started, pending } = this.#world.grinder.stats();
    const waits = started && (pending >= this.#world.maxQueueSize || this.roomWaiters.length > 0);
    if (waits) this.roomWaiters.push(waiter);
    const leave = (): void => {
      if (!waits) return;
      this.roomLeft++;
      this.roomWaiters.splice(this.roomWaiters.indexOf(waiter), 1);
    };
    this.#world.grinder.waitForRoom().then(
      () => {
        if (waits && this.roomWaiters[0] !== waiter)
          this.#scene.violate('S34 waitForRoom() is first come, first served', 'a later one was first');
        leave();
      },
      (error: unknown) => {
        leave();
        if (started && nameOf(error) !== 'GrinderStoppingError')
          this.#scene.violate('S34 waitForRoom() fails only when the grinder stops', String(error), error);
      },
    );
  }

  #crash({ worker, how }: Extract<Deed, { do: 'crash' }>): void {
    const alive = this.#world.workers.filter(({ isAlive }) => isAlive);
    const { simulatedPools } = this.#world;
    if (alive.length + simulatedPools.length === 0) return;
    this.#scene.struck++;
    if (alive.length > 0) alive[worker % alive.length].dieSoon(how);
    else simulatedPools[worker % simulatedPools.length].break();
  }
}

/** Options of a runBatch() are the same for all calls. */
function optionsAlike(plan: JobPlan): Partial<JobPlan> {
  const { timeoutMs, queueTimeoutMs, signal } = plan;
  return { timeoutMs, queueTimeoutMs, signal, args: plan.args === 'transfer' ? 'plain' : plan.args };
}

function taskOf({ task }: JobPlan): (typeof tasks)['grind'] {
  return task === 0 ? tasks.grind : tasks.polish;
}

function stageOf(item: Item, wasDone: boolean): string {
  if (wasDone) return 'has settled';
  if (item.place === 'waiting') return 'waits';
  if (item.hasAnswered) return 'has been answered';
  return item.starts > 0 ? 'runs' : 'has been sent';
}
