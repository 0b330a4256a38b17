import type { Clock, Timer } from '../../src/core/clock.ts';
import type { Chance } from './chance.ts';
import { reading } from './virtual-globals.ts';

/**
 * Where something happens. `"worker"`: in a worker, beside everything else. The others are turns of the thread that
 * owns the manager: one at a time, each with all the microtasks it leaves. `"check"` comes when no input is ready.
 */
export type Place = 'timer' | 'input' | 'check' | 'user' | 'worker';

/** Something that is going to happen. */
class Planned {
  at: number;
  /** When it should come to pass. */
  readonly dueAt: number;
  /** Order among those of one time and phase. */
  tie: number;
  readonly place: Place;
  readonly label: string;
  readonly run: () => void;
  isCancelled = false;
  isRef = true;

  constructor(at: number, dueAt: number, tie: number, place: Place, label: string, run: () => void) {
    this.at = at;
    this.dueAt = dueAt;
    this.tie = tie;
    this.place = place;
    this.label = label;
    this.run = run;
  }
}

/** How inexact timers are. */
export interface TimerFaults {
  /** How often a timer is late, and by up to how many milliseconds. */
  readonly lateRate: number;
  readonly lateMs: number;
  /** How often it is a millisecond early, as Node's may be. */
  readonly earlyRate: number;
}

/**
 * Time that passes only from one event to the next. Events of one time come in an order that chance decides; what
 * has to be in order (the messages of one port, say) keeps its order itself.
 */
export class VirtualTime {
  readonly #chance: Chance;
  readonly #onError: (error: unknown) => void;
  readonly #onEvent: (event: { readonly place: Place; readonly label: string }) => void;
  readonly #heap: Planned[] = [];
  #now = 1_000_000;
  /** How far the worker that runs now is ahead of everybody else: its jobs take time without giving way. */
  #aheadMs = 0;
  /** The owning thread does nothing before. */
  #busyUntil = 0;
  #timersFirst = false;
  /** How long the owning thread has been busy, in all. */
  blockedMs = 0;
  #postponed = 0;
  #hasInterjected = false;
  timerFaults: TimerFaults = { lateRate: 0, lateMs: 0, earlyRate: 0 };
  /** How often a turn of the owning thread falls into the middle of what a worker does. */
  interjectRate = 0;
  events = 0;
  /** Timers that were not exact, and turns that fell into a worker's doing. */
  struck = 0;

  constructor(
    chance: Chance,
    onError: (error: unknown) => void,
    onEvent: (event: { readonly place: Place; readonly label: string }) => void,
  ) {
    this.#chance = chance;
    this.#onError = onError;
    this.#onEvent = onEvent;
    this.#read();
  }

  /** For whoever acts now. */
  get now(): number {
    return this.#now + this.#aheadMs;
  }

  /** In the owning thread. */
  get turnNow(): number {
    return this.#now;
  }

  /** Whether the owning thread has done all that was to be done by now: no timer is late, nothing waits. */
  get hasKeptUp(): boolean {
    return !this.#heap.some(
      ({ place, dueAt, isCancelled }) => !isCancelled && place !== 'worker' && dueAt <= this.#now,
    );
  }

  plan(place: Place, at: number, label: string, run: () => void): { cancel(): void } {
    const planned = new Planned(Math.max(at, this.#now), at, this.#chance.draw('tie'), place, label, run);
    this.#push(planned);
    return { cancel: () => void (planned.isCancelled = true) };
  }

  /** What comes next comes to pass. @returns `false` when nothing comes any more */
  step(): boolean {
    const planned = this.#take(Infinity, false);
    if (planned === undefined) return false;
    this.#aheadMs = 0;
    this.#hasInterjected = false;
    this.#now = Math.max(this.#now, planned.at);
    this.#happen(planned);
    return true;
  }

  /** All that the last event led to is done. */
  endTurn(): void {
    this.#aheadMs = 0;
    this.#read();
  }

  /** The worker that runs now works for so long. */
  pass(ms: number): void {
    this.#aheadMs += ms;
    this.#read();
    this.interject();
  }

  /** The owning thread is busy for so long: nothing else happens there, and time passes. */
  block(ms: number, timersFirst: boolean): void {
    this.#busyUntil = Math.max(this.#busyUntil, this.#now) + ms;
    this.#timersFirst = timersFirst;
    this.blockedMs += ms;
  }

  /**
   * In the middle of what a worker does, perhaps a turn of the owning thread. One at most: before the next, the
   * microtasks of the first must have run.
   */
  interject(): void {
    if (this.#hasInterjected || !this.#chance.happens('interject', this.interjectRate)) return;
    const planned = this.#take(this.now, true);
    if (planned === undefined) return;
    this.#hasInterjected = true;
    this.struck++;
    const workerNow = this.now;
    this.#now = Math.max(this.#now, planned.at);
    this.#aheadMs = 0;
    this.#happen(planned);
    this.#aheadMs = Math.max(0, workerNow - this.#now);
    this.#read();
  }

  /** A clock of its own for somebody whose timers are counted. */
  clockFor(owner: string): OwnedClock {
    const armed = new Set<Planned>();
    return {
      now: () => this.#now,
      setTimer: (callback, delayMs) => this.#setTimer(owner, armed, callback, delayMs),
      defer: (callback) => queueMicrotask(() => process.nextTick(() => this.#guarded(callback))),
      afterPoll: (callback) => void this.plan('check', this.#now, `${owner} after input`, callback),
      get timers() {
        return armed.size;
      },
      get keepsAlive() {
        return [...armed].some((timer) => timer.isRef);
      },
    };
  }

  #setTimer(owner: string, armed: Set<Planned>, callback: () => void, delayMs: number): Timer {
    if (!(delayMs >= 0)) throw new RangeError(`a delay of ${delayMs} ms`);
    const { lateRate, lateMs, earlyRate } = this.timerFaults;
    const dueAt = this.#now + Math.min(delayMs, 1e12);
    let at = dueAt;
    if (this.#chance.happens('late timer', lateRate)) at += Math.ceil(this.#chance.draw('lateness') * lateMs);
    else if (delayMs > 0 && this.#chance.happens('early timer', earlyRate)) at -= 1;
    if (at !== dueAt) this.struck++;
    const timer = new Planned(at, dueAt, this.#chance.draw('tie'), 'timer', `${owner} timer`, () => {
      armed.delete(timer);
      callback();
    });
    armed.add(timer);
    this.#push(timer);
    return {
      cancel: () => {
        timer.isCancelled = true;
        armed.delete(timer);
      },
      ref: () => void (timer.isRef = true),
      unref: () => void (timer.isRef = false),
    };
  }

  #happen(planned: Planned): void {
    this.#read();
    this.events++;
    this.#onEvent(planned);
    this.#guarded(planned.run);
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#onError(error);
    }
  }

  #read(): void {
    reading.nowMs = this.now;
  }

  /** The next event, up to a time; of the owning thread only, if so wanted. */
  #take(until: number, isOwnTurn: boolean): Planned | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.isCancelled) this.#pop();
      else if (first.place !== 'worker' && first.at < this.#busyUntil) this.#postpone(this.#pop());
      else if (first.at > until || (isOwnTurn && first.place === 'worker')) return undefined;
      else return this.#pop();
    }
    return undefined;
  }

  /** Until the owning thread has time. What was due is then done in the order in which it was due. */
  #postpone(planned: Planned): void {
    planned.at = this.#busyUntil;
    const isFirst = this.#timersFirst && planned.place === 'timer';
    planned.tie = (isFirst ? -2e9 : -1e9) + this.#postponed++;
    this.#push(planned);
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(planned);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!comesBefore(planned, heap[parent])) break;
      heap[place] = heap[parent];
      place = parent;
    }
    heap[place] = planned;
  }

  #pop(): Planned {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && comesBefore(heap[child + 1], heap[child])) child++;
      if (!comesBefore(heap[child], last)) break;
      heap[place] = heap[child];
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

export interface OwnedClock extends Clock {
  /** Timers that are armed. */
  readonly timers: number;
  /** Whether one of them keeps the process alive. */
  readonly keepsAlive: boolean;
}

function comesBefore(a: Planned, b: Planned): boolean {
  if (a.at !== b.at) return a.at < b.at;
  const aIsCheck = a.place === 'check';
  if (aIsCheck !== (b.place === 'check')) return !aIsCheck;
  return a.tie < b.tie;
}
