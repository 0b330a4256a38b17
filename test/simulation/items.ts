import type { JobPlan } from './program.ts';
import type { Scene } from './scene.ts';

export type Settlement =
  | { readonly status: 'fulfilled'; readonly value: unknown; readonly atMs: number }
  | { readonly status: 'rejected'; readonly reason: unknown; readonly atMs: number };

/** What a job is given: who it is, and what it is to do. */
export interface JobArgument {
  readonly id: number;
  readonly plan: JobPlan;
}

/** An item is sent to so many workers that end and have not begun it. */
export const mostDeaths = 3;

/** One submitted job, and all that is known of it from outside. */
export class Item {
  readonly id: number;
  readonly plan: JobPlan;
  /** Submitted to the grinder; otherwise to a lease. */
  readonly isGrinders: boolean;
  readonly acceptedAtMs: number;
  readonly signal: AbortSignal | undefined;
  /** `"waiting"`: no executor has it. `"held"`: one has. `"over"`: an executor has told its outcome. */
  place: 'waiting' | 'held' | 'over' = 'waiting';
  /** The worker it was posted to last. */
  postedTo: string | undefined;
  /** Workers that ended by themselves before they began anything, and had to begin its message next; those whose message had other items in it count as one. */
  deaths = 0;
  /** It was in the message that one of them had to begin next, and not all of that message had been taken back. */
  isSuspect = false;
  /** It was with the last of them: it has to fail. */
  hasEndedEnough = false;
  /** Times a worker has begun it. */
  starts = 0;
  begunAtMs: number | undefined;
  /** When a worker made sure that nobody could take it back any more. Its task may have to be loaded then. */
  claimedAtMs: number | undefined;
  /** When its function had ended. */
  endedAtMs: number | undefined;
  /** Its answer has left its worker, and can be read. */
  hasAnswered = false;
  /** Its answer has left its worker in a message that cannot be read. */
  wasUnreadable = false;
  /** An executor returned it, and it has not been sent again. */
  isGivenBack = false;
  /** Its queue timeout has passed, and whoever holds it did not let it go. */
  isOverdue = false;
  /** Pools that broke under it. */
  breaks = 0;
  /** How often in a row it came back because its pool had broken. */
  brokenReturns = 0;
  /** Its executor let it be taken back. */
  isTakenBack = false;
  /** Its submitter hears of it only when other items have settled as well. */
  isHeardLate = false;
  /** Its submitter asked for its end. */
  wasCancelled = false;
  /** A stop may have cancelled it. */
  mayBeCancelled = false;
  /** Hard expiry of the lease it was sent through last. */
  leaseEndsAtMs = Infinity;
  /** While it was open, the manager was not running. */
  mayLackManager = false;
  /** Since when a worker loads the module of this item. */
  loadingSinceMs: number | undefined;
  /** That worker was ended, or died. */
  wasLoading = false;
  /** That module could not be loaded. */
  couldNotLoad = false;
  /** How its worker died, when it did so with this item begun and no answer out. */
  lostWith: 'flushed' | 'killed' | undefined;
  /** The pool that held it refused it, with this. */
  refusedWith: unknown;
  settlement: Settlement | undefined;

  constructor(
    id: number,
    plan: JobPlan,
    isGrinders: boolean,
    acceptedAtMs: number,
    signal: AbortSignal | undefined,
  ) {
    this.id = id;
    this.plan = plan;
    this.isGrinders = isGrinders;
    this.acceptedAtMs = acceptedAtMs;
    this.signal = signal;
  }

  /**
   * A worker has ended that had to begin its message next.
   * @param inCompany it was not alone in that message
   * @param isHere it has not been taken back
   */
  countDeath(inCompany: boolean, isHere: boolean): void {
    this.deaths = inCompany ? Math.max(this.deaths, 1) : this.deaths + 1;
    this.hasEndedEnough ||= isHere && this.deaths >= mostDeaths;
  }

  /** What it is to result in. */
  get value(): unknown {
    return this.plan.kind === 'object' ? { of: this.id } : this.id;
  }
}

const harmless: readonly JobPlan['kind'][] = ['value', 'object', 'throw'];

/** All items of a run. */
export class Items {
  readonly all: Item[] = [];
  readonly #scene: Scene;
  /** Accepted and not settled. */
  readonly open = new Set<Item>();
  /** Called when an item has settled, in the microtask in which its submitter hears of it. */
  onSettled: (item: Item) => void = () => {};

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  add(plan: JobPlan, isGrinders: boolean, signal: AbortSignal | undefined): Item {
    const item = new Item(this.all.length, plan, isGrinders, Math.ceil(this.#scene.time.turnNow), signal);
    this.all.push(item);
    return item;
  }

  /** The item has been taken in; this is its promise. */
  accepted(item: Item, promise: Promise<unknown>): void {
    this.open.add(item);
    promise.then(
      (value) => this.#settle(item, { status: 'fulfilled', value, atMs: this.#scene.time.turnNow }),
      (reason: unknown) => this.#settle(item, { status: 'rejected', reason, atMs: this.#scene.time.turnNow }),
    );
  }

  of(argument: unknown): Item {
    return this.all[(argument as JobArgument).id];
  }

  /** A worker begins it. */
  begin(id: number, worker: string): Item {
    const item = this.all[id];
    item.begunAtMs = this.#scene.time.now;
    this.#scene.note(`${worker} begins ${id}`);
    if (!harmless.includes(item.plan.kind)) this.#scene.struck++;
    if (++item.starts > 1) this.#scene.violate('N1 a job starts at most once', `item ${id} started again`);
    const { settlement } = item;
    if (settlement?.status === 'rejected' && (settlement.reason as { phase?: string }).phase === 'queue')
      this.#scene.violate('N3 a job whose queue timeout has passed never runs', `item ${id} began`);
    const { queueTimeoutMs } = item.plan;
    const claimedAtMs = item.claimedAtMs ?? item.begunAtMs;
    if (queueTimeoutMs !== null && claimedAtMs > item.acceptedAtMs + queueTimeoutMs)
      this.#scene.violate('N3 a job that has waited too long never runs', `item ${id} began`);
    if (item.isTakenBack)
      this.#scene.violate('S27 an item taken back never runs', `item ${id} began all the same`);
    return item;
  }

  #settle(item: Item, settlement: Settlement): void {
    item.settlement = settlement;
    item.place = 'over';
    this.open.delete(item);
    const { status } = settlement;
    const outcome = status === 'fulfilled' ? 'fulfilled' : `rejected ${nameOf(settlement.reason)}`;
    this.#scene.note(`item ${item.id} ${outcome}`);
    this.onSettled(item);
  }
}

export function nameOf(reason: unknown): string {
  const { name, phase } = Object(reason) as { name?: string; phase?: string };
  return phase === undefined ? String(name) : `${String(name)} ${phase}`;
}
